import { turnAway } from '#core/domain/boundary.ts'
import type { TurnAway } from '#core/domain/boundary.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { JobHandlers } from '#core/jobs/worker.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { readBoundary } from '#core/records/boundaries.ts'
import { combine } from '#core/records/parts.ts'
import { readRequest } from '#core/records/requests.ts'
import { noteUnanswered, refuseJob, refuseTurnedAway } from '#core/records/turned-away.ts'
import type { ToRefuse } from '#core/records/turned-away.ts'
import type { AccessRequest, DecisionResult } from '#schemas/types.gen.ts'
import { declined } from '../oauth/interactions.ts'
import type { Asked, Interactions } from '../oauth/interactions.ts'

interface TurnedAwayParts {
  readonly ledger: Ledger
  readonly interactions: Interactions
  /** Unix ms. */
  readonly now: () => number
}

type Own = AccessRequest & { readonly accountId: string }

/** Why the customer need not answer this open request: she blocked the business, or refused the same not long ago. */
export async function turnedAwayBy(
  reader: LedgerReader,
  { status, ...request }: Own,
  now: number,
): Promise<TurnAway | undefined> {
  if (status !== 'open') return undefined
  const boundary = await readBoundary(reader, request.accountId, request.vendorId)
  return turnAway(boundary?.value, request, now)
}

/** A request that its customer opened and that is turned away: the business hears nothing before its time. */
export async function expectRefusal({ ledger, interactions }: TurnedAwayParts, request: Own): Promise<void> {
  // Refused: it is expected already.
  await tryCommit(ledger, interactions.turnAway(request))
}

/**
 * The job that refuses what is still turned away when its time has come. What was let in or answered meanwhile stays as it
 * is; of what has run out only its customer is told.
 */
export function turnedAwayJobs(parts: TurnedAwayParts): JobHandlers {
  const { ledger, interactions, now } = parts
  return {
    [refuseJob]: {
      async run({ payload }) {
        const { requestId } = payload as ToRefuse
        const stored = await readRequest(ledger, requestId)
        const accountId = stored?.value.accountId
        const at = now()
        if (stored === undefined || accountId === undefined || stored.value.turnedAway !== undefined) return
        const turned = await turnedAwayBy(ledger, { ...stored.value, accountId }, at)
        if (turned === undefined) return
        const { reason } = turned
        if (at > stored.value.expiresAt)
          return void (await ledger.commit(await noteUnanswered(ledger, stored, { reason, at })))
        const told = await interactions.refuseUnseen(requestId)
        await ledger.commit(combine(told, await refuseTurnedAway(ledger, stored, { reason, at })))
      },
    },
  }
}

/**
 * The customer, in front of a request that is turned away, leaves for the business: it is refused now, if it was not
 * already, and her browser gets its way back. `conflict` for a request that waits for her own answer.
 */
export async function leaveTurnedAway(
  { ledger, interactions, now }: TurnedAwayParts,
  { asked, accountId }: { asked: Asked; accountId: string },
): Promise<DecisionResult> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const stored = await readRequest(ledger, asked.requestId)
    if (stored?.value.accountId !== accountId) throw new DomainError('not-found', 'There is no such request')
    const request = { ...stored.value, accountId }
    const at = now()
    const reason = request.turnedAway ?? (await turnedAwayBy(ledger, request, at))?.reason
    if (reason === undefined) throw new DomainError('conflict', 'This request waits for an answer')
    if (at > request.expiresAt)
      throw new DomainError('request-expired', 'This request can no longer be answered')
    const isOpen = request.status === 'open'
    // What is polled was answered by the job; a browser still needs its own way.
    if (!isOpen && asked.redirectUri === undefined) return { status: 'refused' }
    const { parts, ...back } = await interactions.refuse(asked, declined)
    const refused = isOpen ? await refuseTurnedAway(ledger, stored, { reason, at, ...back }) : {}
    if ((await tryCommit(ledger, combine(parts, refused))) === undefined) continue
    interactions.sendBack(asked, back.returnTo)
    return { status: 'refused', ...back }
  }
  throw new DomainError('busy', 'Something else keeps changing; leaving can be tried again')
}
