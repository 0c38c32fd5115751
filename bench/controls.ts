import { createAnchor, openAnchor } from '#core/ledger/anchor.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Committed, Ledger } from '#core/ledger/ledger.ts'
import { openDatabase } from '#core/ledger/level-database.ts'
import { startLevelLedger } from '#core/ledger/level-ledger.ts'
import { ORIGIN } from '../test/level-ledger.ts'
import type { LedgerFolders } from '../test/level-ledger.ts'

/** A ledger on disk whose anchor can be left out for a while, to see what it costs. */
export interface BenchLedger extends AsyncDisposable {
  readonly ledger: Ledger
  isAnchored: boolean
}

export async function openBenchLedger({ folder, anchorFile }: LedgerFolders, keys: KeyStore) {
  await using stack = new AsyncDisposableStack()
  const { db } = await openDatabase(folder, { create: true })
  stack.defer(() => db.close())
  await createAnchor(anchorFile)
  const anchor = stack.use(await openAnchor(anchorFile))
  const opened = { isAnchored: true }
  const switchable = {
    get last() {
      return anchor.last
    },
    write: (mark: Parameters<typeof anchor.write>[0]) =>
      opened.isAnchored ? anchor.write(mark) : Promise.resolve(),
    [Symbol.asyncDispose]: () => anchor[Symbol.asyncDispose](),
  }
  const ledger = await startLevelLedger({ db, anchor: switchable, keys, origin: ORIGIN, now: Date.now })
  stack.move()
  return Object.assign(opened, { ledger, [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose]() })
}

/**
 * The same ledger for readers, which checks and counts each commit, answers at once and writes nothing: what a disclosure
 * would cost without entry, log and disk. Only a control: nothing it answers is true.
 */
export function unrecorded(ledger: Ledger): Ledger {
  const salt = 'A'.repeat(22)
  const counted = new Map<string, number>()
  const answer = ({ checks = [], counters = [], entries = [] }: Commit): Committed | CommitRefused => {
    const time = Date.now()
    for (const { key, version, notAfter, row } of checks) {
      if (row?.version !== version || !ledger.isNewest(row)) return new CommitRefused(key, 'changed')
      if (notAfter !== undefined && time > notAfter) return new CommitRefused(key, 'too-late')
    }
    const counts: number[] = []
    for (const { key, ceiling = Infinity } of counters) {
      const count = (counted.get(key) ?? 0) + 1
      if (count > ceiling) return new CommitRefused(key, 'exhausted')
      counted.set(key, count)
      counts.push(count)
    }
    return {
      version: 1,
      time,
      counts,
      entries: entries.map(() => ({ index: 123_456, salts: { subject: salt, data: salt } })),
      checkpoint: ledger.log.checkpoint(),
    }
  }
  return {
    log: ledger.log,
    stopped: undefined,
    get: (key) => ledger.get(key),
    peek: (key) => ledger.peek(key),
    isNewest: (row) => ledger.isNewest(row),
    isAbsent: (key) => ledger.isAbsent(key),
    list: (prefix, options) => ledger.list(prefix, options),
    count: (key) => ledger.count(key),
    history: (thread, options) => ledger.history(thread, options),
    openings: (first, count) => ledger.openings(first, count),
    async commit(commit) {
      const answered = answer(commit)
      if (answered instanceof CommitRefused) throw answered
      return answered
    },
    commitEach: async (commits) => commits.map(answer),
    [Symbol.asyncDispose]: async () => undefined,
  }
}
