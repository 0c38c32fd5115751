/**
 * The shape of Inrupt's access grants: verifiable credentials with `providedConsent`, one per item, since one credential for all of
 * them would join every kind of data with every purpose. What was refused is a `SolidAccessDenial`. They carry no proof of their
 * own: what is signed is the receipt.
 */
import { listIn, nodeIn, receiptAgain, termsOf, textIn } from '../receipt-terms.ts'
import type { DataTerms, ItemTerms, Node, ReceiptTerms } from '../receipt-terms.ts'
import { beyondOf } from './beyond.ts'
import { businessUri, dpvPurpose, fieldOf, fieldUri, ownContext, purposeUri } from './terms-as-uris.ts'

const credentials = 'https://www.w3.org/2018/credentials/v1'
const statuses = 'https://w3id.org/GConsent#ConsentStatus'

export function toInrupt(receipt: unknown): Node {
  return write(termsOf(receipt))
}

/** The canonical receipt again. Throws `NotThisDialect`. */
export function fromInrupt(document: unknown): Node {
  const top = nodeIn(document)
  const { items, ...rest } = nodeIn(top['reach:beyond'])
  const all = listIn(top['verifiableCredential']).map(nodeIn)
  let next = 0
  const take = (descriptions: unknown): { consent: Node | undefined; data: DataTerms[] } => {
    const more = listIn(descriptions)
    if (more.length === 0) return { consent: undefined, data: [] }
    const consent = nodeIn(nodeIn(nodeIn(all[next++])['credentialSubject'])['providedConsent'])
    const data = listIn(consent['forPersonalData']).map((uri, i) => ({
      field: fieldOf(textIn(uri)),
      more: nodeIn(more[i]),
    }))
    return { consent, data }
  }
  const terms = {
    ...rest,
    vault: all[0]?.['issuer'],
    issuedAt: all[0]?.['issuanceDate'],
    ...untilOf(all),
    items: listIn(items).map((value) => {
      const { given, refused, ...item } = nodeIn(value)
      const [yes, no] = [take(given), take(refused)]
      const [purpose] = listIn((yes.consent ?? no.consent)?.['forPurpose'])
      return { ...item, purpose: dpvPurpose(textIn(purpose)), given: yes.data, refused: no.data }
    }),
  }
  return receiptAgain(terms, write, document)
}

function untilOf(all: readonly Node[]): { until?: string } {
  const end = all.find((credential) => credential['expirationDate'] !== undefined)?.['expirationDate']
  return end === undefined ? {} : { until: textIn(end) }
}

function write(terms: ReceiptTerms): Node {
  return {
    '@context': [credentials, ownContext],
    type: ['VerifiablePresentation'],
    verifiableCredential: terms.items.flatMap((item) => [
      ...(item.given.length === 0 ? [] : [credentialOf(terms, item, 'given')]),
      ...(item.refused.length === 0 ? [] : [credentialOf(terms, item, 'refused')]),
    ]),
    'reach:beyond': beyondOf(
      terms,
      terms.items.map(({ id, why, necessity, given, refused }) => ({
        id,
        why,
        necessity,
        given: given.map(({ more }) => more),
        refused: refused.map(({ more }) => more),
      })),
    ),
  }
}

function credentialOf(terms: ReceiptTerms, item: ItemTerms, answer: 'given' | 'refused'): Node {
  const { vault, receiptId, issuedAt, subject, business, until } = terms
  const isGiven = answer === 'given'
  return {
    '@context': [credentials, 'https://schema.inrupt.com/credentials/v1.jsonld'],
    id: `${vault}/api/receipts/${receiptId}#${encodeURIComponent(item.id)}-${answer}`,
    type: ['VerifiableCredential', isGiven ? 'SolidAccessGrant' : 'SolidAccessDenial'],
    issuer: vault,
    issuanceDate: issuedAt,
    ...(isGiven ? { expirationDate: until } : {}),
    credentialSubject: {
      // The pairwise id: the WebID is in no receipt.
      id: `urn:reach:subject:${subject}`,
      providedConsent: {
        mode: ['http://www.w3.org/ns/auth/acl#Read'],
        hasStatus: `${statuses}${isGiven ? 'ExplicitlyGiven' : 'Denied'}`,
        forPersonalData: item[answer].map(({ field }) => fieldUri(field)),
        forPurpose: [purposeUri(item.purpose)],
        isProvidedTo: businessUri(business.id),
        inherit: false,
      },
    },
  }
}
