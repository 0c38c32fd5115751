/** Kantara Consent Receipt 1.1 (`KI-CR-v1.1.0`). Only what was given is listed; it has no word for a refusal. */
import { listIn, nodeIn, notStated, NotThisDialect, receiptAgain, termsOf, textIn } from '../receipt-terms.ts'
import { formatTime } from '../times.ts'
import type { DataTerms, Node, ReceiptTerms } from '../receipt-terms.ts'

/** What Kantara has no member for, or none that says it whole: kept in `x_vrm`. */
export const beyondKantara = [
  'milliseconds',
  'vault',
  'own',
  'record',
  'notice',
  'business',
  'recipients',
  'rightsAt',
  'retention',
  'items',
] as const

/** Undefined where nothing was given: a Kantara receipt is one of a consent. */
export function toKantara(receipt: unknown): Node | undefined {
  return write(termsOf(receipt))
}

/** The canonical receipt again. Throws `NotThisDialect`. */
export function fromKantara(document: unknown): Node {
  const top = nodeIn(document)
  const extra = nodeIn(top['x_vrm'])
  const service = nodeIn(listIn(top['services'])[0])
  const purposes = listIn(service['purposes']).map(nodeIn)
  const [, until, withdrawAt] =
    /^(\S+), or earlier at (\S+)$/.exec(textIn(purposes[0]?.['termination'])) ?? []
  let next = 0
  const items = listIn(extra['items']).map((value) => {
    const { data, ...item } = nodeIn(value)
    if (data === undefined) return item
    const purpose = nodeIn(purposes[next++])
    const fields = listIn(purpose['piiCategory']).map(textIn)
    const more = listIn(data)
    return {
      ...item,
      why: purpose['purpose'],
      purpose: listIn(purpose['purposeCategory'])[0],
      given: fields.map((field, i) => ({ field, more: nodeIn(more[i]) })),
    }
  })
  const { milliseconds, business, ...rest } = extra
  const time = Number(top['consentTimestamp']) * 1000 + Number(milliseconds)
  if (!(time >= 0 && time < 8.64e15)) throw new NotThisDialect('has no time')
  const terms = {
    ...rest,
    receiptId: top['consentReceiptID'],
    issuedAt: formatTime(time),
    subject: top['piiPrincipalId'],
    language: top['language'],
    jurisdiction: top['jurisdiction'],
    business: { ...nodeIn(business), name: service['service'] },
    until,
    withdrawAt,
    items,
  }
  return receiptAgain(terms, write, document)
}

function write(terms: ReceiptTerms): Node | undefined {
  const { issuedAt, until, withdrawAt, business, recipients, rightsAt } = terms
  const given = terms.items.filter((item) => item.given.length > 0)
  if (given.length === 0 || until === undefined) return undefined
  const time = Date.parse(issuedAt)
  const contacts = typeof business.contact === 'string' ? [] : business.contact
  const url = contacts.find((contact) => contact.startsWith('https://'))
  const special = given.flatMap((item) => item.given.filter(isSpecial).map(({ field }) => field))
  return {
    version: 'KI-CR-v1.1.0',
    jurisdiction: terms.jurisdiction,
    consentTimestamp: Math.floor(time / 1000),
    collectionMethod: 'web page of the vault, item by item, with nothing selected beforehand',
    consentReceiptID: terms.receiptId,
    language: terms.language,
    piiPrincipalId: terms.subject,
    piiControllers: [
      {
        piiController: business.name,
        contact: contacts[0] ?? notStated,
        address: {},
        email: contacts.find((contact) => /^[^@\s]+@[^@\s]+$/.test(contact)) ?? notStated,
        phone: notStated,
        ...(url === undefined ? {} : { piiControllerUrl: url }),
      },
    ],
    policyUrl: /^https?:/.test(rightsAt) ? rightsAt : withdrawAt,
    services: [
      {
        service: business.name,
        purposes: given.map((item) => ({
          purpose: item.why,
          consentType: 'EXPLICIT',
          purposeCategory: [item.purpose],
          piiCategory: item.given.map(({ field }) => field),
          primaryPurpose: item.necessity === 'dpv:Required',
          termination: `${until}, or earlier at ${withdrawAt}`,
          ...(recipients.length === 0
            ? { thirdPartyDisclosure: false }
            : {
                thirdPartyDisclosure: true,
                thirdPartyName: recipients.map((recipient) => String(recipient['dpv:hasName'])).join(', '),
              }),
        })),
      },
    ],
    sensitive: given.some((item) => item.given.some((data) => isSpecial(data) || isSensitive(data))),
    spiCat: [...new Set(special)],
    x_vrm: {
      milliseconds: time % 1000,
      vault: terms.vault,
      own: terms.own,
      record: terms.record,
      notice: terms.notice,
      business: { id: business.id, contact: business.contact },
      recipients,
      rightsAt,
      retention: terms.retention,
      items: terms.items.map((item) => {
        if (item.given.length === 0) return item
        const { id, necessity, refused } = item
        return { id, necessity, refused, data: item.given.map(({ more }) => more) }
      }),
    } satisfies Record<(typeof beyondKantara)[number], unknown>,
  }
}

const isOf = (type: string) => (data: DataTerms) => [data.more['@type']].flat().includes(type)
const isSensitive = isOf('dpv:SensitivePersonalData')
const isSpecial = isOf('dpv:SpecialCategoryPersonalData')
