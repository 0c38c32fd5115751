import { request } from 'node:http'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen } from '#core/http/server.ts'
import { createLogger } from '#core/logger.ts'
import { createPodCache } from '#core/pods/cache.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { createVendorGateway } from '../../vendor-gateway/server.ts'
import { ask, batchToken, outcome, postForm, redeem, refresh, requestType } from '../business.ts'
import type { Business, Tokens } from '../business.ts'
import { openForeignPods } from '../foreign-pods.ts'
import { allowing, decideAt, startOAuthVault } from '../oauth-vault.ts'
import type { OAuthVault } from '../oauth-vault.ts'

/**
 * The real authorization server and the real gateway on one ledger: what one issues, the other understands.
 */
const stack = new AsyncDisposableStack()
let vault: OAuthVault
let port: number
let fill: (accountId: string) => void

beforeAll(async () => {
  vault = stack.use(await startOAuthVault())
  const pods = stack.use(await openForeignPods())
  fill = (accountId) => {
    const container = `https://pods.example/${accountId}/vrm/`
    const person = { webId: `https://pods.example/${accountId}/profile/card#me`, container }
    pods.fill(person, 'profile', { name: 'Alma Quist' })
    pods.fill(person, 'diet', { diet: ['VeganDiet'], allergies: ['peanut'] })
  }
  const { ledger, keys, vaultUrl, gatewayUrl } = vault
  const podFetch: PodFetch = (url, init) => fetch(url.replace('https://pods.example', pods.url), init)
  const cache = stack.use(createPodCache({ fetch: podFetch, now: Date.now, onAccessLost: () => undefined }))
  const { app } = stack.use(
    await createVendorGateway({
      config: { vaultUrl, gatewayUrl, mode: 'development', outboundAllow: [] },
      ledger,
      keys,
      pods: cache,
      now: Date.now,
      log: createLogger({ level: 'silent' }),
    }),
  )
  port = stack.use(await listen({ app, host: '127.0.0.1', port: 0 })).port
})
afterAll(() => stack.disposeAsync())

/** The gateway's name leads to a TLS proxy in the world; here its part is played by a plain connection. */
const throughProxy: oauth.CustomFetch = (url, { method, headers, body }) =>
  new Promise((resolve, reject) => {
    const { host, pathname, search } = new URL(url)
    const options = {
      port,
      host: '127.0.0.1',
      method,
      path: pathname + search,
      headers: { ...headers, host },
    }
    const sent = request(options, (reply) => {
      const parts: Buffer[] = []
      reply.on('data', (part: Buffer) => parts.push(part))
      reply.on('end', () => {
        const fields = Object.entries(reply.headersDistinct).map(([name, values = []]): [string, string] => [
          name,
          values.join(', '),
        ])
        resolve(new Response(Buffer.concat(parts), { status: reply.statusCode ?? 0, headers: fields }))
      })
    })
    sent.on('error', reject)
    sent.end(typeof body === 'string' ? body : undefined)
  })

async function call(business: Business, accessToken: string, path: string, body?: object): Promise<Response> {
  const url = new URL(vault.gatewayUrl + path)
  const method = body === undefined ? 'GET' : 'POST'
  const headers = new Headers(body === undefined ? {} : { 'content-type': 'application/json' })
  const text = body === undefined ? null : JSON.stringify(body)
  const { config, DPoP } = business
  return oauth.fetchProtectedResource(config, accessToken, url, method, text, headers, { DPoP })
}

const read = (business: Business, { accessToken, subject }: Tokens, fields: string, purpose: string) =>
  call(business, accessToken, `/v1/subjects/${subject}?fields=${fields}&purpose=${purpose}`)

