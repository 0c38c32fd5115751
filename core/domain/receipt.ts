import type { AccessRequest, GrantedItem, Recipient, RequestedItem, Vendor } from '#schemas/types.gen.ts'
import { findField } from './catalogue.ts'
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

type Node = { readonly [member: string]: unknown }

/** Names are bound here and nowhere else: reading a receipt needs no network. */
const context = {
  dpv: 'https://w3id.org/dpv#',
  pd: 'https://w3id.org/dpv/pd#',
  loc: 'https://w3id.org/dpv/loc#',
  dct: 'http://purl.org/dc/terms/',
  reach: 'urn:reach:receipt:1#',
} as const

const profile = 'https://w3id.org/dpv/schema/dpv-27560#'

/**
 * The canonical receipt: ISO/IEC TS 27560 in the terms of W3C DPV 2.3 as JSON-LD ("Implementing ISO/IEC TS
 * 27560 with DPV", sections 6 and 7). What the business did not state, such as where it stores, is said to be
 * not stated. To sign and to hash it, write it with `canonical`.
 */
export function receiptOf(source: ReceiptSource): Node {
  const { decided, request, vaultUrl, receiptId } = source
  const allowed = decided.status === 'allowed' ? decided : undefined
  return {
    '@context': context,
    '@type': 'dpv:ConsentReceipt',
    'dct:conformsTo': `${profile}receipt`,
    'dct:identifier': receiptId,
    'dct:created': formatTime(source.issuedAt),
    'dct:publisher': vaultUrl,
    'reach:request': request.requestId,
    'reach:requestHash': request.requestHash,
    'reach:logOrigin': source.logOrigin,
    ...(isSandboxLog(source.logOrigin) ? { 'reach:sandbox': true } : {}),
    ...(allowed?.replaces === undefined ? {} : { 'dct:replaces': allowed.replaces }),
    ...(allowed?.reads === undefined ? {} : { 'reach:reads': allowed.reads }),
    'reach:statusUri': `${vaultUrl}/api/receipts/${receiptId}`,
    'dpv:hasRecordOfActivity': {
      '@type': 'dpv:ConsentRecord',
      'dct:conformsTo': `${profile}record`,
      'dct:identifier': allowed?.grantId ?? request.requestId,
      'dpv:hasDataSubject': {
        '@type': 'dpv:DataSubject',
        // Nobody has been told an id of a person who refused: whoever opened this request stands for her.
        'dct:identifier': allowed?.subject ?? request.requestId,
      },
      'dpv:hasNotice': {
        '@type': 'dpv:ConsentNotice',
        'dct:identifier': `sha-256:${source.noticeHash}`,
        'dct:language': source.language,
      },
      'dpv:hasProcess': request.items.map((item) =>
        processOf(source, item, allowed?.items.find((granted) => granted.id === item.id)?.fields),
      ),
    },
  }
}

/** One item as it was decided: given for some fields, refused for the others, or refused whole. */
function processOf(source: ReceiptSource, item: RequestedItem, granted: readonly string[] = []): Node {
  const { decided, request, vendor, vaultUrl } = source
  const refused = item.fields.filter((field) => !granted.includes(field))
  const place = decided.status === 'allowed' ? `/relationships/${decided.grantId}` : '/relationships'
  return {
    '@type': 'dpv:Process',
    'dct:identifier': item.id,
    'dct:description': item.why,
    'dpv:hasPurpose': item.purpose,
    'dpv:hasPersonalData': granted.map(dataOf),
    'dpv:hasNecessity': item.required ? 'dpv:Required' : 'dpv:Optional',
    'dpv:hasLegalBasis': 'dpv:ExplicitlyExpressedConsent',
    'dpv:hasConsentStatus': [
      ...(decided.status === 'allowed' && granted.length > 0
        ? [{ ...eventOf(source, 'dpv:ConsentGiven'), 'dct:valid': formatTime(decided.until) }]
        : []),
      ...(refused.length > 0
        ? [{ ...eventOf(source, 'dpv:ConsentRefused'), 'dpv:hasPersonalData': refused.map(dataOf) }]
        : []),
    ],
    'dpv:hasStorageCondition': [
      { '@type': 'dpv:StorageDuration', 'dpv:hasDuration': request.retention },
      { '@type': 'dpv:StorageLocation', 'dct:description': 'not stated' },
    ],
    'dpv:hasDataController': controllerOf(vendor),
    'dpv:hasRecipient': [
      { '@type': 'dpv:Recipient', 'dct:identifier': vendor.vendorId },
      ...request.recipients.map(recipientOf),
    ],
    'dpv:hasConsentControl': { '@type': 'dpv:WithdrawConsent', 'dpv:isExercisedAt': vaultUrl + place },
    'dpv:hasRight': {
      '@type': 'dpv:DataSubjectRight',
      'dpv:isExercisedAt':
        vendor.dataProtectionContact ??
        vendor.contact ??
        vendor.privacyPolicy ??
        vendor.website ??
        vaultUrl + place,
    },
    'dpv:hasJurisdiction': vendor.jurisdiction === undefined ? 'not stated' : `loc:${vendor.jurisdiction}`,
  }
}

function eventOf(source: ReceiptSource, state: 'dpv:ConsentGiven' | 'dpv:ConsentRefused'): Node {
  return {
    '@type': state,
    'dpv:isIndicatedAtTime': formatTime(source.issuedAt),
    'dpv:isIndicatedBy': 'dpv:DataSubject',
  }
}

function dataOf(id: string): Node {
  const field = findField(id)
  const kinds = {
    ordinary: 'dpv:PersonalData',
    sensitive: 'dpv:SensitivePersonalData',
    special: 'dpv:SpecialCategoryPersonalData',
  }
  if (field === undefined) return { '@type': 'dpv:PersonalData', 'dct:identifier': id }
  const node = {
    '@type': [kinds[field.sensitivity], field.dpv],
    'dct:identifier': id,
    'dct:title': field.title,
  }
  if (field.kind === 'stored') return node
  return {
    ...node,
    '@type': [...node['@type'], 'dpv:DerivedPersonalData'],
    'dct:description': field.rule,
    'dct:source': [...field.from],
  }
}

function controllerOf(vendor: Vendor): Node {
  const contacts = [vendor.contact, vendor.website, vendor.privacyPolicy].filter((one) => one !== undefined)
  return {
    '@type': 'dpv:DataController',
    'dct:identifier': vendor.vendorId,
    'dpv:hasName': vendor.name,
    'dpv:hasContact': contacts.length === 0 ? 'not stated' : contacts,
    'dpv:hasAddress': 'not stated',
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
