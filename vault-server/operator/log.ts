/** What the operator does about the log itself. */
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { recordKeyChanges } from '#core/records/log-keys.ts'

export interface RotatedKey {
  /** The new verifier key, and the one before it. */
  readonly vkey: string
  readonly before: string
  /** Unix ms: until then both sign. */
  readonly until: number
}

export interface LogOperator {
  /** From the next checkpoint on a new key signs the log; the one before signs beside it for so many days. */
  rotateKey(overlapDays: number): Promise<RotatedKey>
}

const day = 86_400_000

/** `now` in Unix ms. */
export function logOperator({
  ledger,
  keys,
  now,
}: {
  ledger: Ledger
  keys: KeyStore
  now: () => number
}): LogOperator {
  return {
    async rotateKey(overlapDays) {
      await recordKeyChanges(ledger)
      const before = ledger.log.vkey
      const until = now() + overlapDays * day
      await keys.rotateLogKey({ origin: ledger.log.origin, until })
      // Its entry is the first that both sign.
      await recordKeyChanges(ledger)
      return { vkey: ledger.log.vkey, before, until }
    },
  }
}
