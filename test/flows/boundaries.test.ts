/** What a customer does not want to be asked: on the whole of Reach, through its public surface. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import { day } from '#core/domain/times.ts'
import { matches } from '#core/http/validate.ts'
import { accessRequest } from '../business.ts'
import { decide } from '../consent.ts'
import { loggedFacts } from '../logged-facts.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Relation, Shop } from '../story.ts'
import type { Activity, Boundaries, DecisionResult, GrantView } from '../../schemas/types.gen.ts'

let story: Story
let alma: Customer

beforeAll(async () => {
  story = await Story.open()
  alma = await story.customer()
})
afterAll(() => story[Symbol.asyncDispose]())

const grantOf = async ({ grantId }: Pick<Relation, 'grantId'>): Promise<GrantView> =>
  expectOk(await alma.browser.get(`/api/grants/${grantId}`)).body as GrantView
const dataOf = async (reply: Promise<{ status: number; text: string }>) => {
  const { status, text } = await reply
  return status === 200 ? Object.keys((JSON.parse(text) as { data: object }).data) : status
}

describe('what she does not want to be asked', () => {
  const boundaries = async (): Promise<Boundaries['businesses']> =>
    (expectOk(await alma.browser.get('/api/boundaries')).body as Boundaries).businesses
  const boundaryOf = async ({ vendorId }: Shop) =>
    (await boundaries()).find(({ vendor }) => vendor.vendorId === vendorId)

  test('is turned away inside the cool-off, shown to her, and not to the business', async () => {
    const shop = await story.shop()
    const denied = await story.ask(alma, shop)
    expectOk(await decide(alma.browser, denied, { decision: 'deny' }))
    const again = await story.ask(alma, shop)
    expect(again.view).toMatchObject({ status: 'open', turnedAway: { reason: 'cool-off' } })
    expect(matches('api/request-view.json', again.view)).toBe(true)
    expect(JSON.stringify(again.view.items)).not.toContain('"value"')
    const left = await alma.browser.post(`${again.path}/leave`)
    expect(matches('api/decision-result.json', left.body)).toBe(true)
    const callback = await alma.browser.jar.follow(
      String((left.body as DecisionResult).returnTo),
      (next) => next.origin !== new URL(story.world.config.vaultUrl).origin,
    )
    expect(callback.url.searchParams.get('error')).toBe('access_denied')
    expect(callback.url.searchParams.get('error_description')).toBe('the customer declined')
    expect([409, 410]).toContain((await decide(alma.browser, again)).status)
    expect(await boundaryOf(shop)).toMatchObject({ turnedAway: [{ reason: 'cool-off' }] })
    // Another purpose is another question; and so is the same one when the time is over.
    const other = accessRequest({
      items: [{ purpose: 'dpv:CustomerCare', fields: ['profile.name'], why: 'To help you.', required: true }],
    })
    const waiting = await story.ask(alma, shop, { items: other.items })
    expect(waiting.view).not.toHaveProperty('turnedAway')
    expect((await alma.browser.post(`${waiting.path}/leave`)).status).toBe(409)
    expectOk(await alma.browser.post(`/api/businesses/${shop.vendorId}/let-ask`))
    expect((await story.ask(alma, shop)).view.status).toBe('open')
    expect((await boundaryOf(shop))?.denied).toEqual([])
  })

  test('after three noes in a row is anything at all, which Settings says until when', async () => {
    const shop = await story.shop()
    const about = (purpose: string, field: string) =>
      story.ask(alma, shop, { items: [{ purpose, fields: [field], why: 'To help you.', required: true }] })
    const fields = ['profile.name', 'contact.email', 'contact.phone']
    for (const [turn, field] of fields.entries()) {
      expect((await boundaryOf(shop))?.nothingUntil).toBeUndefined()
      const asked = await about('dpv:CustomerCare', field)
      expect(asked.view.turnedAway, `question ${turn + 1}`).toBeUndefined()
      expectOk(await decide(alma.browser, asked, { decision: 'deny' }))
    }
    const told = await boundaryOf(shop)
    expect(matches('api/boundaries.json', { businesses: [told] })).toBe(true)
    const { denied = [], nothingUntil = '' } = told ?? {}
    expect(denied.flatMap((one) => one.fields.map(({ field }) => field)).toSorted()).toEqual(
      fields.toSorted(),
    )
    const fourth = await about('dpv:ServicePersonalisation', 'diet.allergies')
    expect(fourth.view.turnedAway).toMatchObject({ reason: 'cool-off', until: nothingUntil })
    expect((Date.parse(nothingUntil) - Date.now()) / day).toBeGreaterThan(29)
    expectOk(await alma.browser.post(`/api/businesses/${shop.vendorId}/let-ask`))
    expect((await boundaryOf(shop))?.nothingUntil).toBeUndefined()
    const { view } = await about('dpv:ServicePersonalisation', 'diet.allergies')
    expect(view).not.toHaveProperty('turnedAway')
  })

  test('a blocked business reads nothing from that moment, asks nothing, and can be let in again', async () => {
    const shop = await story.shop()
    const relation = await story.allow(alma, shop)
    const waiting = await story.ask(alma, shop)
    const blocked = await alma.browser.post(`/api/businesses/${shop.vendorId}/block`)
    expect(blocked.status).toBe(200)
    expect(matches('api/boundaries.json', blocked.body)).toBe(true)
    expect(await dataOf(story.read(relation))).toBe(404)
    expect(await grantOf(relation)).toMatchObject({ state: 'withdrawn' })
    expect((await decide(alma.browser, waiting)).status).toBe(409)
    expect((await story.ask(alma, shop)).view).toMatchObject({ turnedAway: { reason: 'blocked' } })
    const { log } = story.world.reach.ledger
    const before = log.checkpoint()
    expectOk(await alma.browser.post(`/api/businesses/${shop.vendorId}/block`))
    expect(log.checkpoint()).toBe(before)
    expectOk(await alma.browser.post(`/api/businesses/${shop.vendorId}/let-ask`))
    expect(await dataOf(story.read(relation))).toBe(404)
    const again = await story.allow(alma, shop)
    expect(await dataOf(story.read(again))).toEqual(['profile.name'])
    const types = (expectOk(await alma.browser.get('/api/activity?limit=50')).body as Activity).items
    for (const type of ['blocked', 'unblocked', 'turned-away'])
      expect(types.map((item) => item.type)).toContain(type)
  })

  test('is hers alone, and of businesses there are', async () => {
    const other = await story.customer()
    expect((await other.browser.get('/api/boundaries')).body).toEqual({ businesses: [] })
    expect((await alma.browser.post(`/api/businesses/${'x'.repeat(22)}/block`)).status).toBe(404)
    expect((await story.browser().get('/api/boundaries')).status).toBe(401)
  })
})

test('whatever happened in these flows, the log holds nothing that should not have been', async () => {
  expect(replay(await loggedFacts(story.world.reach.ledger))).toEqual([])
})
