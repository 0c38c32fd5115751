import { cp, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAnchor } from '#core/ledger/anchor.ts'
import { KeysDamaged } from '#core/ledger/key-files.ts'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'
import { openOps, opsKeyName, sealOps } from '#core/ledger/leaf.ts'
import { openDatabase } from '#core/ledger/level-database.ts'
import {
  boxKey,
  counterKey,
  entriesKey,
  groupKey,
  rowKey,
  tileKey,
  type Database,
} from '#core/ledger/level-keys.ts'
import { startLevelLedger } from '#core/ledger/level-ledger.ts'
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
import { ORIGIN, foldersIn, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'

/** What a ledger acknowledged: all of it must be read back, or an error. */
interface Expected {
  readonly rows: KeyedRow[]
  readonly counters: readonly (readonly [string, number])[]
  readonly history: HistoryItem[]
  readonly checkpoints: string[]
}

const LIMITS = { writeBufferSize: 64 * 1024, group: 8 }
const isRefusal = (error: unknown): boolean =>
  error instanceof LedgerDamaged || error instanceof LedgerForeign || error instanceof KeysDamaged

async function fill(ledger: Ledger, from: number, count: number): Promise<Committed[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => {
      const i = from + n
      return ledger.commit({
        counters: [{ key: `c${i % 5}` }],
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
    counters: await Promise.all(
      [0, 1, 2, 3, 4].map(async (i) => [`c${i}`, await ledger.count(`c${i}`)] as const),
    ),
    history: await ledger.history('all'),
    checkpoints: done.map(({ checkpoint }) => checkpoint),
  }
}

type Outcome = 'refused' | 'error on reading' | 'whole'

/** Opens and reads everything back. Anything but an error or exactly what was acknowledged fails the test. */
async function outcomeOf(folders: LedgerFolders, expected: Expected, what: string): Promise<Outcome> {
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
    await read(key, () => ledger.get(key), { version, value })
  await read('list', () => ledger.list(''), expected.rows)
  for (const [key, count] of expected.counters) await read(key, () => ledger.count(key), count)
  await read('history', () => ledger.history('all'), expected.history)
  await read(
    'log',
    async () => (await checkLog(ledger.log, expected.checkpoints)).earlier,
    expected.checkpoints.length,
  )
  return errors > 0 ? 'error on reading' : 'whole'
}

async function allFiles(root: string): Promise<string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  return found
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(root.length + 1))
}

let good: LedgerFolders & AsyncDisposable
let expected: Expected

beforeAll(async () => {
  good = await ledgerFolders()
  const done: Committed[] = []
  for (const [from, count] of [
    [0, 360],
    [360, 40],
  ] as const) {
    const { ledger } = await openIn(good, { limits: LIMITS })
    done.push(...(await fill(ledger, from, count)))
    if (from > 0) expected = await expectedOf(ledger, done)
    await ledger[Symbol.asyncDispose]()
  }
})
afterAll(() => good[Symbol.asyncDispose]())

/** A fresh copy of the good ledger, to be damaged. */
async function copyOf(source: LedgerFolders): Promise<LedgerFolders & AsyncDisposable> {
  const root = await mkdtemp(`${good.root}-copy-`)
  await cp(source.root, root, { recursive: true })
  return { ...foldersIn(root), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) }
}

/** Files whose content no ledger depends on. */
const IDLE = /^data\/(?:LOG|LOG\.old|LOCK)$/

