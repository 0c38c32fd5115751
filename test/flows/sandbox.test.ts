/** The sandbox as an integrator's CI uses it: no browser, no person, and everything else real. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { parser } from '#core/http/validate.ts'
import { createLogger } from '#core/logger.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import { keepSampleCustomer } from '#core/records/sandbox.ts'
import type { SampleCustomer } from '#core/records/sandbox.ts'
import type { Me, Redirect, SandboxCredentials, SandboxCustomer, SandboxOutcome } from '#schemas/types.gen.ts'
import { takesRoom, whileThereIsRoom } from '../../sandbox/budget.ts'
import { mostOfOne } from '../../sandbox/customers.ts'
import { sandboxOperations } from '../../sandbox/operations.ts'
import type { SandboxOperation } from '../../sandbox/operations.ts'
import { createSampleCustomer } from '../../sandbox/sample-customer.ts'
import { vaultLife } from '../../sandbox/vaults.ts'
import { removePodFiles } from '../../vault-server/pods/pod-removal.ts'
import { signInAtEmbeddedPods } from '../../vault-server/pods/scripted-sign-in.ts'
import { accessRequest, ask, batchToken, outcome, postForm, redeem, registerBusiness } from '../business.ts'
import type { Business, Tokens } from '../business.ts'
import { filesIn } from '../check-everything.ts'
import { loggedFacts } from '../logged-facts.ts'
import { VaultBrowser } from '../vault.ts'
import { createWorld } from '../world.ts'
import type { World } from '../world.ts'

const device = 'urn:ietf:params:oauth:grant-type:device_code'

type Shop = Business & SandboxCredentials

let world: World
let shop: Shop
let gatewayUrl: string
/** A sample customer whom several tests play. */
let alex: string

beforeAll(async () => {
  world = await createWorld({ sandbox: true })
  gatewayUrl = `${world.config.gatewayUrl}/sandbox`
  shop = await signUp()
  alex = await newCustomer(sample)
})
afterAll(() => world[Symbol.asyncDispose]())

