/** Promise 1: data leaves only under a grant that is live at that moment. Promise 4: the pod stays the customer's. */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import { grantHistory } from '#core/records/histories.ts'
import type { Me } from '#schemas/types.gen.ts'
import { batchToken } from '../../business.ts'
import { checkEverything } from '../../check-everything.ts'
import { Story } from '../../story.ts'
import type { Customer, Relation } from '../../story.ts'

let story: Story
let alma: Customer

beforeAll(async () => {
  story = await Story.open()
  alma = await story.customer()
})
afterEach(() => checkEverything(story))
afterAll(() => story[Symbol.asyncDispose]())

/** A grant that has answered, and the business's other token, which is not bound to any customer. */
async function inUse(customer = alma, answers = {}): Promise<{ relation: Relation; batch: string }> {
  const relation = await story.allow(customer, await story.shop(), { answers })
  const batch = await batchToken(relation.shop)
  for (const token of [relation.tokens.accessToken, batch])
    expect(await story.read(relation, { token })).toMatchObject({ status: 200 })
  return { relation, batch }
}

/** Everything that is answered about the customer, and about somebody who never was. */
async function answers(relation: Relation, tokens: readonly string[]) {
  const stranger = randomBytes(32).toString('base64url')
  const pairs = []
  for (const token of tokens)
    pairs.push({
      known: await story.read(relation, { token }),
      unknown: await story.read(relation, { token, of: stranger }),
    })
  return pairs
}

async function expectGone(relation: Relation, tokens: readonly string[], batch: string): Promise<void> {
  const { log } = story.world.reach.ledger
  const before = log.checkpoint()
  for (const { known, unknown } of await answers(relation, tokens)) {
    expect(known).toEqual(unknown)
    expect(known.status).toBe(404)
    expect(JSON.parse(known.text)).toMatchObject({ code: 'subject-unavailable' })
  }
  const stranger = randomBytes(32).toString('base64url')
  const rows = await story.call(relation.shop, batch, '/v1/query', {
    purpose: 'dpv:CustomerOrderManagement',
    fields: ['profile.name'],
    subjects: [relation.subject, stranger],
  })
  expect(JSON.parse(rows.text)).toEqual({
    rows: [relation.subject, stranger].map((subject) => ({ subject, error: 'subject-unavailable' })),
  })
  expect(log.checkpoint()).toBe(before)
}

/** In the order of the log. */
async function factsOf({ grantId }: Relation): Promise<Fact[]> {
  const items = await grantHistory(story.world.reach.ledger, grantId)
  return items.map(({ ops }) => readFact(ops)).toReversed()
}

const typesOf = async (relation: Relation) => (await factsOf(relation)).map(({ type }) => type)

test('withdrawn: the token that is still valid finds the subject unavailable', async () => {
  const { relation, batch } = await inUse()
  expect(await story.act(alma, relation, 'withdraw')).toMatchObject({ state: 'withdrawn' })
  await expectGone(relation, [relation.tokens.accessToken, batch], batch)
  expect((await typesOf(relation)).at(-1)).toBe('withdrawn')
})

test('paused: unavailable until it is resumed, and then there with the same token', async () => {
  const { relation, batch } = await inUse()
  const tokens = [relation.tokens.accessToken, batch]
  expect(await story.act(alma, relation, 'pause')).toMatchObject({ state: 'paused' })
  await expectGone(relation, tokens, batch)
  expect(await story.act(alma, relation, 'resume')).toMatchObject({ state: 'active' })
  for (const token of tokens) expect(await story.read(relation, { token })).toMatchObject({ status: 200 })
  const types = await typesOf(relation)
  expect(types.slice(types.indexOf('paused'))).toEqual(['paused', 'resumed', 'disclosed', 'disclosed'])
})

test('a suspended business gets nothing, and cannot tell its customers from strangers', async () => {
  const { relation, batch } = await inUse()
  const { shop } = relation
  await story.world.operator.suspend(shop.vendorId)
  const before = story.world.reach.ledger.log.checkpoint()
  for (const { known, unknown } of await answers(relation, [batch])) {
    expect(JSON.parse(known.text)).toMatchObject({ status: 403, code: 'vendor-suspended' })
    // Every problem has an id of its own.
    expect(withoutInstance(known.text)).toEqual(withoutInstance(unknown.text))
    expect(known.headers).toEqual(unknown.headers)
  }
  expect((await story.read(relation)).text).not.toContain('data')
  expect(story.world.reach.ledger.log.checkpoint()).toBe(before)
  await story.world.operator.reinstate(shop.vendorId)
  expect(await story.read(relation)).toMatchObject({ status: 200 })
})

function withoutInstance(text: string): unknown {
  const { instance, ...problem } = JSON.parse(text) as Record<string, unknown>
  expect(instance).toMatch(/^urn:uuid:/)
  return problem
}

test('access taken away in the pod by another app: unavailable within a second, forgotten, told, and back without asking', async () => {
  const berta = await story.customer()
  const { relation, batch } = await inUse(berta)
  const tokens = [relation.tokens.accessToken, batch]
  const app = await story.appOf(berta)
  const rules = `${berta.container}.acl`
  const headers = { 'content-type': 'text/turtle' }
  const original = await (await app(rules)).text()
  const shut = original.replace(/<[^>]*#reach-agent>[^.]*(?:<[^>]*>[^.<]*)*\./, '')
  expect(shut.length).toBeLessThan(original.length)
  expect((await app(rules, { method: 'PUT', headers, body: shut })).ok).toBe(true)
  await wait(1_000)
  await expectGoneByAccess()

  async function expectGoneByAccess(): Promise<void> {
    expect(await story.read(relation)).toMatchObject({ status: 404 })
    await expectGone(relation, tokens, batch)
    // Not even with the values that were confirmed a moment ago: they are no longer held.
    expect(story.world.reach.pods.peek(berta, ['profile.name'])).toBeUndefined()
    expect((await berta.browser.get('/api/me')).body as Me).toMatchObject({ podAccess: 'lost' })
    expect((await typesOf(relation)).at(-1)).toBe('access-lost')
  }

  // Reach looks again by itself; she need not wait for it. However many find it open at once, it comes back once.
  expect((await app(rules, { method: 'PUT', headers, body: original })).ok).toBe(true)
  const connected = await Promise.all([1, 2, 3].map(() => berta.browser.post('/api/pod/connect')))
  for (const { body } of connected) expect(body).toMatchObject({ ok: true })
  expect((await berta.browser.get('/api/me')).body as Me).toMatchObject({ podAccess: 'open' })
  for (const token of tokens) expect(await story.read(relation, { token })).toMatchObject({ status: 200 })
  const types = await typesOf(relation)
  expect(types.filter((type) => type === 'granted')).toHaveLength(1)
  expect(types.slice(types.indexOf('access-lost'))).toEqual([
    'access-lost',
    'access-restored',
    'disclosed',
    'disclosed',
  ])
})

test('expired: unavailable from its end on, also to a token that lives longer', async () => {
  const until = Date.now() + 20_000
  const { relation, batch } = await inUse(alma, { until: new Date(until).toISOString() })
  story.world.clock.ahead = until - Date.now() + 1
  await expectGone(relation, [batch], batch)
  expect(Number(relation.tokens.claims.exp) * 1000).toBeLessThanOrEqual(until)
  for (const fact of await factsOf(relation))
    if (fact.type === 'disclosed') expect(fact.time).toBeLessThanOrEqual(until)
})
