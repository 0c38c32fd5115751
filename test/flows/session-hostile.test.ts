import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import type { Redirect } from '../../schemas/types.gen.ts'
import { startHostileIssuer } from '../hostile-issuer.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'
import type { VaultBrowser } from '../vault.ts'

let pods: TestPods
const failed = { status: 401, body: { code: 'sign-in-failed' } }

beforeAll(async () => {
  pods = await sharedPods()
})

/** The whole way with an issuer that lets everybody in: what the vault answers in the end. */
async function signInWith(browser: VaultBrowser, issuer: string) {
  const begun = await browser.post('/api/sign-in', { issuer })
  if (begun.status !== 200) return begun
  const state = new URL((begun.body as Redirect).location).searchParams.get('state')
  return await browser.post('/api/sign-in/complete', {
    query: `?code=x&state=${state}&iss=${encodeURIComponent(issuer)}`,
  })
}

test('an issuer signs in only people whose WebID names it', async () => {
  await using issuer = await startHostileIssuer()
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
  const victim = await vault.customer()
  const browser = vault.browser()
  issuer.lies.webId = victim.webId
  expect(await signInWith(browser, issuer.url)).toMatchObject(failed)
  expect(issuer.asked).toContain('/token')
  expect((await browser.get('/api/me')).body).toMatchObject({ signedIn: false })
  expect(await vault.ledger.list('session/')).toHaveLength(1)
  expect(await vault.ledger.list('account/')).toHaveLength(1)
  // Nothing of the failed login stays, only the victim's own.
  const kept = await vault.ledger.list('pod-login/')
  expect(new Set(kept.map(({ key }) => key.split('/')[1])).size).toBe(1)
})

test('an issuer that says it is another one is refused, whatever it signs', async () => {
  await using issuer = await startHostileIssuer()
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
  const victim = await vault.customer()
  issuer.lies.webId = victim.webId
  issuer.lies.iss = pods.server.baseUrl
  issuer.lies.metadata = { issuer: pods.server.baseUrl }
  expect(await signInWith(vault.browser(), issuer.url)).toMatchObject(failed)

  // Honest when it is looked at first, lying from the next look on.
  issuer.lies.metadata = {}
  const browser = vault.browser()
  const begun = await browser.post('/api/sign-in', { issuer: issuer.url })
  const state = new URL((begun.body as Redirect).location).searchParams.get('state')
  issuer.lies.metadata = { issuer: pods.server.baseUrl }
  const query = `?code=x&state=${state}&iss=${encodeURIComponent(issuer.url)}`
  expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject(failed)
  expect(issuer.asked).not.toContain('/token')
})

test('a code of an honest issuer never reaches the one that sent the browser on to it', async () => {
  await using issuer = await startHostileIssuer()
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
  const browser = vault.browser()
  const begun = await browser.post('/api/sign-in', { issuer: issuer.url })
  const state = new URL((begun.body as Redirect).location).searchParams.get('state')
  const asked = [...issuer.asked]
  const query = `?code=of-the-victim&state=${state}&iss=${encodeURIComponent(pods.server.baseUrl)}`
  expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject(failed)
  expect(issuer.asked).toEqual(asked)
})

test('an answer that does not say whose it is might be of another issuer, and is refused', async () => {
  await using issuer = await startHostileIssuer()
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
  const browser = vault.browser()
  const begun = await browser.post('/api/sign-in', { issuer: issuer.url })
  const state = new URL((begun.body as Redirect).location).searchParams.get('state')
  const asked = [...issuer.asked]
  const query = `?code=of-the-victim&state=${state}`
  expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject(failed)
  expect(issuer.asked).toEqual(asked)
})

test.each(['javascript:alert(1)//', 'data:text/html,x', 'http://169.254.169.254/'])(
  'an authorization page at %s is not opened',
  async (address) => {
    await using issuer = await startHostileIssuer()
    await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
    issuer.lies.metadata = { authorization_endpoint: address }
    expect(await vault.browser().post('/api/sign-in', { issuer: issuer.url })).toMatchObject(failed)
  },
)

test('what has the form of an address and is none is refused like any other', async () => {
  await using vault = await startTestVault(pods)
  for (const typed of ['https://256.256.256.256/', 'http://a:99999/', 'https://a%00b/', 'http://'])
    expect(await vault.browser().post('/api/sign-in', { issuer: typed })).toMatchObject(failed)
})

