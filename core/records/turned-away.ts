import { noteTurnedAway } from '#core/domain/boundary.ts'
import type { TurnAway } from '#core/domain/boundary.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { AccessRequest } from '#schemas/types.gen.ts'
import { readAccount } from './accounts.ts'
import { boundaryOf } from './boundaries.ts'
import { requestEntry } from './entries.ts'
import { enqueueJob } from './jobs.ts'
import { combine, put, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import { decideRequest } from './requests.ts'
import { vendorEvent } from './vendor-events.ts'

export const refuseJob = 'refuse-turned-away'

/** What the job is to look at: whether it is still turned away is seen when its time has come. */
export type ToRefuse = { readonly requestId: string }

/** A request that did not reach its customer is refused at `at` (Unix ms), and looks open until then. Once for each request. */
export function refuseLater(requestId: string, at: number): CommitParts {
  const payload: ToRefuse = { requestId }
  return enqueueJob({ id: `${refuseJob}-${requestId}`, kind: refuseJob, payload }, at)
}

/** It ran out before it was refused: to its business nobody answered, and its customer finds it among what was turned away. */
export async function noteUnanswered(
  reader: LedgerReader,
  stored: Stored<AccessRequest>,
  { reason, at }: { reason: TurnAway['reason']; at: number },
): Promise<CommitParts> {
  const { accountId, vendorId } = stored.value
  if (accountId === undefined) throw new Error('a request that is turned away by nobody')
  const { boundary, set } = await boundaryOf(reader, accountId, vendorId)
  return combine(set(noteTurnedAway(boundary, reason, at)), {
    checks: [unchanged(stored)],
    writes: [put(stored.key, { ...stored.value, turnedAway: reason }, { customer: accountId })],
  })
}

/**
 * A request is refused as its customer had decided before, without a receipt: to the business it is refused like any
 * other. `returnTo`: as of every outcome.
 */
export async function refuseTurnedAway(
  reader: LedgerReader,
  stored: Stored<AccessRequest>,
  { reason, at, returnTo }: { reason: TurnAway['reason']; at: number; returnTo?: string | undefined },
): Promise<CommitParts> {
  const { accountId, secret, vendorId } = stored.value
  if (accountId === undefined || secret === undefined)
    throw new Error('a request that is turned away by nobody')
  const request = { ...stored.value, accountId, secret }
  const account = await readAccount(reader, accountId)
  if (account === undefined) throw new Error('a request whose customer is gone')
  const { boundary, set } = await boundaryOf(reader, accountId, vendorId)
  const back = returnTo === undefined ? {} : { returnTo }
  return combine(
    set(noteTurnedAway(boundary, reason, at)),
    decideRequest(stored, { status: 'refused', decidedAt: at, turnedAway: reason, ...back }),
    vendorEvent({ type: 'request.decided', request, status: 'refused', at }),
    { entries: [requestEntry(request, { type: 'turned-away', reason }, { who: account.value.webId })] },
  )
}
