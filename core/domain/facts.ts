/**
 * Policy facts of log entries (`ops`): one line of JSON per entry, with a closed set of types and members in
 * a fixed order. They hold no value, no name and no id of a person; of a business its id and proven domain. What stands for a person is the random
 * grant reference.
 */
import { plainTextFault } from './plain-text.ts'

export interface FactItem {
  readonly purpose: string
  readonly fields: readonly string[]
}

/** Why authenticated requests were refused, for the hourly counts. */
export const refusalReasons = [
  'not-granted',
  'unredeemed',
  'paused',
  'withdrawn',
  'expired',
  'access-lost',
  'suspended',
  'unreachable',
  /** Every read that was allowed had been made. */
  'used-up',
] as const
export type RefusalReason = (typeof refusalReasons)[number]
export type RefusalCounts = { readonly [Reason in RefusalReason]?: number }

/** Which members each type has besides `v`, `type` and `time`; `?` marks those that may be left out. */
const shapes = {
  'vendor-admitted': ['vendor'],
  'vendor-suspended': ['vendor'],
  'vendor-reinstated': ['vendor'],
  /** The operator changed what is told of it: website, contacts, policy, logo. */
  'vendor-changed': ['vendor'],
  /** The website's host serves the file that names this business. Lost: it does so no longer. */
  'vendor-domain-proven': ['vendor', 'domain'],
  'vendor-domain-lost': ['vendor', 'domain'],
  /** The business put other keys into its registration; or the operator took them all away, until it does. */
  'vendor-keys-changed': ['vendor'],
  'vendor-keys-revoked': ['vendor'],
  /** For good. Each of its grants has an entry of its own, `relinquished`. */
  'vendor-removed': ['vendor'],
  /** The log has another verifier key; the one before signs beside it until then. */
  'log-key-changed': ['logKey', 'until'],
  /** Another key signs what this vault gives out, from then on. */
  'signing-key-changed': ['use', 'kid', 'from'],
  /**
   * Entries `first` up to below `end` came back from a mirror, what they changed did not: every grant that they name has ended
   * with this entry.
   */
  'log-recovered': ['first', 'end'],
  /** A customer opened the request: it now waits for this person and nobody else. */
  requested: ['vendor', 'request', 'items', 'until'],
  refused: ['vendor', 'request', 'notice'],
  deferred: ['vendor', 'request', 'notice'],
  /** It did not reach the customer: she blocked the business, or refused it the same inside the cool-off. */
  'turned-away': ['vendor', 'request', 'reason'],
  blocked: ['vendor'],
  unblocked: ['vendor'],
  /** `reads`: at most so many disclosures in all; absent: no limit but the end. */
  granted: ['vendor', 'grant', 'request', 'items', 'until', 'reads?', 'redeemBy', 'notice'],
  /** The business picked the grant up; nothing may leave before. */
  redeemed: ['vendor', 'grant'],
  /** From here on the grant covers these items until then, and nothing else. */
  changed: ['vendor', 'grant', 'items', 'until', 'reads?', 'notice'],
  paused: ['vendor', 'grant'],
  resumed: ['vendor', 'grant'],
  withdrawn: ['vendor', 'grant'],
  /** The business gave the grant up, by itself or by leaving. */
  relinquished: ['vendor', 'grant'],
  /** The business was asked to delete what it holds, and to sign that it did by `due`. */
  'deletion-requested': ['vendor', 'grant', 'due'],
  /** The business signed that it has stopped, or has deleted; the entry's `data` is the signature. */
  acknowledged: ['vendor', 'grant', 'kind'],
  expired: ['vendor', 'grant'],
  unredeemed: ['vendor', 'grant'],
  /**
   * One entry for each grant of the customer that had not ended, all in one commit; a customer without any
   * has one entry that names none. So replay needs no id of the person, and every grant's own thread tells
   * its story.
   */
  'access-lost': ['vendor?', 'grant?'],
  'access-restored': ['vendor?', 'grant?'],
  /** The same for one category alone, of the grants that cover any of it. */
  'category-lost': ['vendor?', 'grant?', 'category'],
  'category-restored': ['vendor?', 'grant?', 'category'],
  /** The customer's data lie in another pod from here on. */
  'pod-moved': [],
  /** A customer is being forgotten: from here on nothing of hers leaves. Who she is, no entry tells. */
  'erasure-begun': ['erasure', 'cause'],
  /** Her key is destroyed. Under the same reference as its begin. */
  erased: ['erasure'],
  disclosed: ['vendor', 'grant', 'purpose', 'fields', 'seq', 'until', 'notice'],
  'disclosures-refused': ['vendor', 'grant', 'from', 'counts'],
  /** The operator lets an auditor see what lies behind entries: of these businesses, this time, these members; or all. */
  'auditor-invited': ['auditor', 'businesses?', 'since?', 'before?', 'shown?', 'expires'],
  'auditor-joined': ['auditor'],
  'auditor-revoked': ['auditor'],
  /** An auditor looked behind the entries `first` up to below `end` that the rest describes; `count` were shown. */
  audited: [
    'auditor',
    'act',
    'because',
    'first',
    'end',
    'count',
    'types?',
    'businesses?',
    'ofPurpose?',
    'ofGrant?',
    'since?',
    'before?',
  ],
} as const

