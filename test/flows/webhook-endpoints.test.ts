import type dns from 'node:dns'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOutbound } from '#core/http/outbound.ts'
import { createEndpoint } from '#core/records/webhook-endpoints.ts'
import { Endpoints } from '../../vendor-gateway/webhooks/endpoints.ts'
import { createSender } from '../../vendor-gateway/webhooks/sender.ts'
import { faultyLedger } from '../delayed-ledger.ts'
import type { TestGateway } from '../gateway.ts'
import { answering, isSignedWith } from '../webhook-receiver.ts'
import type { WebhookReceiver } from '../webhook-receiver.ts'
import { WebhookWorld, endpoints, ofGrant, typesOf } from '../webhook-world.ts'

const day = 86_400_000
let attackers = 0

let world: WebhookWorld
let gateway: TestGateway
let receiver: WebhookReceiver
let other: WebhookReceiver

beforeAll(async () => {
  world = await WebhookWorld.open()
  ;({ gateway, receiver, other } = world)
})
afterAll(() => world[Symbol.asyncDispose]())

describe('an endpoint', () => {
  test('gets nothing before it has echoed a signed challenge, and its secret is shown once', async () => {
    const shop = await gateway.vendor('unproven')
    const grant = await world.newGrant(shop)
    const made = await world.put(shop, `${receiver.origin}/unproven`)
    expect(made.json).toMatchObject({ endpoint: 'main', state: 'unproven' })
    const { secret } = made.json
    await world.act(grant, 'pause')
    await gateway.settle()
    expect((await world.post(shop, `${endpoints}/main/test`)).json.code).toBe('endpoint-not-proven')
    expect(typesOf(receiver, grant)).toEqual([])

    expect((await world.post(shop, `${endpoints}/main/prove`)).json).toMatchObject({ state: 'proven' })
    const challenge = receiver.challenges.at(-1)
    if (challenge === undefined) throw new Error('no challenge')
    const headers = challenge.headers as Record<string, string>
    expect(new Webhook(secret).verify(challenge.body, headers)).toMatchObject({ type: 'webhook.challenge' })
    const { json } = await gateway.call({ as: shop, path: endpoints })
    expect(json.endpoints).toHaveLength(1)
    expect(json.endpoints[0].secret).toBeUndefined()
    expect((await world.put(shop, `${receiver.origin}/unproven`)).json.secret).toBeUndefined()

    await world.act(grant, 'resume')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.resumed'])
    // Another address is another proof.
    expect((await world.put(shop, `${receiver.origin}/elsewhere`)).json.state).toBe('unproven')
    await world.act(grant, 'pause')
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.resumed'])
    // What happened meanwhile waits for it.
    expect((await world.post(shop, `${endpoints}/main/prove`)).json).toMatchObject({ state: 'proven' })
    await gateway.settle()
    expect(typesOf(receiver, grant)).toEqual(['grant.resumed', 'grant.paused'])
    expect(ofGrant(receiver, grant).at(-1)?.path).toBe('/elsewhere')
  })

  test('that answers anything else than its challenge stays unproven', async () => {
    const shop = await gateway.vendor('mute')
    await world.put(shop, `${other.origin}/mute`)
    const answers = ['', '{"challenge":"guessed"}', 'null', '{"challenge":1}']
    for (const answer of answers) {
      other.behave = answering(200, {}, answer)
      const refused = await world.post(shop, `${endpoints}/main/prove`)
      expect([refused.status, refused.json.code]).toEqual([409, 'endpoint-not-proven'])
    }
    other.behave = answering(302, { location: `${receiver.origin}/mute` })
    const before = receiver.challenges.length
    expect((await world.post(shop, `${endpoints}/main/prove`)).json.code).toBe('endpoint-not-proven')
    expect(receiver.challenges).toHaveLength(before)
    other.behave = () => false
  })

  test('is one of eight at most also when many are made at once', async () => {
    const { vendorId } = await gateway.vendor('many-at-once')
    const { ledger, now } = gateway.house
    const send = () => Promise.reject(new Error('nothing is sent'))
    const slow = faultyLedger(ledger, { delay: 20, failNext: undefined })
    const ofShop = new Endpoints({ ledger: slow, send, outboundAllow: [], now, wake: () => undefined })
    const make = (n: number) => ofShop.put(vendorId, `one-${n}`, { url: 'https://shop.example/' })
    const made = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => make(n)))
    expect(made.map(({ status }) => status)).toEqual(Array(8).fill('fulfilled'))
    await ofShop.remove(vendorId, 'one-0')
    await ofShop.remove(vendorId, 'one-1')
    const more = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => make(100 + n)))
    expect(more.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect(await ofShop.list(vendorId)).toHaveLength(8)
    await expect(make(200)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/8 endpoints already/),
    })
  })

  test('is its business’s own', async () => {
    const { shop } = await world.business(`${receiver.origin}/own`)
    const stranger = await gateway.vendor('stranger')
    for (const path of ['prove', 'test', 'rotate-secret'])
      expect((await world.post(stranger, `${endpoints}/main/${path}`)).status).toBe(404)
    const gone = await gateway.call({ as: stranger, method: 'DELETE', path: `${endpoints}/main` })
    expect(gone.status).toBe(404)
    const sent = await world.post(shop, `${endpoints}/main/test`)
    const id = sent.json.delivery_id
    expect((await world.post(stranger, `/v1/webhooks/deliveries/${id}/redeliver`)).status).toBe(404)
    expect(await world.deliveries(stranger)).toEqual([])
    const ofCustomer = gateway.withGrantToken(shop, await world.newGrant(shop))
    expect((await gateway.call({ as: ofCustomer, path: endpoints })).status).toBe(403)
  })

  test('signs with two secrets after a rotation, for a day', async () => {
    const { shop, secret } = await world.business(`${receiver.origin}/rotates`)
    const rotated = await world.post(shop, `${endpoints}/main/rotate-secret`)
    expect(rotated.json.secret).not.toBe(secret)
    const latest = async () => {
      const { json } = await world.post(shop, `${endpoints}/main/test`)
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
      expect((await world.put(shop, `${receiver.origin}/`, {}, `e-${n}`)).status).toBe(200)
    expect((await world.put(shop, `${receiver.origin}/`, {}, 'e-8')).status).toBe(409)
    expect((await gateway.call({ as: shop, method: 'DELETE', path: `${endpoints}/e-3` })).status).toBe(204)
    expect((await world.put(shop, `${receiver.origin}/`, {}, 'e-8')).status).toBe(200)
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
    const shop = await gateway.vendor(`attacker-${attackers++}`)
    const made = await world.put(shop, url)
    const refused = made.status === 200 ? await world.post(shop, `${endpoints}/main/prove`) : made
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

// Last: the clock goes ahead by days, and real clients look at theirs.
test('an endpoint that was given another address and never proves it is disabled after five days, with what waits', async () => {
  const { shop } = await world.business(`${receiver.origin}/moved`)
  const grant = await world.newGrant(shop)
  await world.put(shop, `${receiver.origin}/nowhere`)
  await world.act(grant, 'pause')
  await gateway.settle()
  expect(await world.deliveries(shop)).toMatchObject([{ state: 'waiting' }])
  gateway.advance(5 * day + 60_000)
  await gateway.settle()
  expect(await world.deliveries(shop)).toMatchObject([{ state: 'failed', attempts: [] }])
  expect((await gateway.call({ as: world.renewed(shop), path: endpoints })).json.endpoints).toMatchObject([
    { state: 'disabled' },
  ])
  expect(typesOf(receiver, grant)).toEqual([])
})
