import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createLogger } from '../../core/logger.ts'
import { createMetrics } from '../../core/metrics.ts'
import { closeAccess, openAccess } from '../../core/pods/access.ts'
import { createPodCache } from '../../core/pods/cache.ts'
import { createPodClient } from '../../core/pods/client.ts'
import type { PodAccount, PodFeed, PodFetch } from '../../core/pods/pod.ts'
import { writeCategory } from '../../core/pods/vocabulary-edit.ts'
import { startTestAgent } from '../pod-agent.ts'
import type { TestAgent } from '../pod-agent.ts'
import { podServerPid, startTestPods } from '../pod-server.ts'
import type { TestCustomer, TestPods } from '../pod-server.ts'

let pods: TestPods
let agent: TestAgent

const metrics = createMetrics()

beforeAll(async () => {
  const log = createLogger({ level: 'silent', observe: metrics.observe })
  pods = await startTestPods({ podBytes: 8 * 1024 * 1024, log })
  agent = await startTestAgent(pods)
}, 300_000)
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await pods[Symbol.asyncDispose]()
})

const profile = { name: 'Ada', birthDate: '1990-05-17', languages: ['de', 'en'] }

async function save(
  customer: TestCustomer,
  category: string,
  values: Record<string, unknown>,
): Promise<void> {
  const url = `${customer.container}${category}.ttl`
  const client = createPodClient({ fetch: customer.fetch })
  const { body, etag, status } = await client.get(url)
  const turtle = writeCategory(category, values, status === 'found' ? body : undefined, url)
  await client.put(url, turtle, etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag })
}

/** A customer who has opened her pod and filled in her profile, and a cache that counts what it asks. */
async function ready(
  options: { feed?: PodFeed; connect?: TestAgent['connect'] } = { feed: pods.server.feed },
) {
  const customer = await pods.customer()
  const parties = { container: customer.container, owner: customer.webId, agent: agent.webId }
  await openAccess(customer.fetch, parties)
  await save(customer, 'profile', profile)
  const asked: string[] = []
  const lost: string[] = []
  const clock = { offset: 0 }
  const counting: PodFetch = (url, init) => {
    asked.push(`${init?.method ?? 'GET'} ${url.slice(customer.container.length)}`)
    return agent.fetch(url, init)
  }
  const cache = createPodCache({
    fetch: counting,
    now: () => Date.now() + clock.offset,
    onAccessLost: (accountId, category) => void lost.push(category ? `${accountId} ${category}` : accountId),
    ...options,
  })
  await vi.waitFor(() => expect(pods.server.feed.stretch(pods.server.baseUrl)).toBeDefined(), {
    timeout: 5000,
  })
  const account: PodAccount = {
    accountId: 'account-of-ada',
    webId: customer.webId,
    container: customer.container,
  }
  return { customer, parties, account, cache, asked, lost, clock }
}

const read = ['profile.name', 'profile.ageOver18', 'diet.diet']

test('reads stored and derived fields as ready fragments, and then answers without asking', async () => {
  const { cache, account, asked } = await ready()
  expect(cache.peek(account, read)).toBeUndefined()
  const found = await cache.read(account, read)
  const { fragments } = found
  expect([...fragments]).toEqual([
    ['profile.name', '"Ada"'],
    ['profile.ageOver18', 'true'],
  ])
  expect(cache.holds(found)).toBe(true)
  expect(asked.toSorted()).toEqual(['GET diet.ttl', 'GET profile.ttl', 'HEAD '])
  asked.length = 0
  // Longer than the bound of a pod without a feed: nothing was reported, so all of it still holds.
  await sleep(1500)
  expect(cache.peek(account, read)?.fragments).toEqual(fragments)
  expect(await cache.read(account, read)).toMatchObject({ fragments })
  expect(asked).toEqual([])
})

test('a picture comes through the pod as its bytes', async () => {
  const { cache, account, customer } = await ready()
  const picture = `data:image/png;base64,${Buffer.alloc(200_000, 7).toString('base64')}`
  await save(customer, 'profile', { name: 'Ada', picture })
  const { fragments } = await cache.read(account, ['profile.name', 'profile.picture'])
  expect(Object.fromEntries(fragments)).toEqual({
    'profile.name': '"Ada"',
    'profile.picture': JSON.stringify(picture),
  })
})

test('of many who save on the ground of one version exactly one wins', async () => {
  const { customer } = await ready()
  const url = `${customer.container}profile.ttl`
  const client = createPodClient({ fetch: customer.fetch })
  const { etag = '', body } = await client.get(url)
  const saved = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) =>
      client.put(url, writeCategory('profile', { name: `n${n}` }, body, url), { ifMatch: etag }),
    ),
  )
  expect(saved.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const refused = saved.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  for (const error of refused) expect(error).toMatchObject({ code: 'pod-changed' })
  const winner = saved.findIndex(({ status }) => status === 'fulfilled')
  expect(await (await customer.fetch(url)).text()).toContain(`"n${winner}"`)
  await expect(client.put(url, body, { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'pod-changed' })
})

