/**
 * A live grant under other terms, a new request in the place of an old grant, and budgets of reads: on the whole of Reach,
 * through its public surface.
 */
import { createLocalJWKSet, compactVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import { day } from '#core/domain/times.ts'
import { matches } from '#core/http/validate.ts'
import { commitsTo } from '../independent-log.ts'
import { accessRequest, batchToken, refresh } from '../business.ts'
import { decide } from '../consent.ts'
import { loggedFacts } from '../logged-facts.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Relation } from '../story.ts'
import type {
  Activity,
  ChangeGrant,
  DecisionResult,
  Grants,
  GrantTerms,
  GrantView,
  ReceiptView,
  VendorGrants,
} from '../../schemas/types.gen.ts'

let story: Story
let alma: Customer
const orders = 'dpv:CustomerOrderManagement'
const diet = 'dpv:ServicePersonalisation'

beforeAll(async () => {
  story = await Story.open()
  alma = await story.customer()
})
afterAll(() => story[Symbol.asyncDispose]())

const grantOf = async ({ grantId }: Pick<Relation, 'grantId'>): Promise<GrantView> =>
  expectOk(await alma.browser.get(`/api/grants/${grantId}`)).body as GrantView
const termsOf = async ({ grantId }: Pick<Relation, 'grantId'>): Promise<GrantTerms> =>
  expectOk(await alma.browser.get(`/api/grants/${grantId}/terms`)).body as GrantTerms
const change = ({ grantId }: Pick<Relation, 'grantId'>, body: unknown) =>
  alma.browser.post(`/api/grants/${grantId}/change`, body)
const asItIs = ({ items, until, readsAllowed }: GrantView): ChangeGrant => ({
  items: items.map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) })),
  until,
  ...(readsAllowed === undefined ? {} : { reads: readsAllowed }),
})
const activityOf = async (grantId: string): Promise<Activity['items']> =>
  (expectOk(await alma.browser.get(`/api/activity?grant=${grantId}`)).body as Activity).items
const typesOf = async (grantId: string): Promise<string[]> =>
  (await activityOf(grantId)).map(({ type }) => type)
const dataOf = async (reply: Promise<{ status: number; text: string }>) => {
  const { status, text } = await reply
  return status === 200 ? Object.keys((JSON.parse(text) as { data: object }).data) : status
}
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString()
const inDays = (days: number) => new Date(Date.now() + days * day).toISOString()
const vendorView = async (relation: Relation): Promise<VendorGrants['grants'][number] | undefined> => {
  const reply = await story.call(relation.shop, await batchToken(relation.shop), '/v1/grants')
  return (JSON.parse(reply.text) as VendorGrants).grants.find((one) => one.grant_id === relation.grantId)
}

