/** Copies of a ledger that is known to the last row, to be damaged and read back. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { expect } from 'vitest'
import { KeysDamaged } from '#core/ledger/key-files.ts'
import {
  LedgerDamaged,
  LedgerForeign,
  type Committed,
  type HistoryItem,
  type KeyedRow,
  type Ledger,
} from '#core/ledger/ledger.ts'
import { LogInvalid } from '#core/ledger/verify.ts'
import { checkLog } from '../check-log.ts'
import { foldersIn, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'

/** What a ledger acknowledged: all of it must be read back, or an error. */
export interface Expected {
  readonly rows: KeyedRow[]
  readonly counters: readonly (readonly [string, number])[]
  readonly history: HistoryItem[]
  readonly checkpoints: string[]
}

export const LIMITS = { writeBufferSize: 64 * 1024, group: 8 }
const COUNTERS = ['c0', 'c1', 'c2', 'c3', 'c4', 'early']
const isRefusal = (error: unknown): boolean =>
  error instanceof LedgerDamaged || error instanceof LedgerForeign || error instanceof KeysDamaged

async function fill(ledger: Ledger, from: number, count: number): Promise<Committed[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => {
      const i = from + n
      return ledger.commit({
        counters: [{ key: `c${i % 5}` }, ...(i < 20 ? [{ key: 'early' }] : [])],
        writes: [
          {
            key: `row!${i}`,
            value: { i, filler: String(i).repeat(60) },
            ...(i % 9 === 0 && { customer: `acc-${i % 2}` }),
          },
          { key: 'shared', value: i },
        ],
        entries: i % 4 === 0 ? [] : [{ claims: () => ({ ops: `{"i":${i}}` }), threads: ['all'] }],
      })
    }),
  )
}

async function expectedOf(ledger: Ledger, done: Committed[]): Promise<Expected> {
  return {
    rows: await ledger.list(''),
    counters: await Promise.all(COUNTERS.map(async (key) => [key, await ledger.count(key)] as const)),
    history: await ledger.history('all', { counters: COUNTERS }),
    checkpoints: done.map(({ checkpoint }) => checkpoint),
  }
}

export type Outcome = 'refused' | 'error on reading' | 'whole'

/** Opens and reads everything back. Anything but an error or exactly what was acknowledged fails the test. */
export async function outcomeOf(folders: LedgerFolders, expected: Expected, what: string): Promise<Outcome> {
  let opened: Ledger
  try {
    opened = (await openIn(folders, { limits: LIMITS })).ledger
  } catch (error) {
    if (!isRefusal(error)) throw new Error(`${what}: refused without a reason`, { cause: error })
    return 'refused'
  }
  await using ledger = opened
  let errors = 0
  const read = async (part: string, actual: () => Promise<unknown>, right: unknown): Promise<void> => {
    try {
      expect(await actual(), `${what}: ${part}`).toEqual(right)
    } catch (error) {
      if (!isRefusal(error) && !(error instanceof LogInvalid)) throw error
      errors++
    }
  }
  for (const { key, version, value } of expected.rows)
    await read(key, () => ledger.get(key), { key, version, value })
  await read('list', () => ledger.list(''), expected.rows)
  for (const [key, count] of expected.counters) await read(key, () => ledger.count(key), count)
  await read('history', () => ledger.history('all', { counters: COUNTERS }), expected.history)
  await read(
    'log',
    async () => (await checkLog(ledger.log, expected.checkpoints)).earlier,
    expected.checkpoints.length,
  )
  return errors > 0 ? 'error on reading' : 'whole'
}

export async function allFiles(root: string): Promise<string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  return found
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(root.length + 1))
}

/** A closed ledger and what it acknowledged. */
export async function acknowledgedLedger(): Promise<{
  good: LedgerFolders & AsyncDisposable
  expected: Expected
}> {
  const good = await ledgerFolders()
  const done: Committed[] = []
  {
    await using ledger = (await openIn(good, { limits: LIMITS })).ledger
    done.push(...(await fill(ledger, 0, 360)))
  }
  await using ledger = (await openIn(good, { limits: LIMITS })).ledger
  done.push(...(await fill(ledger, 360, 40)))
  return { good, expected: await expectedOf(ledger, done) }
}

/** A fresh copy of the good ledger, to be damaged. */
export async function copyOf(source: LedgerFolders): Promise<LedgerFolders & AsyncDisposable> {
  const root = await mkdtemp(`${source.root}-copy-`)
  await cp(source.root, root, { recursive: true })
  return { ...foldersIn(root), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) }
}
export async function withRaw<Result>(
  { folder }: LedgerFolders,
  use: (db: Level<string, Buffer>) => Promise<Result>,
): Promise<Result> {
  const db = new Level<string, Buffer>(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    compression: false,
  })
  await db.open()
  try {
    return await use(db)
  } finally {
    await db.close()
  }
}

export async function rawKeys(source: LedgerFolders): Promise<string[]> {
  await using copy = await copyOf(source)
  return await withRaw(copy, (db) => db.keys().all())
}

/**
 * Changes a stored value as an intruder would, with LevelDB's own checksums right. False when there is none.
 */
export function changeRaw(
  folders: LedgerFolders,
  key: string,
  change: (value: Buffer) => Buffer | undefined,
): Promise<boolean> {
  return withRaw(folders, async (db) => {
    const value: Buffer | undefined = await db.get(key)
    if (!value?.length) return false
    const changed = change(value)
    if (changed) await db.put(key, changed)
    else await db.del(key)
    return true
  })
}
