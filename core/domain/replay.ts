import type { Fact, FactItem, FactOf } from './facts.ts'
import { ReplayedAuditors } from './replay-auditors.ts'

/** A fact at its place in the log. */
export interface LoggedFact {
  readonly index: number
  readonly fact: Fact
}

/** What an auditor has to be told; `index` is the entry that should not be there, or not like this. */
export interface Finding {
  readonly index: number
  readonly code: FindingCode
  readonly grant?: string
}

export type FindingCode =
  | 'time-goes-back'
  | 'business-not-admitted'
  | 'business-suspended'
  | 'business-without-keys'
  | 'business-removed'
  | 'grant-unknown'
  | 'granted-twice'
  | 'other-business'
  | 'not-redeemed'
  | 'redeemed-late'
  | 'paused'
  | 'withdrawn'
  | 'expired'
  | 'access-lost'
  | 'not-granted'
  | 'other-terms'
  | 'not-ended'
  | 'not-asked'
  | 'over-budget'
  | 'seq-gap'
  | 'request-unknown'
  | 'request-answered'
  | 'beyond-request'
  | 'beyond-log'
  | 'erasure-unknown'
  | 'auditor-unknown'
  | 'auditor-not-allowed'

interface GrantState {
  readonly grant: string
  readonly vendor: string
  readonly request: string
  /** Unix ms. */
  readonly given: number
  /** Index and time of the entry that last changed how it stands. */
  index: number
  since: number
  readonly redeemBy: number
  items: readonly FactItem[]
  until: number
  reads: number
  notice: string
  redeemed: boolean
  paused: boolean
  accessLost: boolean
  readonly lostCategories: Set<string>
  ended: 'withdrawn' | 'expired' | undefined
  deletionAsked: boolean
  /** Highest number of a release so far, and how many there were. */
  seq: number
  disclosed: number
  /** Index of the newest entry that names it. */
  named: number
}

export type Report = (code: FindingCode, grant?: string) => void

/**
 * Plays the facts of a whole log again, in its order, and finds every disclosure that should not have been:
 * without an earlier grant to that business for that purpose and those fields, before its redemption, while
 * it was paused, after it was withdrawn, had expired or lost the pod, while the business was suspended, beyond
 * the number of reads it allows; every gap in a grant's numbering, every grant that goes beyond what was asked, every
 * answer to what was not asked or was answered, and every look of an auditor beyond the invitation. It believes nothing but the order: states come from the entries
 * before, ends from the granted `until`.
 */
export function replay(facts: Iterable<LoggedFact>): Finding[] {
  const replayed = new Replay()
  for (const fact of facts) replayed.see(fact)
  return [...replayed.findings]
}

/** How a grant stands at a moment. */
export type GrantStatus = 'unredeemed' | 'active' | 'paused' | 'access-lost' | 'withdrawn' | 'expired'

export interface ReplayedGrant extends Pick<
  GrantState,
  'grant' | 'vendor' | 'given' | 'items' | 'until' | 'reads' | 'index'
> {
  readonly state: GrantStatus
  /** Unix ms from which it stands like this. */
  readonly since: number
  /** Releases so far. */
  readonly disclosed: number
}

/** A log being played: entry by entry, in order. */
export class Replay {
  readonly findings: Finding[] = []
  readonly #grants = new Map<string, GrantState>()
  readonly #vendors = new Map<string, VendorState | undefined>()
  readonly #requests = new Map<string, FactOf<'requested'>>()
  /** Index of the entry that decided each request. */
  readonly #answered = new Map<string, number>()
  readonly #erasures = new Set<string>()
  readonly #auditors = new ReplayedAuditors()
  #latest = 0