describe('a ledger on a disk that is not what it was', () => {
  test('opens whole when nothing was done to it', async () => {
    await using copy = await copyOf(good)
    expect(await outcomeOf(copy, expected, 'untouched')).toBe('whole')
    expect((await allFiles(good.root)).filter((file) => file.endsWith('.ldb')).length).toBeGreaterThan(1)
  })

  test(
    'one bit flipped, anywhere in any file: refused, an error, or all of it',
    { timeout: 120_000 },
    async () => {
      const tally: Record<string, Record<string, number>> = {}
      for (const file of await allFiles(good.root)) {
        const { size } = await stat(join(good.root, file))
        // Most where most can go wrong; every case opens and reads a whole ledger.
        const places = Math.min(size, /ldb|log$|MANIFEST|anchor/.test(file) ? 16 : 3)
        for (let k = 0; k < places; k++) {
          await using copy = await copyOf(good)
          const bytes = await readFile(join(copy.root, file))
          const at = Math.floor(((k + Math.random()) * size) / places)
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (k % 8))
          await writeFile(join(copy.root, file), bytes)
          const outcome = await outcomeOf(copy, expected, `bit of byte ${at} of ${file}`)
          const kind = file.replaceAll(/\d+/g, 'N')
          tally[kind] = { ...tally[kind], [outcome]: (tally[kind]?.[outcome] ?? 0) + 1 }
        }
      }
      expect(Object.keys(tally['data/N.ldb'] ?? {})).toEqual(['refused'])
      expect(Object.keys(tally['data/N.log'] ?? {})).toEqual(['refused'])
      expect(Object.keys(tally['data/CURRENT'] ?? {})).toEqual(['refused'])
      expect(tally['data/MANIFEST-N']?.refused).toBeGreaterThan(10)
      expect(Object.keys(tally['keys/log.json'] ?? {})).toEqual(['refused'])
    },
  )

  test('a file cut or removed: refused, an error, or all of it', { timeout: 60_000 }, async () => {
    for (const file of await allFiles(good.root)) {
      const { size } = await stat(join(good.root, file))
      const lengths = file.startsWith('data/') ? [0, Math.floor(size / 3), size - 200, -1] : [-1]
      for (const length of new Set(lengths)) {
        if (length >= size || length < -1) continue
        await using copy = await copyOf(good)
        if (length === -1) await rm(join(copy.root, file))
        else await truncate(join(copy.root, file), length)
        const outcome = await outcomeOf(copy, expected, `${file} cut from ${size} to ${length}`)
        if (IDLE.test(file)) expect(outcome).toBe('whole')
        if (/^data\/.*(?:ldb|log|CURRENT)$/.test(file)) expect(outcome, `${file} ${length}`).toBe('refused')
      }
    }
  })

  test('a refusal to open leaves tables and log file as they were', async () => {
    await using copy = await copyOf(good)
    const table = (await allFiles(copy.root)).find((file) => file.endsWith('.ldb')) ?? ''
    const bytes = await readFile(join(copy.root, table))
    bytes[100] = (bytes[100] ?? 0) ^ 1
    await writeFile(join(copy.root, table), bytes)
    const before = await allFiles(copy.root)
    expect(await outcomeOf(copy, expected, 'table')).toBe('refused')
    expect(await allFiles(copy.root)).toEqual(before)
  })

  test('values damaged under good checksums are errors when they are read', { timeout: 60_000 }, async () => {
    const kinds = new Map<string, Set<Outcome>>()
    const keys = await rawKeys(good)
    const sample = [...Map.groupBy(keys, (key) => key[0] ?? '').values()].flatMap((same) =>
      [0, 1, 2, 3].map((n) => same[Math.floor((n * (same.length - 1)) / 3)] ?? ''),
    )
    for (const key of new Set(sample)) {
      await using copy = await copyOf(good)
      const changed = await changeRaw(copy, key, (value) => {
        const at = Math.floor(Math.random() * value.length)
        value[at] = (value[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8))
        return value
      })
      if (!changed) continue
      const outcome = await outcomeOf(copy, expected, `value of ${key.slice(0, 20)}`)
      kinds.set(key[0] ?? '', (kinds.get(key[0] ?? '') ?? new Set()).add(outcome))
    }
    expect([...kinds.keys()].toSorted()).toEqual(['b', 'e', 'h', 'n', 'o', 's', 't'])
    for (const [kind, outcomes] of kinds) expect([...outcomes], kind).not.toContain('whole')
    // All of this log is young enough to be read again on start.
    for (const kind of ['b', 'e', 'h']) expect([...(kinds.get(kind) ?? [])], kind).toEqual(['refused'])
  })

  test('values exchanged with each other, or put back to an earlier one of another key, are errors', async () => {
    const keys = (await rawKeys(good)).filter((key) => key.startsWith('srow!'))
    const boxes = (await rawKeys(good)).filter((key) => key.startsWith('o'))
    const counters = (await rawKeys(good)).filter((key) => key.startsWith('n'))
    for (const [a = '', b = ''] of [keys, boxes, counters]) {
      await using copy = await copyOf(good)
      let first: Buffer | undefined
      await changeRaw(copy, a, (value) => ((first = Buffer.from(value)), value))
      await changeRaw(copy, b, () => first ?? Buffer.alloc(0))
      expect(await outcomeOf(copy, expected, `${b} as ${a}`)).toBe('error on reading')
    }
  })

  test('entries, boxes, tiles, groups or the checkpoint missing: refused or an error', async () => {
    const all = await rawKeys(good)
    for (const kind of ['e', 'o', 't', 'b', 'h']) {
      const same = all.filter((key) => key.startsWith(kind))
      for (const key of new Set([same[0] ?? '', same[same.length >> 1] ?? '', same.at(-1) ?? ''])) {
        await using copy = await copyOf(good)
        await changeRaw(copy, key, () => undefined)
        expect(await outcomeOf(copy, expected, `${key} missing`), key).not.toBe('whole')
      }
    }
  })
})

