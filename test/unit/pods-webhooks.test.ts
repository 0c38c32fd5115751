import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import type { JWK } from 'jose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPodCache } from '../../core/pods/cache.ts'
import type { PodCache } from '../../core/pods/cache.ts'
import { createPodWebhooks } from '../../core/pods/webhooks.ts'
import type { PodWebhooks } from '../../core/pods/webhooks.ts'

const address = 'https://vault.example/agent/notifications/'
const notify = 'http://www.w3.org/ns/solid/notifications#'
/** A pod server that offers webhooks and nothing else. */
let server: Server
let base: string
let keys: { privateKey: CryptoKey; jwk: JWK }
let hooks: Map<string, string>
let cache: PodCache
let webhooks: PodWebhooks

async function newKeys(): Promise<typeof keys> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), alg: 'ES256' } }
}

beforeEach(async () => {
  keys = await newKeys()
  hooks = new Map()
  server = createServer((req, res) => {
    if (req.url === '/.well-known/openid-configuration')
      return void res.end(JSON.stringify({ issuer: base, jwks_uri: `${base}jwks` }))
    if (req.url === '/jwks') return void res.end(JSON.stringify({ keys: [keys.jwk] }))
    if (req.url === '/description')
      return void res
        .writeHead(200, { 'content-type': 'text/turtle' })
        .end(`<${base}hooks> <${notify}channelType> <${notify}WebhookChannel2023>.`)
    if (req.url === '/hooks') {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      return void req.on('end', () => {
        const { topic, sendTo } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>
        hooks.set(String(topic), String(sendTo))
        res.end(JSON.stringify({ sender: `${base}webhook-sender` }))
      })
    }
    res
      .writeHead(200, {
        'content-type': 'text/turtle',
        etag: '"1"',
        link: `<${base}description>; rel="http://www.w3.org/ns/solid/terms#storageDescription"`,
      })
      .end('<#me> <http://www.w3.org/2006/vcard/ns#fn> "Ada".')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const call = (url: string, init?: RequestInit) => fetch(url, init)
  webhooks = createPodWebhooks({ address, fetch: call, now: Date.now })
  cache = createPodCache({
    fetch: call,
    now: Date.now,
    onAccessLost: () => undefined,
    connect: () => {
      throw new Error('there are no sockets here')
    },
    webhooks,
  })
})
afterEach(() => {
  cache[Symbol.dispose]()
  server.closeAllConnections()
  server.close()
})

interface Call {
  by?: typeof keys
  proofBy?: typeof keys
  issuer?: string
  sender?: string
  htu?: string
  exp?: string
}

async function headers(sendTo: string, change: Call = {}) {
  const {
    by = keys,
    proofBy = by,
    issuer = base,
    sender = `${base}webhook-sender`,
    htu = sendTo,
    exp = '20m',
  } = change
  const jkt = await calculateJwkThumbprint(by.jwk)
  const token = await new SignJWT({ webid: sender, cnf: { jkt } })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(issuer)
    .setIssuedAt(Math.floor(Date.now() / 1000) - 60)
    .setExpirationTime(exp)
    .sign(by.privateKey)
  const dpop = await new SignJWT({ htu, htm: 'POST' })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: proofBy.jwk })
    .setIssuedAt()
    .sign(proofBy.privateKey)
  return { authorization: `DPoP ${token}`, dpop }
}

test('a pod server that only calls is heard, and nobody who cannot sign as it', async () => {
  const account = { accountId: 'a', webId: `${base}card#me`, container: `${base}vrm/` }
  const field = ['profile.name']
  await cache.read(account, field)
  await vi.waitFor(() => expect(hooks.size).toBe(2))
  const sendTo = String(hooks.get(`${base}vrm/profile.ttl`))
  expect(sendTo.startsWith(address)).toBe(true)
  const token = sendTo.slice(address.length)
  expect(token).toMatch(/^[A-Za-z0-9_-]{22}$/)
  await vi.waitFor(async () => expect(await webhooks.receive(token, await headers(sendTo))).toBe(true))
  expect(cache.peek(account, field)).toBeUndefined()
  await cache.read(account, field)

  const stranger = await newKeys()
  const forged: Call[] = [
    { by: stranger },
    { proofBy: stranger },
    { issuer: 'https://elsewhere.example/' },
    { sender: `${base}somebody#me` },
    { htu: `${address}another` },
    { exp: '-1s' },
  ]
  for (const change of forged)
    expect(await webhooks.receive(token, await headers(sendTo, change)), JSON.stringify(change)).toBe(false)
  expect(await webhooks.receive(token, {})).toBe(false)
  expect(await webhooks.receive('x'.repeat(22), await headers(sendTo))).toBe(false)
  expect(cache.peek(account, field)).toBeDefined()
})

test('what was let go, since nothing has confirmed it, is not listened for any longer', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const clock = { ahead: 0 }
  const call = (url: string, init?: RequestInit) => fetch(url, init)
  using forgetful = createPodCache({
    fetch: call,
    now: () => Date.now() + clock.ahead,
    onAccessLost: () => undefined,
    connect: () => {
      throw new Error('there are no sockets here')
    },
    webhooks,
  })
  const account = { accountId: 'a', webId: `${base}card#me`, container: `${base}vrm/` }
  await forgetful.read(account, ['profile.name'])
  await vi.waitFor(() => expect(hooks.size).toBe(2))
  const sendTo = String(hooks.get(`${base}vrm/profile.ttl`))
  const hear = async () => webhooks.receive(sendTo.slice(address.length), await headers(sendTo))
  await vi.waitFor(async () => expect(await hear()).toBe(true))
  clock.ahead = 301_000
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await hear()).toBe(false)
  vi.useRealTimers()
})
