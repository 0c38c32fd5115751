/** What a receipt says, apart from how it is written: every dialect is written from this, and read back to it. */
import { canonical } from './canonical.ts'
import { formatTime, parseTime } from './times.ts'

export type Node = { readonly [member: string]: unknown }

/** Names are bound here and nowhere else: reading a receipt needs no network. */
const context = {
  dpv: 'https://w3id.org/dpv#',
  pd: 'https://w3id.org/dpv/pd#',
  loc: 'https://w3id.org/dpv/loc#',
  dct: 'http://purl.org/dc/terms/',
  reach: 'urn:reach:receipt:1#',
} as const

const profile = 'https://w3id.org/dpv/schema/dpv-27560#'

/** One kind of data as the receipt described it then; `more`: everything about it but its field id. */
export interface DataTerms {
  readonly field: string
  readonly more: Node
}

export interface ItemTerms {
  readonly id: string
  readonly why: string
  /** Such as `dpv:CustomerCare`. */
  readonly purpose: string
  readonly necessity: string
  readonly given: readonly DataTerms[]
  readonly refused: readonly DataTerms[]
}

export interface ReceiptTerms {
  readonly receiptId: string
  /** RFC 3339, UTC, with milliseconds. */
  readonly issuedAt: string
  /** Address of the vault that issued it. */
  readonly vault: string
  /** Members of the receipt that are Reach's own, and the receipt that this one replaces. */
  readonly own: Node
  /** Id of the grant; of the request, when it was refused. */
  readonly record: string
  /** The pairwise id; of a refusal the request's. */
  readonly subject: string
  /** `sha-256:` and the hash of what was shown. */
  readonly notice: string
  readonly language: string
  readonly business: {
    readonly id: string
    readonly name: string
    readonly contact: string | readonly string[]
  }
  readonly retention: string
  readonly recipients: readonly Node[]
  /** Where it can be withdrawn, and where rights are exercised. */
  readonly withdrawAt: string
  readonly rightsAt: string
  readonly jurisdiction: string
  /** End of what was given; absent where nothing was. */
  readonly until?: string
  readonly items: readonly ItemTerms[]
}

/** What was given to read, or is no document of the dialect it claims to be. */
export class NotThisDialect extends Error {}

export const notStated = 'not stated'

/**
 * The canonical receipt: ISO/IEC TS 27560 in the terms of W3C DPV 2.3 as JSON-LD ("Implementing ISO/IEC TS
 * 27560 with DPV", sections 6 and 7). To sign and to hash it, write it with `canonical`: these bytes are for ever.
 */
export function receiptFrom(terms: ReceiptTerms): Node {
  return {
    '@context': context,
    '@type': 'dpv:ConsentReceipt',
    'dct:conformsTo': `${profile}receipt`,
    'dct:identifier': terms.receiptId,
    'dct:created': terms.issuedAt,
    'dct:publisher': terms.vault,
    ...terms.own,
    'dpv:hasRecordOfActivity': {
      '@type': 'dpv:ConsentRecord',
      'dct:conformsTo': `${profile}record`,
      'dct:identifier': terms.record,
      'dpv:hasDataSubject': { '@type': 'dpv:DataSubject', 'dct:identifier': terms.subject },
      'dpv:hasNotice': {
        '@type': 'dpv:ConsentNotice',
        'dct:identifier': terms.notice,
        'dct:language': terms.language,
      },
      'dpv:hasProcess': terms.items.map((item) => processFrom(terms, item)),
    },
  }
}

function processFrom(terms: ReceiptTerms, { id, why, purpose, necessity, given, refused }: ItemTerms): Node {
  const { business, issuedAt, until, rightsAt, withdrawAt, jurisdiction, retention, recipients } = terms
  return {
    '@type': 'dpv:Process',
    'dct:identifier': id,
    'dct:description': why,
    'dpv:hasPurpose': purpose,
    'dpv:hasPersonalData': given.map(dataFrom),
    'dpv:hasNecessity': necessity,
    'dpv:hasLegalBasis': 'dpv:ExplicitlyExpressedConsent',
    'dpv:hasConsentStatus': [
      ...(given.length > 0 ? [{ ...event('dpv:ConsentGiven', issuedAt), 'dct:valid': until }] : []),
      ...(refused.length > 0
        ? [{ ...event('dpv:ConsentRefused', issuedAt), 'dpv:hasPersonalData': refused.map(dataFrom) }]
        : []),
    ],
    'dpv:hasStorageCondition': [
      { '@type': 'dpv:StorageDuration', 'dpv:hasDuration': retention },
      { '@type': 'dpv:StorageLocation', 'dct:description': notStated },
    ],
    'dpv:hasDataController': {
      '@type': 'dpv:DataController',
      'dct:identifier': business.id,
      'dpv:hasName': business.name,
      'dpv:hasContact': business.contact,
      'dpv:hasAddress': notStated,
    },
    'dpv:hasRecipient': [{ '@type': 'dpv:Recipient', 'dct:identifier': business.id }, ...recipients],
    'dpv:hasConsentControl': { '@type': 'dpv:WithdrawConsent', 'dpv:isExercisedAt': withdrawAt },
    'dpv:hasRight': { '@type': 'dpv:DataSubjectRight', 'dpv:isExercisedAt': rightsAt },
    'dpv:hasJurisdiction': jurisdiction,
  }
}

