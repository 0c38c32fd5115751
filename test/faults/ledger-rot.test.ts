import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAnchor } from '#core/ledger/anchor.ts'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'
import { openOps, opsKeyName, sealOps } from '#core/ledger/leaf.ts'
import { LedgerDamaged, type Ledger } from '#core/ledger/ledger.ts'
import { openDatabase } from '#core/ledger/level-database.ts'
import type { Database } from '#core/ledger/level-database.ts'
import { boxKey, counterKey, entriesKey, rowKey, tileKey } from '#core/ledger/stored-keys.ts'
import { startLevelLedger } from '#core/ledger/level-ledger.ts'
import { ORIGIN, type LedgerFolders } from '../level-ledger.ts'
import { acknowledgedLedger, copyOf } from './ledger-copies.ts'

let good: LedgerFolders & AsyncDisposable

beforeAll(async () => {
  ;({ good } = await acknowledgedLedger())
})
afterAll(() => good[Symbol.asyncDispose]())

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
    ['a counter', counterKey('early'), (ledger: Ledger) => ledger.count('early')],
    [
      'a counter that a commit raises',
      counterKey('early'),
      (ledger: Ledger) => ledger.commit({ counters: [{ key: 'early' }] }),
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
    expect(await ledger.history('all', { before: 2, limit: 1 })).toMatchObject([{ index: 1, ops: claims[1] }])
    await expect(ledger.history('all', { before: 3, limit: 1 })).rejects.toBeInstanceOf(LedgerDamaged)
  })
})
