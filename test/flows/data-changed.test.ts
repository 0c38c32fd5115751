import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Grant } from '#schemas/types.gen.ts'
import { lookAtGrantedData } from '../../vault-server/customer/granted-data-watch.ts'
import { TestGateway, delivery } from '../gateway.ts'
import type { TestCustomer, TestVendor } from '../gateway.ts'
import { freePort } from '../free-ports.ts'
import { openReceiver } from '../webhook-receiver.ts'
import type { WebhookReceiver } from '../webhook-receiver.ts'

const [second, minute, hour] = [1_000, 60_000, 3_600_000]

let gateway: TestGateway
let receiver: WebhookReceiver
/** What chance says next: how long each business waits. */
const chances: number[] = []

beforeAll(async () => {
  receiver = await openReceiver(await freePort())
  const random = () => chances.shift() ?? 0
  gateway = await TestGateway.open({ outboundAllow: [receiver.origin], random, standsStill: true })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

async function business(name: string): Promise<TestVendor> {
  const shop = await gateway.vendor(name)
  const path = '/v1/webhooks/endpoints/main'
  await gateway.call({ as: shop, method: 'PUT', path, body: { url: `${receiver.origin}/${name}` } })
  expect((await gateway.call({ as: shop, method: 'POST', path: `${path}/prove` })).status).toBe(200)
  return shop
}

const rows = (prefix: string) => gateway.ledger.list(prefix)

/** Reads as soon as what is cached has to be asked for again, and waits until the reading was noticed. */
async function readAgain(
  as: TestVendor,
  { subject }: Grant,
  isNoticed: () => Promise<boolean>,
): Promise<void> {
  gateway.advance(11 * second)
  const shop = gateway.withToken(as)
  expect((await gateway.read(shop, subject, 'profile.name,contact.email')).status).toBe(200)
  await expect.poll(isNoticed).toBe(true)
}

const fill = (customer: TestCustomer, name: string, email: string) => {
  gateway.pods.fill(customer.person, 'profile', { name, birthDate: '1990-12-10' })
  gateway.pods.fill(customer.person, 'contact', { email, phone: '+44 20 123456' })
}

const toldAt = (path: string) =>
  receiver.received.filter((one) => one.path === path).map(({ message }) => message.data.fields)

test('a business learns which granted fields changed, after a delay of its own, once for all', async () => {
  const [shop, club, gym] = [await business('shop'), await business('club'), await business('gym')]
  const customer = await gateway.customer()
  const grant = await gateway.grant(customer, shop)
  await gateway.grant(customer, club, { fields: ['contact.email', 'profile.ageOver18'] })
  const paused = await gateway.grant(customer, gym, { purpose: delivery })
  await gateway.change(paused, 'paused')
  await readAgain(shop, grant, async () => (await rows('pod-digest/')).length === 2)
  expect(await rows('data-change/')).toEqual([])

  chances.push(0, 1)
  fill(customer, 'Ada Lovelace', 'new@example.org')
  await readAgain(shop, grant, async () => (await rows('data-change/')).length === 2)
  expect(JSON.stringify(await rows('data-change/'))).not.toContain('new@example.org')
  expect(JSON.stringify(await rows('pod-digest/'))).not.toContain('new@example.org')
  gateway.advance(14 * minute)
  await gateway.settle()
  expect([toldAt('/shop'), toldAt('/club')]).toEqual([[], []])

  // Meanwhile more changes: told with the first, at its moment.
  fill(customer, 'Ada King', 'new@example.org')
  await readAgain(shop, grant, async () =>
    (await rows('data-change/')).some(({ value }) => JSON.stringify(value).includes('profile.name')),
  )
  gateway.advance(minute)
  await gateway.settle()
  expect([toldAt('/shop'), toldAt('/club')]).toEqual([[['contact.email', 'profile.name']], []])
  gateway.advance(6 * hour)
  await gateway.settle()
  expect(toldAt('/shop')).toHaveLength(1)
  expect(toldAt('/club')).toEqual([['contact.email']])
  expect(toldAt('/gym')).toEqual([])
  expect(receiver.received.map(({ body }) => body).join('')).not.toMatch(/King|new@example/)
  expect(await rows('data-change')).toEqual([])
})

test('a grant that ends meanwhile is told nothing of', async () => {
  const shop = await business('ended')
  const customer = await gateway.customer()
  const grant = await gateway.grant(customer, shop)
  const digests = (await rows('pod-digest/')).length
  await readAgain(shop, grant, async () => (await rows('pod-digest/')).length === digests + 2)
  fill(customer, 'Ada King', 'ada@example.org')
  await readAgain(shop, grant, async () => (await rows('data-change/')).length === 1)
  await gateway.change(grant, 'withdrawn')
  gateway.advance(7 * hour)
  await gateway.settle()
  expect(toldAt('/ended')).toEqual([])
  expect(await rows('data-change')).toEqual([])
})

test('what is not at hand is looked at from time to time, for a business that wants to be told and no other', async () => {
  const [shop, quiet] = [await business('later'), await gateway.vendor('quiet')]
  const [customer, stranger] = [await gateway.customer(), await gateway.customer()]
  await gateway.grant(customer, shop)
  await gateway.grant(stranger, quiet)
  const look = () =>
    lookAtGrantedData({ reader: gateway.ledger, pods: gateway.cache, now: gateway.house.now })
  const digestsOf = async ({ accountId }: TestCustomer) => (await rows(`pod-digest/${accountId}/`)).length
  await look()
  await expect.poll(() => digestsOf(customer)).toBe(2)
  expect(await digestsOf(stranger)).toBe(0)
  // As after a restart.
  gateway.cache.forget(customer.accountId)
  fill(customer, 'Ada King', 'ada@example.org')
  await look()
  await expect.poll(async () => (await rows('data-change/')).length).toBe(1)
  gateway.advance(7 * hour)
  await gateway.settle()
  expect(toldAt('/later')).toEqual([['profile.name']])
})