test('many who read at once share one request per resource', async () => {
  const { cache, account, asked } = await ready()
  await Promise.all(Array.from({ length: 20 }, () => cache.read(account, ['profile.name'])))
  expect(asked.toSorted()).toEqual(['GET profile.ttl', 'HEAD '])
})

test('a change by any app is seen at once over the feed; a new document too', async () => {
  const { cache, account, customer } = await ready()
  const before = await cache.read(account, read)
  await save(customer, 'profile', { ...profile, name: 'Ada Ü.' })
  await vi.waitFor(() => expect(cache.peek(account, read)).toBeUndefined(), { timeout: 1000, interval: 10 })
  expect(cache.holds(before)).toBe(false)
  const after = await cache.read(account, read)
  expect(after.fragments.get('profile.name')).toBe('"Ada Ü."')
  expect([cache.holds(before), cache.holds(after)]).toEqual([false, true])
  await save(customer, 'diet', { diet: ['VeganDiet'] })
  await vi.waitFor(() => expect(cache.peek(account, read)).toBeUndefined(), { timeout: 1000, interval: 10 })
  expect((await cache.read(account, read)).fragments.get('diet.diet')).toBe('["VeganDiet"]')
})

test('nothing served is older than a second, while values change as quickly as the pod takes them', async () => {
  const { cache, account, customer } = await ready()
  const written: number[] = []
  let done = false
  const writer = (async () => {
    for (let n = 1; n <= 25; n++) {
      await save(customer, 'profile', { name: `n${n}` })
      written[n] = Date.now()
    }
    done = true
  })()
  let reads = 0
  while (!done) {
    const found = cache.peek(account, ['profile.name']) ?? (await cache.read(account, ['profile.name']))
    const seen = Number(/\d+/.exec(found.fragments.get('profile.name') ?? '"n0"')?.[0] ?? 0)
    const next = written[seen + 1]
    if (next !== undefined) expect(Date.now() - next).toBeLessThan(1000)
    reads++
    await sleep(1)
  }
  await writer
  expect(reads).toBeGreaterThan(25)
  expect((await cache.read(account, ['profile.name'])).fragments.get('profile.name')).toBe('"n25"')
})

