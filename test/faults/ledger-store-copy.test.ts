import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { LedgerDamaged, LedgerInUse, type Committed, type Ledger } from '#core/ledger/ledger.ts'
import { openLevelStore } from '#core/ledger/level-copy.ts'
import { openPgStore } from '#core/ledger/pg-copy.ts'
import { openPgLedger } from '#core/ledger/pg-ledger.ts'
import { FORMAT, FORMAT_KEY } from '#core/ledger/stored-keys.ts'
import { CopyRefused, copyStore, type Copied, type CopiedStore } from '#core/ledger/store-copy.ts'
import { checkLog } from '../check-log.ts'
import { ORIGIN, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'
import { changeRaw } from './ledger-copies.ts'
import { postgres } from '../postgres.ts'

/** One ledger, its keys, and the two stores that it may lie in. */
class Moving implements AsyncDisposable {
  readonly folders: LedgerFolders & AsyncDisposable
  readonly url: string

  static async begin(): Promise<Moving> {
    return new Moving(await ledgerFolders(), await (await postgres()).database())
  }

  private constructor(folders: LedgerFolders & AsyncDisposable, url: string) {
    this.folders = folders
    this.url = url
  }

  get #replicaAnchor(): string {
    return join(this.folders.root, 'replica', 'anchor')
  }

  async level(): Promise<Ledger> {
    return (await openIn(this.folders, { limits: { unwritten: { raises: 1000 } } })).ledger
  }

  async database(url = this.url): Promise<Ledger> {
    const keys = await openKeyStore(this.folders.keysFolder)
    const anchorFile = this.#replicaAnchor
    return openPgLedger({ url, part: '', keys, anchorFile, origin: ORIGIN, now: Date.now })
  }

  /** Cut off at the `failingAt`-th write into either store, before or after it happened. */
  async copy(to: 'level' | 'database', failingAt = Infinity, isWritten = false): Promise<Copied> {
    const { folder, keysFolder, anchorFile } = this.folders
    let writes = 0
    const cut = (store: CopiedStore): CopiedStore => ({
      stored: store.stored,
      anchorFile: store.anchorFile,
      async put(rows, group) {
        if (++writes === failingAt && !isWritten) throw new Error('cut off')
        await store.put(rows, group)
        if (writes === failingAt) throw new Error('cut off')
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    })
    const signer = createLogSigner(ORIGIN, (await openKeyStore(keysFolder)).logKey)
    const isTarget = to === 'level'
    await using level = cut(await openLevelStore({ folder, anchorFile, isTarget }))
    await using database = cut(
      await openPgStore({ url: this.url, part: '', anchorFile: this.#replicaAnchor }),
    )
    const [source, target] = isTarget ? [database, level] : [level, database]
    return await copyStore({ from: source, to: target, signer, progress: () => undefined })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folders[Symbol.asyncDispose]()
  }
}

const ENTRIES = 300
/** Raises without an entry. */
const UNLOGGED = 3

/** More than a bundle of entries, counters that only the rows of groups tell of, rows of a customer and rows that expire. */
async function fill(ledger: Ledger): Promise<Committed> {
  const commits = Array.from({ length: ENTRIES }, (_, i) => ({
    counters: [{ key: 'n' }],
    writes: [
      { key: `row!${String(i).padStart(4, '0')}`, value: { i, text: 'ü'.repeat(i % 50) } },
      ...(i % 10 === 0 ? [{ key: `own!${i}`, value: i, customer: `acc-${i % 3}` }] : []),
      ...(i % 25 === 0 ? [{ key: `late!${i}`, value: i, expires: Date.now() + 3_600_000 }] : []),
    ],
    entries: [{ claims: () => ({ ops: `{"i":${i}}` }), threads: ['all'] }],
  }))
  await ledger.commitEach(commits)
  for (let n = 1; n < UNLOGGED; n++) await ledger.commit({ counters: [{ key: 'n' }, { key: 'late' }] })
  return await ledger.commit({ counters: [{ key: 'n' }, { key: 'late' }] })
}

async function expectAll(ledger: Ledger, { checkpoint }: Committed, size = ENTRIES): Promise<void> {
  await checkLog(ledger.log, [checkpoint])
  expect(await ledger.list('row!')).toHaveLength(ENTRIES)
  expect(await ledger.list('own!')).toHaveLength(ENTRIES / 10)
  expect(await ledger.list('late!')).toHaveLength(ENTRIES / 25)
  expect([await ledger.count('n'), await ledger.count('late')]).toEqual([ENTRIES + UNLOGGED, UNLOGGED])
  expect((await raisedIn(ledger)).indexes).toEqual([...Array(ENTRIES).keys()].toReversed())
  const told = (await ledger.history('all')).map(({ ops }) => ops)
  expect(told.slice(size - ENTRIES)).toEqual(
    Array.from({ length: ENTRIES }, (_, i) => `{"i":${ENTRIES - 1 - i}}`),
  )
}

async function raisedIn(ledger: Ledger): Promise<{ count: number; indexes: number[] }> {
  const history = await ledger.history('nobody', { counters: ['n'] })
  return { count: await ledger.count('n'), indexes: history.map(({ index }) => index) }
}

const one = { entries: [{ claims: () => ({ ops: '{}' }), threads: ['all'] }] }

test('a store in which each group wrote its counters is of the new form once it was opened', async () => {
  await using moving = await Moving.begin()
  await (await moving.level())[Symbol.asyncDispose]()
  expect(await changeRaw(moving.folders, FORMAT_KEY, () => Buffer.from('2'))).toBe(true)
  await (await moving.level())[Symbol.asyncDispose]()
  await changeRaw(moving.folders, FORMAT_KEY, (value) => (expect(value.toString()).toBe(FORMAT), value))

  await using other = await Moving.begin()
  await (await other.database())[Symbol.asyncDispose]()
  const { query } = await postgres()
  await query(`update reach_ledger set value = '2' where key = '${FORMAT_KEY}'`, other.url)
  await (await other.database())[Symbol.asyncDispose]()
  const text = `select convert_from(value, 'UTF8') as form from reach_ledger where key = '${FORMAT_KEY}'`
  expect(await query(text, other.url)).toEqual([{ form: FORMAT }])
})

describe('a ledger that moves from one kind of store to the other', () => {
  test('is there whole, goes on, and comes back; what it left opens no more', async () => {
    await using moving = await Moving.begin()
    const level = await moving.level()
    const last = await fill(level)
    await expect(moving.copy('database')).rejects.toBeInstanceOf(LedgerInUse)
    await level[Symbol.asyncDispose]()

    expect((await moving.copy('database')).mark.size).toBe(ENTRIES)
    await expect(moving.level()).rejects.toThrow('goes on in another store')
    await expect(moving.copy('database')).rejects.toBeInstanceOf(CopyRefused)
    const database = await moving.database()
    await expectAll(database, last)
    const next = await database.commit(one)
    expect(next.version).toBe(last.version + 1)
    expect(next.entries[0]?.index).toBe(ENTRIES)
    await database[Symbol.asyncDispose]()

    // Where something lies nothing is written.
    await expect(moving.copy('level')).rejects.toBeInstanceOf(CopyRefused)
    await rm(moving.folders.folder, { recursive: true })
    expect((await moving.copy('level')).mark.size).toBe(ENTRIES + 1)
    await expect(moving.database()).rejects.toThrow('goes on in another store')
    await using back = await moving.level()
    await expectAll(back, next, ENTRIES + 1)
    expect((await back.commit(one)).entries[0]?.index).toBe(ENTRIES + 1)
  })

  test('stops a Reach that still runs on the database', async () => {
    await using moving = await Moving.begin()
    await using running = await moving.database()
    await running.commit(one)
    await moving.copy('level')
    await expect(running.commit(one)).rejects.toMatchObject({ code: 'ledger-stopped' })
    await using level = await moving.level()
    expect((await level.history('all')).map(({ index }) => index)).toEqual([0])
  })

  test('does not move out of a store that was put back', async () => {
    await using moving = await Moving.begin()
    const server = await postgres()
    const name = new URL(moving.url).pathname.slice(1)
    const first = await moving.database()
    await first.commit(one)
    await first[Symbol.asyncDispose]()
    await server.query(`create database ${name}_old template ${name}`)
    const second = await moving.database()
    await second.commit(one)
    await second.commit(one)
    await second[Symbol.asyncDispose]()
    await server.query(`alter database ${name} rename to ${name}_new`)
    await server.query(`alter database ${name}_old rename to ${name}`)
    await expect(moving.copy('level')).rejects.toBeInstanceOf(LedgerDamaged)
  })

  test.each([
    ['database', 'before'],
    ['database', 'after'],
    ['level', 'before'],
    ['level', 'after'],
  ] as const)(
    'into %s and cut off %s any write: one of the two opens, or the copy goes on',
    async (to, when) => {
      await using moving = await Moving.begin()
      const open = (where: 'level' | 'database'): Promise<Ledger> =>
        where === 'level' ? moving.level() : moving.database()
      const from = to === 'level' ? 'database' : 'level'
      const source = await open(from)
      await source.commit({ ...one, writes: [{ key: 'a', value: 1 }], counters: [{ key: 'n' }] })
      const { checkpoint } = await source.commit({ ...one, counters: [{ key: 'n' }] })
      await source[Symbol.asyncDispose]()
      let finished = false
      for (let at = 1; !finished; at++) {
        finished = await moving.copy(to, at, when === 'after').then(
          () => true,
          () => false,
        )
        const opens = async (where: 'level' | 'database'): Promise<string> => {
          try {
            await using ledger = await open(where)
            expect((await ledger.get('a'))?.value).toBe(1)
            expect(await raisedIn(ledger)).toEqual({ count: 2, indexes: [1, 0] })
            await checkLog(ledger.log, [checkpoint])
            return 'opens'
          } catch (error) {
            expect(error).toBeInstanceOf(LedgerDamaged)
            return (error as Error).message
          }
        }
        const [left, right] = [await opens(from), await opens(to)]
        if (finished) break
        expect(left === 'opens' && right === 'opens').toBe(false)
        if (left === 'opens') {
          // Emptied, as it says.
          if (right !== 'opens') expect(right).toMatch(/not finished|begun/)
          if (to === 'level') await rm(moving.folders.folder, { recursive: true, force: true })
          else await (await postgres()).empty(moving.url)
        } else if (right !== 'opens') {
          expect(right).toContain('once more')
          await moving.copy(to)
          finished = true
        } else finished = true
      }
      await using target = await open(to)
      expect((await target.get('a'))?.value).toBe(1)
      expect((await target.commit({ ...one, counters: [{ key: 'n' }] })).entries[0]?.index).toBe(2)
      expect(await raisedIn(target)).toEqual({ count: 3, indexes: [2, 1, 0] })
      await expect(open(from)).rejects.toThrow('goes on in another store')
    },
  )
})
