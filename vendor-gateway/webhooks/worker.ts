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
export function startDelivery(parts: Omit<RoundParts, 'onDamaged'>): Slots {
  const { ledger, now, log } = parts
  const onError = (error: unknown) => log.error('jobs-failed', { job: 'webhooks' }, error)
  const onDamaged = tellOnce(({ kind, vendor }) => log.error('webhook-row-unreadable', { kind, vendor }))
  return startSlots({
    async find(fits) {
      // What fails here must not stop what waits already.
      for (const gather of [tellDataChanges, handOnEvents])
        await gather({ ledger, now, onDamaged }).catch(onError)
      const found: Task[] = []
      for (let after: string | undefined, looked = 0; looked < mostLooked && found.length < width;) {
        const due = await listDueRounds(ledger, now(), { limit: lookedAtOnce, after, onDamaged })
        for (const row of due) {
          const task = { id: row.value.id, lane: row.value.vendorId }
          if (fits(task)) found.push({ ...task, run: () => runRound({ ...parts, onDamaged }, row) })
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

/** Rows are met again at every look; each is told of once by a process, and not more than a thousand. */
function tellOnce(
  tell: (row: { kind: string | undefined; vendor: string | undefined }) => void,
): (key: string) => void {
  const told = new Set<string>()
  return (key) => {
    if (told.has(key) || told.size >= 1_000) return
    told.add(key)
    const [kind, of] = key.split('/')
    tell({ kind, vendor: kind === 'webhook-endpoint' || kind === 'vendor-event' ? of : undefined })
  }
}