async function withRaw<Result>(
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

async function rawKeys(source: LedgerFolders): Promise<string[]> {
  await using copy = await copyOf(source)
  return await withRaw(copy, (db) => db.keys().all())
}

/** Changes a stored value as an intruder would, with LevelDB's own checksums right. False when there is none. */
function changeRaw(
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

describe('damage that comes while the ledger runs', () => {
  /** A running ledger on a copy, with the database under it. */
  async function running(folders: LedgerFolders): Promise<{ ledger: Ledger; db: Database; keys: KeyStore }> {
    const keys = await openKeyStore(folders.keysFolder)
    const { db } = await openDatabase(folders.folder, { create: false })
    const anchor = await openAnchor(folders.anchorFile)
    return { ledger: await startLevelLedger({ db, anchor, keys, origin: ORIGIN, now: Date.now }), db, keys }
  }

  async function rot(db: Database, key: string): Promise<void> {
    const value = Buffer.from((await db.get(key)) ?? '')
    value[value.length - 7] = (value[value.length - 7] ?? 0) ^ 1
    await db.put(key, value)
  }

  test.each([
    ['an entry of a full bundle', entriesKey(0), (ledger: Ledger) => ledger.log.bundle(0, 256)],
    ['a full tile', tileKey(0, 0), (ledger: Ledger) => ledger.log.tile(0, 0, 256)],
    ['a full tile under a bundle', tileKey(0, 0), (ledger: Ledger) => ledger.log.bundle(0, 256)],
    ['an entry of a history', entriesKey(0), (ledger: Ledger) => ledger.history('all')],
    ['a sealed box', boxKey(0), (ledger: Ledger) => ledger.history('all', { before: 3 })],
    ['a row', rowKey('row!7'), (ledger: Ledger) => ledger.get('row!7')],
    ['a row in a list', rowKey('row!7'), (ledger: Ledger) => ledger.list('row!7')],
    ["a customer's row", rowKey('row!9'), (ledger: Ledger) => ledger.get('row!9')],
    ['a counter', counterKey('c1'), (ledger: Ledger) => ledger.count('c1')],
    [
      'a counter that a commit raises',
      counterKey('c1'),
      (ledger: Ledger) => ledger.commit({ counters: [{ key: 'c1' }] }),
    ],
  ])('%s is an error to its reader', async (_, key, read) => {
    await using copy = await copyOf(good)
    const { ledger, db } = await running(copy)
    await using _closing = ledger
    await rot(db, key)
    await expect(read(ledger)).rejects.toBeInstanceOf(LedgerDamaged)
    // The rest goes on.
    await ledger.commit({
      writes: [{ key: 'other', value: 1 }],
      entries: [{ claims: () => ({ ops: '{}' }) }],
    })
    expect((await ledger.get('other'))?.value).toBe(1)
  })

  test('a box sealed anew with other claims does not pass for what was logged', async () => {
    await using copy = await copyOf(good)
    const { ledger, db, keys } = await running(copy)
    await using _closing = ledger
    const box = await db.get(boxKey(0))
    const key = keys.named('ops', opsKeyName(box ?? Buffer.alloc(0)) ?? '')
    const claims = openOps(key, ORIGIN, 0, box ?? Buffer.alloc(0))
    await db.put(
      boxKey(0),
      sealOps(key, ORIGIN, 0, [...claims.slice(0, 2), '{"i":"forged"}', ...claims.slice(3)]),
    )
    expect(await ledger.history('all', { before: 2, limit: 1 })).toEqual([{ index: 1, ops: claims[1] }])
    await expect(ledger.history('all', { before: 3, limit: 1 })).rejects.toBeInstanceOf(LedgerDamaged)
  })
})

describe('a ledger that is not the one its anchor knows', () => {
  test('an older copy put back is refused, with and without entries since', async () => {
    for (const commit of [
      { writes: [{ key: 'later', value: 1 }] },
      { entries: [{ claims: () => ({ ops: '{"later":1}' }) }] },
    ]) {
      await using now = await copyOf(good)
      const { ledger } = await openIn(now, { limits: LIMITS })
      await ledger.commit(commit)
      await ledger.commit(commit)
      await ledger[Symbol.asyncDispose]()
      await rm(now.folder, { recursive: true })
      await cp(good.folder, now.folder, { recursive: true })
      expect(await outcomeOf(now, expected, 'older copy')).toBe('refused')
    }
  })

  test('once opened, a group that a crash left without anchor cannot be taken back', async () => {
    await using now = await copyOf(good)
    const before = await readFile(now.anchorFile)
    const commit = {
      writes: [{ key: 'later', value: 1 }],
      entries: [{ claims: () => ({ ops: '{"later":1}' }) }],
    }
    {
      await using ledger = (await openIn(now, { limits: LIMITS })).ledger
      await ledger.commit(commit)
    }
    await writeFile(now.anchorFile, before)
    {
      await using ledger = (await openIn(now, { limits: LIMITS })).ledger
      expect((await ledger.get('later'))?.value).toBe(1)
    }
    await rm(now.folder, { recursive: true })
    await cp(good.folder, now.folder, { recursive: true })
    expect(await outcomeOf(now, expected, 'taken back')).toBe('refused')
  })

  test('with anything beyond its checkpoint it is refused', async () => {
    for (const key of [entriesKey(expected.history.length), boxKey(1e6), groupKey(1e6)]) {
      await using copy = await copyOf(good)
      await withRaw(copy, (db) => db.put(key, Buffer.from('{}')))
      expect(await outcomeOf(copy, expected, key)).toBe('refused')
    }
  })

  test('a copy that went on by itself is refused by the anchor of the other, at any length', async () => {
    for (const commits of [1, 2, 5]) {
      await using ours = await copyOf(good)
      await using theirs = await copyOf(good)
      for (const [folders, by] of [
        [ours, 'ours'],
        [theirs, 'theirs'],
      ] as const) {
        const { ledger } = await openIn(folders, { limits: LIMITS })
        for (let i = 0; i < (by === 'ours' ? 2 : commits); i++)
          await ledger.commit({ writes: [{ key: 'fork', value: `${by} ${i}` }] })
        await ledger[Symbol.asyncDispose]()
      }
      await cp(ours.anchorFile, theirs.anchorFile)
      expect(await outcomeOf(theirs, expected, `fork of ${commits}`)).toBe('refused')
    }
  })

  test('without its anchor, or with a new one, it is refused', async () => {
    await using copy = await copyOf(good)
    await rm(copy.anchorFile)
    await expect(openIn(copy)).rejects.toBeInstanceOf(LedgerDamaged)
    await expect(stat(copy.anchorFile)).rejects.toMatchObject({ code: 'ENOENT' })
    await writeFile(copy.anchorFile, Buffer.alloc(8192))
    await expect(openIn(copy)).rejects.toBeInstanceOf(LedgerDamaged)
  })

  test('without its database, or with the tables only, it is refused and nothing is removed', async () => {
    await using copy = await copyOf(good)
    await rm(join(copy.folder, 'CURRENT'))
    const before = await allFiles(copy.folder)
    await expect(openIn(copy)).rejects.toBeInstanceOf(LedgerDamaged)
    for (const file of before.filter((name) => name.endsWith('.ldb') || name.endsWith('.log')))
      expect(await allFiles(copy.folder)).toContain(file)
    await rm(copy.anchorFile)
    await expect(openIn(copy)).rejects.toBeInstanceOf(LedgerDamaged)
    for (const file of before.filter((name) => name.endsWith('.ldb')))
      expect(await allFiles(copy.folder)).toContain(file)

    await using other = await copyOf(good)
    await rm(other.folder, { recursive: true })
    await expect(openIn(other)).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await allFiles(other.folder), 'nothing was begun in its place').not.toContain('CURRENT')
  })

  test('with the keys or the origin of another ledger it is refused', async () => {
    await using copy = await copyOf(good)
    await expect(openIn(copy, { origin: 'other.test/log' })).rejects.toBeInstanceOf(LedgerForeign)
    await using other = await ledgerFolders()
    await (await openIn(other)).ledger[Symbol.asyncDispose]()
    await cp(copy.anchorFile, other.anchorFile)
    await expect(openIn({ ...copy, keysFolder: other.keysFolder })).rejects.toBeInstanceOf(LedgerForeign)
    await using ledger = (await openIn(copy)).ledger
    expect(await ledger.list('')).toEqual(expected.rows)
  })
})
