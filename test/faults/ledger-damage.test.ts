import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { LedgerDamaged, LedgerInUse } from '#core/ledger/ledger.ts'
import { recoverLog } from '#core/ledger/level-recover.ts'
import { counterKey, groupKey } from '#core/ledger/stored-keys.ts'
import { ORIGIN, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'
import {
  LIMITS,
  acknowledgedLedger,
  allFiles,
  changeRaw,
  copyOf,
  outcomeOf,
  rawKeys,
  type Expected,
  type Outcome,
} from './ledger-copies.ts'

let good: LedgerFolders & AsyncDisposable
let expected: Expected

beforeAll(async () => {
  ;({ good, expected } = await acknowledgedLedger())
})
afterAll(() => good[Symbol.asyncDispose]())

/** Files whose content no ledger depends on. */
const IDLE = /^data\/(?:LOG|LOG\.old|LOCK)$/

/** A recovery from a mirror that is not come to. */
async function recoverUnread(folders: LedgerFolders): Promise<unknown> {
  const keys = await openKeyStore(folders.keysFolder)
  const unread = (): Promise<never> => Promise.reject(new Error('the mirror was read'))
  return await recoverLog({ ...folders, keys, origin: ORIGIN, now: Date.now }, { read: unread, open: unread })
}

describe('a ledger on a disk that is not what it was', () => {
  test('opens whole when nothing was done to it', async () => {
    await using copy = await copyOf(good)
    expect(await outcomeOf(copy, expected, 'untouched')).toBe('whole')
    expect((await allFiles(good.root)).filter((file) => file.endsWith('.ldb')).length).toBeGreaterThan(1)
  })

  test('one bit flipped, anywhere in any file: refused, an error, or all of it', async () => {
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
  })

  test('a file cut or removed: refused, an error, or all of it', async () => {
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

  test('a log file that LevelDB cannot replay is there to be looked into, until the ledger opens', async () => {
    await using copy = await copyOf(good)
    const isKept = (file: string): boolean => file.endsWith('.log.kept')
    const log = (await allFiles(copy.root)).find((file) => file.endsWith('.log')) ?? ''
    const whole = await readFile(join(copy.root, log))
    const damaged = Buffer.from(whole)
    const at = Math.floor(damaged.length / 2)
    damaged[at] = (damaged[at] ?? 0) ^ 1
    await writeFile(join(copy.root, log), damaged)
    for (const start of ['first', 'second']) {
      expect(await outcomeOf(copy, expected, `${start} start`)).toBe('refused')
      expect((await readFile(join(copy.root, `${log}.kept`))).equals(damaged)).toBe(true)
      // However often it is tried.
      expect((await allFiles(copy.root)).filter(isKept)).toEqual([`${log}.kept`])
    }
    await using other = await copyOf(good)
    expect(await outcomeOf(other, expected, 'whole')).toBe('whole')
    expect((await allFiles(other.root)).filter(isKept)).toEqual([])
    // Who is not let in takes away nothing that whoever is opening it has kept.
    await using ledger = (await openIn(other, { limits: LIMITS })).ledger
    await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
    await writeFile(join(other.root, `${log}.kept`), damaged)
    await expect(openIn(other, { limits: LIMITS })).rejects.toBeInstanceOf(LedgerInUse)
    expect((await allFiles(other.root)).filter(isKept)).toEqual([`${log}.kept`])
  })

  test('values damaged under good checksums are errors when they are read', async () => {
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
    expect([...kinds.keys()].toSorted()).toEqual(['b', 'e', 'f', 'h', 'n', 'o', 'r', 's', 't'])
    for (const [kind, outcomes] of kinds) expect([...outcomes], kind).not.toContain('whole')
    // All of this log is young enough to be read again on start.
    for (const kind of ['b', 'e', 'f', 'h']) expect([...(kinds.get(kind) ?? [])], kind).toEqual(['refused'])
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

  test('the row of a counter put back to an earlier one, or missing, behind raises that were acknowledged: refused', async () => {
    await using folders = await ledgerFolders()
    const raise = async (times: number): Promise<void> => {
      const limits = { ...LIMITS, unwritten: { raises: 5 } }
      await using ledger = (await openIn(folders, { limits })).ledger
      for (let n = 0; n < times; n++) await ledger.commit({ counters: [{ key: 'reads' }] })
    }
    const row = counterKey('reads')
    await raise(20)
    let earlier: Buffer | undefined
    await changeRaw(folders, row, (value) => (earlier = Buffer.from(value)))
    // Each fifth raise writes the row: the last two stand in the rows of their groups alone.
    await raise(22)
    for (const value of [earlier, undefined]) {
      await using copy = await copyOf(folders)
      expect(await changeRaw(copy, row, () => value)).toBe(true)
      await expect(openIn(copy)).rejects.toThrow('the row of a counter is older than it can be')
      // Nor is a log brought back into it, to be refused afterwards.
      await expect(recoverUnread(copy)).rejects.toThrow(
        /^the database is damaged \(the row of a counter is older/,
      )
    }
    await using ledger = (await openIn(folders)).ledger
    expect(await ledger.count('reads')).toBe(42)
  })

  test('a newest group that the anchor does not have yet, with raises that are none: refused', async () => {
    await using folders = await ledgerFolders()
    const raise = { counters: [{ key: 'reads' }], entries: [{ claims: () => ({ ops: '{}' }) }] }
    let anchor: Buffer
    {
      await using ledger = (await openIn(folders)).ledger
      await ledger.commit(raise)
      anchor = await readFile(folders.anchorFile)
      await ledger.commit(raise)
    }
    await writeFile(folders.anchorFile, anchor)
    const raised = [{}, 'reads', null, [null], [['reads', 2]], [[7, 2, 1]], [['reads', '2', 1]]]
    const indexes = ['1', 0.5, 2, 2 ** 60].map((index) => [['reads', 2, index]])
    const wrong = [
      ...[...raised, ...indexes].map((one) => ({ raised: one })),
      ...['0', null, -1, 0.5, 3].map((one) => ({ raisedSince: one })),
    ]
    for (const change of [{}, ...wrong]) {
      await using copy = await copyOf(folders)
      const changed = await changeRaw(copy, groupKey(2), (value) =>
        Buffer.from(JSON.stringify({ ...JSON.parse(value.toString()), ...change })),
      )
      expect(changed).toBe(true)
      const opened = openIn(copy).then(async ({ ledger }) => {
        await using _closing = ledger
        return await ledger.count('reads')
      })
      if (Object.keys(change).length === 0) expect(await opened).toBe(2)
      else await expect(opened, JSON.stringify(change)).rejects.toBeInstanceOf(LedgerDamaged)
    }
    await changeRaw(folders, groupKey(2), () => Buffer.from('{'))
    await expect(recoverUnread(folders)).rejects.toThrow(/^the database is damaged \(the row of group 2 is/)
  })
})