describe('changing a live grant', () => {
  test('takes a field away for the very next read, single and batch, and gives it back no further than asked', async () => {
    const relation = await story.allow(alma, await story.shop())
    const batch = await batchToken(relation.shop)
    const fields = ['diet.diet', 'diet.allergies']
    const read = () => dataOf(story.read(relation, { fields, purpose: diet }))
    const rows = async () => {
      const reply = await story.call(relation.shop, batch, '/v1/query', {
        purpose: diet,
        fields,
        subjects: [relation.subject],
      })
      return Object.keys((JSON.parse(reply.text) as { rows: { data: object }[] }).rows[0]?.data ?? {})
    }
    expect(await read()).toEqual(fields)

    const before = await grantOf(relation)
    const narrow = {
      ...asItIs(before),
      items: before.items.map(({ id, fields: all }) => ({
        id,
        fields: all.map(({ field }) => field).filter((field) => field !== 'diet.allergies'),
      })),
    }
    const changed = await change(relation, narrow)
    expect(changed.status).toBe(200)
    expect(matches('api/grant-view.json', changed.body)).toBe(true)
    expect(await read()).toEqual(['diet.diet'])
    expect(await rows()).toEqual(['diet.diet'])

    // The same again changes nothing and makes no entry.
    const { log } = story.world.reach.ledger
    const checkpoint = log.checkpoint()
    expect((await change(relation, narrow)).status).toBe(200)
    expect(log.checkpoint()).toBe(checkpoint)

    expect((await change(relation, asItIs(before))).status).toBe(200)
    expect(await read()).toEqual(fields)
    for (const body of [
      { ...narrow, items: [{ id: before.items[0]?.id, fields: ['profile.birthDate'] }] },
      { ...narrow, items: [{ id: 'other', fields: ['profile.name'] }] },
      { ...narrow, until: inDays(300) },
      { ...narrow, until: inDays(-1) },
      { ...narrow, reads: 0 },
      { ...narrow, more: true },
    ])
      expect(await change(relation, body), JSON.stringify(body)).toMatchObject({
        status: 400,
        body: { code: 'invalid-input' },
      })
    expect(await change(relation, { ...narrow, items: [] })).toMatchObject({
      body: { code: 'nothing-selected' },
    })
    expect((await typesOf(relation.grantId)).slice(0, 3)).toEqual(['disclosed', 'changed', 'disclosed'])
  })

  test('from a page that shows terms of before changes nothing: what was taken away elsewhere stays away', async () => {
    const relation = await story.allow(alma, await story.shop())
    const read = () =>
      dataOf(story.read(relation, { fields: ['diet.diet', 'diet.allergies'], purpose: diet }))
    const shown = await grantOf(relation)
    const stale = { ...asItIs(shown), replaces: shown.receiptId }
    const items = shown.items.map(({ id, fields }) => ({
      id,
      fields: fields.map(({ field }) => field).filter((field) => field !== 'diet.allergies'),
    }))
    const narrow = { ...stale, items }
    expect((await change(relation, narrow)).status).toBe(200)
    // The same again, as after a reply that was lost, is no change.
    expect((await change(relation, narrow)).status).toBe(200)
    expect(await change(relation, { ...stale, until: inDays(1) })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
    expect(await read()).toEqual(['diet.diet'])
    const { receiptId: replaces } = await grantOf(relation)
    expect((await change(relation, { ...narrow, replaces, until: inDays(1) })).status).toBe(200)
  })

  test('makes a receipt for each version, which stays byte for byte and is proven by the log', async () => {
    const relation = await story.allow(alma, await story.shop())
    const receiptOf = async (id: string) =>
      expectOk(await alma.browser.get(`/api/receipts/${id}`)).body as ReceiptView
    const first = await receiptOf(relation.receiptId)
    const before = await grantOf(relation)
    expect(before.earlier).toEqual([])
    for (const days of [20, 10]) expectOk(await change(relation, { ...asItIs(before), until: inDays(days) }))
    const after = await grantOf(relation)
    const ids = [after.receiptId, ...(after.earlier ?? []).map(({ receiptId }) => receiptId)]
    expect(new Set(ids).size).toBe(3)
    expect(ids.at(-1)).toBe(relation.receiptId)
    expect(after.earlier?.at(-1)).toMatchObject({ until: before.until, from: before.validFrom })
    expect(after.termsFrom).toBe(after.earlier?.[0]?.to)
    expect((await receiptOf(relation.receiptId)).jws).toBe(first.jws)
    const keys = createLocalJWKSet((await alma.browser.get('/api/receipts/keys')).body as JSONWebKeySet)
    for (const [at, id] of ids.entries()) {
      const receipt = await receiptOf(id)
      const { payload } = await compactVerify(receipt.jws, keys)
      const told = JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>
      expect(told['dct:replaces']).toBe(ids[at + 1])
      const proof = String((await alma.browser.get(`/api/receipts/${id}/proof`)).body)
      const extra = /^extra (.+)$/m.exec(proof)?.[1] ?? ''
      const { entry, openings } = JSON.parse(Buffer.from(extra, 'base64').toString()) as {
        entry: string
        openings: { data: string }
      }
      expect(commitsTo(Buffer.from(entry, 'base64'), 'data', openings.data, receipt.jws)).toBe(true)
    }
  })

  test('lasts longer when it is extended, also for tokens, and can be shortened under those that are out', async () => {
    const shop = await story.shop()
    const relation = await story.allow(alma, shop, { answers: { until: inSeconds(20) } })
    const terms = await termsOf(relation)
    expect(matches('api/grant-terms.json', terms)).toBe(true)
    expect(terms.items.flatMap(({ fields }) => fields).some(({ value }) => value !== undefined)).toBe(true)
    expectOk(await change(relation, { ...asItIs(terms.grant), until: terms.latestUntil }))
    // Past the first end a refresh gives a token, and the token reads. No further than clients' clocks may be behind.
    story.world.clock.ahead += 25_000
    try {
      const { accessToken } = await refresh(shop, relation.tokens.refreshToken)
      expect(await dataOf(story.read(relation, { token: accessToken }))).toEqual(['profile.name'])
      expectOk(await change(relation, { ...asItIs(await grantOf(relation)), until: inSeconds(25 + 20) }))
      story.world.clock.ahead += 25_000
      expect(await dataOf(story.read(relation, { token: accessToken }))).toBe(404)
    } finally {
      story.world.clock.ahead = 0
    }
  })

  test('is for its customer only, and for what has not ended', async () => {
    const relation = await story.allow(alma, await story.shop())
    const body = asItIs(await grantOf(relation))
    const other = await story.customer()
    expect((await other.browser.post(`/api/grants/${relation.grantId}/change`, body)).status).toBe(404)
    expect((await other.browser.get(`/api/grants/${relation.grantId}/terms`)).status).toBe(404)
    expect((await other.browser.get(`/api/activity?grant=${relation.grantId}`)).status).toBe(404)
    await story.act(alma, relation, 'withdraw')
    expect(await change(relation, { ...body, until: inDays(3) })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
  })

  test('eight at once end in one of them, each on record, and reads meanwhile follow the terms of their moment', async () => {
    const relation = await story.allow(alma, await story.shop())
    const body = asItIs(await grantOf(relation))
    const ends = Array.from({ length: 8 }, (_, at) => inDays(5 + at))
    const [answers] = await Promise.all([
      Promise.all(ends.map((until) => change(relation, { ...body, until }))),
      Promise.all(Array.from({ length: 8 }, () => story.read(relation))),
    ])
    for (const { status } of answers) expect([200, 409]).toContain(status)
    const after = await grantOf(relation)
    expect(ends).toContain(after.until)
    const made = answers.filter(({ status }) => status === 200).length
    expect((await typesOf(relation.grantId)).filter((type) => type === 'changed')).toHaveLength(made)
    expect(after.earlier).toHaveLength(made)
  })
})

describe('a budget of reads', () => {
  test('given with the decision: once means once, with eight at the same moment', async () => {
    const relation = await story.allow(alma, await story.shop(), { answers: { reads: 1 } })
    const replies = await Promise.all(Array.from({ length: 8 }, () => story.read(relation)))
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, ...Array(7).fill(404)])
    const stranger = await story.read(relation, { of: 'x'.repeat(43) })
    expect((await story.read(relation)).text).toBe(stranger.text)
    expect(await grantOf(relation)).toMatchObject({ state: 'used-up', reads: 1, readsAllowed: 1 })
    expect(await vendorView(relation)).toMatchObject({ state: 'used-up', reads: 1, reads_allowed: 1 })
  })

  test('set later counts what was read before; more can be given, and the limit taken off', async () => {
    const relation = await story.allow(alma, await story.shop())
    expect(await dataOf(story.read(relation))).toEqual(['profile.name'])
    const body = asItIs(await grantOf(relation))
    expectOk(await change(relation, { ...body, reads: 2 }))
    expect(await dataOf(story.read(relation))).toEqual(['profile.name'])
    expect(await dataOf(story.read(relation))).toBe(404)
    expectOk(await change(relation, { ...body, reads: 3 }))
    expect(await dataOf(story.read(relation))).toEqual(['profile.name'])
    expect(await dataOf(story.read(relation))).toBe(404)
    expectOk(await change(relation, body))
    expect(await dataOf(story.read(relation))).toEqual(['profile.name'])
    expect(await grantOf(relation)).toMatchObject({ state: 'active', reads: 4 })
  })
})

