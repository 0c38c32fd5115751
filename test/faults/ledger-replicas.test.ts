import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import {
  CommitRefused,
  LedgerBusy,
  LedgerDamaged,
  LedgerStopped,
  type Committed,
  type Ledger,
} from '#core/ledger/ledger.ts'
import { checkLog } from '../check-log.ts'
import { entry, refusal, sizeOf } from '../contracts/ledger-under-test.ts'
import { ORIGIN } from '../level-ledger.ts'
import { letIn, openReplica, pgPlace, type PgPlace } from '../pg-ledger.ts'
import { postgres } from '../postgres.ts'
import { proxyTo } from './pg-proxy.ts'

/** Opens a further replica, let in by an operator. */
async function joinAs(place: PgPlace, name: string): ReturnType<typeof openReplica> {
  await letIn(place, name)
  return openReplica(place, { name })
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await holds()) return
    await sleep(20)
  }
  throw new Error('waited in vain')
}

const isDone = (one: PromiseSettledResult<Committed>): one is PromiseFulfilledResult<Committed> =>
  one.status === 'fulfilled'

describe('several replicas of a ledger on one PostgreSQL', () => {
  test('have one order: no version, number or place twice or missing, and one log', async () => {
    await using place = await pgPlace()
    await using a = (await openReplica(place)).ledger
    await using b = (await joinAs(place, 'b')).ledger
    await using c = (await joinAs(place, 'c')).ledger
    const replicas = [a, b, c]
    // So many that bundles and tiles are filled by several of them.
    const perReplica = 100
    const done: Committed[] = []
    await Promise.all(
      replicas.map(async (ledger, r) => {
        for (let i = 0; i < perReplica; i += 10)
          done.push(
            ...(await Promise.all(
              Array.from({ length: 10 }, (_, k) =>
                ledger.commit({
                  counters: [{ key: 'seq' }],
                  writes: [{ key: `row!${r}.${i + k}`, value: { r } }],
                  entries: [{ claims: ({ counts }) => ({ ops: `{"seq":${counts[0]}}` }), threads: ['all'] }],
                }),
              ),
            )),
          )
      }),
    )
    const all = replicas.length * perReplica
    const upTo = (first: number): number[] => Array.from({ length: all }, (_, i) => first + i)
    const sorted = (numbers: number[]): number[] => numbers.toSorted((x, y) => x - y)
    expect(sorted(done.map(({ version }) => version))).toEqual(upTo(1))
    expect(sorted(done.map(({ counts }) => counts[0] ?? 0))).toEqual(upTo(1))
    expect(sorted(done.map(({ entries }) => entries[0]?.index ?? -1))).toEqual(upTo(0))
    for (const { entries, counts, version } of done)
      expect([entries[0]?.index, counts[0]]).toEqual([version - 1, version])
    // At once, whoever wrote last: a page of one replica leads to another.
    expect(new Set(await Promise.all(replicas.map((ledger) => ledger.log.newest()))).size).toBe(1)
    expect(replicas.map(sizeOf)).toEqual(replicas.map(() => all))
    for (const ledger of replicas) {
      await checkLog(
        ledger.log,
        done.filter((_, i) => i % 10 === 0).map(({ checkpoint }) => checkpoint),
      )
      expect(await ledger.list('row!')).toHaveLength(all)
      const history = await ledger.history('all')
      expect(history.map(({ ops }) => ops)).toEqual(
        upTo(1)
          .toReversed()
          .map((seq) => `{"seq":${seq}}`),
      )
    }
  })

  test('sign with a new key of the log as soon as one of them made it, and know what it signed', async () => {
    await using place = await pgPlace()
    const a = await openReplica(place)
    const b = await joinAs(place, 'b')
    await using _a = a.ledger
    await using _b = b.ledger
    const { origin } = a.ledger.log
    for (const days of [30, 0]) {
      await b.ledger.commit({ entries: [entry('"before"', [])] })
      const until = Date.now() + days * 86_400_000
      const note = await a.keys.rotateLogKey({ origin, until })
      // The other one is first to sign after it.
      const { checkpoint } = await b.ledger.commit({ entries: [entry('"after"', [])] })
      expect(openCheckpoint(checkpoint, a.ledger.log.vkey)).toEqual(
        openCheckpoint(await a.ledger.log.newest(), a.ledger.log.vkey),
      )
      expect(b.ledger.log.keyChanges.at(-1)).toBe(note)
    }
    const note = await b.keys.rotateLogKey({ origin, until: 0 })
    await b.ledger.commit({ entries: [entry('"alone"', [])] })
    // Signed by a key that this one has not seen yet.
    expect(openCheckpoint(await a.ledger.log.newest(), b.ledger.log.vkey).size).toBe(sizeOf(b.ledger))
    expect(a.ledger.log.keyChanges.at(-1)).toBe(note)
    expect(a.ledger.stopped).toBeUndefined()
    await checkLog(a.ledger.log)
  })

  test('withdraw on one while another discloses: nothing after the end', async () => {
    await using place = await pgPlace()
    await using a = (await openReplica(place)).ledger
    await using b = (await joinAs(place, 'b')).ledger
    await a.commit({ writes: [{ key: 'grant', value: 'active' }] })
    const disclosing = (async (): Promise<PromiseSettledResult<Committed>[]> => {
      const all: PromiseSettledResult<Committed>[] = []
      for (let isOver = false; !isOver;) {
        const some = await Promise.allSettled(
          Array.from({ length: 5 }, () =>
            b.commit({
              checks: [{ key: 'grant', version: 1 }],
              counters: [{ key: 'seq' }],
              entries: [entry('"disclosed"', ['grant'])],
            }),
          ),
        )
        all.push(...some)
        isOver = some.some((one) => !isDone(one))
      }
      return all
    })()
    await until(async () => (await a.count('seq')) >= 10)
    const ended = await a.commit({
      checks: [{ key: 'grant', version: 1 }],
      writes: [{ key: 'grant', value: 'withdrawn' }],
      entries: [entry('"withdrawn"', ['grant'])],
    })
    const verdicts = await disclosing
    const end = ended.entries[0]?.index ?? -1
    for (const one of verdicts)
      if (isDone(one)) expect(one.value.entries[0]?.index).toBeLessThan(end)
      else expect(one.reason).toBeInstanceOf(CommitRefused)
    expect(await b.get('grant')).toMatchObject({ version: ended.version, value: 'withdrawn' })
    expect(sizeOf(b)).toBe(end + 1)
    expect(await a.count('seq')).toBe(end)
  })

  test('what one remembers never decides: an old row is refused, then read anew; an erasure counts for all', async () => {
    await using place = await pgPlace()
    const [a, b] = [await openReplica(place), await joinAs(place, 'b')]
    await using first = a.ledger
    await using second = b.ledger
    await first.commit({
      writes: [
        { key: 'a', value: 1 },
        { key: 'own', value: 'hers', customer: 'acc-1' },
      ],
    })
    const old = await second.get('a')
    const own = await second.get('own')
    if (!old || !own) throw new Error('the rows are not there')
    await first.commit({ writes: [{ key: 'a', value: 2 }] })
    expect(second.isNewest(old)).toBe(false)
    await refusal(second.commit({ checks: [{ key: 'a', version: old.version, row: old }] }))
    expect([undefined, 2]).toContain(second.peek('a')?.value)
    expect((await second.get('a'))?.value).toBe(2)

    await a.keys.destroyCustomerKey('acc-1')
    await refusal(second.commit({ checks: [{ key: 'own', version: own.version, row: own }] }))
    expect(await second.get('own')).toBeUndefined()
    expect(second.peek('own')).toBeUndefined()
    const late = second.commit({ writes: [{ key: 'own', value: 'again', customer: 'acc-1' }] })
    await refusal(late)
  })

  test('a lost commit is made again, a lost answer is found out, and nothing happens twice', async () => {
    await using place = await pgPlace()
    await using proxy = await proxyTo(place.url)
    await using a = (await openReplica({ ...place, url: proxy.url })).ledger
    await using b = (await joinAs(place, 'b')).ledger
    let expected = 0
    for (const what of ['commit', 'answer', 'answer', 'commit'] as const)
      for (const others of [false, true]) {
        const raise = (ledger: Ledger): Promise<Committed> =>
          ledger.commit({ counters: [{ key: 'n' }], entries: [entry('{}')] })
        const { lost } = proxy
        proxy.lose(what)
        const done = await Promise.all([raise(a), ...(others ? [raise(b), raise(b)] : [])])
        expect(proxy.lost).toBe(lost + 1)
        expected += done.length
        expect(await a.count('n')).toBe(expected)
        expect(new Set(done.map(({ version }) => version)).size).toBe(done.length)
      }
    await until(() => sizeOf(a) === expected && sizeOf(b) === expected)
    expect((await checkLog(a.log)).checkpoint.size).toBe(expected)
    expect(a.stopped).toBeUndefined()
  })

  test('whoever holds the lock waits for no values: what is checked stays where it is', async () => {
    await using place = await pgPlace()
    await using proxy = await proxyTo(place.url)
    await using ledger = (await openReplica({ ...place, url: proxy.url })).ledger
    const { version } = await ledger.commit({ writes: [{ key: 'a', value: 'x'.repeat(1_000_000) }] })
    const { received } = proxy
    await ledger.commit({ checks: [{ key: 'a', version }], counters: [{ key: 'n' }] })
    expect(proxy.received - received).toBeLessThan(100_000)
    await refusal(ledger.commit({ checks: [{ key: 'a', version: version - 1 }] }))
  })

  test('a database that says nothing any more is away', async () => {
    await using place = await pgPlace()
    await using proxy = await proxyTo(place.url)
    await using ledger = (await openReplica({ ...place, url: proxy.url }, { limits: { patience: 0 } })).ledger
    proxy.pause(true)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      let isOver = false
      const asked = [ledger.get('a'), ledger.commit({ counters: [{ key: 'n' }] })]
      const settled = Promise.allSettled(asked).finally(() => (isOver = true))
      // Half a minute for each of the few statements that are waited for, one after the other.
      for (let ms = 0; ms < 300_000 && !isOver; ms += 100) {
        await vi.advanceTimersByTimeAsync(100)
        await setImmediate()
      }
      expect(isOver).toBe(true)
      const refusals = [LedgerBusy, LedgerStopped].map((one) => ({ reason: expect.any(one) as Error }))
      expect(await settled).toMatchObject(refusals)
    } finally {
      vi.useRealTimers()
      proxy.pause(false)
    }
  })

  const bent = (at: number) =>
    `update reach_ledger set value = set_byte(value, ${at}, get_byte(value, ${at}) # 1)`
  test.each([
    ['an entry', `${bent(9)} where key = 'e0000000000000001'`],
    ['the row of a group', `delete from reach_ledger where key = 'b0000000000000002'`],
    // In its root.
    ['the checkpoint', `${bent(ORIGIN.length + 4)} where key = 'h'`],
  ])('what others wrote is believed only if it is whole: %s', async (_, harm) => {
    await using place = await pgPlace()
    await using a = (await openReplica(place)).ledger
    await a.commit({ entries: [entry('{"a":1}')] })
    await using proxy = await proxyTo(place.url)
    await joinAs(place, 'b').then(({ ledger }) => ledger[Symbol.asyncDispose]())
    await using b = (await openReplica({ ...place, url: proxy.url }, { name: 'b' })).ledger
    proxy.pause(true)
    await a.commit({ entries: [entry('{"a":2}')] })
    await (await postgres()).query(harm, place.url)
    proxy.pause(false)
    await expect(b.commit({ entries: [entry('{"a":3}')] })).rejects.toBeInstanceOf(LedgerStopped)
    expect(b.stopped?.cause).toBeInstanceOf(LedgerDamaged)
  })

  test('sessions that the server ends are opened again', async () => {
    await using place = await pgPlace()
    await using ledger = (await openReplica(place)).ledger
    await using idle = (await joinAs(place, 'idle')).ledger
    const server = await postgres()
    const database = new URL(place.url).pathname.slice(1)
    for (let round = 1; round <= 3; round++) {
      await server.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`,
      )
      const raised = await ledger.commit({ counters: [{ key: 'n' }], entries: [entry('{}')] })
      expect(raised.counts).toEqual([round])
      expect(await ledger.count('n')).toBe(round)
      expect(await idle.log.newest()).toBe(raised.checkpoint)
    }
  })

  test('a database that stays away stops the ledger, and is told of as such', async () => {
    await using place = await pgPlace()
    const proxy = await proxyTo(place.url)
    await using ledger = (await openReplica({ ...place, url: proxy.url }, { limits: { patience: 200 } }))
      .ledger
    await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
    await proxy[Symbol.asyncDispose]()
    await expect(ledger.get('b')).rejects.toBeInstanceOf(LedgerBusy)
    const refused = ledger.commit({ writes: [{ key: 'a', value: 2 }] })
    await expect(refused).rejects.toBeInstanceOf(LedgerStopped)
    expect(ledger.stopped).toBeInstanceOf(LedgerStopped)
    await using again = (await openReplica(place)).ledger
    expect((await again.get('a'))?.value).toBe(1)
  })
})
