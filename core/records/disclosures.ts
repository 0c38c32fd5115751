import { disclosedFacts } from '#core/domain/facts.ts'
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

/**
 * The commit of one disclosure. It holds only while grant, customer and business stand as read and the grant has not
 * ended; whatever ends a release writes one of the three rows. `data` is the exact text of `data` in the reply, `who` the
 * WebID: both go into the entry as salted digests only. The part that repeats is made once per scope: call `disclosureOf` once and its result for every read.
 */
export function disclosureOf(
  grant: Grant,
  purpose: string,
  fields: readonly string[],
): (basis: ReleaseBasis, personal: { readonly who: string; readonly data: string }) => Commit {
  const facts = disclosedFacts(grant, purpose, fields)
  const counters = [{ key: seqKey(grant.grantId) }]
  const threads = [grant.grantId, grant.accountId]
  const { subject, secret, until } = grant
  return (basis, { who, data }) => ({
    checks: [
      { key: basis.grant.key, version: basis.grant.version, notAfter: until },
      unchanged(basis.customer),
      unchanged(basis.vendor),
    ],
    counters,
    entries: [
      {
        threads,
        claims: ({ time, counts }) => ({ ops: facts(time, counts[0] ?? 0), subject, who, data, secret }),
      },
    ],
  })
}
