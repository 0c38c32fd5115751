import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LedgerDamaged, LedgerForeign } from '#core/ledger/ledger.ts'
import { boxKey, entriesKey, groupKey } from '#core/ledger/stored-keys.ts'
import { ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'
import {
  LIMITS,
  acknowledgedLedger,
  allFiles,
  copyOf,
  outcomeOf,
  withRaw,
  type Expected,
} from './ledger-copies.ts'

let good: LedgerFolders & AsyncDisposable
let expected: Expected

beforeAll(async () => {
  ;({ good, expected } = await acknowledgedLedger())
})
afterAll(() => good[Symbol.asyncDispose]())

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
