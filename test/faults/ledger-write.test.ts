import { describe, expect, test } from 'vitest'
import { createAnchor, openAnchor, type Anchor } from '#core/ledger/anchor.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { openDatabase } from '#core/ledger/level-database.ts'
import type { Database } from '#core/ledger/level-database.ts'
import { startLevelLedger } from '#core/ledger/level-ledger.ts'
import { LedgerStopped, type Committed, type Ledger } from '#core/ledger/ledger.ts'
import { checkLog } from '../check-log.ts'
import { ORIGIN, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'

/** A disk that fails once, at its write number `at`, before or after the bytes are kept. */
interface Fault {
  readonly part: 'database' | 'anchor'
  readonly at: number
  readonly persisted: boolean
}

class DiskFailure extends Error {}

function failing<Arguments extends unknown[]>(
  { at, persisted }: Fault,
  write: (...args: Arguments) => Promise<void>,
): (...args: Arguments) => Promise<void> {
  let writes = 0
  return async (...args) => {
    const fails = writes++ === at
    if (!fails || persisted) await write(...args)
    if (fails) throw new DiskFailure(persisted ? 'failed but persisted' : 'failed')
  }
}

function failingAnchor(anchor: Anchor, fault: Fault): Anchor {
  return {
    get last() {
      return anchor.last
    },
    write: failing(fault, (mark) => anchor.write(mark)),
    [Symbol.asyncDispose]: () => anchor[Symbol.asyncDispose](),
  }
}

function failingDatabase(db: Database, fault: Fault): Database {
  const write = failing(fault, (batch: { write(options: object): Promise<void> }, options: object) =>
    batch.write(options),
  )
  return new Proxy(db, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (name === 'batch')
        return () => {
          const batch = target.batch()
          return {
            put: (key: string, value: Buffer) => batch.put(key, value),
            del: (key: string) => batch.del(key),
            write: (options: object) => write(batch, options),
          }
        }
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
}

async function openFaulty(
  { folder, keysFolder, anchorFile }: LedgerFolders,
  fault: Fault,
  raises = 65_536,
): Promise<Ledger> {
  const keys = await openKeyStore(keysFolder)
  const { db } = await openDatabase(folder, { create: true })
  await createAnchor(anchorFile)
  const anchor = await openAnchor(anchorFile)
  return startLevelLedger({
    db: fault.part === 'database' ? failingDatabase(db, fault) : db,
    anchor: fault.part === 'anchor' ? failingAnchor(anchor, fault) : anchor,
    keys,
    origin: ORIGIN,
    now: Date.now,
    // Small, so that at the failure one group is in flight, one is prepared and others wait.
    limits: { group: 5, unwritten: { raises } },
  })
}

/** Entries that came with the raises of the counter, oldest first. */
async function raisedIn(ledger: Ledger): Promise<number[]> {
  return (await ledger.history('nobody', { counters: ['n'] })).map(({ index }) => index).toReversed()
}

const FIRST_GROUP_AT = { database: 1, anchor: 3 } as const

/** The counter's row is written with each group, with some, or with none before the failure. */
const faults = (['database', 'anchor'] as const).flatMap((part) =>
  [0, 1, 3].flatMap((k) =>
    [false, true].flatMap((persisted) =>
      [1, 8, 65_536].map((raises) => ({ part, at: FIRST_GROUP_AT[part] + k, persisted, raises })),
    ),
  ),
)

describe('a ledger whose write fails', () => {
  test.each(faults)('$part write $at, persisted: $persisted, counters each $raises', async (fault) => {
    await using folders = await ledgerFolders()
    const done = new Map<string, Committed>()
    const attempts: string[] = []
    {
      await using ledger = await openFaulty(folders, fault, fault.raises)
      const commitOne = async (id: string): Promise<void> => {
        attempts.push(id)
        const committed = await ledger.commit({
          counters: [{ key: 'n' }],
          writes: [{ key: `row!${id}`, value: id }],
          entries: [{ claims: () => ({ ops: JSON.stringify(id) }), threads: ['all'] }],
        })
        done.set(id, committed)
      }
      const results = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => commitOne(`a${i}`)))
      // Nobody waits for ever, and nobody hears anything but an answer or that the ledger stopped.
      expect(results.filter(({ status }) => status === 'rejected').length).toBe(40 - done.size)
      for (const result of results)
        if (result.status === 'rejected') {
          expect(result.reason).toBeInstanceOf(LedgerStopped)
          expect((result.reason as Error).cause).toBeInstanceOf(DiskFailure)
        }
      expect(done.size).toBe(5 * (fault.at - FIRST_GROUP_AT[fault.part]))
      expect(ledger.stopped).toBeInstanceOf(LedgerStopped)
      await expect(commitOne('late')).rejects.toBe(ledger.stopped)
      await expect(ledger.commitEach([{ writes: [{ key: 'x', value: 1 }] }])).rejects.toBe(ledger.stopped)
      // What was acknowledged can still be read, what was not is not in the log that is served.
      for (const id of done.keys()) expect((await ledger.get(`row!${id}`))?.value).toBe(id)
      expect(await ledger.count('n')).toBe(done.size)
      expect(await raisedIn(ledger)).toEqual([...Array(done.size).keys()])
      expect((await checkLog(ledger.log)).checkpoint.size).toBe(done.size)
    }

    await using ledger = (await openIn(folders)).ledger
    const kept = (await ledger.list('row!')).map(({ value }) => value)
    const logged = (await ledger.history('all')).map(({ ops }) => JSON.parse(ops) as string)
    for (const [id, { entries }] of done) {
      expect(kept).toContain(id)
      expect(logged.at(-1 - (entries[0]?.index ?? 0))).toBe(id)
    }
    // Of the group in flight all or nothing, of the groups after it nothing.
    const expected = fault.persisted || fault.part === 'anchor' ? done.size + 5 : done.size
    expect(kept).toHaveLength(expected)
    expect(logged.toSorted()).toEqual(kept.toSorted())
    expect(await ledger.count('n')).toBe(expected)
    expect(await raisedIn(ledger)).toEqual([...Array(expected).keys()])
    const checkpoints = [...done.values()].map(({ checkpoint }) => checkpoint)
    await checkLog(ledger.log, checkpoints)

    const next = await ledger.commit({
      counters: [{ key: 'n' }],
      entries: [{ claims: () => ({ ops: '"next"' }) }],
    })
    expect(next).toMatchObject({
      version: expected + 1,
      counts: [expected + 1],
      entries: [{ index: expected }],
    })
    await checkLog(ledger.log, [...checkpoints, next.checkpoint])
    expect(await raisedIn(ledger)).toEqual([...Array(expected + 1).keys()])
  })

  test('refuses to start when its first write fails, and lets go of the folder', async () => {
    for (const part of ['database', 'anchor'] as const) {
      await using folders = await ledgerFolders()
      const keys = await openKeyStore(folders.keysFolder)
      const { db } = await openDatabase(folders.folder, { create: true })
      await createAnchor(folders.anchorFile)
      const anchor = await openAnchor(folders.anchorFile)
      const fault = { part, at: 0, persisted: true } as const
      const starting = startLevelLedger({
        db: part === 'database' ? failingDatabase(db, fault) : db,
        anchor: part === 'anchor' ? failingAnchor(anchor, fault) : anchor,
        keys,
        origin: ORIGIN,
        now: Date.now,
      })
      const error = await starting.catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(LedgerStopped)
      expect((error as Error).cause).toBeInstanceOf(DiskFailure)
      await db.close()
      await anchor[Symbol.asyncDispose]()
      await using ledger = (await openIn(folders)).ledger
      expect(openCheckpoint(ledger.log.checkpoint(), ledger.log.vkey).size).toBe(0)
    }
  })

  test('leaves nobody waiting when the disk fails while a group is formed', async () => {
    await using folders = await ledgerFolders()
    const clock = { now: 1_795_000_000_000 }
    let fails = false
    const failingReads = (db: Database): Database =>
      new Proxy(db, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name, target)
          if (name === 'getSync' && fails)
            return () => {
              throw new DiskFailure('cannot read')
            }
          return typeof member === 'function' ? (member.bind(target) as unknown) : member
        },
      })
    {
      await using first = (await openIn(folders, { now: () => clock.now })).ledger
      await first.commit({ writes: [{ key: 'expires', value: 1, expires: clock.now + 1 }] })
    }
    clock.now += 60_000
    const { db } = await openDatabase(folders.folder, { create: false })
    const anchor = await openAnchor(folders.anchorFile)
    const keys = await openKeyStore(folders.keysFolder)
    await using ledger = await startLevelLedger({
      db: failingReads(db),
      anchor,
      keys,
      origin: ORIGIN,
      now: () => clock.now,
    })
    fails = true
    // The group would sweep the row that expired, and cannot read it.
    const waiting = await Promise.allSettled([1, 2, 3].map(() => ledger.commit({ counters: [] })))
    for (const result of waiting)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ledger-stopped' } })
  })
})
