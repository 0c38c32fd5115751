import { setTimeout as sleep } from 'node:timers/promises'
import type { Commit, Committed, Ledger } from '#core/ledger/ledger.ts'

/** Switches for what a ledger does to its callers: a fault double around the real one. */
export interface LedgerFaults {
  /** Milliseconds before every read and every commit, as a database may take them. */
  delay: number
  /** Throws this instead of answering the next commit: before it was made, or after. */
  failNext: { readonly when: 'before' | 'after'; readonly error: Error } | undefined
  /** Throws this instead of making any commit. */
  failAll?: Error | undefined
  /** In place of a commit: makes it with `run`, when it likes. */
  around?: ((commit: Commit, run: () => Promise<Committed>) => Promise<Committed>) | undefined
  /** Before a thread is read. */
  beforeHistory?: ((thread: string) => Promise<void>) | undefined
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
    async history(thread, options) {
      await faults.beforeHistory?.(thread)
      return ledger.history(thread, options)
    },
    openings: (first, count) => ledger.openings(first, count),
    async commit(commit) {
      await wait()
      if (faults.failAll !== undefined) throw faults.failAll
      const fault = faults.failNext
      faults.failNext = undefined
      if (fault?.when === 'before') throw fault.error
      const run = () => ledger.commit(commit)
      const committed = await (faults.around?.(commit, run) ?? run())
      if (fault !== undefined) throw fault.error
      return committed
    },
    commitEach: (commits) => ledger.commitEach(commits),
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  }
}