function event(state: 'dpv:ConsentGiven' | 'dpv:ConsentRefused', at: string): Node {
  return { '@type': state, 'dpv:isIndicatedAtTime': at, 'dpv:isIndicatedBy': 'dpv:DataSubject' }
}

function dataFrom({ field, more }: DataTerms): Node {
  return { ...more, 'dct:identifier': field }
}

/** The same in every receipt. */
const fixed: readonly string[] = ['@context', '@type', 'dct:conformsTo']

/** The terms of a canonical receipt. Throws `NotThisDialect` for anything that is not exactly one. */
export function termsOf(receipt: unknown): ReceiptTerms {
  const {
    'dct:identifier': receiptId,
    'dct:created': issuedAt,
    'dct:publisher': vault,
    'dpv:hasRecordOfActivity': recordOfActivity,
    ...others
  } = nodeIn(receipt)
  const own = Object.fromEntries(Object.entries(others).filter(([name]) => !fixed.includes(name)))
  const record = nodeIn(recordOfActivity)
  const processes = listIn(record['dpv:hasProcess']).map(nodeIn)
  const first = nodeIn(processes[0])
  const controller = nodeIn(first['dpv:hasDataController'])
  const [duration] = listIn(first['dpv:hasStorageCondition']).map(nodeIn)
  const until = processes
    .flatMap((process) => listIn(process['dpv:hasConsentStatus']).map(nodeIn))
    .find((status) => status['@type'] === 'dpv:ConsentGiven')?.['dct:valid']
  const terms: ReceiptTerms = {
    receiptId: textIn(receiptId),
    issuedAt: timeIn(issuedAt),
    vault: textIn(vault),
    own,
    record: textIn(record['dct:identifier']),
    subject: textIn(nodeIn(record['dpv:hasDataSubject'])['dct:identifier']),
    notice: textIn(nodeIn(record['dpv:hasNotice'])['dct:identifier']),
    language: textIn(nodeIn(record['dpv:hasNotice'])['dct:language']),
    business: {
      id: textIn(controller['dct:identifier']),
      name: textIn(controller['dpv:hasName']),
      contact: contactIn(controller['dpv:hasContact']),
    },
    retention: textIn(duration?.['dpv:hasDuration']),
    recipients: listIn(first['dpv:hasRecipient']).slice(1).map(nodeIn),
    withdrawAt: textIn(nodeIn(first['dpv:hasConsentControl'])['dpv:isExercisedAt']),
    rightsAt: textIn(nodeIn(first['dpv:hasRight'])['dpv:isExercisedAt']),
    jurisdiction: textIn(first['dpv:hasJurisdiction']),
    ...(until === undefined ? {} : { until: timeIn(until) }),
    items: processes.map(itemIn),
  }
  demandSame(receiptFrom(terms), receipt)
  return terms
}

function itemIn(process: Node): ItemTerms {
  const refusal = listIn(process['dpv:hasConsentStatus'])
    .map(nodeIn)
    .find((status) => status['@type'] === 'dpv:ConsentRefused')
  return {
    id: textIn(process['dct:identifier']),
    why: textIn(process['dct:description']),
    purpose: textIn(process['dpv:hasPurpose']),
    necessity: textIn(process['dpv:hasNecessity']),
    given: listIn(process['dpv:hasPersonalData']).map(dataIn),
    refused: refusal === undefined ? [] : listIn(refusal['dpv:hasPersonalData']).map(dataIn),
  }
}

function dataIn(value: unknown): DataTerms {
  const { 'dct:identifier': field, ...more } = nodeIn(value)
  return { field: textIn(field), more }
}

function contactIn(value: unknown): string | readonly string[] {
  return Array.isArray(value) ? value.map(textIn) : textIn(value)
}

/** What was read says all that the document says, and nothing else: two readers never see different things in it. */
function demandSame(written: unknown, read: unknown): void {
  try {
    if (canonical(written) === canonical(read)) return
  } catch (cause) {
    throw new NotThisDialect('is no JSON that can be held against another', { cause })
  }
  throw new NotThisDialect('has a member that is missing, spare, or at odds with another one')
}

/**
 * The canonical receipt of the terms that were read out of a document, when `write` makes exactly this document of it again.
 * What was read may be of any form. Throws `NotThisDialect`.
 */
export function receiptAgain(
  terms: object,
  write: (terms: ReceiptTerms) => Node | undefined,
  document: unknown,
): Node {
  const receipt = rebuilt(terms as ReceiptTerms)
  demandSame(write(termsOf(receipt)), document)
  return receipt
}

function rebuilt(terms: ReceiptTerms): Node {
  try {
    return receiptFrom(terms)
  } catch (cause) {
    throw new NotThisDialect('lacks a part of a receipt', { cause })
  }
}

export function nodeIn(value: unknown): Node {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NotThisDialect('has something else where a node belongs')
  return value as Node
}

export function listIn(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length > 1_000) throw new NotThisDialect('has no list where one belongs')
  return value as unknown[]
}

/** A moment the one way we write it. */
function timeIn(value: unknown): string {
  const text = textIn(value)
  const time = parseTime(text)
  if (time === undefined || formatTime(time) !== text)
    throw new NotThisDialect('has no time where one belongs')
  return text
}

export function textIn(value: unknown): string {
  if (typeof value !== 'string') throw new NotThisDialect('has no text where one belongs')
  return value
}
