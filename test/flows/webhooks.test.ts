import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Webhook } from 'standardwebhooks'
import type dns from 'node:dns'
import { createOutbound } from '#core/http/outbound.ts'
import { departure } from '#core/records/departures.ts'
import { recordEnds } from '#core/records/ends.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import { createEndpoint } from '#core/records/webhook-endpoints.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { addGrants } from '../../bench/population.ts'
import { actOnGrant } from '../../vault-server/customer/grants.ts'
import type { GrantAct } from '../../vault-server/customer/grants.ts'
import { createSender } from '../../vendor-gateway/webhooks/sender.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { TestVendor } from '../gateway.ts'
import { freePorts } from '../free-ports.ts'
import { answering, isSignedWith, openReceiver } from '../webhook-receiver.ts'
import type { WebhookReceiver } from '../webhook-receiver.ts'

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]

let gateway: TestGateway
let receiver: WebhookReceiver
let other: WebhookReceiver
let vendors = 0

beforeAll(async () => {
  const [one, two] = await freePorts(2)
  receiver = await openReceiver(one)
  other = await openReceiver(two)
  gateway = await TestGateway.open({ outboundAllow: [receiver.origin, other.origin] })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
})

const endpoints = '/v1/webhooks/endpoints'
const put = (as: TestVendor, url: string, settings: object = {}, name = 'main') =>
  gateway.call({ as, method: 'PUT', path: `${endpoints}/${name}`, body: { url, ...settings } })
async function post(as: TestVendor, path: string) {
  return await gateway.call({ as: renewed(as), method: 'POST', path })
}
/** The clock moves by days in here: a token as of now. */
const renewed = (as: TestVendor): TestVendor => ({ ...gateway.withToken(as), vendorId: as.vendorId })

/** A business with an endpoint that is proven, and its secret. */
async function business(url: string, settings: object = {}): Promise<{ shop: TestVendor; secret: string }> {
  const shop = await gateway.vendor(`shop-${vendors++}`)
  const made = await put(shop, url, settings)
  expect(made.status, made.text).toBe(200)
  const proven = await post(shop, `${endpoints}/main/prove`)
  expect(proven.json, proven.text).toMatchObject({ state: 'proven' })
  return { shop, secret: made.json.secret }
}

const act = ({ accountId, grantId }: Grant, what: GrantAct, askDeletion = false) =>
  actOnGrant({ accountId, grantId, act: what, askDeletion }, gateway.house)

async function deliveries(as: TestVendor, query = '') {
  const { json, status, text } = await gateway.call({
    as: renewed(as),
    path: `/v1/webhooks/deliveries${query}`,
  })
  expect(status, text).toBe(200)
  return json.deliveries
}

const ofGrant = (at: WebhookReceiver, { grantId }: Grant) =>
  at.received.filter(({ message }) => message.data.grant_id === grantId)
const typesOf = (at: WebhookReceiver, grant: Grant) => ofGrant(at, grant).map(({ message }) => message.type)

