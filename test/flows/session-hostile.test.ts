import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { createOutbound } from '#core/http/outbound.ts'
import { createNames } from '#core/records/names.ts'
import { podLoginStorage } from '#core/records/pod-logins.ts'
import type { Redirect } from '../../schemas/types.gen.ts'
import { guardOidc } from '../../vault-server/customer/guarded-oidc.ts'
import { createPodLogins } from '../../vault-server/customer/pod-login.ts'
import { startHostileIssuer } from '../hostile-issuer.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
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

test('an issuer that cannot read who we are registers us for one sign-in, which ends with its secret', async () => {
  await using issuer = await startHostileIssuer()
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url] })
  await using outbound = createOutbound({ allow: [issuer.url] })
  issuer.lies.metadata = { registration_endpoint: `${issuer.url}/register` }
  issuer.lies.secretUntil = Math.ceil(Date.now() / 1000) + 3_600
  const clock = { ahead: 0 }
  const now = () => Date.now() + clock.ahead
  const names = createNames(randomBytes(32))
  const { ledger } = vault
  const logins = createPodLogins({
    clientId: 'https://vault.example/client.jsonld',
    redirectUrl: 'https://vault.example/signed-in',
    storageOf: (id) => podLoginStorage({ ledger, names, now }, id, 86_400_000),
    oidc: guardOidc({ allow: [issuer.url], fetch: outbound.fetch }),
    fetch: outbound.fetch,
    streams: outbound.fetch,
    now,
  })
  const query = (location: URL) =>
    `?code=x&state=${location.searchParams.get('state')}&iss=${encodeURIComponent(issuer.url)}`
  const location = new URL(await logins.begin('login', issuer.url))
  expect(location.searchParams.get('client_id')).toBe('registered')
  expect(await logins.complete('login', query(location))).toBe(issuer.lies.webId)
  const count = (path: string) => issuer.asked.filter((asked) => asked === path).length
  expect([count('/register'), count('/token')]).toEqual([1, 1])
  // What it gave us renews the sign-in as long as the secret lives, and not a moment longer.
  clock.ahead = 600_000
  await logins.fetchOf('login')
  expect([count('/register'), count('/token')]).toEqual([1, 2])
  clock.ahead = 3_700_000
  await expect(logins.fetchOf('login')).rejects.toMatchObject({ code: 'not-signed-in' })
  expect([count('/register'), count('/token')]).toEqual([1, 2])

  // One that registers nobody says so here, and not on a page of its own from which no way leads back.
  issuer.lies.metadata = {}
  const refused = await vault.browser().post('/api/sign-in', { issuer: issuer.url })
  expect(refused).toMatchObject({ ...failed, body: { detail: expect.stringContaining('nor register') } })
  issuer.lies.metadata = { registration_endpoint: 'http://127.0.0.1:1/register' }
  expect(await vault.browser().post('/api/sign-in', { issuer: issuer.url })).toMatchObject(failed)
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

test('an answer that somebody leads the browser to leaves the sign-in under way alone', async () => {
  await using vault = await startTestVault(pods)
  const person = await pods.customer()
  const browser = vault.browser()
  const query = await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
  const iss = encodeURIComponent(pods.server.baseUrl)
  for (const forged of [
    `?error=access_denied&iss=${iss}`,
    `?code=x&state=guess&iss=${iss}`,
    `${query}&state=two`,
    '',
  ])
    expect(await browser.post('/api/sign-in/complete', { query: forged })).toMatchObject({
      status: expect.toBeOneOf([400, 401]),
    })
  expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject({ status: 200 })
  // And once is enough.
  expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject(failed)
})

const solid = 'http://www.w3.org/ns/solid/terms#'
const storage = 'http://www.w3.org/ns/pim/space#storage'
const profiles: Record<
  string,
  (at: { webId: string; issuer: string; base: string }) => [type: string, text: string]
> = {
  'JSON-LD': ({ webId, issuer, base }) => [
    'application/ld+json',
    JSON.stringify({
      '@context': { solid, oidcIssuer: { '@id': 'solid:oidcIssuer', '@type': '@id' } },
      '@id': webId,
      oidcIssuer: issuer,
      [storage]: { '@id': `${base}pod/` },
    }),
  ],
  'N-Triples': ({ webId, issuer, base }) => [
    'application/n-triples',
    `<${webId}> <${solid}oidcIssuer> <${issuer}>.\n<${webId}> <${storage}> <${base}pod/>.\n`,
  ],
  'JSON-LD whose context lies elsewhere': ({ webId, issuer, base }) => [
    'application/ld+json',
    JSON.stringify({ '@context': `${base}context`, '@id': webId, oidcIssuer: issuer }),
  ],
  RDFa: ({ issuer }) => ['text/html', `<p about="#me" rel="${solid}oidcIssuer" href="${issuer}">`],
}
test.each([
  ['JSON-LD', true],
  ['N-Triples', true],
  ['JSON-LD whose context lies elsewhere', false],
  ['RDFa', false],
] as const)('a WebID document behind redirects, in %s: read %s', async (format, isRead) => {
  await using issuer = await startHostileIssuer()
  const asked: string[] = []
  const profile = createHttpServer((request, response) => {
    asked.push(String(request.url))
    const base = `http://127.0.0.1:${(profile.address() as AddressInfo).port}/`
    if (request.url === '/me') return void response.writeHead(303, { location: '/hop' }).end()
    if (request.url === '/hop') return void response.writeHead(302, { location: `${base}doc` }).end()
    const at = { webId: `${base}me#me`, issuer: issuer.url, base }
    const [type, text] = profiles[format]?.(at) ?? ['', '']
    response.writeHead(200, { 'content-type': type }).end(text)
  }).listen(0, '127.0.0.1')
  await once(profile, 'listening')
  const { origin } = new URL(`http://127.0.0.1:${(profile.address() as AddressInfo).port}`)
  await using vault = await startTestVault(pods, { outboundAllow: [issuer.url, origin] })
  issuer.lies.webId = `${origin}/me#me`
  const browser = vault.browser()
  const done = await signInWith(browser, issuer.url)
  if (isRead) {
    expect(done).toMatchObject({ status: 200 })
    expect((await browser.get('/api/me')).body).toMatchObject({ container: `${origin}/pod/vrm/` })
  } else expect(done).toMatchObject(failed)
  expect(asked).not.toContain('/context')
  profile.close()
})