test('no address that somebody typed, or that an issuer names, leads to an internal server', async () => {
  const reached: string[] = []
  const internal = createServer((socket) => {
    reached.push('connection')
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(internal, 'listening')
  const { port } = internal.address() as AddressInfo
  await using issuer = await startHostileIssuer()
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
  const browser = vault.browser()
  for (const host of [
    '127.0.0.1',
    'localhost',
    '127.1',
    '0x7f000001',
    '2130706433',
    '0.0.0.0',
    '[::1]',
    '[::ffff:127.0.0.1]',
  ]) {
    for (const typed of [`http://${host}:${port}/`, `https://${host}:${port}/card#me`]) {
      expect(await browser.post('/api/sign-in', { issuer: typed })).toMatchObject(failed)
    }
  }
  for (const name of ['token_endpoint', 'jwks_uri', 'registration_endpoint']) {
    for (const scheme of ['http', 'https']) {
      issuer.lies.metadata = { [name]: `${scheme}://127.0.0.1:${port}/x` }
      expect(await signInWith(browser, issuer.url)).toMatchObject(failed)
    }
  }
  issuer.lies.metadata = {}
  issuer.lies.webId = `http://127.0.0.1:${port}/card#me`
  expect(await signInWith(browser, issuer.url)).toMatchObject(failed)
  issuer.lies.webId = 'no URL at all'
  expect(await signInWith(browser, issuer.url)).toMatchObject(failed)
  expect(reached).toEqual([])
  internal.close()
})

test('a request of another site, or of no page at all, changes nothing', async () => {
  await using vault = await startTestVault(pods)
  const { browser, me } = await vault.customer()
  const elsewhere = vault.url.replace('localhost', '127.0.0.1')
  const refusals: Record<string, string>[] = [
    { origin: elsewhere, 'sec-fetch-site': 'cross-site' },
    { origin: elsewhere, 'sec-fetch-site': 'same-origin' },
    { origin: pods.server.baseUrl.replace(/\/$/, ''), 'sec-fetch-site': 'same-site' },
    { origin: vault.url, 'sec-fetch-site': 'cross-site' },
    { origin: vault.url, 'sec-fetch-site': 'none' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
    { origin: `${vault.url}.evil.example`, 'sec-fetch-site': 'same-origin' },
  ]
  for (const path of [
    '/api/sign-out',
    '/api/pod/disconnect',
    '/api/grants/x/withdraw',
    '/consent/x/decision',
  ]) {
    for (const headers of refusals) {
      expect(await browser.post(path, {}, headers)).toMatchObject({
        status: 403,
        body: { code: 'cross-site' },
      })
    }
  }
  const raw = {
    cookie: `__Host-reach-session=${browser.cookie('session')}`,
    'content-type': 'application/json',
  }
  const bare = await fetch(`${vault.url}/api/sign-out`, { method: 'POST', headers: raw, body: '{}' })
  expect(bare.status).toBe(403)
  const text = await browser.post('/api/sign-out', {}, { 'content-type': 'text/plain' })
  expect(text).toMatchObject({ status: 415, body: { code: 'unsupported-media-type' } })
  expect((await browser.get('/api/me')).body).toEqual(me)

  const asOther = await fetch(`${elsewhere}/api/me`, { headers: raw })
  expect(asOther.status).toBe(421)
  const preflight = await fetch(`${vault.url}/api/me`, {
    method: 'OPTIONS',
    headers: { origin: elsewhere, 'access-control-request-method': 'POST' },
  })
  expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
})

test('pages and answers carry the headers that keep others out', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await vault.customer()
  const { headers } = await browser.get('/api/me')
  expect(Object.fromEntries(headers)).toMatchObject({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
  expect(headers.get('strict-transport-security')).toBeNull()
})

test('whoever asks for sign-ins or vaults without end is slowed down, and nobody else', async () => {
  await using vault = await startTestVault(pods)
  for (const [path, allowed] of [
    ['/api/sign-in', 60],
    ['/api/vaults', 30],
  ] as const) {
    const from = (address: string) => vault.browser().post(path, {}, { 'x-forwarded-for': address })
    const answers = await Promise.all(
      Array.from({ length: allowed + 5 }, (_, index) => from(`2001:db8::${index + 1}`)),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(5)
    expect(refused[0]).toMatchObject({ body: { code: 'rate-limited' } })
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await from('2001:db8:0:1::1')).status).toBe(400)
    expect((await from('192.0.2.7')).status).toBe(400)
  }
})
