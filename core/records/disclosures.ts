import { disclosedFacts } from '#core/domain/facts.ts'
import { releasable } from '#core/domain/grant.ts'
import { standingRefusal } from '#core/domain/standing.ts'
import type { Commit } from '#core/ledger/ledger.ts'
import type { CustomerStanding, Grant, VendorStanding } from '#schemas/types.gen.ts'
import { seqKey } from './grants.ts'
import { unchanged } from './parts.ts'
import type { Stored } from './parts.ts'

/** What a release relies on, as it was read. */
export interface ReleaseBasis {
  readonly grant: Stored<Grant>
  readonly customer: Stored<CustomerStanding>
  readonly vendor: Stored<VendorStanding>
}

/** The person and the exact text of `data` in the reply; the entry holds salted digests of them only. */
export interface Released {
  /** WebID. */
  readonly who: string
  readonly data: string
}

/**
 * The commit of one disclosure. It holds only while grant, customer and business stand as read and the grant
 * has not ended nor its number of reads been used up (`exhausted`); whatever else ends a release writes one of the
 * three rows. The part that repeats is made once per
 * grant as read and scope: call `disclosureOf` once and its result for every read.
 *
 * Throws for what may not be released in any case (another grant, not redeemed, paused, ended, more than was
 * granted, pod not open, business not active): callers have decided that before, so here it is a mistake in
 * the code.
 */
export function disclosureOf(
  grant: Grant,
  purpose: string,
  fields: readonly string[],
): (basis: ReleaseBasis, released: Released) => Commit {
  if (grant.state !== 'active' || !grant.redeemed)
    throw new Error('nothing leaves under a grant that is not live')
  if (fields.length === 0 || releasable(grant, purpose, fields).length < fields.length) {
    throw new Error('nothing leaves that was not granted')
  }
  const facts = disclosedFacts(grant, purpose, fields)
  const counters = [
    { key: seqKey(grant.grantId), ...(grant.reads === undefined ? {} : { ceiling: grant.reads }) },
  ]
  const { subject, secret, until } = grant
  return (basis, { who, data }) => {
    if (
      basis.grant.value !== grant ||
      standingRefusal(basis.customer.value, basis.vendor.value) !== undefined
    ) {
      throw new Error('nothing leaves on such a basis')
    }
    return {
      checks: [
        { ...unchanged(basis.grant), notAfter: until },
        unchanged(basis.customer),
        unchanged(basis.vendor),
      ],
      counters,
      // In no thread: the counter remembers it, which is the one row that its index costs.
      entries: [
        { claims: ({ time, counts }) => ({ ops: facts(time, counts[0] ?? 0), subject, who, data, secret }) },
      ],
    }
  }
}