async function call(key: string | undefined, method: string, path: string, body?: unknown) {
  const response = await fetch(gatewayUrl + path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.text()
  return {
    status: response.status,
    body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
  }
}

/** Credentials by itself, and a registration as outside. */
async function signUp(): Promise<Shop> {
  const { status, body } = await call(undefined, 'POST', '/v1/businesses', { name: 'Corner Shop (test)' })
  expect(status).toBe(201)
  const credentials = body as unknown as SandboxCredentials
  const issuer = `${world.config.vaultUrl}/sandbox/oauth`
  expect(credentials.registrationEndpoint).toBe(`${issuer}/reg`)
  const grant_types = ['authorization_code', 'refresh_token', 'client_credentials', device]
  return { ...(await registerBusiness(issuer, credentials, { overrides: { grant_types } })), ...credentials }
}

async function newCustomer(data?: object): Promise<string> {
  const made = await call(shop.sandboxKey, 'POST', '/v1/customers', data === undefined ? {} : { data })
  expect(made.status).toBe(201)
  return (made.body as unknown as SandboxCustomer).customerId
}

const sample = { profile: { name: 'Sam Sample' }, diet: { diet: ['VeganDiet'], allergies: ['peanut'] } }

async function answer(customerId: string, script: object) {
  const { status, body } = await call(
    shop.sandboxKey,
    'POST',
    `/v1/customers/${customerId}/decisions`,
    script,
  )
  return { status, outcome: body as unknown as SandboxOutcome }
}

/** The whole code flow with a standard client; her part is one call. */
async function flow(customerId: string, how: string, details = {}) {
  const pending = await ask(shop, accessRequest(details))
  const { status, outcome: said } = await answer(customerId, { url: pending.url.href, answer: how })
  expect(status).toBe(200)
  return { pending, said, callback: new URL(String(said.location)) }
}

async function read(
  { subject, accessToken }: Tokens,
  fields = 'profile.name',
  purpose = 'dpv:CustomerOrderManagement',
) {
  const url = new URL(`${gatewayUrl}/v1/subjects/${subject}?fields=${fields}&purpose=${purpose}`)
  const { config, DPoP } = shop
  const response = await oauth.fetchProtectedResource(config, accessToken, url, 'GET', null, new Headers(), {
    DPoP,
  })
  const limit = response.headers.get('ratelimit-policy')
  return { status: response.status, limit, body: (await response.json()) as Record<string, unknown> }
}

test('allow all: from the pushed request to the data, without a browser, on a log of its own', async () => {
  const real = world.reach.ledger.log.checkpoint()
  const { pending, said, callback } = await flow(alex, 'allow-all')
  expect(said).toMatchObject({ status: 'allowed' })
  const tokens = await redeem(shop, callback, pending)
  expect(tokens.grantId).toBe(said.grantId)
  const reply = await read(tokens)
  expect(reply).toMatchObject({ status: 200, body: { data: { 'profile.name': 'Sam Sample' } } })
  const { origin } = reply.body['log'] as { origin: string }
  expect(origin).toBe(`${new URL(world.config.vaultUrl).host}/sandbox/log`)
  expect(reply.limit).toBe('"subjects";q=2000;w=60')

  const act = (what: string) =>
    call(shop.sandboxKey, 'POST', `/v1/customers/${alex}/grants/${tokens.grantId}`, { act: what })
  expect(await act('pause')).toMatchObject({ status: 200, body: { state: 'paused' } })
  expect((await read(tokens)).status).toBe(404)
  expect(await act('resume')).toMatchObject({ status: 200, body: { state: 'active' } })
  expect((await read(tokens)).status).toBe(200)
  expect(await act('withdraw')).toMatchObject({ status: 200, body: { state: 'withdrawn' } })
  expect((await read(tokens)).status).toBe(404)

  const ledger = world.reach.sandbox?.house.ledger
  if (ledger === undefined) throw new Error('no sandbox')
  const facts = await loggedFacts(ledger)
  expect(replay(facts)).toEqual([])
  expect(facts.filter(({ fact }) => fact.type === 'disclosed')).toHaveLength(2)
  // Nothing of it is in the real house.
  expect(world.reach.ledger.log.checkpoint()).toBe(real)
  expect(await world.operator.list()).toEqual([])
})

test('required only and deny: what the business gets is what it would get outside', async () => {
  const bela = await newCustomer(sample)
  const some = await flow(bela, 'required-only')
  const tokens = await redeem(shop, some.callback, some.pending)
  expect(tokens.granted.flatMap(({ items }) => items.map(({ id }) => id))).toEqual(['name'])
  expect((await read(tokens, 'diet.diet', 'dpv:ServicePersonalisation')).status).toBe(403)

  const optional = {
    items: [
      { purpose: 'dpv:ServicePersonalisation', fields: ['diet.diet'], why: 'To be kind.', required: false },
    ],
  }
  const no = await flow(bela, 'deny', optional)
  expect(no.said).toMatchObject({ status: 'refused' })
  expect(no.callback.searchParams.get('error')).toBe('access_denied')
  // Asked again, it comes back refused without her, as outside.
  const again = await flow(bela, 'allow-all', optional)
  expect(again.said).toMatchObject({ status: 'refused' })
  expect(again.callback.searchParams.get('error')).toBe('access_denied')
})

test('later: the business is told, and the request is answered from the inbox', async () => {
  const later = await flow(alex, 'later')
  expect(later.said).toMatchObject({ status: 'later' })
  expect(later.callback.searchParams.get('error')).toBe('interaction_required')
  const { requestId } = later.said
  expect(await answer(alex, { requestId, answer: 'allow-all' })).toMatchObject({
    status: 200,
    outcome: { status: 'allowed', requestId },
  })
})

test('a link is followed to its code, without a browser of the business', async () => {
  const begun = await postForm(shop, 'device/auth', {
    scope: 'openid offline_access',
    authorization_details: JSON.stringify([accessRequest()]),
  })
  const link = (await begun.json()) as { device_code: string; verification_uri_complete: string }
  const { outcome: said } = await answer(alex, {
    url: link.verification_uri_complete,
    answer: 'allow-all',
  })
  expect(said).toMatchObject({ status: 'allowed' })
  expect(said).not.toHaveProperty('location')
  const redeemed = await postForm(shop, 'token', {
    grant_type: device,
    device_code: link.device_code,
    pickup_code: String(said.pickupCode),
  })
  expect(redeemed.status).toBe(200)
  const deleted = await call(shop.sandboxKey, 'POST', `/v1/customers/${alex}/grants/${said.grantId}`, {
    act: 'withdraw',
    askDeletion: true,
  })
  expect(deleted).toMatchObject({ status: 200, body: { state: 'withdrawn' } })
})

test('a sample customer is played by the business that made her, and goes nowhere but to the sandbox', async () => {
  const path = `/v1/customers/${alex}/decisions`
  const script = { url: (await ask(shop)).url.href, answer: 'allow-all' }
  for (const key of [undefined, 'sandbox_made-up', shop.admissionCode])
    expect((await call(key, 'POST', path, script)).status).toBe(401)
  const rival = await signUp()
  expect((await call(rival.sandboxKey, 'POST', path, script)).status).toBe(404)
  expect((await call(rival.sandboxKey, 'GET', '/v1/customers')).body).toEqual({ customers: [] })
  for (const url of [
    'http://169.254.169.254/latest/meta-data',
    `${world.config.vaultUrl}/oauth/auth?request_uri=x`,
    `${world.config.vaultUrl}/sandbox-of-mine/`,
    `${world.config.vaultUrl}/sandbox/../oauth/auth`,
    'javascript:alert(1)',
  ])
    expect((await answer(alex, { url, answer: 'allow-all' })).status).toBe(400)
  expect((await answer(alex, { answer: 'allow-all' })).status).toBe(400)
  expect((await answer(alex, { ...script, requestId: alex })).status).toBe(400)
  for (const url of [
    `${world.config.vaultUrl}/sandbox/oauth/auth`,
    `${world.config.vaultUrl}/sandbox/settings`,
  ])
    expect((await answer(alex, { url, answer: 'allow-all' })).status).toBe(409)
  expect((await answer(alex, script)).status).toBe(200)
  // A pushed request is good once, also here.
  expect((await answer(alex, script)).status).toBe(409)
  expect(
    (await call(shop.sandboxKey, 'POST', '/v1/customers', { data: { profile: { name: 7 } } })).status,
  ).toBe(400)
  // She could not be filled, so she is not there.
  expect((await call(shop.sandboxKey, 'GET', '/v1/customers')).body).toMatchObject({
    customers: expect.toSatisfy((all: unknown[]) => all.length === 2),
  })
})

test('whatever is shown or signed there says that it is the sandbox, and tokens of it are worth nothing outside', async () => {
  const { vaultUrl } = world.config
  const me = async (base: string) => (await (await fetch(`${base}/api/me`)).json()) as Me
  expect(await me(`${vaultUrl}/sandbox`)).toMatchObject({ sandbox: true, tour: false })
  expect(await me(vaultUrl)).not.toHaveProperty('sandbox')

  const token = await batchToken(shop)
  const { DPoP, config } = shop
  const outside = new URL(`${world.config.gatewayUrl}/v1/grants`)
  expect(
    await outcome(oauth.fetchProtectedResource(config, token, outside, 'GET', null, new Headers(), { DPoP })),
  ).toMatch(/^401/)

  const document = (await call(undefined, 'GET', '/openapi.json')).body as {
    info: { title: string }
    paths: Record<string, Record<string, unknown>>
  }
  expect(document.info.title).toContain('sandbox')
  const { port } = new URL(gatewayUrl)
  expect((await fetch(`http://127.0.0.1:${port}/sandbox/openapi.json`)).status).toBe(421)
  const parts = Object.values<SandboxOperation>(sandboxOperations)
  for (const { path, method, body, reply } of parts) {
    expect(document.paths[path]).toHaveProperty(method)
    for (const part of [body, reply])
      if (part !== undefined) expect(() => parser(part.schema)(part.example)).not.toThrow()
  }
  expect(document.paths).toHaveProperty(['/v1/query'])
})

test('nobody from outside gets in: whoever asks there was admitted by nobody', async () => {
  const { vaultUrl } = world.config
  const { podServer } = world.reach
  if (podServer === undefined) throw new Error('no embedded pods')
  const person = { email: 'resident@real.example', password: 'a real password of hers' }
  const real = new VaultBrowser(vaultUrl)
  const made = await real.post('/api/vaults', { podName: 'resident', ...person })
  const { webId = '' } = made.body as Me
  const lured = new VaultBrowser(`${vaultUrl}/sandbox`)
  const begun = await lured.post('/api/sign-in', { issuer: podServer.baseUrl })
  const { location } = begun.body as Redirect
  const back = new URL(await signInAtEmbeddedPods(podServer.door, location, { ...person, webId }))
  const { status, body } = await lured.post('/api/sign-in/complete', { query: back.search })
  expect([status, body]).toMatchObject([401, { code: 'sign-in-failed' }])
  expect((await lured.get('/api/me')).body).not.toHaveProperty('accountId')
  // Nor does whoever takes her name, were her pod lost, become her.
  await removePodFiles(join(world.config.dataFolder, 'pods/root'), `${podServer.baseUrl}resident/`)
  const visitor = { podName: 'resident', email: 'visitor@real.example', password: person.password }
  const taken = { status: 409, body: { code: 'account-exists' } }
  expect(await lured.post('/api/vaults', visitor)).toMatchObject(taken)
  expect((await fetch(webId)).ok).toBe(false)
})

test('behind a proxy each address has its own number of new businesses', async () => {
  const signUpFrom = async (address: string) => {
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': address }
    const body = JSON.stringify({ name: 'Corner Shop (test)' })
    return (await fetch(`${gatewayUrl}/v1/businesses`, { method: 'POST', headers, body })).status
  }
  const statuses = await Promise.all(Array.from({ length: 22 }, () => signUpFrom('203.0.113.7')))
  expect(statuses.filter((status) => status === 429)).toHaveLength(2)
  expect(await signUpFrom('203.0.113.8')).toBe(201)
})

test('there are no more of them than are allowed', async () => {
  const sandbox = world.reach.sandbox
  if (sandbox === undefined) throw new Error('no sandbox')
  const rival = await signUp()
  const { vendorId, sandboxKey } = rival
  const row = {
    v: 1,
    vendorId,
    accountId: 'a'.repeat(22),
    podUrl: `${world.config.podsUrl}/sample/`,
    cookies: [],
  } as const
  for (let i = 1; i < mostOfOne; i++)
    await sandbox.house.ledger.commit(
      keepSampleCustomer({ ...row, customerId: `sample-customer-${i}`, createdAt: Date.now() }),
    )
  // One place is left, and only one of two at once gets it.
  const both = await Promise.all([1, 2].map(() => call(sandboxKey, 'POST', '/v1/customers', {})))
  expect(both.map(({ status }) => status).toSorted()).toEqual([201, 429])

  // Whoever is suspended plays nobody, until it is reinstated.
  const { operator, ledger } = sandbox.house
  await operator.suspend(vendorId)
  const suspended = { status: 403, body: { code: 'vendor-suspended' } }
  expect(await call(sandboxKey, 'GET', '/v1/customers')).toMatchObject(suspended)
  await operator.reinstate(vendorId)
  expect((await call(sandboxKey, 'GET', '/v1/customers')).status).toBe(200)

  // A sandbox that is full takes nothing more, and lets things end.
  const full = (at: keyof typeof takesRoom) =>
    whileThereIsRoom({
      log: createLogger({ level: 'silent' }),
      publicLog: ledger.log,
      takes: takesRoom[at],
      most: 1,
    })
  const app = leanExpress()
    .use('/vault', full('vault'))
    .use('/gateway', full('gateway'))
    .use((_request, response) => void response.status(204).end())
  await using server = await listen({ app, host: '127.0.0.1', port: 0 })
  const ask = (method: string, path = '/gateway/v1/businesses') => fetch(server.url + path, { method })
  const refused = await ask('POST')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '86400'])
  expect(await refused.json()).toMatchObject({
    code: 'rate-limited',
    detail: expect.stringContaining('full'),
  })
  expect((await ask('DELETE')).status).toBe(204)
  // She takes back what she allowed, whoever has filled it.
  expect((await ask('POST', '/vault/api/grants/some-grant/withdraw')).status).toBe(204)
  expect((await ask('POST', '/vault/api/vaults')).status).toBe(429)
})

