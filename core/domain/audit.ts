/** What an auditor may see of the log, what one look covers, and what of a fact is shown. */
import type { Fact, FactOf } from './facts.ts'

/** Which entries a look is about; what is left out does not limit. */
export interface AuditFilter {
  readonly types?: readonly string[]
  readonly businesses?: readonly string[]
  readonly purpose?: string
  readonly grant?: string
  /** Unix ms: entries from here on. */
  readonly since?: number
  /** Unix ms: entries before this. */
  readonly before?: number
}

/** What an auditor was invited to see. */
export interface AuditScope {
  readonly businesses?: readonly string[]
  readonly since?: number
  readonly before?: number
  /** Members of facts besides type and time; absent: all of them. */
  readonly shown?: readonly string[]
}

/** The filter as it takes effect inside a scope. It never sees more than either. */
export function within(filter: AuditFilter, scope: AuditScope): AuditFilter {
  const businesses =
    filter.businesses === undefined || scope.businesses === undefined
      ? (filter.businesses ?? scope.businesses)
      : filter.businesses.filter((id) => scope.businesses?.includes(id))
  const since = Math.max(filter.since ?? 0, scope.since ?? 0)
  const before = Math.min(filter.before ?? Infinity, scope.before ?? Infinity)
  const { types, purpose, grant } = filter
  return {
    ...(types === undefined ? {} : { types }),
    ...(businesses === undefined ? {} : { businesses }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(grant === undefined ? {} : { grant }),
    ...(since === 0 ? {} : { since }),
    ...(before === Infinity ? {} : { before }),
  }
}

/** Whether a fact is one of those a filter asks for. A filter by business never matches a fact that names none. */
export function isAskedFor(fact: Fact, filter: AuditFilter): boolean {
  const { types, businesses, purpose, grant, since = 0, before = Infinity } = filter
  return (
    fact.time >= since &&
    fact.time < before &&
    (types === undefined || types.includes(fact.type)) &&
    (businesses === undefined || businesses.includes(vendorIn(fact) ?? '')) &&
    (purpose === undefined || purposesIn(fact).includes(purpose)) &&
    (grant === undefined || grantIn(fact) === grant)
  )
}

export function vendorIn(fact: Fact): string | undefined {
  return 'vendor' in fact ? fact.vendor : undefined
}

export function grantIn(fact: Fact): string | undefined {
  return 'grant' in fact ? fact.grant : undefined
}

function purposesIn(fact: Fact): readonly string[] {
  if ('items' in fact) return fact.items.map(({ purpose }) => purpose)
  return 'purpose' in fact ? [fact.purpose] : []
}

/** Whether an auditor's look was at this entry. */
export function looksAt(look: FactOf<'audited'>, index: number, fact: Fact): boolean {
  return index >= look.first && index < look.end && isAskedFor(fact, filterOf(look))
}

function filterOf({ types, businesses, ofPurpose, ofGrant, since, before }: FactOf<'audited'>): AuditFilter {
  return {
    ...(types === undefined ? {} : { types }),
    ...(businesses === undefined ? {} : { businesses }),
    ...(ofPurpose === undefined ? {} : { purpose: ofPurpose }),
    ...(ofGrant === undefined ? {} : { grant: ofGrant }),
    ...(since === undefined ? {} : { since }),
    ...(before === undefined ? {} : { before }),
  }
}

/** A filter as the entry of a look tells it. */
export function toldFilter({ types, businesses, purpose, grant, since, before }: AuditFilter) {
  return {
    ...(types === undefined ? {} : { types }),
    ...(businesses === undefined ? {} : { businesses }),
    ...(purpose === undefined ? {} : { ofPurpose: purpose }),
    ...(grant === undefined ? {} : { ofGrant: grant }),
    ...(since === undefined ? {} : { since }),
    ...(before === undefined ? {} : { before }),
  }
}

/**
 * The line of a fact as a scope shows it. `whole`: nothing is left out, so that the line can be proven; what lacks a member
 * is not what the log commits to.
 */
export function shownLine(line: string, fact: Fact, { shown }: AuditScope): { line: string; whole: boolean } {
  if (shown === undefined) return { line, whole: true }
  const kept = Object.entries({ v: 1, ...fact }).filter(
    ([name]) => name === 'v' || name === 'type' || name === 'time' || shown.includes(name),
  )
  const whole = kept.length === Object.keys(fact).length + 1
  return whole ? { line, whole } : { line: JSON.stringify(Object.fromEntries(kept)), whole }
}
