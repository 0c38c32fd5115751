import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import { grantHistory } from '#core/records/histories.ts'
import { addGrants } from '../../bench/population.ts'
import { delivery, marketing, TestGateway } from '../gateway.ts'
import type { TestVendor } from '../gateway.ts'
import { loggedFacts } from '../logged-facts.ts'

let gateway: TestGateway
let shop: TestVendor

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
})
afterAll(() => gateway[Symbol.asyncDispose]())

const both = ['profile.name', 'contact.email']
const read = (subject: string) => gateway.read(shop, subject, both.join())

async function factsOf(grantId: string): Promise<Fact[]> {
  const items = await grantHistory(gateway.ledger, grantId)
  return items.map(({ ops }) => readFact(ops))
}

describe('a batch', () => {
  test('gives every subject its own verdict, in order, and every row its own entry', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => gateway.customer()))
    const to = { vendorId: shop.vendorId, clientId: shop.clientId }
    const items = [{ id: 'item-1', purpose: delivery, fields: both }]
    const grants = await addGrants(gateway.house, people, { ...to, items })
    const subjects = grants.map(({ subject }) => subject)
    const [, second, third] = grants
    if (second === undefined || third === undefined) throw new Error('there are six')
    await gateway.change(second, 'paused')
    gateway.pods.behave(people[2]?.person ?? { webId: '', container: '' }, 'broken')
    const reply = await gateway.query(shop, ['nobody', ...subjects], both)
    expect(reply.status).toBe(200)
    const rows: { subject: string; data?: unknown; error?: string; log?: { index: number } }[] =
      reply.json.rows
    expect(rows.map(({ subject }) => subject)).toEqual(['nobody', ...subjects])
    const unavailable = 'subject-unavailable'
    const errors = [unavailable, undefined, unavailable, 'later', undefined, undefined, undefined]
    expect(rows.map(({ error }) => error)).toEqual(errors)
    const indexes = rows.flatMap(({ log }) => (log === undefined ? [] : [log.index]))
    expect(new Set(indexes).size).toBe(4)
    expect(rows[1]?.data).toEqual({ 'profile.name': 'Ada Lovelace', 'contact.email': 'ada@example.org' })
  })

  test('reads no more than a token of the business names, if it names anything', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const until = new Date(grant.until).toISOString()
    const items = [{ id: 'item-1', purpose: delivery, fields: ['profile.name'] }]
    const details = [{ type: 'urn:reach:access-request:1', grant_id: grant.grantId, items, until }]
    const narrow = gateway.withToken(shop, { authorization_details: details })
    const [row] = (await gateway.query(narrow, [grant.subject], both)).json.rows
    expect(row.data).toEqual({ 'profile.name': 'Ada Lovelace' })
  })

  test('takes a thousand subjects', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const subjects = [grant.subject, ...Array.from({ length: 999 }, (_, n) => `${'x'.repeat(60)}${n}`)]
    const reply = await gateway.query(shop, subjects, both)
    expect(reply.json.rows).toHaveLength(1000)
    expect(reply.json.rows[0].data).toBeDefined()
    const more = await gateway.query(shop, [...subjects, 'one more'], both)
    expect([more.status, more.json.errors]).toEqual([
      400,
      [expect.objectContaining({ pointer: '/subjects' })],
    ])
  })
})