async function granted() {
  const customer = await vault.customer()
  fill(customer.accountId)
  const business = await vault.business()
  business.config[oauth.customFetch] = (url, options) =>
    url.startsWith(vault.gatewayUrl) ? throughProxy(url, options) : fetch(url, options as RequestInit)
  const pending = await ask(business)
  const items = [
    { id: 'name', fields: ['profile.name'] },
    { id: 'diet', fields: ['diet.allergies'] },
  ]
  const { callback } = await decideAt(vault, customer, pending.url, (view) => allowing(view, { items }))
  return { customer, business, callback, pending }
}

const orders = 'dpv:CustomerOrderManagement'
const personal = 'dpv:ServicePersonalisation'

test('a standard client reads what was granted, with its own token and with one of the business', async () => {
  const { business, callback, pending } = await granted()
  const batch = await batchToken(business)
  const before = await call(business, batch, '/v1/grants')
  expect(await before.json()).toMatchObject({ grants: [] })

  const tokens = await redeem(business, callback, pending)
  const name = await read(business, tokens, 'profile.name,diet.allergies', orders)
  expect([name.status, await name.json()]).toEqual([
    200,
    expect.objectContaining({ subject: tokens.subject, data: { 'profile.name': 'Alma Quist' } }),
  ])
  const diet = await read(business, tokens, 'diet.diet,diet.allergies', personal)
  expect(await diet.json()).toMatchObject({
    data: { 'diet.allergies': ['peanut'] },
    grant_id: tokens.grantId,
  })

  const query = { purpose: orders, fields: ['profile.name'], subjects: [tokens.subject, 'nobody'] }
  const rows = await call(business, batch, '/v1/query', query)
  expect(await rows.json()).toMatchObject({
    rows: [{ data: { 'profile.name': 'Alma Quist' } }, { subject: 'nobody', error: 'subject-unavailable' }],
  })
  const grants = await call(business, batch, '/v1/grants')
  expect(await grants.json()).toMatchObject({
    grants: [{ grant_id: tokens.grantId, subject: tokens.subject, state: 'active', reads: 3 }],
  })
  const requests = await call(business, batch, '/v1/requests')
  expect(await requests.json()).toMatchObject({ requests: [{ status: 'allowed', grant_id: tokens.grantId }] })
})

test('a token that was narrowed at its refresh reads no more than it names', async () => {
  const { business, callback, pending } = await granted()
  const tokens = await redeem(business, callback, pending)
  const less = [{ type: requestType, items: [{ purpose: personal, fields: ['diet.allergies'] }] }]
  const narrow = await refresh(business, tokens.refreshToken, less)
  expect((await read(business, narrow, 'diet.allergies', personal)).status).toBe(200)
  const more = await outcome(read(business, narrow, 'profile.name', orders).then(refused))
  expect(more).toBe('403 purpose-not-granted')
})

test('a code that was used twice makes its tokens bad, and a revoked token is bad at once', async () => {
  const { business, callback, pending } = await granted()
  const tokens = await redeem(business, callback, pending)
  const revoked = await refresh(business, tokens.refreshToken)
  expect((await read(business, revoked, 'profile.name', orders)).status).toBe(200)
  await postForm(business, 'token/revocation', { token: revoked.accessToken })
  expect(await outcome(read(business, revoked, 'profile.name', orders))).toContain('401')
  expect((await read(business, tokens, 'profile.name', orders)).status).toBe(200)

  await expect(redeem(business, callback, pending)).rejects.toThrow()
  expect(await outcome(read(business, tokens, 'profile.name', orders))).toContain('401')
  const query = { purpose: orders, fields: ['profile.name'], subjects: [tokens.subject] }
  const rows = await call(business, await batchToken(business), '/v1/query', query)
  expect(await rows.json()).toMatchObject({ rows: [{ data: { 'profile.name': 'Alma Quist' } }] })
})

/** Turns a refusal into what `outcome` understands. */
async function refused(response: Response): Promise<never> {
  const { code }: { code: string } = await response.json()
  throw Object.assign(new Error('refused'), { status: response.status, code })
}