describe('a new request of a business that may read already', () => {
  const more = accessRequest({
    items: [
      {
        id: 'name',
        purpose: orders,
        fields: ['profile.name'],
        why: 'To address the parcel.',
        required: true,
      },
      { id: 'size', purpose: diet, fields: ['sizes.shoe'], why: 'To fit your shoes.', required: false },
    ],
  })

  test('shows what it adds and takes away, takes the place of the grant when it is picked up, and is listed so for the business', async () => {
    const shop = await story.shop()
    const first = await story.allow(alma, shop)
    const page = await story.ask(alma, shop, { items: more.items })
    const { amends } = page.view
    expect(amends).toMatchObject({
      grants: [first.grantId],
      added: [{ field: 'sizes.shoe', purpose: diet }],
      kept: [{ field: 'profile.name', purpose: orders }],
      removed: [{ field: 'diet.diet' }, { field: 'diet.allergies' }],
    })
    expect(matches('api/request-view.json', page.view)).toBe(true)
    const decided = expectOk(await decide(alma.browser, page)).body as DecisionResult
    // Her answer waits to be picked up. Until then all is as it was, and nothing of what was added leaves.
    expect(await grantOf(first)).toMatchObject({ state: 'active' })
    expect(await dataOf(story.read(first))).toEqual(['profile.name'])
    expect(await dataOf(story.read(first, { fields: ['sizes.shoe'], purpose: diet }))).not.toContain(
      'sizes.shoe',
    )
    const second = await story.redeem(alma, shop, page, decided)
    expect(await grantOf(first)).toMatchObject({ state: 'withdrawn' })
    expect(await dataOf(story.read(first, { fields: ['diet.diet'], purpose: diet }))).not.toEqual([
      'diet.diet',
    ])
    expect(second.subject).toBe(first.subject)
    expect(await dataOf(story.read(second))).toEqual(['profile.name'])
    const { grants } = (await alma.browser.get('/api/grants')).body as Grants
    const held = grants.filter(({ vendor }) => vendor.vendorId === shop.vendorId)
    expect(
      Object.fromEntries(held.map((grant) => [grant.grantId, [grant.state, grant.replacedBy]])),
      'what she is told of them',
    ).toEqual({ [first.grantId]: ['withdrawn', second.grantId], [second.grantId]: ['active', undefined] })
    const [ended] = await activityOf(first.grantId)
    expect(ended).toMatchObject({ type: 'withdrawn', replacedBy: second.grantId })
    const listed = JSON.parse(
      (await story.call(shop, await batchToken(shop), '/v1/grants')).text,
    ) as VendorGrants
    expect(
      Object.fromEntries(listed.grants.map((grant) => [grant.grant_id, [grant.state, grant.replaced_by]])),
    ).toEqual({ [first.grantId]: ['withdrawn', second.grantId], [second.grantId]: ['active', undefined] })
  })

  test('ends nothing that the page did not show, such as what was allowed in another tab meanwhile', async () => {
    const shop = await story.shop()
    const page = await story.ask(alma, shop)
    const first = await story.allow(alma, shop)
    expect(await decide(alma.browser, page, { amends: [] })).toMatchObject({
      status: 409,
      body: { code: 'request-changed' },
    })
    expect(await dataOf(story.read(first))).toEqual(['profile.name'])
    const decided = expectOk(await decide(alma.browser, page, { amends: [first.grantId] }))
    await story.redeem(alma, shop, page, decided.body as DecisionResult)
    expect(await grantOf(first)).toMatchObject({ state: 'withdrawn' })
  })

  test('of two answers picked up at the same moment the later one holds, and one of them releases at any time', async () => {
    const shop = await story.shop()
    const first = await story.allow(alma, shop)
    const pages = [await story.ask(alma, shop), await story.ask(alma, shop, { items: more.items })]
    const decided: DecisionResult[] = []
    for (const page of pages) decided.push(expectOk(await decide(alma.browser, page)).body as DecisionResult)
    await Promise.allSettled([
      ...pages.map((page, at) => story.redeem(alma, shop, page, decided[at] as DecisionResult)),
      ...Array.from({ length: 8 }, () => story.read(first)),
    ])
    const states = [first, ...decided].map(({ grantId = '' }) => grantOf({ grantId }))
    expect((await Promise.all(states)).map(({ state }) => state)).toEqual([
      'withdrawn',
      'withdrawn',
      'active',
    ])
    const { grants } = JSON.parse(
      (await story.call(shop, await batchToken(shop), '/v1/grants')).text,
    ) as VendorGrants
    expect(grants.filter(({ state }) => state === 'active')).toHaveLength(1)
  })

  test('leaves the grant as it is when it is refused or put off', async () => {
    const shop = await story.shop()
    const first = await story.allow(alma, shop)
    for (const decision of ['later', 'deny'] as const) {
      const page = await story.ask(alma, shop, { items: more.items })
      expect(page.view.amends?.grants).toEqual([first.grantId])
      expectOk(await decide(alma.browser, page, { decision }))
      expect(await dataOf(story.read(first))).toEqual(['profile.name'])
    }
    // Only what was new in it is refused: what she allows may be asked for again, such as for longer.
    expect((await story.ask(alma, shop)).view.status).toBe('open')
    expect((await story.ask(alma, shop, { items: more.items })).view.turnedAway?.reason).toBe('cool-off')
  })
})

test('whatever happened in these flows, the log holds no release that should not have been', async () => {
  const facts = await loggedFacts(story.world.reach.ledger)
  expect(facts.filter(({ fact }) => fact.type === 'disclosed').length).toBeGreaterThan(20)
  expect(replay(facts)).toEqual([])
})
