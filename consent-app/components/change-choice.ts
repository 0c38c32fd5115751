import type { ChangeGrant, GrantTerms } from '#schemas/types.gen.ts'
import { tickOf } from './request-choice.ts'
import type { Ticks } from './request-choice.ts'

/** Everything that is allowed now, as ticks. */
export function allowedNow({ grant }: GrantTerms): Ticks {
  return new Set(grant.items.flatMap(({ id, fields }) => fields.map(({ field }) => tickOf(id, field))))
}

export interface Chosen {
  readonly ticks: Ticks
  /** RFC 3339. */
  readonly until: string
  /** Reads from now on; absent: no limit. */
  readonly reads?: number | undefined
}

/** What the vault is told: the budget counts from the first read, the choice from now. */
export function changeFrom({ grant, items }: GrantTerms, { ticks, until, reads }: Chosen): ChangeGrant {
  return {
    replaces: grant.receiptId,
    items: items
      .map(({ id, fields }) => ({
        id,
        fields: fields.map(({ field }) => field).filter((field) => ticks.has(tickOf(id, field))),
      }))
      .filter(({ fields }) => fields.length > 0),
    until,
    ...(reads === undefined ? {} : { reads: grant.reads + reads }),
  }
}

/** Reads that are left of a limit; absent without one. */
export function readsLeft({ reads, readsAllowed }: GrantTerms['grant']): number | undefined {
  return readsAllowed === undefined ? undefined : Math.max(0, readsAllowed - reads)
}

export interface Difference {
  /** Titles of fields, each once. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly until: boolean
  readonly reads: boolean
  /** It gives more than before: other data, longer, or more often. */
  readonly widens: boolean
  readonly any: boolean
}

/** What a choice changes of a permission. */
export function differenceOf(terms: GrantTerms, chosen: Chosen): Difference {
  const before = allowedNow(terms)
  const titles = (of: Ticks, without: Ticks) =>
    terms.items.flatMap(({ id, fields }) =>
      fields
        .filter(({ field }) => of.has(tickOf(id, field)) && !without.has(tickOf(id, field)))
        .map(({ title }) => title),
    )
  const added = [...new Set(titles(chosen.ticks, before))]
  const removed = [...new Set(titles(before, chosen.ticks))]
  const left = readsLeft(terms.grant)
  const [was, is] = [Date.parse(terms.grant.until), Date.parse(chosen.until)]
  const until = was !== is
  const reads = left !== chosen.reads
  const widens = added.length > 0 || is > was || (chosen.reads ?? Infinity) > (left ?? Infinity)
  return { added, removed, until, reads, widens, any: added.length + removed.length > 0 || until || reads }
}
