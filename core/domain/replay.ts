import type { Fact, FactItem, FactOf } from './facts.ts'

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

interface GrantState {
  readonly vendor: string
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
  seq: number
}

type Report = (code: FindingCode, grant?: string) => void

/**
 * Plays the facts of a whole log again, in its order, and finds every disclosure that should not have been:
 * without an earlier grant to that business for that purpose and those fields, before its redemption, while
 * it was paused, after it was withdrawn, had expired or lost the pod, while the business was suspended, beyond
 * the number of reads it allows; and every gap in a grant's numbering. It believes nothing but the order:
 * states come from the entries before, ends from the granted `until`.
 */
export function replay(facts: Iterable<LoggedFact>): Finding[] {
  const findings: Finding[] = []
  const grants = new Map<string, GrantState>()
  const vendors = new Map<string, VendorState | undefined>()
  let latest = 0
  for (const { index, fact } of facts) {
    const report: Report = (code, grant) =>
      findings.push({ index, code, ...(grant === undefined ? {} : { grant }) })
    if (fact.time < latest) report('time-goes-back')
    latest = Math.max(latest, fact.time)
    if (isVendorFact(fact)) vendors.set(fact.vendor, stand(vendors.get(fact.vendor), fact))
    else if (fact.type === 'granted') begin(grants, fact, report)
    else if ('grant' in fact && fact.grant !== undefined) {
      const grant = grants.get(fact.grant)
      if (grant === undefined) report('grant-unknown', fact.grant)
      else if (grant.vendor !== fact.vendor) report('other-business', fact.grant)
      else if (fact.type === 'disclosed') disclose(grant, fact, vendors.get(fact.vendor), report)
      else change(grant, fact, report)
    }
  }
  return findings
}

/** How a business stands: each of the three alone keeps everything from it. */
interface VendorState {
  readonly suspended: boolean
  readonly withoutKeys: boolean
  readonly removed: boolean
}

type VendorFact = Extract<Fact, { readonly type: `vendor-${string}` }>

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

function begin(grants: Map<string, GrantState>, fact: FactOf<'granted'>, report: Report): void {
  if (grants.has(fact.grant)) return report('granted-twice', fact.grant)
  const { vendor, redeemBy, items, until, reads = Infinity, notice } = fact
  grants.set(fact.grant, {
    vendor,
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
  })
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
  if (vendor === undefined) report('business-not-admitted', fact.grant)
  if (vendor?.suspended) report('business-suspended', fact.grant)
  if (vendor?.withoutKeys) report('business-without-keys', fact.grant)
  if (vendor?.removed) report('business-removed', fact.grant)
  if (!grant.redeemed) report('not-redeemed', fact.grant)
  if (grant.paused) report('paused', fact.grant)
  const isLost = fact.fields.some((field) => grant.lostCategories.has(field.split('.', 1)[0] ?? ''))
  if (grant.accessLost || isLost) report('access-lost', fact.grant)
  if (grant.ended !== undefined) report(grant.ended, fact.grant)
  else if (fact.time > grant.until) report('expired', fact.grant)
  if (!fact.fields.every((field) => covers(grant.items, fact.purpose, field)))
    report('not-granted', fact.grant)
  if (fact.until !== grant.until || fact.notice !== grant.notice) report('other-terms', fact.grant)
  if (fact.seq !== grant.seq + 1) report('seq-gap', fact.grant)
  if (fact.seq > grant.reads) report('over-budget', fact.grant)
  grant.seq = fact.seq
}

function covers(items: readonly FactItem[], purpose: string, field: string): boolean {
  return items.some((item) => item.purpose === purpose && item.fields.includes(field))
}