const losses: Record<string, (customer: TestCustomer, close: () => Promise<void>) => Promise<unknown>> = {
  'closed in our app': (_customer, close) => close(),
  'the access document deleted by another app': ({ fetch, container }) =>
    fetch(`${container}.acl`, { method: 'DELETE' }),
  'half revoked by another app, what lies inside left open': async ({ fetch, container }) => {
    const rules = await (await fetch(`${container}.acl`)).text()
    const half = rules.replace(/(#reach-agent>[^.]*?)acl:accessTo <[^>]*>/, '$1acl:accessTo <urn:nothing>')
    expect(half).not.toBe(rules)
    const headers = { 'content-type': 'text/turtle' }
    expect((await fetch(`${container}.acl`, { method: 'PUT', headers, body: half })).ok).toBe(true)
  },
  'the folder deleted': async ({ fetch, container }) => {
    for (const name of ['profile.ttl', 'receipts/', '']) {
      expect((await fetch(container + name, { method: 'DELETE' })).ok).toBe(true)
    }
  },
}

test.each(Object.keys(losses))('lost access is seen within the second: %s', async (how) => {
  const { cache, account, customer, parties, lost } = await ready()
  await cache.read(account, read)
  await losses[how]?.(customer, () => closeAccess(customer.fetch, parties))
  const begun = performance.now()
  await vi.waitFor(() => expect(cache.peek(account, read)).toBeUndefined(), { timeout: 1000, interval: 5 })
  expect(performance.now() - begun).toBeLessThan(1000)
  await expect(cache.read(account, read)).rejects.toMatchObject({ code: 'pod-access-lost' })
  expect(lost).toEqual([account.accountId])
  // Purged: opened again, nothing old comes up without asking.
  expect(cache.peek(account, read)).toBeUndefined()
})

test('one resource refused is lost alone, and told as that', async () => {
  const { cache, account, customer, lost } = await ready()
  await cache.read(account, read)
  const own = `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
    <#o> a acl:Authorization; acl:agent <${customer.webId}>; acl:accessTo <${customer.container}profile.ttl>;
      acl:mode acl:Read, acl:Write, acl:Control.`
  const headers = { 'content-type': 'text/turtle' }
  await customer.fetch(`${customer.container}profile.ttl.acl`, { method: 'PUT', headers, body: own })
  await vi.waitFor(() => expect(cache.peek(account, read)).toBeUndefined(), { timeout: 1000, interval: 10 })
  await expect(cache.read(account, read)).rejects.toMatchObject({ code: 'pod-access-lost' })
  expect(lost).toEqual([`${account.accountId} profile`])
  expect((await cache.read(account, ['diet.diet'])).fragments.size).toBe(0)
})

test('without a feed all of it is asked again after ten seconds, the folder too, and a loss is found then', async () => {
  const { cache, account, asked, clock, customer, parties, lost } = await ready({})
  const { fragments } = await cache.read(account, ['profile.name'])
  clock.offset = 9_000
  asked.length = 0
  expect(cache.peek(account, ['profile.name'])?.fragments).toEqual(fragments)
  // In use and past half of the bound: asked about in the background.
  await vi.waitFor(() => expect(asked.toSorted()).toEqual(['GET profile.ttl', 'HEAD ']))
  await sleep(200)
  clock.offset = 18_500
  expect(cache.peek(account, ['profile.name'])?.fragments).toEqual(fragments)
  await sleep(200)
  await closeAccess(customer.fetch, parties)
  clock.offset = 29_000
  expect(cache.peek(account, ['profile.name'])).toBeUndefined()
  await expect(cache.read(account, ['profile.name'])).rejects.toMatchObject({ code: 'pod-access-lost' })
  expect(lost).toEqual([account.accountId])
})

test('a pod without a feed tells of a change over its own notifications, and is asked only then', async () => {
  const sockets: ReturnType<TestAgent['connect']>[] = []
  const connect = (url: string) => {
    const socket = agent.connect(url)
    sockets.push(socket)
    return socket
  }
  const { cache, account, customer } = await ready({ connect })
  await cache.read(account, ['profile.name'])
  await vi.waitFor(() => expect(sockets.map(({ readyState }) => readyState)).toEqual([1, 1]), {
    timeout: 5000,
  })
  expect(cache.peek(account, ['profile.name'])).toBeDefined()
  await save(customer, 'profile', { name: 'Told' })
  await vi.waitFor(() => expect(cache.peek(account, ['profile.name'])).toBeUndefined(), {
    timeout: 5000,
    interval: 10,
  })
  expect((await cache.read(account, ['profile.name'])).fragments.get('profile.name')).toBe('"Told"')
  // A socket that closes may have missed something.
  for (const socket of sockets) socket.close()
  await vi.waitFor(() => expect(cache.peek(account, ['profile.name'])).toBeUndefined(), {
    timeout: 5000,
    interval: 10,
  })
  cache[Symbol.dispose]()
})

test('nobody listens any more for a customer who is forgotten', async () => {
  const sockets: ReturnType<TestAgent['connect']>[] = []
  const connect = (url: string) => {
    const socket = agent.connect(url)
    sockets.push(socket)
    return socket
  }
  const { cache, account } = await ready({ connect })
  const states = () => sockets.map(({ readyState }) => readyState)
  await cache.read(account, ['profile.name'])
  await vi.waitFor(() => expect(states()).toEqual([1, 1]), { timeout: 5000 })
  cache.forget(account.accountId)
  await vi.waitFor(() => expect(states()).toEqual([3, 3]), { timeout: 5000 })
  // Whoever comes after her is listened for at once: it was we who closed.
  await cache.read({ ...account, accountId: 'another-account' }, ['profile.name'])
  await vi.waitFor(() => expect(states()).toEqual([3, 3, 1, 1]), { timeout: 5000 })
  cache[Symbol.dispose]()
})

test('a pod takes what it may hold and no more, and nothing half written comes of it', async () => {
  const { fetch: asHer, podUrl, webId } = await pods.customer()
  const megabytes = (count: number, fill: string) => Buffer.alloc(count * 1024 * 1024, fill)
  const put = async (name: string, body: Buffer | ReadableStream, type = 'application/octet-stream') => {
    const init = { method: 'PUT', headers: { 'content-type': type }, body, duplex: 'half' } as RequestInit
    return (await asHer(podUrl + name, init)).status
  }
  expect(await put('one.bin', megabytes(6, 'a'))).toBe(201)
  expect(await put('two.bin', megabytes(3, 'b'))).toBe(507)
  // Without a length told before, too.
  expect(await put('two.bin', new Blob([megabytes(3, 'b')]).stream())).toBe(507)
  expect((await asHer(`${podUrl}two.bin`)).status).toBe(404)
  expect(await put('one.bin', megabytes(9, 'c'))).toBe(507)
  const kept = Buffer.from(await (await asHer(`${podUrl}one.bin`)).arrayBuffer())
  expect(kept.equals(megabytes(6, 'a'))).toBe(true)
  expect(await readdir(join(pods.folder, 'root/.internal/tempFiles'))).toEqual([])
  // What takes the place of something may be as large as that; and nobody else is any fuller.
  expect(await put('one.bin', megabytes(7, 'd'))).toBe(205)
  expect(await put('two.bin', megabytes(1, 'e'))).toBe(507)
  const other = await pods.customer()
  const init = { method: 'PUT', headers: { 'content-type': 'text/turtle' }, body: '<#me> <#x> 1.' }
  expect((await other.fetch(`${other.podUrl}x.ttl`, init)).status).toBe(201)
  // Whoever is full can still shut others out, make room, and go on.
  const rules = `<#o> a <http://www.w3.org/ns/auth/acl#Authorization>; <http://www.w3.org/ns/auth/acl#agent> <${webId}>;
    <http://www.w3.org/ns/auth/acl#accessTo> <./one.bin>;
    <http://www.w3.org/ns/auth/acl#mode> <http://www.w3.org/ns/auth/acl#Read>, <http://www.w3.org/ns/auth/acl#Write>, <http://www.w3.org/ns/auth/acl#Control>.`
  expect(await put('one.bin.acl', Buffer.from(rules), 'text/turtle')).toBe(201)
  expect((await asHer(`${podUrl}one.bin`, { method: 'DELETE' })).ok).toBe(true)
  await vi.waitFor(async () => expect(await put('two.bin', megabytes(3, 'f'))).toBe(201), {
    timeout: 20_000,
    interval: 500,
  })
})

test('of many writes at once, or of descriptions of documents, a pod takes no more than it may hold', async () => {
  const { fetch: asHer, podUrl } = await pods.customer()
  const init = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' } }
  const put = async (name: string) =>
    (await asHer(podUrl + name, { ...init, body: Buffer.alloc(3 * 1024 * 1024) })).status
  expect([await put('a.bin'), await put('b.bin')]).toEqual([201, 201])
  // Room that a count must find: then each of those who come at once would count for itself.
  expect((await asHer(`${podUrl}a.bin`, { method: 'DELETE' })).ok).toBe(true)
  await sleep(5_100)
  const statuses = await Promise.all([...'cdefgh'].map((name) => put(`${name}.bin`)))
  expect(statuses.toSorted()).toEqual([201, 507, 507, 507, 507, 507])
  expect(await metrics.text()).toMatch(/reach_events_total\{event="pod-full"\} [1-9]/)

  const describe = async (name: string) => {
    const text = 'x'.repeat(1024 * 1024)
    const body = `@prefix solid: <http://www.w3.org/ns/solid/terms#>.
      <#p> a solid:InsertDeletePatch; solid:inserts { <${podUrl}${name}> <urn:x:is> "${text}" }.`
    const headers = { 'content-type': 'text/n3' }
    return (await asHer(`${podUrl}${name}.meta`, { method: 'PATCH', headers, body })).status
  }
  const small = { ...init, body: 'x' }
  for (const name of ['m1', 'm2', 'm3']) expect((await asHer(podUrl + name, small)).status).toBe(201)
  expect([await describe('m1'), await describe('m2')]).toEqual([205, 507])
})

test('a birthday comes at midnight without any change in the pod', async () => {
  const { cache, account, customer, clock } = await ready()
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(5, 10)
  const year = new Date(Date.now() + 86_400_000).getUTCFullYear() - 18
  await save(customer, 'profile', { birthDate: `${year}-${tomorrow}` })
  expect((await cache.read(account, read)).fragments.get('profile.ageOver18')).toBe('false')
  clock.offset = 86_400_000
  expect((await cache.read(account, read)).fragments.get('profile.ageOver18')).toBe('true')
})

test('a pod server that dies is noticed, fails closed, and nothing stale comes up when it is back', async () => {
  const { cache, account, customer } = await ready()
  await cache.read(account, read)
  process.kill(podServerPid(pods.server), 'SIGKILL')
  await vi.waitFor(() => expect(cache.peek(account, read)).toBeUndefined(), { timeout: 1100, interval: 10 })
  await expect(cache.read(account, read)).rejects.toMatchObject({
    code: 'pod-unreachable',
    retryAfter: expect.any(Number),
  })
  await vi.waitFor(() => expect(pods.server.state).toBe('ready'), { timeout: 60_000, interval: 50 })
  await save(customer, 'profile', { name: 'After' })
  const seen = await vi.waitFor(() => cache.read(account, ['profile.name']), {
    timeout: 12_000,
    interval: 200,
  })
  expect(seen.fragments.get('profile.name')).toBe('"After"')
})