/** What auditors do; each time one entry. */
export const auditActs = ['search', 'timeline', 'states', 'overview', 'entry', 'openings'] as const
export type AuditAct = (typeof auditActs)[number]

export const erasureCauses = ['own-act', 'written-request', 'legal-duty'] as const
export type ErasureCause = (typeof erasureCauses)[number]

interface Members {
  readonly vendor: string
  /** Host of a business's website. */
  readonly domain: string
  readonly grant: string
  readonly request: string
  readonly purpose: string
  readonly reason: 'blocked' | 'cool-off'
  readonly fields: readonly string[]
  /** Id of a category of the catalogue. */
  readonly category: string
  readonly items: readonly FactItem[]
  readonly seq: number
  /** Unix ms. */
  readonly until: number
  readonly reads: number
  /** Unix ms. */
  readonly redeemBy: number
  /** Unix ms. */
  readonly due: number
  /** What was acknowledged. */
  readonly kind: 'withdrawal' | 'deletion'
  /** Hash of the notice that was shown. */
  readonly notice: string
  /** Unix ms: start of the hour that the counts are of; when a key begins to sign. */
  readonly from: number
  /** What a key signs. */
  readonly use: 'tokens' | 'receipts' | 'agent'
  /** Thumbprint of a key (RFC 7638). */
  readonly kid: string
  readonly counts: RefusalCounts
  /** Random reference of an erasure. */
  readonly erasure: string
  /** On whose act a customer is forgotten: her own here, her letter, or a duty by law. */
  readonly cause: ErasureCause
  readonly auditor: string
  readonly act: AuditAct
  /** Why the auditor looked, in the auditor's words; names nobody. */
  readonly because: string
  readonly first: number
  readonly end: number
  readonly count: number
  readonly types: readonly string[]
  readonly businesses: readonly string[]
  readonly ofPurpose: string
  readonly ofGrant: string
  /** Unix ms: entries from here on, and before there. */
  readonly since: number
  readonly before: number
  /** Members of facts that are shown. */
  readonly shown: readonly string[]
  /** Unix ms. */
  readonly expires: number
  readonly logKey: string
}

type Shapes = typeof shapes
export type FactType = keyof Shapes
type MemberOf<Name extends string> = Name extends `${infer Optional}?`
  ? { readonly [Key in Optional & keyof Members]?: Members[Key] }
  : { readonly [Key in Name & keyof Members]: Members[Key] }
type AllOf<Union> = (Union extends unknown ? (argument: Union) => void : never) extends (
  argument: infer All,
) => void
  ? All
  : never

/** One fact. `time` is Unix ms and not told by the caller: it is the group's. */
export type Fact = {
  [Type in FactType]: { readonly type: Type; readonly time: number } & AllOf<MemberOf<Shapes[Type][number]>>
}[FactType]
export type FactOf<Type extends FactType> = Extract<Fact, { readonly type: Type }>

export const factTypes = Object.keys(shapes) as FactType[]

/** The one line of a fact. */
export function writeFact(fact: Fact): string {
  const members: Record<string, unknown> = { v: 1, type: fact.type, time: fact.time }
  const given: Readonly<Record<string, unknown>> = { ...fact }
  for (const name of shapes[fact.type].map(plain))
    if (given[name] !== undefined) members[name] = ordered(name, given[name])
  return JSON.stringify(members)
}

const plain = (name: string) => name.replace('?', '')

function ordered(name: string, value: unknown): unknown {
  if (name === 'items') return (value as FactItem[]).map(({ purpose, fields }) => ({ purpose, fields }))
  if (name !== 'counts') return value
  const counts = value as RefusalCounts
  return Object.fromEntries(
    refusalReasons.flatMap((reason) => (counts[reason] ? [[reason, counts[reason]]] : [])),
  )
}

/**
 * The same line as `writeFact` gives for a disclosure, for the hot path: everything that does not change
 * between reads of one scope under one grant is written once.
 */
