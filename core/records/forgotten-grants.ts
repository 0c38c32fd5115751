import { writeFact } from '#core/domain/facts.ts'
import type { Entry, LedgerReader } from '#core/ledger/ledger.ts'
import type { Acknowledgement, Grant } from '#schemas/types.gen.ts'
import { part, put, read, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * What is left of a grant whose customer was forgotten while its business still owed a signature: enough to take that, and
 * nothing that tells of her.
 */
export interface ForgottenGrant {
  readonly v: 1
  readonly grantId: string
  readonly vendorId: string
  readonly acknowledgement: Acknowledgement
}

/** Long enough for a business that is late. */
const kept = 365 * 86_400_000

const forgottenKey = (grantId: string) => `forgotten-grant/${part(grantId)}`

/** Part of the commit that takes these grants away. */
export function awaitSignatures(grants: readonly Grant[]): CommitParts {
  return {
    writes: grants.flatMap(({ grantId, vendorId, acknowledgement }) =>
      acknowledgement === undefined || acknowledgement.acknowledgedAt !== undefined
        ? []
        : [write({ v: 1, grantId, vendorId, acknowledgement })],
    ),
  }
}

const write = (grant: ForgottenGrant) =>
  put(forgottenKey(grant.grantId), grant, { expires: grant.acknowledgement.requestedAt + kept })

export function readForgottenGrant(
  reader: LedgerReader,
  grantId: string,
): Promise<Stored<ForgottenGrant> | undefined> {
  return read<ForgottenGrant>(reader, forgottenKey(grantId))
}

/** The business signed; its entry stands in the thread of the grant, as those before. */
export function keepSignature(stored: Stored<ForgottenGrant>, next: ForgottenGrant): CommitParts {
  const { grantId: grant, vendorId: vendor, acknowledgement } = next
  const entry: Entry = {
    claims: ({ time }) => ({
      ops: writeFact({ type: 'acknowledged', vendor, grant, kind: acknowledgement.kind, time }),
    }),
    threads: [grant],
  }
  return { checks: [unchanged(stored)], writes: [write(next)], entries: [entry] }
}
