import { describe, expect, test } from 'vitest'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { opens, saltOf } from '#core/ledger/leaf.ts'
import {
  CommitRefused,
  LedgerBusy,
  LedgerStopped,
  type Claims,
  type Commit,
  type Committed,
  type Entry,
  type Ledger,
} from '#core/ledger/ledger.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { checkLog, provenEntry } from '../check-log.ts'

/** A ledger of its own for one test, with a clock to turn. */
export interface LedgerUnderTest extends AsyncDisposable {
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly clock: { now: number }
  /** Closes the ledger and opens what it left; `ledger` is the new one from then on. */
  reopen(): Promise<Ledger>
}

export type OpenLedger = (limits?: { queue?: number; group?: number }) => Promise<LedgerUnderTest>

const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I'

function entry(ops: string, threads: readonly string[] = []): Entry {
  return { claims: () => ({ ops }), threads }
}

async function refusal(commit: Promise<unknown>): Promise<CommitRefused> {
  const error = await commit.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CommitRefused)
  return error as CommitRefused
}

const sizeOf = (ledger: Ledger): number => openCheckpoint(ledger.log.checkpoint(), ledger.log.vkey).size

/** What every adapter of the ledger's port keeps. */
export function ledgerContract(name: string, open: OpenLedger): void {
  describe(`${name} as a ledger`, () => {
    test('begins empty, with a log that verifies', async () => {
      await using world = await open()
      expect((await checkLog(world.ledger.log)).checkpoint).toMatchObject({
        size: 0,
        origin: world.ledger.log.origin,
      })
      expect(await world.ledger.get('a')).toBeUndefined()
      expect(await world.ledger.list('')).toEqual([])
      expect(await world.ledger.count('a')).toBe(0)
      expect(await world.ledger.history('a')).toEqual([])
    })

    test('a commit happens whole: rows, counters, entries, checkpoint', async () => {
      await using world = await open()
      const { ledger, clock } = world
      const places: unknown[] = []
      const done = await ledger.commit({
        checks: [{ key: 'grant', version: 'absent' }],
        counters: [{ key: 'seq' }, { key: 'seq' }, { key: 'other' }],
        writes: [
          { key: 'grant', value: { state: 'active', fields: ['a'] } },
          { key: 'account', value: [1, null, 'x'] },
        ],
        entries: [
          {
            claims: (place) => {
              places.push(place)
              return { ops: '{"n":1}' }
            },
            threads: ['g'],
          },
          entry('{"n":2}', ['g']),
        ],
      })
      expect(done).toMatchObject({ version: 1, time: clock.now, counts: [1, 2, 1] })
      expect(done.entries.map(({ index }) => index)).toEqual([0, 1])
      expect(places).toEqual([{ index: 0, time: clock.now, counts: [1, 2, 1] }])
      expect(await ledger.get('grant')).toEqual({ version: 1, value: { state: 'active', fields: ['a'] } })
      expect(ledger.peek('account')).toEqual({ version: 1, value: [1, null, 'x'] })
      expect(await ledger.count('seq')).toBe(2)
      expect(await ledger.history('g')).toEqual([
        { index: 1, ops: '{"n":2}' },
        { index: 0, ops: '{"n":1}' },
      ])
      expect(done.checkpoint).toBe(ledger.log.checkpoint())
      for (const { index } of done.entries) await provenEntry(ledger.log, index, done.checkpoint)
    })

    test('a check that does not hold is refused and leaves no trace', async () => {
      await using world = await open()
      const { ledger } = world
      const { version } = await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
      const attempt = (check: NonNullable<Commit['checks']>): Promise<Committed> =>
        ledger.commit({
          checks: check,
          counters: [{ key: 'n' }],
          writes: [{ key: 'b', value: 1 }],
          entries: [entry('{}', ['t'])],
        })
      for (const check of [
        { key: 'a', version: 'absent' as const },
        { key: 'a', version: version + 1 },
        { key: 'none', version },
      ])
        expect(await refusal(attempt([{ key: 'a', version }, check]))).toMatchObject({
          code: 'conflict',
          key: check.key,
          reason: 'changed',
        })
      expect(await ledger.get('b')).toBeUndefined()
      expect(await ledger.count('n')).toBe(0)
      expect(await ledger.history('t')).toEqual([])
      expect(sizeOf(ledger)).toBe(0)
      expect((await attempt([{ key: 'a', version }])).version).toBe(version + 1)
    })

    test('of 20 who create the same row exactly one wins', async () => {
      await using world = await open()
      const { ledger } = world
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          ledger.commit({
            checks: [{ key: 'one', version: 'absent' }],
            writes: [{ key: 'one', value: i }],
            entries: [entry(`{"i":${i}}`)],
          }),
        ),
      )
      const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []))
      expect(winners).toHaveLength(1)
      expect((await ledger.get('one'))?.value).toBe(winners[0])
      expect(sizeOf(ledger)).toBe(1)
    })

    test('a commit sees those before it in its group, and one that fails does not sink it', async () => {
      await using world = await open()
      const { ledger } = world
      const [first, second, third, fourth] = await ledger.commitEach([
        { writes: [{ key: 'a', value: 1 }], counters: [{ key: 'n' }], entries: [entry('{"c":1}')] },
        {
          checks: [{ key: 'a', version: 'absent' }],
          writes: [{ key: 'b', value: 1 }],
          entries: [entry('{"c":2}')],
        },
        {
          checks: [{ key: 'a', version: 1 }],
          writes: [{ key: 'a', value: undefined }],
          counters: [{ key: 'n' }],
        },
        {
          checks: [{ key: 'a', version: 'absent' }],
          writes: [{ key: 'a', value: 4 }],
          entries: [entry('{"c":4}')],
        },
      ])
      expect(first).toMatchObject({ version: 1, counts: [1], entries: [{ index: 0 }] })
      expect(second).toBeInstanceOf(CommitRefused)
      expect(third).toMatchObject({ version: 2, counts: [2] })
      expect(fourth).toMatchObject({ version: 3, entries: [{ index: 1 }] })
      expect(await ledger.list('')).toEqual([{ key: 'a', version: 3, value: 4 }])
      expect((await ledger.commitEach([])).length).toBe(0)
    })

    test('notAfter is decided by group time, to the millisecond', async () => {
      await using world = await open()
      const { ledger, clock } = world
      await ledger.commit({ writes: [{ key: 'grant', value: 1 }] })
      const disclose = (): Promise<Committed> =>
        ledger.commit({ checks: [{ key: 'grant', version: 1, notAfter: end }], entries: [entry('{}')] })
      const end = clock.now + 100
      clock.now = end
      expect((await disclose()).time).toBe(end)
      clock.now = end + 1
      expect(await refusal(disclose())).toMatchObject({ key: 'grant', reason: 'too-late' })
      clock.now = end - 50
      await ledger.commit({ writes: [{ key: 'x', value: 1 }] })
      clock.now = end + 1
      await ledger.commit({ writes: [{ key: 'x', value: 2 }] })
      clock.now = end - 50 // The clock was set back, the time of groups is not.
      expect(await refusal(disclose())).toMatchObject({ reason: 'too-late' })
    })

    test('group time never runs backwards, also not over a restart', async () => {
      await using world = await open()
      const { time } = await world.ledger.commit({ entries: [entry('{}')] })
      world.clock.now = time - 5000
      expect((await world.ledger.commit({ entries: [entry('{}')] })).time).toBe(time)
      const ledger = await world.reopen()
      expect((await ledger.commit({ writes: [{ key: 'a', value: 1 }] })).time).toBe(time)
    })

    test('counters rise by one per commit under concurrency and stop at their ceiling', async () => {
      await using world = await open()
      const { ledger } = world
      const results = await Promise.allSettled(
        Array.from({ length: 60 }, () =>
          ledger.commit({
            counters: [{ key: 'seq' }, { key: 'budget', ceiling: 25 }],
            entries: [{ claims: ({ counts }) => ({ ops: JSON.stringify(counts) }), threads: ['t'] }],
          }),
        ),
      )
      const counts = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.counts] : []))
      expect(counts).toEqual(Array.from({ length: 25 }, (_, i) => [i + 1, i + 1]))
      for (const result of results.slice(25))
        expect(result).toMatchObject({ status: 'rejected', reason: { key: 'budget', reason: 'exhausted' } })
      expect(await ledger.count('seq')).toBe(25)
      const openings = await ledger.history('t')
      expect(openings.map(({ ops }) => ops)).toEqual(counts.map((pair) => JSON.stringify(pair)).toReversed())
    })

    test('an expired row reads as absent everywhere, and its version does not come back', async () => {
      await using world = await open()
      const { ledger, clock } = world
      const expires = clock.now + 1000
      const { version } = await ledger.commit({
        writes: [
          { key: 'code!1', value: 'x', expires },
          { key: 'code!2', value: 'y', expires: expires + 1 },
        ],
      })
      clock.now = expires - 1
      expect((await ledger.get('code!1'))?.value).toBe('x')
      await ledger.commit({ checks: [{ key: 'code!1', version }] })
      clock.now = expires
      expect(await ledger.get('code!1')).toBeUndefined()
      expect(ledger.peek('code!1')).toBeUndefined()
      expect((await ledger.list('code!')).map(({ key }) => key)).toEqual(['code!2'])
      await refusal(ledger.commit({ checks: [{ key: 'code!1', version }] }))
      const again = await ledger.commit({
        checks: [{ key: 'code!1', version: 'absent' }],
        writes: [{ key: 'code!1', value: 'z' }],
      })
      expect(again.version).toBeGreaterThan(version)
      clock.now = expires + 60_000
      await ledger.commit({ writes: [{ key: 'other', value: 1 }] })
      await ledger.commit({ writes: [{ key: 'other', value: 2 }] })
      expect(await ledger.list('code!')).toEqual([{ key: 'code!1', version: again.version, value: 'z' }])
      expect(await (await world.reopen()).list('code!')).toEqual([
        { key: 'code!1', version: again.version, value: 'z' },
      ])
    })

    test('a deleted row is absent, and its version does not come back', async () => {
      await using world = await open()
      const { ledger } = world
      const created = await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
      await ledger.commit({ writes: [{ key: 'a', value: undefined }] })
      expect(await ledger.get('a')).toBeUndefined()
      expect(ledger.peek('a')).toBeUndefined()
      await refusal(ledger.commit({ checks: [{ key: 'a', version: created.version }] }))
      const reopened = await world.reopen()
      const again = await reopened.commit({
        checks: [{ key: 'a', version: 'absent' }],
        writes: [{ key: 'a', value: 1 }],
      })
      expect(again.version).toBeGreaterThan(created.version)
      await refusal(reopened.commit({ checks: [{ key: 'a', version: created.version }] }))
    })

    test('list goes through a prefix in key order, behind a key, up to a limit', async () => {
      await using world = await open()
      const { ledger } = world
      const keys = ['a!1', 'a!10', 'a!2', 'a!\u{ffff}', 'a!\u{1f600}', 'b!1', 'a', 'a"']
      await ledger.commit({ writes: keys.map((key) => ({ key, value: key })) })
      const listed = async (
        prefix: string,
        options?: { after?: string; limit?: number },
      ): Promise<string[]> =>
        (await ledger.list<string>(prefix, options)).map(({ key, value }) => {
          expect(value).toBe(key)
          return key
        })
      expect(await listed('a!')).toEqual(['a!1', 'a!10', 'a!2', 'a!\u{ffff}', 'a!\u{1f600}'])
      expect(await listed('a!', { limit: 2 })).toEqual(['a!1', 'a!10'])
      expect(await listed('a!', { after: 'a!10', limit: 1 })).toEqual(['a!2'])
      expect(await listed('a!', { after: 'a!\u{1f600}' })).toEqual([])
      expect(await listed('a!', { after: 'a' })).toHaveLength(5)
      expect(await listed('c')).toEqual([])
      expect(await listed('')).toHaveLength(keys.length)
    })

    test('history finds the entries of a thread, newest first, below an index, up to a limit', async () => {
      await using world = await open()
      const { ledger } = world
      for (let i = 0; i < 6; i++)
        await ledger.commit({
          entries: [
            entry(`{"a":${i}}`, ['acc', 'acc!grant']),
            entry(`{"b":${i}}`, i % 2 === 0 ? ['acc', 'acc0'] : ['ac', 'acc00']),
          ],
        })
      const read = async (thread: string, options?: { before?: number; limit?: number }): Promise<string[]> =>
        (await ledger.history(thread, options)).map(({ index, ops }) => `${index} ${ops}`)
      expect(await read('acc!grant')).toEqual([5, 4, 3, 2, 1, 0].map((i) => `${2 * i} {"a":${i}}`))
      expect(await read('acc', { before: 8, limit: 3 })).toEqual(['6 {"a":3}', '5 {"b":2}', '4 {"a":2}'])
      expect(await read('ac')).toEqual(['11 {"b":5}', '7 {"b":3}', '3 {"b":1}'])
      expect(await read('acc0')).toEqual(['9 {"b":4}', '5 {"b":2}', '1 {"b":0}'])
      expect(await read('a')).toEqual([])
    })

    test('everything acknowledged is there after reopening, and the history of the log goes on', async () => {
      await using world = await open()
      const checkpoints = [world.ledger.log.checkpoint()]
      const done: Committed[] = []
      for (let round = 0; round < 3; round++) {
        const { ledger } = world
        for (const committed of await Promise.all(
          Array.from({ length: 150 }, (_, i) =>
            ledger.commit({
              counters: [{ key: `n${i % 7}` }],
              writes: [{ key: `r${round}!${String(i).padStart(3, '0')}`, value: { i } }],
              entries: [entry(`{"round":${round},"i":${i}}`, [`t${i % 3}`])],
            }),
          ),
        ))
          done.push(committed)
        checkpoints.push(ledger.log.checkpoint())
        await world.reopen()
      }
      const { ledger } = world
      expect(
        (await checkLog(ledger.log, [...checkpoints, ...done.map((one) => one.checkpoint)])).checkpoint.size,
      ).toBe(450)
      expect(done.map(({ version }) => version)).toEqual(Array.from({ length: 450 }, (_, i) => i + 1))
      expect(await ledger.list('r1!')).toHaveLength(150)
      expect(await ledger.get('r1!007')).toEqual({ version: 158, value: { i: 7 } })
      expect(await ledger.count('n0')).toBe(3 * 22)
      expect(await ledger.history('t2')).toHaveLength(150)
    })

    test('the order of the log is the order of the commits, and each reads its own writes', async () => {
      await using world = await open({ group: 7 })
      const { ledger } = world
      const done = await Promise.all(
        Array.from({ length: 300 }, async (_, i) => {
          const committed = await ledger.commit({
            writes: [{ key: `k${i}`, value: i }],
            entries: [entry(`{"i":${i}}`, ['t'])],
          })
          expect((await ledger.get(`k${i}`))?.version).toBe(committed.version)
          expect(ledger.peek(`k${i}`)?.value).toBe(i)
          return committed
        }),
      )
      const inOrder = done.toSorted((a, b) => a.version - b.version)
      expect(inOrder.map(({ entries }) => entries[0]?.index)).toEqual(
        Array.from({ length: 300 }, (_, i) => i),
      )
      for (let i = 1; i < 300; i++) expect(inOrder[i]?.time).toBeGreaterThanOrEqual(inOrder[i - 1]?.time ?? 0)
      await checkLog(
        ledger.log,
        done.map(({ checkpoint }) => checkpoint),
      )
    })

    test('a queue that is full takes all of a call or nothing', async () => {
      await using world = await open({ queue: 8 })
      const { ledger } = world
      const write = (key: string): Commit => ({ writes: [{ key, value: 1 }] })
      const taken = [ledger.commitEach(['a1', 'a2', 'a3', 'a4', 'a5'].map(write)), ledger.commit(write('b'))]
      await expect(ledger.commitEach(['c1', 'c2', 'c3'].map(write))).rejects.toBeInstanceOf(LedgerBusy)
      await expect(ledger.commitEach(['d1', 'd2'].map(write))).resolves.toHaveLength(2)
      await Promise.all(taken)
      expect((await ledger.list('')).map(({ key }) => key)).toEqual([
        'a1',
        'a2',
        'a3',
        'a4',
        'a5',
        'b',
        'd1',
        'd2',
      ])
      expect(ledger.stopped).toBeUndefined()
    })

    test('the salts of an entry open its public leaf, slot by slot', async () => {
      await using world = await open()
      const { ledger } = world
      const claims: Claims = {
        ops: '{"o":1}',
        subject: 's-1',
        who: 'https://who/',
        data: '{"x":1}',
        secret: SECRET,
      }
      const done = await ledger.commit({ entries: [entry('{}'), { claims: () => claims }] })
      const [plain, full] = done.entries
      const leaf = await provenEntry(ledger.log, full?.index ?? -1, done.checkpoint)
      expect(opens(leaf, 'subject', full?.salts.subject ?? '', 's-1')).toBe(true)
      expect(opens(leaf, 'data', full?.salts.data ?? '', '{"x":1}')).toBe(true)
      expect(opens(leaf, 'data', full?.salts.subject ?? '', '{"x":1}')).toBe(false)
      expect(opens(leaf, 'who', saltOf(SECRET, 'who', 1), 'https://who/')).toBe(true)
      for (const salt of Object.values(full?.salts ?? {}))
        expect(opens(leaf, 'who', salt, 'https://who/')).toBe(false)
      const bare = await provenEntry(ledger.log, plain?.index ?? -1, done.checkpoint)
      expect(opens(bare, 'subject', plain?.salts.subject ?? '', '')).toBe(true)
    })

    test('claims that throw or break their promise fail their own commit only', async () => {
      await using world = await open()
      const { ledger } = world
      const good = (i: number): Commit => ({
        writes: [{ key: `g${i}`, value: i }],
        entries: [entry(`{"g":${i}}`)],
      })
      const bad = (claims: Entry['claims']): Commit => ({
        counters: [{ key: 'n' }],
        writes: [{ key: 'bad', value: 1 }],
        entries: [entry('{"half":1}'), { claims }],
      })
      const results = await Promise.allSettled([
        ledger.commit(good(0)),
        ledger.commit(
          bad(() => {
            throw new RangeError('a bug')
          }),
        ),
        ledger.commit(bad(() => ({ ops: '{}\n{}' }))),
        ledger.commit(bad(() => ({ ops: '{}', who: 'somebody' }))),
        ledger.commit(good(1)),
      ])
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'rejected',
        'rejected',
        'fulfilled',
      ])
      expect(await ledger.get('bad')).toBeUndefined()
      expect(await ledger.count('n')).toBe(0)
      expect(sizeOf(ledger)).toBe(2)
      await checkLog(ledger.log)
      await expect(
        ledger.commitEach([
          good(2),
          bad(() => {
            throw new RangeError('a bug')
          }),
        ]),
      ).rejects.toBeInstanceOf(RangeError)
      expect(ledger.stopped).toBeUndefined()
    })

    test('what is not a commit is refused before it queues', async () => {
      await using world = await open()
      const { ledger } = world
      const refused: Commit[] = [
        { writes: [{ key: '', value: 1 }] },
        { writes: [{ key: 'a\0b', value: 1 }] },
        { writes: [{ key: '\ud800', value: 1 }] },
        { writes: [{ key: 'k'.repeat(1025), value: 1 }] },
        { writes: [{ key: 'a', value: 'x'.repeat(5_000_000) }] },
        { writes: [{ key: 'a', value: 1, expires: Number.NaN }] },
        { writes: [{ key: 'a', value: 1, customer: '../../x' }] },
        { checks: [{ key: 'a\0', version: 1 }] },
        { counters: [{ key: '' }] },
        { entries: [entry('{}', ['a\0b'])] },
        { entries: Array.from({ length: 1025 }, () => entry('{}')) },
      ]
      for (const commit of refused)
        await expect(ledger.commit(commit)).rejects.toSatisfy(
          (error) => error instanceof TypeError || error instanceof RangeError,
        )
      expect(await ledger.list('')).toEqual([])
      expect(sizeOf(ledger)).toBe(0)
    })

    test('values are frozen copies', async () => {
      await using world = await open()
      const { ledger } = world
      const value = { list: [{ deep: 1 }] }
      const committing = ledger.commit({ writes: [{ key: 'a', value }] })
      const [first] = value.list
      if (first) first.deep = 2
      await committing
      const row = await ledger.get<typeof value>('a')
      expect(row?.value).toEqual({ list: [{ deep: 1 }] })
      expect(() => row?.value.list.push({ deep: 3 })).toThrow(TypeError)
      expect(ledger.peek('a')).toBe(await ledger.get('a'))
    })

    test('peek is coherent with commits and silent about what is not at hand', async () => {
      await using world = await open()
      await world.ledger.commit({ writes: [{ key: 'a', value: 1 }] })
      expect(world.ledger.peek('a')?.value).toBe(1)
      const ledger = await world.reopen()
      expect(ledger.peek('a')).toBeUndefined()
      await ledger.get('a')
      expect(ledger.peek('a')?.value).toBe(1)
      for (let i = 2; i < 20; i++) {
        const [, row] = await Promise.all([
          ledger.commit({ writes: [{ key: 'a', value: i }] }),
          ledger.get('a'),
        ])
        expect([i - 1, i]).toContain(row?.value)
        expect(ledger.peek('a')?.value).toBe(i)
        expect((await ledger.get('a'))?.value).toBe(i)
      }
    })

    test("a customer's values die with his key, nobody else's do, and the log stays", async () => {
      await using world = await open()
      const { ledger, keys } = world
      const { version } = await ledger.commit({
        writes: [
          { key: 'p!alice', value: 'Alice', customer: 'acc-a' },
          { key: 'p!bob', value: 'Bob', customer: 'acc-b' },
          { key: 'p!x', value: 'open' },
        ],
        entries: [
          { claims: () => ({ ops: '{"kept":1}', who: 'Alice', secret: SECRET }), threads: ['acc-a'] },
        ],
      })
      await keys.destroyCustomerKey('acc-a')
      const check = async (now: Ledger): Promise<void> => {
        expect(await now.get('p!alice')).toBeUndefined()
        expect(now.peek('p!alice')).toBeUndefined()
        expect((await now.list('p!')).map(({ value }) => value)).toEqual(['Bob', 'open'])
        await refusal(now.commit({ checks: [{ key: 'p!alice', version }] }))
        expect(await now.history('acc-a')).toEqual([{ index: 0, ops: '{"kept":1}' }])
        await checkLog(now.log)
      }
      await check(ledger)
      await check(await world.reopen())
      await world.ledger.commit({
        checks: [{ key: 'p!alice', version: 'absent' }],
        writes: [{ key: 'p!alice', value: 'New', customer: 'acc-a' }],
      })
      expect((await (await world.reopen()).get('p!alice'))?.value).toBe('New')
    })

    test('closing writes what waits and takes nothing more', async () => {
      await using world = await open({ group: 3 })
      const { ledger } = world
      const waiting = Array.from({ length: 20 }, (_, i) => ledger.commit({ entries: [entry(`{"i":${i}}`)] }))
      const closing = ledger[Symbol.asyncDispose]()
      await expect(ledger.commit({ entries: [entry('{"late":1}')] })).rejects.toBeInstanceOf(LedgerStopped)
      await Promise.all(waiting)
      await closing
      expect(ledger.stopped).toBeInstanceOf(LedgerStopped)
      await expect(ledger.get('a')).rejects.toBeInstanceOf(LedgerStopped)
      expect(sizeOf(await world.reopen())).toBe(20)
    })

    test('withdrawals race disclosures: no entry after the end of its grant', async () => {
      await using world = await open({ group: 16 })
      const { ledger } = world
      await ledger.commit({ writes: [{ key: 'grant', value: 'active' }] })
      const disclose = (): Promise<Committed> =>
        ledger.commit({
          checks: [{ key: 'grant', version: 1 }],
          counters: [{ key: 'seq' }],
          entries: [{ claims: ({ counts }) => ({ ops: `{"seq":${counts[0]}}` }), threads: ['grant'] }],
        })
      const before = Array.from({ length: 100 }, disclose)
      const withdrawal = ledger.commit({
        checks: [{ key: 'grant', version: 1 }],
        writes: [{ key: 'grant', value: 'withdrawn' }],
        entries: [entry('"withdrawn"', ['grant'])],
      })
      const after = Array.from({ length: 100 }, disclose)
      await Promise.all(before)
      const end = (await withdrawal).entries[0]?.index ?? -1
      for (const attempt of after) await refusal(attempt)
      const history = await ledger.history('grant')
      expect(history[0]).toEqual({ index: end, ops: '"withdrawn"' })
      expect(history).toHaveLength(101)
      expect(await ledger.count('seq')).toBe(100)
    })

    test('a large log serves every tile, bundle and proof', async () => {
      await using world = await open()
      const { ledger } = world
      const checkpoints: string[] = []
      for (const count of [1, 254, 1, 1, 255, 1000, 300]) {
        const verdicts = await ledger.commitEach(
          Array.from({ length: count }, (_, i) => ({ entries: [entry(`{"i":${i}}`)] })),
        )
        for (const verdict of verdicts) if ('checkpoint' in verdict) checkpoints.push(verdict.checkpoint)
      }
      const report = await checkLog(ledger.log, checkpoints)
      expect(report).toMatchObject({ checkpoint: { size: 1812 }, bundles: 8, earlier: 1812 })
      for (const index of [0, 255, 256, 511, 512, 1500, 1811])
        await provenEntry(ledger.log, index, ledger.log.checkpoint())
      expect(await ledger.log.tile(0, 0, 255)).toHaveLength(255 * 32)
      for (const [level, index, width] of [
        [0, 8, 1],
        [0, 7, 21],
        [0, 0, 0],
        [0, 0, 257],
        [0, -1, 1],
        [2, 0, 1],
        [64, 0, 1],
        [0.5, 0, 1],
      ] as const)
        expect(await ledger.log.tile(level, index, width)).toBeUndefined()
      expect(await ledger.log.bundle(7, 21)).toBeUndefined()
    })
  })
}
