import { expect } from 'vitest'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { CommitRefused, type Entry, type Ledger } from '#core/ledger/ledger.ts'

/** A ledger of its own for one test, with a clock to turn. */
export interface LedgerUnderTest extends AsyncDisposable {
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly clock: { now: number }
  /** Only one process ever writes, so memory can tell what is newest. */
  readonly isAlone: boolean
  /** Closes the ledger and opens what it left; `ledger` is the new one from then on. */
  reopen(): Promise<Ledger>
}

export type OpenLedger = (limits?: { queue?: number; group?: number }) => Promise<LedgerUnderTest>

/** One that lies in `place`, and goes with it. `open` is given the clock. */
export async function ledgerIn(
  place: AsyncDisposable,
  isAlone: boolean,
  open: (now: () => number) => Promise<Pick<LedgerUnderTest, 'ledger' | 'keys'>>,
): Promise<LedgerUnderTest> {
  const clock = { now: 1_795_000_000_000 }
  let current = await open(() => clock.now)
  return {
    clock,
    isAlone,
    get ledger() {
      return current.ledger
    },
    get keys() {
      return current.keys
    },
    async reopen() {
      await current.ledger[Symbol.asyncDispose]()
      current = await open(() => clock.now)
      return current.ledger
    },
    async [Symbol.asyncDispose]() {
      await current.ledger[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    },
  }
}

export const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I'

export function entry(ops: string, threads: readonly string[] = []): Entry {
  return { claims: () => ({ ops }), threads }
}

export async function refusal(commit: Promise<unknown>): Promise<CommitRefused> {
  const error = await commit.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CommitRefused)
  return error as CommitRefused
}

export const sizeOf = (ledger: Ledger): number =>
  openCheckpoint(ledger.log.checkpoint(), ledger.log.vkey).size