  see({ index, fact }: LoggedFact): void {
    const report: Report = (code, grant) =>
      this.findings.push({ index, code, ...(grant === undefined ? {} : { grant }) })
    if (fact.time < this.#latest) report('time-goes-back')
    this.#latest = Math.max(this.#latest, fact.time)
    if (isVendorFact(fact)) this.#vendors.set(fact.vendor, stand(this.#vendors.get(fact.vendor), fact))
    else if (fact.type === 'requested') this.#ask(fact)
    else if ('request' in fact) this.#answer(index, fact, report)
    else if ('auditor' in fact) this.#auditors.see(index, fact, report)
    else if (fact.type === 'log-recovered') this.#endLost(index, fact, report)
    else if (fact.type === 'erasure-begun') this.#erasures.add(fact.erasure)
    else if (fact.type === 'erased') {
      if (!this.#erasures.has(fact.erasure)) report('erasure-unknown')
    } else if ('grant' in fact && fact.grant !== undefined) {
      const grant = this.#grants.get(fact.grant)
      if (grant === undefined) return report('grant-unknown', fact.grant)
      if (grant.vendor !== fact.vendor) return report('other-business', fact.grant)
      grant.named = index
      if (fact.type === 'disclosed') return disclose(grant, fact, this.#vendors.get(fact.vendor), report)
      const before = statusAt(grant, fact.time)
      change(grant, fact, report)
      if (fact.type === 'changed') demandAsked(fact, this.#requests.get(grant.request), report)
      if (fact.type === 'changed' || statusAt(grant, fact.time) !== before) {
        grant.index = index
        grant.since = fact.time
      }
    }
  }

  /** Every grant so far, as it stands at `time` (Unix ms), in the order they were given. */
  *grants(time: number): Generator<ReplayedGrant> {
    for (const one of this.#grants.values()) {
      const { grant, vendor, given, items, until, reads, index, disclosed } = one
      const state = statusAt(one, time)
      const end = one.redeemed ? until : Math.min(until, one.redeemBy)
      const since = state === 'expired' && one.ended === undefined ? end : one.since
      yield { grant, vendor, given, items, until, reads, index, state, since, disclosed }
    }
  }

  /** What was asked first counts: a recovered log may have a request twice, and nobody may widen one later. */
  #ask(fact: FactOf<'requested'>): void {
    if (!this.#requests.has(fact.request)) this.#requests.set(fact.request, fact)
  }

  /** A request is decided once; put off, it may be as often as she likes. */
  #answer(index: number, fact: Exclude<RequestFact, FactOf<'requested'>>, report: Report): void {
    const { type, request, vendor } = fact
    const grant = type === 'granted' ? fact.grant : undefined
    const asked = this.#requests.get(request)
    if (this.#answered.has(request)) report('request-answered', grant)
    else if (type !== 'deferred') this.#answered.set(request, index)
    if (type === 'granted') this.#begin(index, fact, asked, report)
    // What was turned away reached nobody, and so may never have been opened.
    else if (asked === undefined && type !== 'turned-away') report('request-unknown')
    else if (asked !== undefined && asked.vendor !== vendor) report('other-business')
  }

  #begin(
    index: number,
    fact: FactOf<'granted'>,
    asked: FactOf<'requested'> | undefined,
    report: Report,
  ): void {
    if (this.#grants.has(fact.grant)) return report('granted-twice', fact.grant)
    demandAdmitted(this.#vendors.get(fact.vendor), fact.grant, report)
    demandAsked(fact, asked, report)
    const { grant, vendor, request, redeemBy, items, until, reads = Infinity, notice } = fact
    this.#grants.set(grant, {
      grant,
      vendor,
      request,
      given: fact.time,
      index,
      since: fact.time,
      redeemBy,
      items,
      until,
      reads,
      notice,
      redeemed: false,
      paused: false,
      accessLost: false,
      lostCategories: new Set(),
      ended: undefined,
      deletionAsked: false,
      seq: 0,
      disclosed: 0,
      named: index,
    })
  }

  /** What the lost part of the state said of these grants, nobody knows; a request that it decided waits again. */
  #endLost(index: number, { first, end, time }: FactOf<'log-recovered'>, report: Report): void {
    if (first > end || end > index) report('beyond-log')
    for (const [request, at] of this.#answered) if (at >= first) this.#answered.delete(request)
    for (const grant of this.#grants.values()) {
      if (grant.named < first || grant.ended !== undefined) continue
      grant.ended = 'withdrawn'
      grant.index = index
      grant.since = time
    }
  }
}

/** What was given is at most what was asked: the same business, these fields for this purpose, not longer. */
function demandAsked(
  { vendor, grant, items, until }: FactOf<'granted'> | FactOf<'changed'>,
  asked: FactOf<'requested'> | undefined,
  report: Report,
): void {
  if (asked === undefined) return report('request-unknown', grant)
  const isAsked = items.every(({ purpose, fields }) =>
    fields.every((field) => covers(asked.items, purpose, field)),
  )
  if (!isAsked || until > asked.until || vendor !== asked.vendor) report('beyond-request', grant)
}

/** Of several reasons why nothing leaves, the one that lasts longest. */
function statusAt(
  { ended, until, redeemed, redeemBy, accessLost, paused }: GrantState,
  time: number,
): GrantStatus {
  if (ended !== undefined) return ended
  if (time > until || (!redeemed && time > redeemBy)) return 'expired'
  if (!redeemed) return 'unredeemed'
  if (accessLost) return 'access-lost'
  return paused ? 'paused' : 'active'
}

/** How a business stands: each of the three alone keeps everything from it. */
interface VendorState {
  readonly suspended: boolean
  readonly withoutKeys: boolean
  readonly removed: boolean
}

type VendorFact = Extract<Fact, { readonly type: `vendor-${string}` }>
type RequestFact = Extract<Fact, { readonly request: string }>

function isVendorFact(fact: Fact): fact is VendorFact {
  return fact.type.startsWith('vendor-')
}

function stand(state: VendorState | undefined, { type }: VendorFact): VendorState | undefined {
  if (type === 'vendor-admitted') return state ?? { suspended: false, withoutKeys: false, removed: false }
  if (state === undefined) return undefined
  switch (type) {
    case 'vendor-suspended':
      return { ...state, suspended: true }
    case 'vendor-reinstated':
      return { ...state, suspended: false }
    case 'vendor-keys-revoked':
      return { ...state, withoutKeys: true }
    case 'vendor-keys-changed':
      return { ...state, withoutKeys: false }
    case 'vendor-removed':
      return { ...state, removed: true }
    default:
      return state
  }
}

/** An end is for good: nothing that comes later in the log brings a grant back. */
function change(grant: GrantState, fact: Fact, report: Report): void {
  switch (fact.type) {
    case 'redeemed':
      if (grant.ended !== undefined) report(grant.ended, fact.grant)
      if (fact.time > grant.redeemBy) report('redeemed-late', fact.grant)
      grant.redeemed = true
      break
    case 'changed':
      if (grant.ended !== undefined) report(grant.ended, fact.grant)
      else if (fact.time > grant.until) report('expired', fact.grant)
      grant.items = fact.items
      grant.until = fact.until
      grant.reads = fact.reads ?? Infinity
      grant.notice = fact.notice
      break
    case 'paused':
      grant.paused = true
      break
    case 'resumed':
      grant.paused = false
      break
    case 'withdrawn':
    case 'relinquished':
      grant.ended ??= 'withdrawn'
      break
    case 'expired':
    case 'unredeemed':
      grant.ended ??= 'expired'
      break
    case 'deletion-requested':
      if (grant.ended === undefined) report('not-ended', fact.grant)
      grant.deletionAsked = true
      break
    case 'acknowledged':
      if (grant.ended === undefined) report('not-ended', fact.grant)
      if (fact.kind === 'deletion' && !grant.deletionAsked) report('not-asked', fact.grant)
      break
    case 'access-lost':
      grant.accessLost = true
      break
    case 'access-restored':
      grant.accessLost = false
      break
    case 'category-lost':
      grant.lostCategories.add(fact.category)
      break
    case 'category-restored':
      grant.lostCategories.delete(fact.category)
      break
    default:
      break
  }
}

function disclose(
  grant: GrantState,
  fact: FactOf<'disclosed'>,
  vendor: VendorState | undefined,
  report: Report,
): void {
  demandAdmitted(vendor, fact.grant, report)
  if (vendor?.withoutKeys) report('business-without-keys', fact.grant)
  if (!grant.redeemed) report('not-redeemed', fact.grant)
  if (grant.paused) report('paused', fact.grant)
  const isLost = fact.fields.some((field) => grant.lostCategories.has(field.split('.', 1)[0] ?? ''))
  if (grant.accessLost || isLost) report('access-lost', fact.grant)
  if (grant.ended !== undefined) report(grant.ended, fact.grant)
  else if (fact.time > grant.until) report('expired', fact.grant)
  if (!fact.fields.every((field) => covers(grant.items, fact.purpose, field)))
    report('not-granted', fact.grant)
  if (fact.until !== grant.until || fact.notice !== grant.notice) report('other-terms', fact.grant)
  grant.disclosed++
  if (fact.seq !== grant.seq + 1) report('seq-gap', fact.grant)
  if (Math.max(fact.seq, grant.disclosed) > grant.reads) report('over-budget', fact.grant)
  // A number that was had before stays had: what repeats a whole stretch has a finding for each of it.
  grant.seq = Math.max(grant.seq, fact.seq)
}

function demandAdmitted(vendor: VendorState | undefined, grant: string, report: Report): void {
  if (vendor === undefined) report('business-not-admitted', grant)
  if (vendor?.suspended) report('business-suspended', grant)
  if (vendor?.removed) report('business-removed', grant)
}

function covers(items: readonly FactItem[], purpose: string, field: string): boolean {
  return items.some((item) => item.purpose === purpose && item.fields.includes(field))
}
