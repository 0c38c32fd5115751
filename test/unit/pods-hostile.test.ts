import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createOutbound } from '../../core/http/outbound.ts'
import type { Outbound } from '../../core/http/outbound.ts'
import { createPodCache } from '../../core/pods/cache.ts'
import type { PodCache } from '../../core/pods/cache.ts'
import { createPodClient, parseLinks } from '../../core/pods/client.ts'
import { parseRdf } from '../../core/pods/rdf-formats.ts'
import { createLocalFeed } from '../../vault-server/pods/feed.ts'

/** A pod server that does what a test wants it to. */
let hostile: Server
let respond: RequestListener
let base: string
let outbound: Outbound

beforeEach(async () => {
  hostile = createServer((req, res) => respond(req, res)).listen(0, '127.0.0.1')
  await once(hostile, 'listening')
  base = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}/`
  outbound = createOutbound({ allow: [new URL(base).origin], maxBytes: 1_000_000 })
})
afterEach(async () => {
  hostile.closeAllConnections()
  hostile.close()
  await outbound[Symbol.asyncDispose]()
})

describe('the client', () => {
  const client = (timeoutMs = 5000) =>
    createPodClient({ fetch: (url, init) => outbound.fetch(url, init), timeoutMs })
  const answer =
    (status: number, body = '', headers = {}): RequestListener =>
    (_req, res) =>
      res.writeHead(status, headers).end(body)

  test.each([
    [401, 'pod-access-lost'],
    [403, 'pod-access-lost'],
    [412, 'pod-changed'],
    [409, 'pod-changed'],
    [500, 'pod-unreachable'],
    [503, 'pod-unreachable'],
    [429, 'pod-unreachable'],
    [302, 'pod-unreadable'],
    [400, 'pod-unreadable'],
    [418, 'pod-unreadable'],
  ])('turns %i into %s', async (status, code) => {
    respond = answer(status, 'secret of the server', { location: 'http://169.254.169.254/' })
    await expect(client().get(base)).rejects.toMatchObject({ code })
    await expect(client().get(base)).rejects.not.toThrow(/secret/)
    await expect(client().put(base, '', { ifNoneMatch: '*' })).rejects.toMatchObject({ code })
  })

  const unreadable: Record<string, RequestListener> = {
    'too large': answer(200, 'x'.repeat(600_000)),
    'far too large': answer(200, 'x'.repeat(1_100_000)),
    'large when unpacked': (_req, res) =>
      res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000))),
    'not UTF-8': (_req, res) => res.end(Buffer.from([0xff, 0xfe, 0x41])),
  }
  test.each(Object.keys(unreadable))('a body that is %s is pod-unreadable', async (kind) => {
    respond = unreadable[kind] ?? respond
    await expect(client().get(base)).rejects.toMatchObject({ code: 'pod-unreadable' })
  })

  const silent: Record<string, RequestListener> = {
    'never answers': () => undefined,
    'stops in the middle': (_req, res) => void res.writeHead(200, { 'content-length': 100 }).write('half'),
    'hangs up': (req) => req.socket.destroy(),
    'breaks off': (req, res) => {
      res.writeHead(200, { 'content-length': 100 })
      res.write('half')
      setTimeout(() => req.socket.destroy(), 20)
    },
  }
  test.each(Object.keys(silent))('a server that %s is pod-unreachable, soon', async (kind) => {
    respond = silent[kind] ?? respond
    const begun = performance.now()
    await expect(client(300).get(base)).rejects.toMatchObject({ code: 'pod-unreachable', retryAfter: 5 })
    expect(performance.now() - begun).toBeLessThan(2000)
  })

  test('tries a GET once more when the other side closed a kept connection, a PUT never', async () => {
    let requests = 0
    respond = (req, res) => {
      requests++
      if (requests === 1) req.socket.destroy()
      else res.end('there')
    }
    expect((await client().get(base)).body).toBe('there')
    requests = 0
    await expect(client().put(base, 'x', { ifMatch: '"1"' })).rejects.toMatchObject({
      code: 'pod-unreachable',
    })
    expect(requests).toBe(1)
  })

  test('sends every PUT with its condition', async () => {
    const seen: unknown[] = []
    respond = (req, res) => {
      seen.push([req.headers['if-match'], req.headers['if-none-match'], req.headers['content-type']])
      res.writeHead(201, { etag: '"2"' }).end()
    }
    expect(await client().put(base, 'x', { ifMatch: '"1"' })).toEqual({ etag: '"2"' })
    await client().put(base, 'x', { ifNoneMatch: '*' }, 'text/plain')
    expect(seen).toEqual([
      ['"1"', undefined, 'text/turtle'],
      [undefined, '*', 'text/plain'],
    ])
  })

  test('reads Link headers as pods write them', () => {
    const header =
      '<.acl>; rel="acl", <http://www.w3.org/ns/ldp#Resource>; rel="type", </d>; rel=describedby, <x>; title="a, b"; rel="one two", <http://[bad>; rel="bad", broken'
    expect(Object.fromEntries(parseLinks(header, 'https://pod.example/vrm/'))).toEqual({
      acl: 'https://pod.example/vrm/.acl',
      type: 'http://www.w3.org/ns/ldp#Resource',
      describedby: 'https://pod.example/d',
      one: 'https://pod.example/vrm/x',
      two: 'https://pod.example/vrm/x',
    })
  })
})

describe('a document in JSON-LD', () => {
  const contexts: Record<string, (address: string) => string> = {
    'in a list of lists': (address) => `{"@context":[[["${address}"]]],"@id":"#me","x":"1"}`,
    'under a name that is there twice': (address) =>
      `{"@context":"${address}","@context":{},"@id":"#me","x":"1"}`,
    'of a term': (address) =>
      `{"@context":{"x":{"@id":"urn:x","@context":["${address}"]}},"@id":"#me","x":{"y":"1"}}`,
    'that it imports': (address) => `{"@context":{"@import":"${address}"},"@id":"#me"}`,
  }
  test.each(Object.keys(contexts))('makes nobody fetch a context %s', async (where) => {
    const asked: (string | undefined)[] = []
    respond = (req, res) => {
      asked.push(req.url)
      res.writeHead(200, { 'content-type': 'application/ld+json' }).end('{"@context":{"x":"urn:x"}}')
    }
    const text = contexts[where]?.(`${base}inside`) ?? ''
    await parseRdf(text, 'application/ld+json', 'https://pod.example/card').catch(() => undefined)
    expect(asked).toEqual([])
  })
})

test('a context that would be worked through anew at every value is refused before it is', async () => {
  const terms = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`t${i}`, `urn:t${i}`]))
  const scoped = { ...terms, a: { '@id': 'urn:a', '@context': { b: 'urn:b' } } }
  const read = (document: object | string) =>
    parseRdf(
      typeof document === 'string' ? document : JSON.stringify(document),
      'application/ld+json',
      'https://pod.example/card',
    )
  for (const value of [{}, 1, null]) {
    const worst = { '@context': scoped, a: Array.from({ length: 3_000 }, () => value) }
    await expect(read(worst)).rejects.toThrow('too many terms for so many values')
  }
  const brackets = `{"@context":${'['.repeat(30_000)}${']'.repeat(30_000)}}`
  await expect(read(brackets)).rejects.toMatchObject({ code: 'pod-unreadable' })
  expect(await read({ '@context': scoped, a: [{ b: 'x' }, { b: 'y' }] })).toHaveLength(4)
})

describe('the cache', () => {
  let clock: number
  let lost: string[]
  const turtle = (name: string) => `<#me> <http://www.w3.org/2006/vcard/ns#fn> "${name}".`
  const serve =
    (body: string, headers: Record<string, string> = {}): RequestListener =>
    (_req, res) =>
      res.writeHead(200, { 'content-type': 'text/turtle', etag: '"1"', ...headers }).end(body)
  const account = (n = 1) => ({
    accountId: `account-${n}`,
    webId: `${base}${n}/card#me`,
    container: `${base}${n}/vrm/`,
  })
  const field = ['profile.name']

  function cacheOf(options: Partial<Parameters<typeof createPodCache>[0]> = {}): PodCache {
    clock = 1_000_000
    lost = []
    return createPodCache({
      fetch: (url, init) => outbound.fetch(url, init),
      now: () => clock,
      onAccessLost: (id, category) => void lost.push(category ? `${id} ${category}` : id),
      ...options,
    })
  }

  const me = '<#me> <http://www.w3.org/2006/vcard/ns#fn>'
  const documents: Record<string, [body: string, why: RegExp]> = {
    'a page': ['<!doctype html><p>Sign in</p>', /not Turtle/],
    'not Turtle': ['<#me> <', /not Turtle/],
    'a graph of N3': ['{ <#a> <#b> <#c> } <#d> <#e>.', /not Turtle/],
    'a huge text': [turtle('x'.repeat(60_000)), /Name/],
    'a huge document': [`${turtle('a')} # ${'x'.repeat(70_000)}`, /too large/],
    'thousands of triples': [Array.from({ length: 2000 }, (_, n) => `<#a> <#b> ${n}.`).join(' '), /too many/],
    'a text that is a link': [`${me} <https://elsewhere.example/>.`, /Name is not a text/],
    'a text that is a number': [`${me} 42.`, /another type/],
    'two names': [`${me} "a", "b".`, /more than once/],
    'an empty name': [`${me} "".`, /Name does not have/],
    'a date that is none': ['<#me> <https://schema.org/birthDate> "tomorrow".', /Birth date/],
  }
  test.each(Object.keys(documents))(
    '%s is pod-unreadable, in words without values, and asked for only once',
    async (kind) => {
      const [body, why] = documents[kind] ?? ['', /x/]
      let requests = 0
      respond = (req, res) => {
        requests++
        const isPage = kind === 'a page' && req.url?.endsWith('.ttl') === true
        serve(body, isPage ? { 'content-type': 'text/html' } : {})(req, res)
      }
      using cache = cacheOf()
      for (let n = 0; n < 3; n++) {
        await expect(cache.read(account(), field)).rejects.toMatchObject({
          code: 'pod-unreadable',
          message: expect.stringMatching(why),
        })
      }
      expect(requests).toBe(2)
      expect(lost).toEqual([])
    },
  )

  const loops = {
    'blank nodes in a circle': '_:a <#p> _:b. _:b <#p> _:a. ',
    'a chain of blank nodes': Array.from({ length: 400 }, (_, n) => `_:n${n} <#p> _:n${n + 1}. `).join(''),
    'an address that is the person': '<#me> <http://www.w3.org/2006/vcard/ns#note> <#me>. ',
  }
  test.each(Object.entries(loops))('%s harm nobody', async (_kind, noise) => {
    respond = serve(noise + turtle('Ada'))
    using cache = cacheOf()
    expect((await cache.read(account(), field)).fragments.get('profile.name')).toBe('"Ada"')
  })

  test('an address on the pod never becomes a value', async () => {
    respond = serve(turtle(`see ${base}ada/profile/card#me`))
    using cache = cacheOf()
    await expect(cache.read(account(), field)).rejects.toMatchObject({ code: 'pod-unreadable' })
  })

  test('while the pod is in trouble it serves until the bound runs out, then fails closed and leaves the pod alone', async () => {
    respond = serve(turtle('Ada'))
    using cache = cacheOf()
    await cache.read(account(), field)
    let requests = 0
    respond = (_req, res) => {
      requests++
      res.writeHead(503).end()
    }
    clock += 10_000
    expect(cache.peek(account(), field)?.fragments.get('profile.name')).toBe('"Ada"')
    await sleep(50)
    clock += 1
    expect(cache.peek(account(), field)).toBeUndefined()
    const before = requests
    await expect(cache.read(account(), field)).rejects.toMatchObject({
      code: 'pod-unreachable',
      retryAfter: 1,
    })
    expect(requests).toBe(before)
    clock += 20_000
    respond = serve(turtle('Ada'))
    expect((await cache.read(account(), field)).fragments.get('profile.name')).toBe('"Ada"')
  })

  test('the bound counts from the start of the request, not from its end', async () => {
    respond = (_req, res) => {
      clock += 9_000
      serve(turtle('Ada'))(_req, res)
    }
    using cache = cacheOf()
    // Two requests at once, 18 s by this clock: what they confirm is too old already.
    await expect(cache.read(account(), field)).rejects.toMatchObject({ code: 'pod-unreachable' })
  })

  test('401 is not taken for a closed pod at once: it may be our keys; after half a minute it is', async () => {
    respond = serve(turtle('Ada'))
    using cache = cacheOf()
    await cache.read(account(), field)
    respond = (_req, res) => res.writeHead(401).end()
    clock += 11_000
    await expect(cache.read(account(), field)).rejects.toMatchObject({ code: 'pod-unreachable' })
    expect(lost).toEqual([])
    clock += 31_000
    await expect(cache.read(account(), field)).rejects.toMatchObject({ code: 'pod-access-lost' })
    expect(lost).toEqual(['account-1'])
  })

  test('an answer that comes after the customer was forgotten is for nobody', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    respond = (req, res) => void promise.then(() => serve(turtle('Ada'))(req, res))
    const told: string[] = []
    using cache = cacheOf({ onRead: (_account, category) => void told.push(category) })
    const reading = cache.read(account(), field)
    await sleep(50)
    cache.forget('account-1')
    resolve()
    await expect(reading).rejects.toMatchObject({ code: 'pod-unreachable' })
    expect(told).toEqual([])
    expect(cache.peek(account(), field)).toBeUndefined()
  })

  test('a change while it is being read makes it read again', async () => {
    const feed = createLocalFeed({ baseUrl: base, now: () => clock })
    using cache = cacheOf({ feed })
    let seq = 0
    const beat = () => feed.take({ type: 'beat', seq, at: clock })
    beat()
    const bodies = [turtle('old'), turtle('new')]
    const conditions: unknown[] = []
    respond = (req, res) => {
      if (req.method === 'HEAD') return serve('')(req, res)
      conditions.push(req.headers['if-none-match'])
      const body = bodies.shift() ?? turtle('new')
      // The old version is on its way when the change is reported.
      if (body.includes('old'))
        feed.take({ type: 'changed', seq: ++seq, url: `${account().container}profile.ttl` })
      beat()
      serve(body)(req, res)
    }
    expect((await cache.read(account(), field)).fragments.get('profile.name')).toBe('"new"')
    expect(conditions).toEqual([undefined, undefined])
  })

  test('a feed that leaves a number out, falls silent or is cut is believed no more', async () => {
    const feed = createLocalFeed({ baseUrl: base, now: () => clock })
    respond = serve(turtle('Ada'))
    const breaks: Record<string, () => void> = {
      gap: () => feed.take({ type: 'beat', seq: 7, at: clock }),
      silence: () => {
        clock += 1001
        expect(feed.stretch()).toBeUndefined()
        feed.take({ type: 'beat', seq: 7, at: clock })
      },
      'a late beat': () => {
        clock += 1001
        feed.take({ type: 'beat', seq: 7, at: clock - 1001 })
      },
      cut: () => {
        feed.interrupt()
        feed.take({ type: 'beat', seq: 0, at: clock })
      },
    }
    for (const happens of Object.values(breaks)) {
      using cache = cacheOf({ feed })
      feed.interrupt()
      feed.take({ type: 'beat', seq: 0, at: clock })
      await cache.read(account(), field)
      for (let n = 0; n < 10; n++) {
        clock += 500
        feed.take({ type: 'beat', seq: 0, at: clock })
        feed.stretch()
      }
      expect(cache.peek(account(), field)).toBeDefined()
      happens()
      expect(cache.peek(account(), field)).toBeUndefined()
    }
  })

  test('keeps to its size: the one used longest ago goes first', async () => {
    respond = serve(turtle('Ada'))
    using cache = cacheOf({ maxBytes: 5_000 })
    for (const n of [1, 2, 3, 4]) {
      await cache.read(account(n), field)
      // Who was used within a second counts as used now.
      clock += 1_001
      cache.peek(account(1), field)
    }
    const kept = [1, 2, 3, 4].map((n) => cache.peek(account(n), field) !== undefined)
    expect(kept).toEqual([true, false, true, true])
  })

  test('moved to another pod, nothing of the first is served', async () => {
    respond = serve(turtle('Ada'))
    using cache = cacheOf()
    await cache.read(account(), field)
    expect(cache.peek({ ...account(), container: `${base}other/vrm/` }, field)).toBeUndefined()
    await expect(cache.read(account(), ['profile.nonsense'])).rejects.toMatchObject({ code: 'unknown-field' })
  })

  test('is told of a loss once, however many are asking', async () => {
    respond = (_req, res) => res.writeHead(403).end()
    using cache = cacheOf()
    const all = await Promise.allSettled(
      Array.from({ length: 10 }, () => cache.read(account(), [...field, 'diet.diet'])),
    )
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(lost).toEqual(['account-1'])
    await vi.waitFor(() => expect(cache.peek(account(), field)).toBeUndefined())
  })
})
