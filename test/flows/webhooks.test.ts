import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { departure } from '#core/records/departures.ts'
import { recordEnds } from '#core/records/ends.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import { addGrants } from '../../bench/population.ts'
import { delivery } from '../gateway.ts'
import type { TestGateway } from '../gateway.ts'
import { answering, isSignedWith } from '../webhook-receiver.ts'
import type { WebhookReceiver } from '../webhook-receiver.ts'
import { WebhookWorld, endpoints, ofGrant, typesOf } from '../webhook-world.ts'

const [minute, hour] = [60_000, 3_600_000]

let world: WebhookWorld
let gateway: TestGateway
let receiver: WebhookReceiver
let other: WebhookReceiver

beforeAll(async () => {
  world = await WebhookWorld.open()
  ;({ gateway, receiver, other } = world)
})
afterAll(() => world[Symbol.asyncDispose]())

describe('events', () => {
  test('reach each endpoint that wants them, in order, signed, with names and no values', async () => {
    const { shop, secret } = await world.business(`${receiver.origin}/all`)
    await world.put(shop, `${other.origin}/ends`, { events: ['grant.withdrawn', 'grant.expired'] }, 'ends')
    await world.post(shop, `${endpoints}/ends/prove`)
    const customer = await gateway.customer()
    const grant = await gateway.grant(customer, shop)
    for (const what of ['pause', 'resume', 'pause', 'withdraw'] as const) {
      await world.act(grant, what)
      gateway.advance(1)
    }
    await gateway.settle()
    const expected = ['grant.paused', 'grant.resumed', 'grant.paused', 'grant.withdrawn']
    expect(typesOf(receiver, grant)).toEqual(expected)
    expect(typesOf(other, grant)).toEqual(['grant.withdrawn'])
    const came = ofGrant(receiver, grant)
    expect(new Set(came.map(({ id }) => id)).size).toBe(4)
    expect(came.map(({ id }) => id)).toEqual(came.map(({ id }) => id).toSorted())
    expect(ofGrant(other, grant)[0]?.id).toBe(came[3]?.id)
    for (const one of came) {
      expect(isSignedWith(secret, one)).toBe(true)
      expect(one.message.data).toMatchObject({ request_id: grant.requestId, subject: grant.subject })
      expect(one.body).not.toContain(customer.accountId)
      expect(one.body).not.toContain('Lovelace')
    }
    expect(came[3]?.message.data).toMatchObject({ acknowledge: 'withdrawal' })
    const listed = await world.deliveries(shop, '?endpoint=ends')
    expect(listed).toHaveLength(1)
    expect(listed[0]).toMatchObject({ type: 'grant.withdrawn', state: 'delivered', event_id: came[3]?.id })
  })

  test('of a grant whose code was never redeemed tell neither subject nor grant', async () => {
    const { shop } = await world.business(`${receiver.origin}/unredeemed`)
    const { accountId } = await gateway.customer()
    const items = [{ id: 'item-1', purpose: delivery, fields: ['profile.name'] }]
    const to = { vendorId: shop.vendorId, clientId: shop.clientId, items, redeems: false }
    const [withdrawn] = await addGrants(gateway.house, [{ accountId }], to)
    const [left] = await addGrants(gateway.house, [{ accountId }], to)
    if (withdrawn === undefined || left === undefined) throw new Error('no grants')
    await world.act(withdrawn, 'withdraw', true)
    gateway.advance(11 * minute)
    await recordEnds(gateway.house)
    await gateway.settle()
    const came = receiver.received.filter(({ path }) => path === '/unredeemed')
    const told = came.map(({ message }) => [message.type, message.data])
    expect(told).toHaveLength(2)
    expect(told).toContainEqual(['grant.withdrawn', { request_id: withdrawn.requestId }])
    expect(told).toContainEqual(['grant.expired', { request_id: left.requestId }])
  })

  test('that do not get through come again in order, under the same id, and the later ones wait', async () => {
    const { shop } = await world.business(`${receiver.origin}/flaky`)
    const grant = await world.newGrant(shop)
    const another = await world.newGrant(shop)
    let refused = 0
    receiver.behave = ({ message }, response) => {
      if (message.data.grant_id !== grant.grantId || refused === 2) return false
      refused += 1
      response.writeHead(500).end()
      return true
    }
    await world.act(grant, 'pause')
    await world.act(grant, 'resume')
    await world.act(another, 'pause')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.paused'])
    expect(typesOf(receiver, another)).toEqual(['grant.paused'])
    gateway.advance(5_000)
    await gateway.settle()
    gateway.advance(30_000)
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual([
      'grant.paused',
      'grant.paused',
      'grant.paused',
      'grant.resumed',
    ])
    expect(new Set(ofGrant(receiver, grant).map(({ id }) => id)).size).toBe(2)
    const listed = (await world.deliveries(shop)).filter(
      (one: { grant_id: string }) => one.grant_id === grant.grantId,
    )
    const [paused, resumed] = ['grant.paused', 'grant.resumed'].map((type) =>
      listed.find((one: { type: string }) => one.type === type),
    )
    expect(paused.attempts.map(({ status }: { status: number }) => status)).toEqual([500, 500, 204])
    expect(resumed.attempts).toHaveLength(1)
    receiver.behave = () => false
  })

  test('are laid aside after three days, counted, and delivered again when asked', async () => {
    const { shop } = await world.business(`${receiver.origin}/down`)
    const grant = await world.newGrant(shop)
    receiver.behave = answering(503)
    await world.act(grant, 'pause')
    const began = gateway.house.now()
    for (;;) {
      await gateway.settle()
      const [{ state, next_attempt_at: next }] = await world.deliveries(shop)
      if (state !== 'waiting') break
      gateway.advance(Date.parse(next) - gateway.house.now() + 1)
    }
    const took = gateway.house.now() - began
    expect(took).toBeGreaterThan(0.8 * 70 * hour)
    expect(took).toBeLessThan(73 * hour)
    const [dead] = await world.deliveries(shop, '?state=failed')
    expect(dead.attempts).toHaveLength(12)
    expect(gateway.logLines.join('')).toContain('webhook-laid-aside')
    receiver.behave = () => false
    const again = await world.post(shop, `/v1/webhooks/deliveries/${dead.delivery_id}/redeliver`)
    expect(again.json).toMatchObject({ state: 'waiting', event_id: dead.event_id })
    await gateway.settle()
    expect(ofGrant(receiver, grant).at(-1)?.id).toBe(dead.event_id)
    expect((await world.deliveries(shop))[0]).toMatchObject({ state: 'delivered' })
  })

  test('of one grant come in order however many there are, and one that fails stops the rest', async () => {
    const { shop } = await world.business(`${receiver.origin}/many`)
    const [grant, other] = [await world.newGrant(shop), await world.newGrant(shop)]
    const at = gateway.house.now()
    // More than are looked at in one go, of a bundle and of a line.
    for (let n = 0; n < 230; n++)
      await gateway.ledger.commit(
        vendorEvent({ type: n % 2 === 0 ? 'grant.paused' : 'grant.resumed', grant, at }),
      )
    await gateway.ledger.commit(vendorEvent({ type: 'grant.changed', grant: other, at }))
    const count = () => ofGrant(receiver, grant).length
    receiver.behave = (one, response) => count() === 205 && answering(500)(one, response) === true
    await gateway.settle()
    expect([count(), typesOf(receiver, other)]).toEqual([205, ['grant.changed']])
    receiver.behave = () => false
    gateway.advance(5_000)
    await gateway.settle()
    const types = typesOf(receiver, grant)
    types.splice(204, 1)
    expect(types).toEqual(
      Array.from({ length: 230 }, (_, n) => (n % 2 === 0 ? 'grant.paused' : 'grant.resumed')),
    )
  })

  test('respect Retry-After, for the whole endpoint', async () => {
    const { shop } = await world.business(`${receiver.origin}/busy`)
    const grants = [await world.newGrant(shop), await world.newGrant(shop)] as const
    receiver.behave = answering(429, { 'retry-after': '600' })
    const count = () => receiver.received.filter(({ path }) => path === '/busy').length
    await world.act(grants[0], 'pause')
    await gateway.settle()
    expect(count()).toBe(1)
    await world.act(grants[1], 'pause')
    gateway.advance(9 * minute)
    await gateway.settle()
    expect(count()).toBe(1)
    receiver.behave = () => false
    gateway.advance(2 * minute)
    await gateway.settle()
    expect(count()).toBe(3)
  })

  test('stop at an endpoint that is gone (410) until it is proven again', async () => {
    const { shop } = await world.business(`${receiver.origin}/gone`)
    const grant = await world.newGrant(shop)
    receiver.behave = answering(410)
    await world.act(grant, 'pause')
    await world.act(grant, 'resume')
    await gateway.settle()
    const { json } = await gateway.call({ as: world.renewed(shop), path: endpoints })
    expect(json.endpoints[0].state).toBe('disabled')
    const states = (await world.deliveries(shop)).map(({ state }: { state: string }) => state)
    expect(states).toEqual(['failed', 'failed'])
    receiver.behave = () => false
    await world.act(grant, 'pause')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toHaveLength(1)
    expect((await world.post(shop, `${endpoints}/main/prove`)).json.state).toBe('proven')
    await world.act(grant, 'resume')
    await gateway.settle()
    expect(typesOf(receiver, grant).at(-1)).toBe('grant.resumed')
  })

  test('of a dead, slow or gushing endpoint hold up nobody else', async () => {
    const slow = Promise.withResolvers<void>()
    const { shop } = await world.business(`${other.origin}/slow`)
    const { shop: gushing } = await world.business(`${other.origin}/gushing`)
    const { shop: quick } = await world.business(`${receiver.origin}/quick`)
    const held: (() => void)[] = []
    other.behave = ({ path, message }, response) => {
      if (message.type === 'webhook.challenge') return false
      if (path === '/gushing') {
        response.writeHead(200).end('x'.repeat(1_000_000))
        return true
      }
      held.push(() => response.writeHead(204).end())
      if (held.length === 4) slow.resolve()
      return true
    }
    for (let n = 0; n < 6; n++) await world.act(await world.newGrant(shop), 'pause')
    await world.act(await gateway.grant(await gateway.customer(), gushing), 'pause')
    const settled = gateway.settle()
    // All lanes of the slow one are held now.
    await slow.promise
    const grant = await gateway.grant(await gateway.customer(), quick)
    const before = receiver.received.length
    await world.act(grant, 'pause')
    await receiver.arrived(before + 1)
    expect(typesOf(receiver, grant)).toEqual(['grant.paused'])
    await expect
      .poll(() => world.deliveries(gushing))
      .toMatchObject([{ state: 'waiting', attempts: [{ error: 'answer-too-large' }] }])
    other.behave = () => false
    for (const release of held) release()
    await settled
    // Those that were held for longer than we wait come again.
    await expect
      .poll(
        async () => {
          gateway.advance(hour)
          await gateway.settle()
          return await world.deliveries(shop, '?state=delivered')
        },
        { timeout: 60_000 },
      )
      .toHaveLength(6)
  })

  test('wait while a business is suspended, and are gone with one that is', async () => {
    const { shop } = await world.business(`${receiver.origin}/suspended`)
    const grant = await world.newGrant(shop)
    await gateway.suspend(shop.vendorId)
    await world.act(grant, 'pause')
    await gateway.settle()
    gateway.advance(hour)
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual([])
    await gateway.suspend(shop.vendorId, false)
    gateway.advance(minute)
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.paused'])

    receiver.behave = answering(500)
    await world.act(grant, 'resume')
    await gateway.settle()
    expect(
      (await gateway.call({ as: world.renewed(shop), method: 'DELETE', path: `${endpoints}/main` })).status,
    ).toBe(204)
    gateway.advance(hour)
    await gateway.settle()
    receiver.behave = () => false
    expect(typesOf(receiver, grant)).toEqual(['grant.paused', 'grant.resumed'])
    expect(await world.deliveries(shop, '?state=waiting')).toEqual([])
    expect(await gateway.ledger.list('webhook-due/')).toEqual([])
    expect(await gateway.ledger.list('webhook-waiting/')).toEqual([])
  })

  test('of a business that leaves are gone with it', async () => {
    const { shop } = await world.business(`${receiver.origin}/leaving`)
    const grant = await world.newGrant(shop)
    receiver.behave = answering(500)
    await world.act(grant, 'pause')
    await gateway.settle()
    const left = await departure(gateway.ledger, shop.vendorId, gateway.house.now())
    await gateway.ledger.commit(left.parts)
    receiver.behave = () => false
    await world.act(grant, 'resume')
    gateway.advance(hour)
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.paused'])
    for (const prefix of [
      'vendor-event/',
      'webhook-waiting/',
      'webhook-due/',
      `webhook-endpoint/${shop.vendorId}/`,
    ])
      expect(await gateway.ledger.list(prefix), prefix).toEqual([])
  })

  test('of businesses without an endpoint leave nothing behind', async () => {
    const shop = await gateway.vendor('deaf')
    const grant = await world.newGrant(shop)
    await gateway.ledger.commit(vendorEvent({ type: 'grant.changed', grant, at: gateway.house.now() }))
    await gateway.settle()
    expect(await gateway.ledger.list('vendor-event/')).toEqual([])
  })
})