describe('while a batch waits for a slow pod', () => {
  const items = [{ id: 'item-1', purpose: delivery, fields: both }]

  async function oneSilent() {
    const people = await Promise.all([gateway.customer(), gateway.customer()])
    const to = { vendorId: shop.vendorId, clientId: shop.clientId, items }
    const [grant, silent] = await addGrants(gateway.house, people, to)
    if (grant === undefined || silent === undefined) throw new Error('there are two')
    expect((await read(grant.subject)).status).toBe(200)
    gateway.pods.behave(people[1].person, 'silent')
    return { grant, silent, person: people[0].person }
  }

  test('what a customer withdraws does not leave any more, though it is on record', async () => {
    const { grant, silent } = await oneSilent()
    // In two pieces: the first is on record at once, the second waits.
    const strangers = Array.from({ length: 120 }, (_, n) => `stranger-${n}`)
    const asked = gateway.query(shop, [grant.subject, ...strangers, silent.subject], both)
    await expect.poll(async () => (await factsOf(grant.grantId)).length).toBe(4)
    await gateway.change(grant, 'withdrawn')
    const { rows } = (await asked).json
    expect(rows[0]).toEqual({ subject: grant.subject, error: 'subject-unavailable' })
    expect(rows.at(-1)).toEqual({ subject: silent.subject, error: 'later' })
  })

  test('values that outlive their bound are confirmed again before they leave', async () => {
    const { grant, silent, person } = await oneSilent()
    const asked = gateway.query(shop, [grant.subject, silent.subject], both)
    await wait(500)
    gateway.pods.behave(person, 'forbidden')
    gateway.advance(11_000)
    const { rows } = (await asked).json
    expect(rows[0]).toEqual({ subject: grant.subject, error: 'subject-unavailable' })
    expect((await factsOf(grant.grantId)).filter(({ type }) => type === 'disclosed')).toHaveLength(1)
  })
})

test('a batch does not wait for every silent pod in turn: what was not asked in time is for later', async () => {
  const people = await Promise.all(Array.from({ length: 80 }, () => gateway.customer()))
  const items = [{ id: 'item-1', purpose: delivery, fields: both }]
  const to = { vendorId: shop.vendorId, clientId: shop.clientId, items }
  const subjects = (await addGrants(gateway.house, people, to)).map(({ subject }) => subject)
  for (const { person } of people.slice(1)) gateway.pods.behave(person, 'silent')
  expect((await read(subjects[0] ?? '')).status).toBe(200)
  const asked = gateway.query(shop, subjects, both)
  await wait(1000)
  const began = performance.now()
  gateway.advance(8_500)
  const rows: { error?: string }[] = (await asked).json.rows
  // One time-out of a pod, and not one for each 32 of them.
  expect(performance.now() - began).toBeLessThan(9_000)
  expect(rows.map(({ error }) => error)).toEqual([undefined, ...Array(79).fill('later')])
})

describe('a pod that cannot confirm its values', () => {
  test.each(['broken', 'nonsense'] as const)(
    'because it is %s gives 503 with Retry-After, and nothing leaves',
    async (how) => {
      const customer = await gateway.customer()
      const grant = await gateway.grant(customer, shop)
      expect((await read(grant.subject)).status).toBe(200)
      gateway.pods.behave(customer.person, how)
      gateway.pods.fill(customer.person, 'profile', { name: 'Changed' })
      gateway.advance(11_000)
      const reply = await read(grant.subject)
      expect([reply.status, reply.json.code]).toEqual([
        503,
        how === 'broken' ? 'pod-unreachable' : 'pod-unreadable',
      ])
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
      const [row] = (await gateway.query(shop, [grant.subject], both)).json.rows
      expect(row).toEqual({ subject: grant.subject, error: 'later' })
      const types = (await factsOf(grant.grantId)).map(({ type }) => type)
      expect(types).toEqual(['disclosed', 'redeemed', 'granted'])
    },
  )
})