describe('an endpoint', () => {
  test('gets nothing before it has echoed a signed challenge, and its secret is shown once', async () => {
    const shop = await gateway.vendor('unproven')
    const grant = await gateway.grant(await gateway.customer(), shop)
    const made = await put(shop, `${receiver.origin}/unproven`)
    expect(made.json).toMatchObject({ endpoint: 'main', state: 'unproven' })
    const { secret } = made.json
    await act(grant, 'pause')
    await gateway.settle()
    expect((await post(shop, `${endpoints}/main/test`)).json.code).toBe('endpoint-not-proven')
    expect(typesOf(receiver, grant)).toEqual([])

    expect((await post(shop, `${endpoints}/main/prove`)).json).toMatchObject({ state: 'proven' })
    const challenge = receiver.challenges.at(-1)
    if (challenge === undefined) throw new Error('no challenge')
    const headers = challenge.headers as Record<string, string>
    expect(new Webhook(secret).verify(challenge.body, headers)).toMatchObject({ type: 'webhook.challenge' })
    const { json } = await gateway.call({ as: shop, path: endpoints })
    expect(json.endpoints).toHaveLength(1)
    expect(json.endpoints[0].secret).toBeUndefined()
    expect((await put(shop, `${receiver.origin}/unproven`)).json.secret).toBeUndefined()

    await act(grant, 'resume')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.resumed'])
    // Another address is another proof.
    expect((await put(shop, `${receiver.origin}/elsewhere`)).json.state).toBe('unproven')
    await act(grant, 'pause')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.resumed'])
  })

  test('that answers anything else than its challenge stays unproven', async () => {
    const shop = await gateway.vendor('mute')
    await put(shop, `${other.origin}/mute`)
    const answers = ['', '{"challenge":"guessed"}', 'null', '{"challenge":1}']
    for (const answer of answers) {
      other.behave = answering(200, {}, answer)
      const refused = await post(shop, `${endpoints}/main/prove`)
      expect([refused.status, refused.json.code]).toEqual([409, 'endpoint-not-proven'])
    }
    other.behave = answering(302, { location: `${receiver.origin}/mute` })
    const before = receiver.challenges.length
    expect((await post(shop, `${endpoints}/main/prove`)).json.code).toBe('endpoint-not-proven')
    expect(receiver.challenges).toHaveLength(before)
    other.behave = () => false
  })

  test('is its business’s own', async () => {
    const { shop } = await business(`${receiver.origin}/own`)
    const stranger = await gateway.vendor('stranger')
    for (const path of ['prove', 'test', 'rotate-secret'])
      expect((await post(stranger, `${endpoints}/main/${path}`)).status).toBe(404)
    const gone = await gateway.call({ as: stranger, method: 'DELETE', path: `${endpoints}/main` })
    expect(gone.status).toBe(404)
    const sent = await post(shop, `${endpoints}/main/test`)
    const id = sent.json.delivery_id
    expect((await post(stranger, `/v1/webhooks/deliveries/${id}/redeliver`)).status).toBe(404)
    expect(await deliveries(stranger)).toEqual([])
    const ofCustomer = gateway.withGrantToken(shop, await gateway.grant(await gateway.customer(), shop))
    expect((await gateway.call({ as: ofCustomer, path: endpoints })).status).toBe(403)
  })

  test('signs with two secrets after a rotation, for a day', async () => {
    const { shop, secret } = await business(`${receiver.origin}/rotates`)
    const rotated = await post(shop, `${endpoints}/main/rotate-secret`)
    expect(rotated.json.secret).not.toBe(secret)
    const latest = async () => {
      const { json } = await post(shop, `${endpoints}/main/test`)
      await gateway.settle()
      const found = receiver.received.find(({ id }) => id === json.event_id)
      if (found === undefined) throw new Error('not delivered')
      return found
    }
    const first = await latest()
    const headers = first.headers as Record<string, string>
    expect(new Webhook(secret).verify(first.body, headers)).toMatchObject({ type: 'webhook.test', data: {} })
    expect(new Webhook(rotated.json.secret).verify(first.body, headers)).toBeTruthy()
    expect(() => new Webhook(secret).verify(`${first.body} `, headers)).toThrow('No matching signature')
    gateway.advance(day + 1)
    const later = await latest()
    expect([isSignedWith(secret, later), isSignedWith(rotated.json.secret, later)]).toEqual([false, true])
  })

  test('is one of eight at most', async () => {
    const shop = await gateway.vendor('many')
    for (let n = 0; n < 8; n++)
      expect((await put(shop, `${receiver.origin}/`, {}, `e-${n}`)).status).toBe(200)
    expect((await put(shop, `${receiver.origin}/`, {}, 'e-8')).status).toBe(409)
    expect((await gateway.call({ as: shop, method: 'DELETE', path: `${endpoints}/e-3` })).status).toBe(204)
    expect((await put(shop, `${receiver.origin}/`, {}, 'e-8')).status).toBe(200)
  })
})

describe('an address', () => {
  test.each([
    ['plain http elsewhere', 'http://127.0.0.1:1/', 400],
    ['plain http in public', 'http://shop.example/', 400],
    ['credentials', 'https://user:pass@shop.example/', 400],
    ['another scheme', 'file:///etc/passwd', 400],
    ['no address', 'https://shop.example:99999/', 400],
    ['a fragment', 'https://shop.example/#x', 400],
    ['the metadata service', 'https://169.254.169.254/latest/meta-data/', 409],
    ['this machine', 'https://localhost/', 409],
    ['this machine in octal', 'https://0177.0.0.1/', 409],
    ['this machine in IPv6', 'https://[::ffff:127.0.0.1]/', 409],
    ['an inner network', 'https://10.0.0.1/', 409],
  ])('that is %s is never called', async (_, url, status) => {
    const shop = await gateway.vendor(`attacker-${vendors++}`)
    const made = await put(shop, url)
    const refused = made.status === 200 ? await post(shop, `${endpoints}/main/prove`) : made
    expect([refused.status, refused.text.includes('public') || refused.status === 400]).toEqual([
      status,
      true,
    ])
  })
})

