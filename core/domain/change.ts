import type { AccessRequest, Grant, GrantedItem } from '#schemas/types.gen.ts'
import { canonical } from './canonical.ts'
import { endOf, grantedItems, readsOf } from './decision.ts'
import { DomainError } from './errors.ts'
import { assertGoingOn } from './grant.ts'

/** What a grant covers, until when and how often: the part of it that its customer can change. */
export interface Terms {
  readonly items: readonly { readonly id: string; readonly fields: readonly string[] }[]
  /** Unix ms, inclusive. */
  readonly until: number
  /** Reads in all, those done before included; absent: no limit but the end. */
  readonly reads?: number
}

/**
 * The grant under other terms, in force from this version on. They hold nothing that its request did not ask and
 * end no later than it asked and than 365 days from now, so widening stops where a decision could have gone.
 * Narrowing has no limit but that something stays: what a business calls required was required to begin, and is
 * still the customer's to take away. The same terms give the same grant back. Throws `conflict` for what has ended,
 * `nothing-selected` or `invalid-input`.
 */
export function changeTerms(
  grant: Grant,
  asked: Pick<AccessRequest, 'items' | 'until'>,
  terms: Terms,
  changed: { readonly at: number; readonly receiptId: string; readonly noticeHash: string },
): Grant {
  const { at, receiptId, noticeHash } = changed
  assertGoingOn(grant, at)
  const items = grantedItems(asked.items, terms.items)
  if (items.length === 0) throw new DomainError('nothing-selected', 'Nothing is left: that is a withdrawal.')
  const until = terms.until === grant.until ? grant.until : endOf(asked, terms.until, at)
  const reads = readsOf(terms.reads)
  const { reads: _before, ...others } = grant
  const next = { ...others, items, until, ...reads }
  if (sameTerms(grant, next)) return grant
  return { ...next, receiptId, noticeHash, changes: (grant.changes ?? 0) + 1, termsFrom: at }
}

/** Where two sets of terms differ. */
export interface Difference {
  /** Pairs of purpose and field. */
  readonly added: readonly Scope[]
  readonly removed: readonly Scope[]
  /** The later terms last longer, or allow more reads. */
  readonly longer: boolean
  readonly shorter: boolean
}

export interface Scope {
  readonly purpose: string
  readonly field: string
}

/** The items of a grant, or of a request. */
interface Compared {
  readonly items: readonly Pick<GrantedItem, 'purpose' | 'fields'>[]
  readonly until: number
  readonly reads?: number
}

/** Compared by purpose and field, never by item: how a business cuts its request into items says nothing. */
export function differenceOf(before: Compared, after: Compared): Difference {
  const [old, fresh] = [scopesOf(before.items), scopesOf(after.items)]
  const [readsBefore, readsAfter] = [before.reads ?? Infinity, after.reads ?? Infinity]
  return {
    added: [...fresh].flatMap(([key, scope]) => (old.has(key) ? [] : [scope])),
    removed: [...old].flatMap(([key, scope]) => (fresh.has(key) ? [] : [scope])),
    longer: after.until > before.until || readsAfter > readsBefore,
    shorter: after.until < before.until || readsAfter < readsBefore,
  }
}

/** What several grants together let a business read, for as long as the longest; `undefined` without any. */
export function mergedTerms(grants: readonly Compared[]): Compared | undefined {
  if (grants.length === 0) return undefined
  const reads = grants.reduce((sum, grant) => sum + (grant.reads ?? Infinity), 0)
  return {
    items: grants.flatMap(({ items }) => items),
    until: Math.max(...grants.map(({ until }) => until)),
    ...(reads === Infinity ? {} : { reads }),
  }
}

function sameTerms(before: Compared, after: Compared): boolean {
  const told = ({ items, until, reads }: Compared) => canonical({ items, until, reads: reads ?? 0 })
  return told(before) === told(after)
}

function scopesOf(items: readonly Pick<GrantedItem, 'purpose' | 'fields'>[]): Map<string, Scope> {
  return new Map(
    items.flatMap(({ purpose, fields }) =>
      fields.map((field) => [`${purpose} ${field}`, { purpose, field }] as const),
    ),
  )
}
