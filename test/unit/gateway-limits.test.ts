import { RateLimiterMemory } from 'rate-limiter-flexible'
import { describe, expect, test } from 'vitest'
import type { DomainError } from '#core/domain/errors.ts'
import { connect } from '#core/ledger/pg-database.ts'
import { openPgLimits } from '#core/ledger/pg-limits.ts'
import { proxyTo } from '../faults/pg-proxy.ts'
import { postgres } from '../postgres.ts'
import { VendorLimits } from '../../vendor-gateway/limits.ts'
import { requestLimits } from '../../vault-server/oauth/request-limits.ts'
import { Turns } from '../../vendor-gateway/turns.ts'

const now = () => Date.now()
const refusal = { code: 'rate-limited' }

describe('the limits of businesses', () => {
  test('are each business’s own', async () => {
    const limits = new VendorLimits({ now, subjectsPerMinute: 10 })
    await limits.take('one', 10)
    await expect(limits.take('one', 1)).rejects.toMatchObject(refusal)
    await limits.take('other', 10)
  })

  test('do not count what was refused: a smaller question may still fit', async () => {
    const limits = new VendorLimits({ now, subjectsPerMinute: 10 })
    await limits.take('one', 4)
    await expect(limits.take('one', 7)).rejects.toMatchObject(refusal)
    expect(limits.fields('one').RateLimit).toMatch(/^"subjects";r=6;t=\d+$/)
    await limits.take('one', 6)
    expect(limits.fields('one').RateLimit).toMatch(/^"subjects";r=0;t=\d+$/)
  })

  test('hold for a day as well where little is kept', async () => {
    const limits = new VendorLimits({ now, subjectsPerMinute: 10, subjectsPerDay: 12 })
    await limits.take('one', 6)
    await limits.take('other', 10)
    const spent = new VendorLimits({ now, subjectsPerMinute: 100, subjectsPerDay: 12 })
    await spent.take('one', 10)
    const refused = await spent.take('one', 3).catch((error: unknown) => error)
    expect(refused).toMatchObject(refusal)
    expect((refused as DomainError).retryAfter).toBeGreaterThan(86_000)
    expect(spent.fields('one').RateLimit).toMatch(/^"subjects";r=90;/)
    await spent.take('one', 2)
  })

  test('are told before anything was asked', () => {
    const limits = new VendorLimits({ now, subjectsPerMinute: 10 })
    expect(limits.fields('new')).toEqual({
      'RateLimit-Policy': '"subjects";q=10;w=60',
      RateLimit: '"subjects";r=10;t=1',
    })
  })

  test('hold for replicas together that share a store', async () => {
    const shared = new RateLimiterMemory({ points: 10, duration: 60 })
    const replicas = [1, 2].map(() => new VendorLimits({ now, subjectsPerMinute: 10, store: () => shared }))
    for (let n = 0; n < 10; n++) await replicas[n % 2]?.take('one', 1)
    for (const replica of replicas) await expect(replica.take('one', 1)).rejects.toMatchObject(refusal)
  })

  test('are counted by replicas in their database, which tells each the same', async () => {
    const url = await (await postgres()).database()
    await using first = await openPgLimits(url, 60_000)
    await using second = await openPgLimits(url, 60_000)
    const replicas = [first, second].map(
      (counts) => new VendorLimits({ now, subjectsPerMinute: 10, store: counts.open }),
    )
    const [one, other] = replicas as [VendorLimits, VendorLimits]
    await one.take('shop', 4)
    await other.take('shop', 5)
    expect(other.fields('shop').RateLimit).toMatch(/^"subjects";r=1;t=\d+$/)
    await expect(one.take('shop', 2)).rejects.toMatchObject(refusal)
    await one.take('shop', 1)
    for (const replica of replicas) await expect(replica.take('shop', 1)).rejects.toMatchObject(refusal)
    await Promise.all(replicas.map((replica) => replica.take('other', 5)))
    for (const replica of replicas) await expect(replica.take('other', 1)).rejects.toMatchObject(refusal)
  })

  test('of the authorization server are counted by replicas together as well', async () => {
    const url = await (await postgres()).database()
    await using first = await openPgLimits(url, 60_000)
    await using second = await openPgLimits(url, 60_000)
    const [one, other] = [requestLimits(first.open), requestLimits(second.open)]
    for (let n = 0; n < 20; n++) await Promise.all([one.polled('question'), other.polled('question')])
    for (const replica of [one, other])
      await expect(replica.polled('question')).rejects.toMatchObject({ error: 'slow_down' })
    await one.polled('another')
  })

  test('hold at each replica by itself while the database is slow or away', async () => {
    const url = await (await postgres()).database()
    await using proxy = await proxyTo(url)
    await using counts = await openPgLimits(proxy.url)
    const limits = new VendorLimits({ now, subjectsPerMinute: 10, store: counts.open })
    const other = await connect(url)
    await other.query('begin')
    await other.query('lock table reach_limits')
    await limits.take('shop', 10)
    await expect(limits.take('shop', 1)).rejects.toMatchObject(refusal)
    await other.end()
    await proxy[Symbol.asyncDispose]()
    await limits.take('late', 10)
    await expect(limits.take('late', 1)).rejects.toMatchObject(refusal)
  })
})

