import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  CommitRefused,
  LedgerBusy,
  LedgerStopped,
  type Commit,
  type Committed,
  type Entry,
} from '#core/ledger/ledger.ts'
import { checkLog, provenEntry } from '../check-log.ts'
import { logContract } from './ledger-log.ts'
import { rowContract } from './ledger-rows.ts'
import { entry, refusal, sizeOf, type OpenLedger } from './ledger-under-test.ts'

/** What every adapter of the ledger's port keeps. */
export function ledgerContract(name: string, open: OpenLedger): void {
  describe(`${name} as a ledger`, () => {
    commitContract(open)
    rowContract(open)
    logContract(open)
  })
}

function commitContract(open: OpenLedger): void {
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
    expect(await ledger.get('grant')).toEqual({
      key: 'grant',
      version: 1,
      value: { state: 'active', fields: ['a'] },
    })
    expect(ledger.peek('account')).toEqual({ key: 'account', version: 1, value: [1, null, 'x'] })
    expect(await ledger.count('seq')).toBe(2)
    expect(await ledger.history('g')).toMatchObject([
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

  test('whoever comes first does not wait for all who come in slow turns behind', async () => {
    await using world = await open()
    const commits: Promise<Committed>[] = []
    for (let turn = 0; turn < 60; turn++) {
      commits.push(world.ledger.commit({ entries: [entry(`{"turn":${turn}}`)] }))
      for (const until = performance.now() + 3; performance.now() < until;);
      await nextTurn()
    }
    const [first, ...rest] = await Promise.all(commits)
    expect(first?.checkpoint).not.toBe(rest.at(-1)?.checkpoint)
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

  test('two of one call that are no commits fail together, and nothing else does', async () => {
    await using world = await open()
    const no = (key: string, customer: string): Commit => ({ writes: [{ key, value: 1, customer }] })
    await expect(world.ledger.commitEach([no('a', '../../x'), no('', 'alice')])).rejects.toBeInstanceOf(
      TypeError,
    )
    // Time for a rejection that nobody awaits to end the process.
    await nextTurn()
    expect(await world.ledger.list('')).toEqual([])
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
}
