/** What a business may ask in a minute, what may wait for a customer, and what may be guessed. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { generateKeyPair } from 'jose'
import { accessRequest, ask, assertion, outcome, postForm, postRegistration, push } from '../business.ts'
import { openPage, postOpen, startOAuthVault, startTwoShops } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'
import { device, listOf, polling } from '../without-browser.ts'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop, rival } = await startTwoShops(polling))
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

test('of one business twenty requests can wait for a customer', async () => {
  const pages = []
  for (let count = 0; count < 21; count++)
    pages.push(await postOpen(await openPage(vault, alma, (await ask(rival)).url), alma))
  expect(pages.map(({ status }) => status)).toEqual([...Array<number>(20).fill(200), 429])
  expect(await listOf(vault, alma)).toHaveLength(20)
})

test('registrations from one address are limited', async () => {
  await using own = await startOAuthVault()
  const statuses = []
  for (let round = 0; round < 13; round++)
    statuses.push(
      ...(await Promise.all(Array.from({ length: 10 }, () => postRegistration(own.issuer, 'guess', {})))),
    )
  expect(statuses.map(({ status }) => status).filter((status) => status === 401)).toHaveLength(120)
  const late = statuses.find(({ status }) => status === 429)
  expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await fetch(`${own.issuer}/reg/client`)).status).toBe(429)
})

test('requests are limited per business, and told when to come again', async () => {
  const eager = await vault.business({ redirectUri: 'https://eager.example/callback' })
  // All but five of the 300 of a minute are used up without the work of asking.
  for (let count = 0; count < 295; count++) await vault.limits.asked(eager.clientId)
  const statuses = await Promise.all(Array.from({ length: 10 }, () => outcome(ask(eager))))
  expect(statuses.toSorted()).toEqual([
    ...Array<string>(5).fill('429 temporarily_unavailable'),
    ...Array<string>(5).fill('accepted'),
  ])
  expect(await outcome(ask(shop))).toBe('accepted')
})

test('one request cannot be opened for ever, by whoever has its address; the next of the business can', async () => {
  const { url } = await ask(shop)
  const open = (address: URL) => fetch(address, { redirect: 'manual' })
  const answers = []
  for (let count = 0; count < 31; count++) answers.push(await open(url))
  const leads = answers.map((reply) => new URL(String(reply.headers.get('location'))))
  expect(leads.slice(0, 30).every(({ pathname }) => pathname.startsWith('/consent/'))).toBe(true)
  expect(leads.at(-1)?.searchParams.get('error')).toBe('temporarily_unavailable')
  const next = await open((await ask(shop)).url)
  expect(next.headers.get('location')).toContain('/consent/')
})

test('whatever a business signed is counted for it alone, at each endpoint, and told', async () => {
  const eager = await vault.business({ redirectUri: 'https://eager.example/callback', overrides: polling })
  const form = {
    scope: 'openid',
    authorization_details: JSON.stringify([accessRequest()]),
    login_hint: 'nobody',
    token: 'unknown',
    refresh_token: 'unknown',
    device_code: 'unknown',
    grant_type: 'refresh_token',
  }
  const call = (endpoint: string, more: Record<string, string> = {}) =>
    postForm(eager, endpoint, { ...form, ...more })
  const calls = [
    () => call('token/introspection'),
    () => call('token/revocation'),
    () => call('token'),
    () => call('token', { grant_type: device }),
    () => call('backchannel'),
    () => call('device/auth'),
    () => push(eager).then(({ reply }) => reply),
  ]
  const left = (reply: Response) =>
    Number(/"calls";r=(\d+);t=\d+/.exec(reply.headers.get('ratelimit') ?? '')?.[1])
  for (const [n, act] of calls.entries()) expect(left(await act())).toBe(6_000 - n - 1)
  // What somebody else signed in its name is not counted.
  const { privateKey } = await generateKeyPair('ES256')
  const forged = await assertion(eager, {}, { key: privateKey })
  for (const endpoint of ['token', 'token/introspection', 'request'])
    expect((await postForm(eager, endpoint, form, { assertion: forged })).status).toBe(401)
  const before = left(await call('token/introspection'))
  expect(before).toBe(6_000 - calls.length - 1)
  for (let count = 0; count < before; count++) await vault.limits.called(eager.clientId)
  for (const act of calls) {
    const refused = await act()
    expect([refused.status, left(refused)]).toEqual([429, 0])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('ratelimit-policy')).toContain('"calls";q=6000;w=60')
    expect(await refused.json()).toMatchObject({ error: 'temporarily_unavailable' })
  }
  expect(await outcome(ask(shop))).toBe('accepted')
})

test('changes of a registration are limited per business, wherever they come from', async () => {
  const { clientId, metadata } = await vault.business({ redirectUri: 'https://busy.example/callback' })
  const { registration_client_uri: at, registration_access_token: token, jwks, redirect_uris } = metadata
  const headers = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ client_id: clientId, jwks, redirect_uris })
  const change = async () => fetch(String(at), { method: 'PUT', headers, body })
  for (let count = 0; count < 29; count++) await vault.limits.changed(clientId)
  expect((await change()).status).toBe(200)
  const refused = await change()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused.json()).toMatchObject({ error: 'temporarily_unavailable' })
  expect((await fetch(String(at), { headers })).status).toBe(200)
})
