/** Pods that are away, in every way a pod can be: the customer and the business are told, nobody else is held up. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createOutbound } from '../../core/http/outbound.ts'
import type { Outbound } from '../../core/http/outbound.ts'
import { createPodCache } from '../../core/pods/cache.ts'
import type { PodCache } from '../../core/pods/cache.ts'

let server: Server
let respond: RequestListener
let base: string
let outbound: Outbound
let clock: number
let requests: string[]
let lost: string[]

const good: RequestListener = (_req, res) =>
  res
    .writeHead(200, { 'content-type': 'text/turtle', etag: '"1"' })
    .end('<#me> <http://www.w3.org/2006/vcard/ns#fn> "Ada".')
const field = ['profile.name']
const account = (n = 1, at = base) => ({
  accountId: `account-${n}`,
  webId: `${at}${n}/card#me`,
  container: `${at}${n}/vrm/`,
})

beforeEach(async () => {
  requests = []
  lost = []
  clock = 1_000_000
  respond = good
  server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}`)
    respond(req, res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  outbound = createOutbound({ allow: [new URL(base).origin, 'https://127.0.0.1:1'], timeoutMs: 2_000 })
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await outbound[Symbol.asyncDispose]()
})

function cacheOf(): PodCache {
  return createPodCache({
    fetch: (url, init) => outbound.fetch(url, init),
    now: () => clock,
    onAccessLost: (id) => void lost.push(id),
  })
}

const ways: Record<string, [reason: string, code: string, answer: RequestListener]> = {
  'an error of the server': ['server-error', 'pod-unreachable', (_req, res) => res.writeHead(502).end()],
  'too many requests': [
    'rate-limited',
    'pod-unreachable',
    (_req, res) => res.writeHead(429, { 'retry-after': '7' }).end(),
  ],
  'a redirect to the inside': [
    'redirects',
    'pod-unreadable',
    (_req, res) => res.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end(),
  ],
  'a page in place of everything': [
    'web-page',
    'pod-unreadable',
    (_req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'),
  ],
  'a connection that is cut': ['no-answer', 'pod-unreachable', (_req, res) => void res.socket?.destroy()],
}

describe.each(Object.entries(ways))('%s', (_name, [reason, code, answer]) => {
  test('is told as that, fails closed past the bound, and is over as soon as it is over', async () => {
    using cache = cacheOf()
    await cache.read(account(), field)
    respond = answer
    clock += 9_000
    // Confirmed nine seconds ago: still within the bound.
    expect(cache.peek(account(), field)).toBeDefined()
    clock += 1_001
    expect(cache.peek(account(), field)).toBeUndefined()
    await expect(cache.read(account(), field)).rejects.toMatchObject({ code })
    expect(cache.trouble('account-1')).toMatchObject({ reason })
    expect(lost).toEqual([])
    respond = good
    // No longer than the longest wait, or as long as the pod asked for.
    clock += 10_001
    expect((await cache.read(account(), field)).fragments.get('profile.name')).toBe('"Ada"')
    expect(cache.trouble('account-1')).toBeUndefined()
  })
})

test('a host that asks for fewer requests is left alone for everybody, as long as it says', async () => {
  using cache = cacheOf()
  respond = (_req, res) => res.writeHead(429, { 'retry-after': '60' }).end()
  await expect(cache.read(account(1), field)).rejects.toMatchObject({ code: 'pod-unreachable' })
  requests.length = 0
  for (let n = 2; n < 30; n++) {
    clock += 1_000
    await expect(cache.read(account(n), field)).rejects.toMatchObject({
      code: 'pod-unreachable',
      retryAfter: expect.any(Number),
    })
  }
  expect(requests).toEqual([])
  clock += 60_001
  respond = good
  await cache.read(account(2), field)
})

test('a server that comes back is tried by one, and the others wait for how that ends', async () => {
  using cache = cacheOf()
  respond = (_req, res) => res.writeHead(429).end()
  await expect(cache.read(account(1), field)).rejects.toMatchObject({ code: 'pod-unreachable' })
  clock += 10_001
  const held = Promise.withResolvers<void>()
  requests.length = 0
  respond = (req, res) => void held.promise.then(() => good(req, res))
  const reads = Array.from({ length: 20 }, (_, n) => cache.read(account(n + 2), field))
  await vi.waitFor(() => expect(requests).toHaveLength(1))
  held.resolve()
  for (const { fragments } of await Promise.all(reads)) expect(fragments.get('profile.name')).toBe('"Ada"')
})

test('one customer who makes her own pod fail holds up nobody at her host', async () => {
  using cache = cacheOf()
  respond = (req, res) => (req.url?.startsWith('/1/') ? res.writeHead(500).end() : good(req, res))
  for (let n = 0; n < 5; n++) await cache.read(account(1), field).catch(() => undefined)
  expect((await cache.read(account(2), field)).fragments.get('profile.name')).toBe('"Ada"')
  expect(cache.trouble('account-1')).toMatchObject({ reason: 'server-error' })
  expect(cache.trouble('account-2')).toBeUndefined()
})

test('no retry storm: a pod that stays away is asked a few times a minute, whoever asks', async () => {
  using cache = cacheOf()
  respond = (_req, res) => res.writeHead(500).end()
  for (let n = 0; n < 600; n++) {
    clock += 100
    await cache.read(account(), field).catch(() => undefined)
  }
  // Container and category, at most once in ten seconds after the first ones.
  expect(requests.length).toBeLessThan(30)
})

test('a server that is down, and one whose certificate nobody vouches for, are told apart', async () => {
  using cache = cacheOf()
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const nowhere = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/`
  await new Promise((resolve) => closed.close(resolve))
  const tls = createTlsServer(selfSigned).listen(0, '127.0.0.1')
  await once(tls, 'listening')
  const untrusted = `https://127.0.0.1:${(tls.address() as AddressInfo).port}/`
  await using open = createOutbound({ allow: [nowhere, untrusted].map((url) => new URL(url).origin) })
  using own = createPodCache({
    fetch: (url, init) => open.fetch(url, init),
    now: () => clock,
    onAccessLost: () => undefined,
  })
  for (const [n, at, reason] of [
    [1, nowhere, 'refused'],
    [2, untrusted, 'certificate'],
  ] as const) {
    await expect(own.read(account(n, at), field)).rejects.toMatchObject({ code: 'pod-unreachable' })
    expect(own.trouble(`account-${n}`)).toMatchObject({ reason })
  }
  tls.close()
  // And an address inside that nobody allowed is not even tried.
  const inside = account(3, 'http://127.0.0.1:9/')
  await expect(cache.read(inside, field)).rejects.toMatchObject({ code: 'pod-unreachable' })
  expect(cache.trouble('account-3')).toMatchObject({ reason: 'inside-address' })
})

/** Vouched for by nobody but itself, for a name that cannot exist. */
const selfSigned = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBG4xIdhrd+VIAZOb
jtTYXqgOh/PWIhQYBrHy2YVdV7mhRANCAASeCr8g+2iWyeTwZ2ug+RNbwRVAWZL7
uZ5jm4Zj1uHEvAqcDi5i+Cr2cGeDu4NQXuuTcVuQeHFz9+DeLzFONQaX
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUK3LBgzvOn+h5mXZXII+wpW0wIS4wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLcG9kLmludmFsaWQwIBcNMjYxMTIyMDk1NzA1WhgPMjEyNjEw
MjkwOTU3MDVaMBYxFDASBgNVBAMMC3BvZC5pbnZhbGlkMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEngq/IPtolsnk8GdroPkTW8EVQFmS+7meY5uGY9bhxLwKnA4u
Yvgq9nBng7uDUF7rk3FbkHhxc/fg3i8xTjUGl6NTMFEwHQYDVR0OBBYEFKxvV0XG
xO77zE5/AR7rHB06alG/MB8GA1UdIwQYMBaAFKxvV0XGxO77zE5/AR7rHB06alG/
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAIRDiH58SyoFMg65
3XTHI00t+2DH+1oQ1cWma5UTLV+jAiA6QQw/CACZ4WuDRW84VcjNPySD91/BffeV
QxPzvAIe/A==
-----END CERTIFICATE-----
`,
}