test('an address whose name leads inwards when it is used is refused then', async () => {
  // What an attacker's name server answers after the proof (DNS rebinding).
  const lookup = ((_host: string, _options: object, done: (error: null, found: object[]) => void) =>
    done(null, [{ address: '127.0.0.1', family: 4 }])) as unknown as typeof dns.lookup
  await using outbound = createOutbound({ allow: [], lookup })
  const send = createSender({ fetch: outbound.fetch, now: gateway.house.now })
  const of = {
    vendorId: 'attacker',
    name: 'main',
    url: `https://shop.example:${new URL(receiver.origin).port}/`,
  }
  const { endpoint } = createEndpoint(of, gateway.house.now())
  const { attempt } = await send(endpoint, { id: 'evt_1', body: '{}' })
  expect(attempt).toMatchObject({ error: 'address-refused' })
})

describe('events', () => {
  test('reach each endpoint that wants them, in order, signed, with names and no values', async () => {
    const { shop, secret } = await business(`${receiver.origin}/all`)
    await put(shop, `${other.origin}/ends`, { events: ['grant.withdrawn', 'grant.expired'] }, 'ends')
    await post(shop, `${endpoints}/ends/prove`)
    const customer = await gateway.customer()
    const grant = await gateway.grant(customer, shop)
    for (const what of ['pause', 'resume', 'pause', 'withdraw'] as const) await act(grant, what)
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
    const listed = await deliveries(shop, '?endpoint=ends')
    expect(listed).toHaveLength(1)
    expect(listed[0]).toMatchObject({ type: 'grant.withdrawn', state: 'delivered', event_id: came[3]?.id })
  })

  test('of a grant whose code was never redeemed tell neither subject nor grant', async () => {
    const { shop } = await business(`${receiver.origin}/unredeemed`)
    const { accountId } = await gateway.customer()
    const items = [{ id: 'item-1', purpose: delivery, fields: ['profile.name'] }]
    const to = { vendorId: shop.vendorId, clientId: shop.clientId, items, redeems: false }
    const [withdrawn] = await addGrants(gateway.house, [{ accountId }], to)
    const [left] = await addGrants(gateway.house, [{ accountId }], to)
    if (withdrawn === undefined || left === undefined) throw new Error('no grants')
    await act(withdrawn, 'withdraw', true)
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
    const { shop } = await business(`${receiver.origin}/flaky`)
    const grant = await gateway.grant(await gateway.customer(), shop)
    const another = await gateway.grant(await gateway.customer(), shop)
    let refused = 0
    receiver.behave = ({ message }, response) => {
      if (message.data.grant_id !== grant.grantId || refused === 2) return false
      refused += 1
      response.writeHead(500).end()
      return true
    }
    await act(grant, 'pause')
    await act(grant, 'resume')
    await act(another, 'pause')
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
    const listed = (await deliveries(shop)).filter(
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
    const { shop } = await business(`${receiver.origin}/down`)
    const grant = await gateway.grant(await gateway.customer(), shop)
    receiver.behave = answering(503)
    await act(grant, 'pause')
    const began = gateway.house.now()
    for (;;) {
      await gateway.settle()
      const [{ state, next_attempt_at: next }] = await deliveries(shop)
      if (state !== 'waiting') break
      gateway.advance(Date.parse(next) - gateway.house.now() + 1)
    }
    const took = gateway.house.now() - began
    expect(took).toBeGreaterThan(0.8 * 70 * hour)
    expect(took).toBeLessThan(73 * hour)
    const [dead] = await deliveries(shop, '?state=failed')
    expect(dead.attempts).toHaveLength(12)
    expect(gateway.logLines.join('')).toContain('webhook-laid-aside')
    receiver.behave = () => false
    const again = await post(shop, `/v1/webhooks/deliveries/${dead.delivery_id}/redeliver`)
    expect(again.json).toMatchObject({ state: 'waiting', event_id: dead.event_id })
    await gateway.settle()
    expect(ofGrant(receiver, grant).at(-1)?.id).toBe(dead.event_id)
    expect((await deliveries(shop))[0]).toMatchObject({ state: 'delivered' })
  })

  test('respect Retry-After, for the whole endpoint', async () => {
    const { shop } = await business(`${receiver.origin}/busy`)
    const grants = [
      await gateway.grant(await gateway.customer(), shop),
      await gateway.grant(await gateway.customer(), shop),
    ] as const
    receiver.behave = answering(429, { 'retry-after': '600' })
    const count = () => receiver.received.filter(({ path }) => path === '/busy').length
    await act(grants[0], 'pause')
    await gateway.settle()
    expect(count()).toBe(1)
    await act(grants[1], 'pause')
    gateway.advance(9 * minute)
    await gateway.settle()
    expect(count()).toBe(1)
    receiver.behave = () => false
    gateway.advance(2 * minute)
    await gateway.settle()
    expect(count()).toBe(3)
  })

  test('stop at an endpoint that is gone (410) until it is proven again', async () => {
    const { shop } = await business(`${receiver.origin}/gone`)
    const grant = await gateway.grant(await gateway.customer(), shop)
    receiver.behave = answering(410)
    await act(grant, 'pause')
    await act(grant, 'resume')
    await gateway.settle()
    const { json } = await gateway.call({ as: renewed(shop), path: endpoints })
    expect(json.endpoints[0].state).toBe('disabled')
    const states = (await deliveries(shop)).map(({ state }: { state: string }) => state)
    expect(states).toEqual(['failed', 'failed'])
    receiver.behave = () => false
    await act(grant, 'pause')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toHaveLength(1)
    expect((await post(shop, `${endpoints}/main/prove`)).json.state).toBe('proven')
    await act(grant, 'resume')
    await gateway.settle()
    expect(typesOf(receiver, grant).at(-1)).toBe('grant.resumed')
  })

  test('of a dead, slow or gushing endpoint hold up nobody else', async () => {
    const slow = Promise.withResolvers<void>()
    const { shop } = await business(`${other.origin}/slow`)
    const { shop: gushing } = await business(`${other.origin}/gushing`)
    const { shop: quick } = await business(`${receiver.origin}/quick`)
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
    for (let n = 0; n < 6; n++) await act(await gateway.grant(await gateway.customer(), shop), 'pause')
    await act(await gateway.grant(await gateway.customer(), gushing), 'pause')
    const settled = gateway.settle()
    // All lanes of the slow one are held now.
    await slow.promise
    const grant = await gateway.grant(await gateway.customer(), quick)
    await act(grant, 'pause')
    const before = receiver.received.length
    await receiver.arrived(before + 1)
    expect(typesOf(receiver, grant)).toEqual(['grant.paused'])
    other.behave = () => false
    for (const release of held) release()
    await settled
    const [listed] = await deliveries(gushing)
    expect(listed).toMatchObject({ state: 'waiting', attempts: [{ error: 'answer-too-large' }] })
    expect(await deliveries(shop, '?state=delivered')).toHaveLength(6)
  })

  test('wait while a business is suspended, and are gone with one that is', async () => {
    const { shop } = await business(`${receiver.origin}/suspended`)
    const grant = await gateway.grant(await gateway.customer(), shop)
    await gateway.suspend(shop.vendorId)
    await act(grant, 'pause')
    await gateway.settle()
    gateway.advance(hour)
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual([])
    await gateway.suspend(shop.vendorId, false)
    gateway.advance(minute)
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.paused'])

    receiver.behave = answering(500)
    await act(grant, 'resume')
    await gateway.settle()
    expect(
      (await gateway.call({ as: renewed(shop), method: 'DELETE', path: `${endpoints}/main` })).status,
    ).toBe(204)
    gateway.advance(hour)
    await gateway.settle()
    receiver.behave = () => false
    expect(typesOf(receiver, grant)).toEqual(['grant.paused', 'grant.resumed'])
    expect(await deliveries(shop, '?state=waiting')).toEqual([])
    expect(await gateway.ledger.list('webhook-due/')).toEqual([])
    expect(await gateway.ledger.list('webhook-waiting/')).toEqual([])
  })

  test('of a business that leaves are gone with it', async () => {
    const { shop } = await business(`${receiver.origin}/leaving`)
    const grant = await gateway.grant(await gateway.customer(), shop)
    receiver.behave = answering(500)
    await act(grant, 'pause')
    await gateway.settle()
    const left = await departure(gateway.ledger, shop.vendorId, gateway.house.now())
    await gateway.ledger.commit(left.parts)
    receiver.behave = () => false
    await act(grant, 'resume')
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
    const grant = await gateway.grant(await gateway.customer(), shop)
    await gateway.ledger.commit(vendorEvent({ type: 'grant.changed', grant, at: gateway.house.now() }))
    await gateway.settle()
    expect(await gateway.ledger.list('vendor-event/')).toEqual([])
  })
})
