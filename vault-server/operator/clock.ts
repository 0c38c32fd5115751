import { every } from '#core/jobs/every.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'

const TOLERANCE_MS = 60_000
const LOOK_MS = 10 * 60_000

interface Clocked {
  readonly ledger: Pick<Ledger, 'commit'>
  /** Unix ms. */
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

/**
 * Records never go back in time: after a clock that was ahead, here or at another process, they keep the latest until it has caught up,
 * and what ends before then, such as a question or a code, has ended at once.
 */
async function warnOfClock({ ledger, now, log }: Clocked): Promise<void> {
  const { time } = await ledger.commit({})
  const behind = time - now()
  if (behind > TOLERANCE_MS) log.warn('clock-behind', { ms: behind })
}

/** Looks at once, and again every `intervalMs` until disposed. */
export async function watchClock(clocked: Clocked, intervalMs = LOOK_MS): Promise<AsyncDisposable> {
  await warnOfClock(clocked)
  // A ledger that takes nothing is told of elsewhere.
  return every(intervalMs, () => warnOfClock(clocked).catch(() => undefined))
}
