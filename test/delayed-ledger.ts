import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from '#core/ledger/ledger.ts'

/** Switches for what a ledger does to its callers: a fault double around the real one. */
export interface LedgerFaults {
  /** Milliseconds before every read and every commit, as a database may take them. */
  delay: number
  /** Throws this instead of answering the next commit: before it was made, or after. */
  failNext: { readonly when: 'before' | 'after'; readonly error: Error } | undefined
  /** Throws this instead of making any commit. */
  failAll?: Error | undefined
}

/** The same ledger, slower and less reliable. */
export function faultyLedger(ledger: Ledger, faults: LedgerFaults): Ledger {
  const wait = () => (faults.delay > 0 ? sleep(faults.delay) : undefined)
  return {
    log: ledger.log,
    get stopped() {
      return ledger.stopped
    },
    async get(key) {
      await wait()
      return ledger.get(key)
    },
    peek: (key) => ledger.peek(key),
    isNewest: (row) => ledger.isNewest(row),
    isAbsent: (key) => ledger.isAbsent(key),
    async list(prefix, options) {
      await wait()
      return ledger.list(prefix, options)
    },
    async count(key) {
      await wait()
      return ledger.count(key)
    },
    history: (thread, options) => ledger.history(thread, options),
    openings: (first, count) => ledger.openings(first, count),
    async commit(commit) {
      await wait()
      if (faults.failAll !== undefined) throw faults.failAll
      const fault = faults.failNext
      faults.failNext = undefined
      if (fault?.when === 'before') throw fault.error
      const committed = await ledger.commit(commit)
      if (fault !== undefined) throw fault.error
      return committed
    },
    commitEach: (commits) => ledger.commitEach(commits),
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  }
}