export function disclosedFacts(
  grant: {
    readonly vendorId: string
    readonly grantId: string
    readonly until: number
    readonly noticeHash: string
  },
  purpose: string,
  fields: readonly string[],
): (time: number, seq: number) => string {
  const head = '{"v":1,"type":"disclosed","time":'
  const scope = JSON.stringify({ vendor: grant.vendorId, grant: grant.grantId, purpose, fields })
  const middle = `,${scope.slice(1, -1)},"seq":`
  const tail = `,${JSON.stringify({ until: grant.until, notice: grant.noticeHash }).slice(1)}`
  return (time, seq) => head + time + middle + seq + tail
}

/** A line of `ops` that is no fact of ours, or not written the one way it can be. */
export class NotAFact extends Error {}

/**
 * Reads a line strictly: known type, its members and no others, each once and in order, each of its form, no
 * spare space. Two readers can so never see different facts in one line.
 */
export function readFact(line: string): Fact {
  const fact = parse(line)
  if (writeFact(fact) !== line) throw new NotAFact('not in the canonical form of its type')
  return fact
}

function parse(line: string): Fact {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch (cause) {
    throw new NotAFact('no JSON', { cause })
  }
  if (!isRecord(read)) throw new NotAFact('no fact')
  const { v: _, ...members } = read // another version than 1 is not what `writeFact` gives
  const type = factTypes.find((known) => known === members['type'])
  if (type === undefined) throw new NotAFact('unknown type')
  if (!isTime(members['time'])) throw new NotAFact('no time')
  for (const name of shapes[type]) {
    const value = members[plain(name)]
    if (value === undefined && name.endsWith('?')) continue
    if (!forms[plain(name) as keyof Members](value)) throw new NotAFact(`not a ${plain(name)}`)
  }
  return members as unknown as Fact
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value)
const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 1
/** The last that a date can be of (ECMA-262, 21.4.1.1): a line with a later time could be written as no day. */
const lastTime = 8_640_000_000_000_000
const isTime = (value: unknown) =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= lastTime
const isId = isText(/^[A-Za-z0-9_-]{16,64}$/)
const isPurpose = isText(/^dpv:[A-Z][A-Za-z]{2,60}$/)
const isField = isText(/^[a-z][a-z-]{0,31}\.[a-z][A-Za-z0-9]{0,31}$/)
const isFields = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isField) && new Set(value).size === value.length
/** Why an auditor looks: words, and no address, which could name somebody. */
export function isReason(text: string): boolean {
  return text.length >= 3 && text.length <= 300 && plainTextFault(text) === undefined
}

const isWords = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= 100 &&
  value.every((word) => typeof word === 'string' && word.length <= 64) &&
  new Set(value).size === value.length
const isItem = (value: unknown) => isRecord(value) && isPurpose(value['purpose']) && isFields(value['fields'])

const forms: Record<keyof Members, (value: unknown) => boolean> = {
  vendor: isId,
  domain: isText(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?$/),
  grant: isId,
  request: isId,
  purpose: isPurpose,
  reason: (value) => value === 'blocked' || value === 'cool-off',
  fields: isFields,
  category: isText(/^[a-z][a-z-]{0,31}$/),
  items: (value) => Array.isArray(value) && value.length > 0 && value.every(isItem),
  seq: isCount,
  until: isTime,
  reads: isCount,
  redeemBy: isTime,
  due: isTime,
  kind: isText(/^(?:withdrawal|deletion)$/),
  notice: isText(/^[A-Za-z0-9_-]{43}$/),
  from: isTime,
  use: isText(/^(?:tokens|receipts|agent)$/),
  kid: isText(/^[A-Za-z0-9_-]{43}$/),
  counts: (value) => isRecord(value) && Object.keys(value).length > 0 && Object.values(value).every(isCount),
  erasure: isId,
  cause: (value) => erasureCauses.some((cause) => cause === value),
  auditor: isId,
  act: (value) => auditActs.some((act) => act === value),
  because: (value) => typeof value === 'string' && isReason(value),
  first: isTime,
  end: isTime,
  count: isTime,
  types: (value) => isWords(value) && value.every((word) => factTypes.some((type) => type === word)),
  businesses: (value) => isWords(value) && value.every(isId),
  ofPurpose: isPurpose,
  ofGrant: isId,
  since: isTime,
  before: isTime,
  shown: isWords,
  expires: isTime,
  logKey: isText(/^[^\s+]{1,300}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/),
}

/** What a fact can tell besides its type and time. */
export const factMembers = Object.keys(forms) as (keyof Members)[]
