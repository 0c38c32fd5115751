import type { AccessRequest, GrantedItem, Recipient, RequestedItem, Vendor } from '#schemas/types.gen.ts'
import { findField } from './catalogue.ts'
import { notStated, receiptFrom } from './receipt-terms.ts'
import type { DataTerms, ItemTerms, Node } from './receipt-terms.ts'
import { isSandboxLog } from './sandbox.ts'
import { formatTime } from './times.ts'

/** What a receipt is about. Everything in it is known before the commit: it holds no position in the log. */
export interface ReceiptSource {
  readonly receiptId: string
  /** Unix ms: the moment of the decision. */
  readonly issuedAt: number
  /** Who issues it and where it can be withdrawn; without a slash at the end. */
  readonly vaultUrl: string
  /** Origin of the log that holds the entry of this decision. */
  readonly logOrigin: string
  /** Language of the notice that was shown, BCP 47. */
  readonly language: string
  readonly noticeHash: string
  readonly vendor: Vendor
  readonly request: Pick<AccessRequest, 'requestId' | 'requestHash' | 'items' | 'retention' | 'recipients'>
  readonly decided:
    | {
        readonly status: 'allowed'
        readonly grantId: string
        /** The pairwise id; the WebID is in no receipt. */
        readonly subject: string
        readonly items: readonly GrantedItem[]
        readonly until: number
        /** At most so many reads in all. */
        readonly reads?: number
        /** The receipt of the terms that held before, when this one is of a change. */
        readonly replaces?: string
      }
    | { readonly status: 'refused' }
}

/** The canonical receipt of a decision. What the business did not state, such as where it stores, is said to be not stated. */
export function receiptOf(source: ReceiptSource): Node {
  const { decided, request, vendor, vaultUrl, receiptId } = source
  const allowed = decided.status === 'allowed' ? decided : undefined
  const withdrawAt = `${vaultUrl}/relationships${allowed === undefined ? '' : `/${allowed.grantId}`}`
  const { contact, website, privacyPolicy, dataProtectionContact } = vendor
  const contacts = [contact, website, privacyPolicy].filter((one) => one !== undefined)
  return receiptFrom({
    receiptId,
    issuedAt: formatTime(source.issuedAt),
    vault: vaultUrl,
    own: {
      'reach:request': request.requestId,
      'reach:requestHash': request.requestHash,
      'reach:logOrigin': source.logOrigin,
      ...(isSandboxLog(source.logOrigin) ? { 'reach:sandbox': true } : {}),
      ...(allowed?.replaces === undefined ? {} : { 'dct:replaces': allowed.replaces }),
      ...(allowed?.reads === undefined ? {} : { 'reach:reads': allowed.reads }),
      'reach:statusUri': `${vaultUrl}/api/receipts/${receiptId}`,
    },
    record: allowed?.grantId ?? request.requestId,
    // Nobody has been told an id of a person who refused: whoever opened this request stands for her.
    subject: allowed?.subject ?? request.requestId,
    notice: `sha-256:${source.noticeHash}`,
    language: source.language,
    business: {
      id: vendor.vendorId,
      name: vendor.name,
      contact: contacts.length === 0 ? notStated : contacts,
    },
    retention: request.retention,
    recipients: request.recipients.map(recipientOf),
    withdrawAt,
    rightsAt: dataProtectionContact ?? contact ?? privacyPolicy ?? website ?? withdrawAt,
    jurisdiction: vendor.jurisdiction === undefined ? notStated : `loc:${vendor.jurisdiction}`,
    ...(allowed === undefined ? {} : { until: formatTime(allowed.until) }),
    items: request.items.map((item) =>
      itemOf(item, allowed?.items.find((granted) => granted.id === item.id)?.fields),
    ),
  })
}

/** One item as it was decided: given for some fields, refused for the others, or refused whole. */
function itemOf(
  { id, why, purpose, required, fields }: RequestedItem,
  granted: readonly string[] = [],
): ItemTerms {
  return {
    id,
    why,
    purpose,
    necessity: required ? 'dpv:Required' : 'dpv:Optional',
    given: granted.map(dataOf),
    refused: fields.filter((field) => !granted.includes(field)).map(dataOf),
  }
}

function dataOf(id: string): DataTerms {
  const field = findField(id)
  const kinds = {
    ordinary: 'dpv:PersonalData',
    sensitive: 'dpv:SensitivePersonalData',
    special: 'dpv:SpecialCategoryPersonalData',
  }
  if (field === undefined) return { field: id, more: { '@type': 'dpv:PersonalData' } }
  const type = [kinds[field.sensitivity], field.dpv]
  const more = { '@type': type, 'dct:title': field.title }
  if (field.kind === 'stored') return { field: id, more }
  return {
    field: id,
    more: {
      ...more,
      '@type': [...type, 'dpv:DerivedPersonalData'],
      'dct:description': field.rule,
      'dct:source': [...field.from],
    },
  }
}

function recipientOf({ name, role, url }: Recipient): Node {
  return {
    '@type': ['dpv:Recipient', 'dpv:ThirdParty'],
    'dpv:hasName': name,
    'dct:description': role,
    ...(url === undefined ? {} : { 'dpv:hasContact': url }),
  }
}