describe('turns', () => {
  /** Work that goes on until it is told to end. */
  function works(turns: Turns, vendorId: string, weight: number) {
    const end = Promise.withResolvers<void>()
    const work = { begun: false, done: undefined as unknown as Promise<void>, end: end.resolve }
    work.done = turns.run(vendorId, weight, async () => {
      work.begun = true
      await end.promise
    })
    return work
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))

  test('let a few batches of one business run at once, the others in their order, and everybody else at once', async () => {
    const turns = new Turns()
    const flood = Array.from({ length: 20 }, () => works(turns, 'greedy', 100))
    const other = works(turns, 'modest', 100)
    await settle()
    expect(flood.map(({ begun }) => begun)).toEqual(Array.from(flood, (_, n) => n < 5))
    expect(other.begun).toBe(true)
    flood[2]?.end()
    await settle()
    expect(flood.filter(({ begun }) => begun)).toHaveLength(6)
    expect(flood[5]?.begun).toBe(true)
    for (const { end } of [...flood, other]) end()
    await Promise.all([...flood, other].map(({ done }) => done))
    expect(flood.every(({ begun }) => begun)).toBe(true)
  })

  test('are given to small ones in greater number, and nobody overtakes', async () => {
    const turns = new Turns()
    const small = Array.from({ length: 50 }, () => works(turns, 'one', 10))
    const large = works(turns, 'one', 100)
    const late = works(turns, 'one', 1)
    await settle()
    expect(small.every(({ begun }) => begun)).toBe(true)
    expect([large.begun, late.begun]).toEqual([false, false])
    for (const { end } of [...small, large, late]) end()
    await Promise.all([...small, large, late].map(({ done }) => done))
  })

  test('are refused to those who queue too many', async () => {
    const turns = new Turns()
    const held = Array.from({ length: 5 + 64 }, () => works(turns, 'one', 100))
    await settle()
    await expect(turns.run('one', 100, async () => undefined)).rejects.toMatchObject(refusal)
    for (const { end } of held) end()
    await Promise.all(held.map(({ done }) => done))
    expect(await turns.run('one', 100, async () => 'free')).toBe('free')
  })

  test('come back when the work fails', async () => {
    const turns = new Turns()
    for (let n = 0; n < 20; n++)
      await expect(turns.run('one', 100, () => Promise.reject(new Error('fails')))).rejects.toThrow('fails')
    expect(await turns.run('one', 100, async () => 'free')).toBe('free')
  })
})