test('after a day a sample customer is gone: her grants end in the log, and her pod and its login with them', async () => {
  const sandbox = world.reach.sandbox
  if (sandbox === undefined) throw new Error('no sandbox')
  const customerId = await newCustomer(sample)
  const { pending, callback } = await flow(customerId, 'allow-all')
  const tokens = await redeem(shop, callback, pending)
  const root = join(world.config.dataFolder, 'pods', 'root')
  const rows = await sandbox.house.ledger.list<SampleCustomer>('sandbox-customer/', { limit: 100 })
  const podUrl = String(rows.find(({ value }) => value.customerId === customerId)?.value.podUrl)
  const podName = new URL(podUrl).pathname.replaceAll('/', '')
  const traces = async () => {
    // What its sign-in server remembers of a sign-in ends by itself, and what is on its way is gone while one looks.
    const files = (await filesIn(root)).filter((file) => !/\/(?:idp\/adapter|tempFiles)\//.test(file))
    const within = await Promise.all(files.map(async (file) => file + (await readFile(file, 'latin1'))))
    return within.filter((text) => text.includes(podName)).length
  }
  expect(await traces()).toBeGreaterThan(5)
  expect((await call(shop.sandboxKey, 'DELETE', `/v1/customers/${customerId}`)).status).toBe(204)
  expect(await traces()).toBe(0)
  expect((await fetch(`${podUrl}profile/card`)).ok).toBe(false)
  expect((await read(tokens)).status).toBe(404)
  const facts = await loggedFacts(sandbox.house.ledger)
  expect(
    facts.filter(({ fact }) => 'grant' in fact && fact.grant === tokens.grantId).map(({ fact }) => fact.type),
  ).toEqual(['granted', 'redeemed', 'withdrawn'])

  await newCustomer({})
  // Somebody who looks around at the sandbox's pages is no sample customer, and thrown away all the same.
  const visitor = await createSampleCustomer(`${world.config.vaultUrl}/sandbox`, 'visitor')
  const { accountId = '' } = visitor.me
  expect((await readdir(root)).filter((name) => name.startsWith('visitor-'))).toHaveLength(1)
  world.clock.ahead += vaultLife
  expect((await call(shop.sandboxKey, 'GET', '/v1/customers')).body).toEqual({ customers: [] })
  expect(await sandbox.customers.sweep()).toBeGreaterThan(0)
  expect(await sandbox.customers.sweep()).toBe(0)
  expect(await sandbox.vaults.sweep()).toBeGreaterThan(1)
  expect(await sandbox.vaults.sweep()).toBe(0)
  expect((await readdir(root)).filter((name) => /^(sandbox|visitor)-/.test(name))).toEqual([])

  expect((await readCustomerStanding(sandbox.house.ledger, accountId))?.value.podAccess).toBe('lost')
})
