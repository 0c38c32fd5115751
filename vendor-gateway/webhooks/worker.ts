import { startSlots } from '#core/jobs/slots.ts'
import type { Slots, Task } from '#core/jobs/slots.ts'
import { tellDataChanges } from '#core/records/data-changes.ts'
import { listDueRounds } from '#core/records/webhook-rounds.ts'
import { handOnEvents } from './hand-on.ts'
import { runRound } from './round.ts'
import type { RoundParts } from './round.ts'

/** Endpoints worked on at once, and of one business. */
const width = 16
const perVendor = 4
const pollMs = 1_000
const lookedAtOnce = 200
const mostLooked = 1_000

/**
 * Delivers what businesses are to be told: hands events on to endpoints and works off their lines, in rounds, so that
 * no endpoint and no business holds up the others. Rounds are leased from the ledger: replicas share the work, and
 * what a dead one had in hand comes back.
 */
export function startDelivery(parts: RoundParts): Slots {
  const { ledger, now, log } = parts
  const onError = (error: unknown) => log.error('jobs-failed', { job: 'webhooks' }, error)
  return startSlots({
    async find(fits) {
      // What fails here, such as on a row that cannot be read, must not stop what waits already.
      for (const gather of [tellDataChanges, handOnEvents]) await gather({ ledger, now }).catch(onError)
      const found: Task[] = []
      for (let after: string | undefined, looked = 0; looked < mostLooked && found.length < width;) {
        const due = await listDueRounds(ledger, now(), { limit: lookedAtOnce, after })
        for (const { endpointId, vendorId } of due) {
          const task = { id: endpointId, lane: vendorId }
          if (fits(task)) found.push({ ...task, run: () => runRound(parts, endpointId) })
        }
        if (due.length < lookedAtOnce) break
        looked += due.length
        after = due.at(-1)?.key
      }
      return found
    },
    isGoing: () => ledger.stopped === undefined,
    onError,
    width,
    perLane: perVendor,
    pollMs,
  })
}