describe('a grant that changes each time it is decided on', () => {
  test('is for later, and not called unavailable', async () => {
    const refusing = (ledger: Ledger): Ledger =>
      new Proxy(ledger, {
        get(target, name) {
          if (name === 'commitEach')
            return async (commits: readonly Commit[]) =>
              commits.map(({ checks }) => new CommitRefused(checks?.[0]?.key ?? '', 'changed'))
          const member: unknown = Reflect.get(target, name, target)
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
    await using own = await TestGateway.open({ wrapLedger: refusing })
    const vendor = await own.vendor('contended')
    const grant = await own.grant(await own.customer(), vendor)
    const single = await own.read(vendor, grant.subject, both.join())
    expect([single.status, single.json.code]).toEqual([503, 'busy'])
    expect(Number(single.headers.get('retry-after'))).toBeGreaterThan(0)
    const batch = await own.query(vendor, [grant.subject, 'nobody'], both)
    expect(batch.json.rows.map(({ error }: { error: string }) => error)).toEqual([
      'later',
      'subject-unavailable',
    ])
  })
})

describe('a suspended business', () => {
  test('gets nothing by any door until it is reinstated', async () => {
    const vendor = await gateway.vendor('suspended')
    const grant = await gateway.grant(await gateway.customer(), vendor)
    // The second time as it was decided the first time: what was decided before a suspension holds no more behind it.
    for (const _ of [1, 2]) expect((await gateway.read(vendor, grant.subject, both.join())).status).toBe(200)
    const before = await factsOf(grant.grantId)
    await gateway.suspend(vendor.vendorId)
    const single = await gateway.read(vendor, grant.subject, both.join())
    const batch = await gateway.query(vendor, [grant.subject], both)
    for (const { status, json } of [single, batch])
      expect([status, json.code]).toEqual([403, 'vendor-suspended'])
    expect(await factsOf(grant.grantId)).toEqual(before)
    await gateway.suspend(vendor.vendorId, false)
    expect((await gateway.read(vendor, grant.subject, both.join())).status).toBe(200)
  })
})

describe('refusals', () => {
  test('are counted per grant and hour, in one entry, and strangers leave no trace in the log', async () => {
    await using own = await TestGateway.open()
    const vendor = await own.vendor('counted')
    const customer = await own.customer()
    const grant = await own.grant(customer, vendor)
    for (let i = 0; i < 3; i++) await own.read(vendor, grant.subject, both.join(), marketing)
    await own.change(grant, 'paused')
    for (let i = 0; i < 2; i++) await own.read(vendor, grant.subject, both.join())
    const size = () => Number(own.ledger.log.checkpoint().split('\n')[1])
    const before = size()
    await own.query(
      vendor,
      Array.from({ length: 500 }, (_, n) => `stranger-${n}`),
      both,
    )
    expect(size()).toBe(before)
    own.advance(3_600_000)
    await own.read(own.withToken(vendor), grant.subject, both.join())
    await own.stop()
    expect(size()).toBe(before + 2)
    const facts = (await grantHistory(own.ledger, grant.grantId)).map(({ ops }) => readFact(ops))
    const counts = facts.flatMap((fact) => (fact.type === 'disclosures-refused' ? [fact.counts] : []))
    expect(counts).toEqual([{ paused: 1 }, { 'not-granted': 3, paused: 2 }])
    expect(own.logLines.join('')).toContain('"event":"unknown-subjects"')
    expect(own.logLines.join('')).not.toContain('stranger')
  })
})

describe('a ledger that cannot write', () => {
  test('stops everything: no record, no data', async () => {
    await using own = await TestGateway.open()
    const vendor = await own.vendor('stopped')
    const grant = await own.grant(await own.customer(), vendor)
    expect((await own.read(vendor, grant.subject, both.join())).status).toBe(200)
    await own.ledger[Symbol.asyncDispose]()
    const replies = [
      await own.read(vendor, grant.subject, both.join()),
      await own.query(vendor, [grant.subject], both),
    ]
    for (const { status, json, text, headers } of replies) {
      expect([status, json.code]).toEqual([503, 'ledger-stopped'])
      expect(headers.get('retry-after')).not.toBeNull()
      expect(text).not.toContain('Ada')
    }
  })
})

test('the log of everything above verifies, and its replay finds nothing', async () => {
  expect(replay(await loggedFacts(gateway.ledger))).toEqual([])
})
