import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'

const TOLERANCE_MS = 60_000

/**
 * Records never go back in time: after a clock that was ahead they keep the latest until it has caught up, and what ends before
 * then, such as a question or a code, has ended at once. `now` in Unix ms.
 */
export async function warnOfClock({
  ledger,
  now,
  log,
}: {
  ledger: Pick<Ledger, 'commit'>
  now: () => number
  log: Pick<Logger, 'warn'>
}): Promise<void> {
  const { time } = await ledger.commit({})
  const behind = time - now()
  if (behind > TOLERANCE_MS) log.warn('clock-behind', { ms: behind })
}
