/** Rows 1 to 15 and 42 of the attack table: who asks, and what is pushed. Each with its exact answer. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { SignJWT, exportSPKI, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  accessRequest,
  ask,
  assertion,
  codeForm,
  postForm,
  requestParameters,
  seconds,
  verdict,
} from '../business.ts'
import { decideAt, startTwoShops } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop, rival } = await startTwoShops())
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const batch = { grant_type: 'client_credentials', scope: 'batch' }
const tokenUrl = () => `${vault.issuer}/token`
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const asserted = async (text: string | Promise<string>) =>
  verdict(postForm(shop, 'token', batch, { assertion: await text }))

describe('client assertions', () => {
  const claims = () => ({
    iss: shop.clientId,
    sub: shop.clientId,
    aud: vault.issuer,
    iat: seconds(),
    exp: seconds() + 60,
    jti: randomUUID(),
  })

  test('1: no algorithm, HMAC with the public key, and RSA are 401', async () => {
    expect(await asserted(`${b64({ alg: 'none' })}.${b64(claims())}.`)).toBe('401 invalid_client')
    const spki = new TextEncoder().encode(await exportSPKI(shop.keys.publicKey))
    const hmac = new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: shop.kid }).sign(spki)
    expect(await asserted(hmac)).toBe('401 invalid_client')
    const rsa = await generateKeyPair('RS256')
    expect(await asserted(assertion(shop, {}, { header: { alg: 'RS256' }, key: rsa.privateKey }))).toBe(
      '401 invalid_client',
    )
  })

  test("2: another business's key, or its kid, is 401", async () => {
    const signed = new SignJWT(claims()).setProtectedHeader({ alg: 'Ed25519', kid: rival.kid })
    expect(await asserted(signed.sign(rival.keys.privateKey))).toBe('401 invalid_client')
    expect(await asserted(assertion(shop, {}, { header: { kid: rival.kid } }))).toBe('401 invalid_client')
  })

  test('3: a subject that differs from client_id is 400', async () => {
    const params = { ...batch, client_id: rival.clientId }
    expect(await verdict(postForm(shop, 'token', params))).toBe('400 invalid_request')
  })

  test.each([
    ['the token endpoint', () => tokenUrl()],
    ['the pushed request endpoint', () => `${vault.issuer}/request`],
    ['a list', () => [vault.issuer]],
    ['another server', () => 'https://other.example'],
  ])('4: audience %s is 401', async (_what, aud) => {
    expect(await asserted(assertion(shop, { aud: aud() }))).toBe('401 invalid_client')
  })

  test.each([
    ['no jti', { jti: undefined }],
    ['no sub', { sub: undefined }],
    ['no iat', { iat: undefined }],
    ['an end in the past', { exp: seconds() - 20, iat: seconds() - 80 }],
    ['not before in 70 s', { nbf: seconds() + 70 }],
    ['made in 70 s', { iat: seconds() + 70, exp: seconds() + 130 }],
    ['made an hour ago', { iat: seconds() - 3600 }],
    ['a life of 400 s', { exp: seconds() + 400 }],
    ['a jti of 10 kB (row 42)', { jti: 'x'.repeat(10_000) }],
  ])('5: %s is 401', async (_what, over) => {
    expect(await asserted(assertion(shop, over))).toBe('401 invalid_client')
  })

  test('5: a clock 8 seconds ahead is accepted', async () => {
    expect(await asserted(assertion(shop, { iat: seconds() + 8, nbf: seconds() + 8 }))).toBe('200')
  })

  test('6: a second use is 401', async () => {
    const once = await assertion(shop)
    expect([await asserted(once), await asserted(once)]).toEqual(['200', '401 invalid_client'])
  })
})

describe('pushed requests', () => {
  const push = async (
    over: Readonly<Record<string, string | undefined>> | ((form: URLSearchParams) => void),
    details: unknown = [accessRequest()],
  ) => {
    const { parameters } = await requestParameters(shop, details)
    const form = new URLSearchParams(parameters)
    if (typeof over === 'function') over(form)
    else
      for (const [name, value] of Object.entries(over))
        if (value === undefined) form.delete(name)
        else form.set(name, value)
    return verdict(postForm(shop, 'request', form))
  }

  test('7: a request that was not pushed goes back as an error that names the issuer', async () => {
    const { parameters } = await requestParameters(shop, [accessRequest()])
    const query = new URLSearchParams({ ...parameters, client_id: shop.clientId })
    const response = await alma.browser.go(`${vault.issuer}/auth?${query}`)
    expect(response.status).toBe(303)
    const back = new URL(String(response.headers.get('location')))
    expect(back.origin + back.pathname).toBe(shop.redirectUri)
    expect(back.searchParams.get('error')).toBe('invalid_request')
    expect(back.searchParams.get('iss')).toBe(vault.issuer)
  })

  test.each([
    ['8: no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, '400 invalid_request'],
    ['8: plain PKCE', { code_challenge_method: 'plain' }, '400 invalid_request'],
    ['8: no redirect_uri', { redirect_uri: undefined }, '400 invalid_request'],
    ['8: unregistered', { redirect_uri: 'https://evil.example/callback' }, '400 invalid_request'],
    ['8: with a query', { redirect_uri: 'https://shop.example/callback?x=1' }, '400 invalid_request'],
    ['9: implicit', { response_type: 'token' }, '400 unsupported_response_type'],
    ['9: hybrid', { response_type: 'code id_token' }, '400 unsupported_response_type'],
    ['9: by form post', { response_mode: 'form_post' }, '400 invalid_request'],
    ['11: an unsigned request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, '400 invalid_request_object'],
    ['13: no details', { authorization_details: undefined }, '400 invalid_request'],
    ['13: an empty list', { authorization_details: '[]' }, '400 invalid_request'],
    ['13: no JSON', { authorization_details: '[{' }, '400 invalid_authorization_details'],
    ['15: another resource', { resource: 'https://other.example' }, '400 invalid_target'],
  ])('%s', async (_what, over, expected) => {
    expect(await push(over)).toBe(expected)
  })

  test('13: an ID token as hint, though it is a good one, is refused', async () => {
    const pending = await ask(shop)
    const { callback } = await decideAt(vault, alma, pending.url)
    const reply = await postForm(shop, 'token', codeForm(shop, callback, pending))
    const { id_token: hint } = (await reply.json()) as { id_token: string }
    expect(hint.split('.')).toHaveLength(3)
    expect(await push({ id_token_hint: hint })).toBe('400 invalid_request')
  })

  test('10: a request_uri is refused and nobody is asked for it', async () => {
    let asked = 0
    const trap = createServer((_request, response) => {
      asked++
      response.end()
    })
    trap.on('connection', () => asked++)
    trap.listen(0, '127.0.0.1')
    await once(trap, 'listening')
    const { port } = trap.address() as { port: number }
    for (const uri of [`http://127.0.0.1:${port}/`, 'http://169.254.169.254/latest'])
      expect(await push({ request_uri: uri })).toBe('400 request_uri_not_supported')
    expect(asked).toBe(0)
    trap.close()
  })

  test.each([
    ['another type', [{ ...accessRequest(), type: 'urn:other' }]],
    ['two elements', [accessRequest(), accessRequest()]],
    ['an unknown member', [{ ...accessRequest(), extra: true }]],
    ['no items', [{ ...accessRequest(), items: [] }]],
    ['an unknown field', [accessRequestOf({ fields: ['profile.shoeSize'] })]],
    ['a refused purpose', [accessRequestOf({ purpose: 'dpv:SellDataToThirdParties' })]],
    ['an address in the words', [accessRequestOf({ why: 'See https://evil.example' })]],
    ['an end that has passed', [accessRequest({ until: '2020-01-01T00:00:00Z' })]],
    [
      'an end in two years',
      [accessRequest({ until: new Date(Date.now() + 730 * 86_400_000).toISOString() })],
    ],
    ['another gateway', [accessRequest({ locations: ['https://other.example'] })]],
  ])('13: %s is invalid_authorization_details', async (_what, details) => {
    expect(await push({}, details)).toBe('400 invalid_authorization_details')
  })

  test('13: members that reach the prototype, or occur twice, are refused', async () => {
    const text = JSON.stringify(accessRequest())
    for (const trick of ['"__proto__":{"x":1},', '"constructor":{},', '"until":"2020-01-01T00:00:00Z",'])
      expect(await push({ authorization_details: `[{${trick}${text.slice(1)}]` })).toBe(
        '400 invalid_authorization_details',
      )
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })

  test('13: 200 kB are refused', async () => {
    expect(await push({ authorization_details: `["${'x'.repeat(200_000)}"]` })).toBe('400 invalid_request')
  })

  test('14: a parameter that occurs twice is refused', async () => {
    for (const name of ['redirect_uri', 'authorization_details', 'state', 'response_type'])
      expect(await push((form) => form.append(name, String(form.get(name))))).toBe('400 invalid_request')
    expect(await push((form) => form.append('client_assertion', 'x.y.z'))).toBe('400 invalid_request')
    const twice = new URLSearchParams([
      ...Object.entries(batch),
      ['client_id', shop.clientId],
      ['client_id', 'x'],
    ])
    expect(await verdict(postForm(shop, 'token', twice))).toBe('400 invalid_request')
  })

  test('15: a second resource is refused', async () => {
    const add = (form: URLSearchParams) => {
      form.append('resource', vault.gatewayUrl)
      form.append('resource', 'https://other.example')
    }
    expect(await push(add)).toBe('400 invalid_target')
    expect(await push({ resource: vault.gatewayUrl })).toBe('201')
  })

  test('12: a request_uri is for its client, must exist, and is used up by the decision', async () => {
    const pending = await ask(shop)
    const open = (url: URL) => alma.browser.go(url)
    const foreign = new URL(pending.url)
    foreign.searchParams.set('client_id', rival.clientId)
    expect(await verdict(open(foreign))).toBe('400 invalid_request_object')
    const unknown = new URL(pending.url)
    unknown.searchParams.set('request_uri', 'urn:ietf:params:oauth:request_uri:unknown')
    expect(await verdict(open(unknown))).toBe('400 invalid_request_uri')
    // Browsers preload: two openings before the decision are one request.
    expect((await open(pending.url)).status).toBe(303)
    await decideAt(vault, alma, pending.url)
    expect(await verdict(open(pending.url))).toBe('400 invalid_request_uri')
    const refused = await ask(shop)
    await decideAt(vault, alma, refused.url, (view) => ({
      accountId: view.accountId,
      requestHash: view.requestHash,
      decision: 'deny',
    }))
    expect(await verdict(open(refused.url))).toBe('400 invalid_request_uri')
  })
})

function accessRequestOf(item: object) {
  const details = accessRequest()
  return { ...details, items: [{ ...details.items[0], ...item }] }
}
