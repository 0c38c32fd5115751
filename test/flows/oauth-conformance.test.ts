/**
 * The modules of the OpenID Foundation's conformance suite for the FAPI 2.0 Security Profile (final), as black-box checks
 * through the public endpoints: each test is named after its module (prefix `fapi2-security-profile-final-`). Those about
 * the resource server are in gateway-tokens; those of Message Signing in oauth-message-signing.
 */
import { randomUUID } from 'node:crypto'
import { generateKeyPair } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  accessRequest,
  ask,
  assertion,
  postForm,
  proof,
  redeem,
  refresh,
  requestParameters,
  seconds,
  verdict,
} from '../business.ts'
import type { PendingRequest } from '../business.ts'
import {
  allowing,
  comeBack,
  decideAt,
  openPage,
  postDecision,
  readPage,
  startTwoShops,
} from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'
import type { DecisionResult } from '../../schemas/types.gen.ts'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop, rival } = await startTwoShops())
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterEach(() => {
  vi.useRealTimers()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

function turnClock(ms: number): void {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  vi.setSystemTime(Date.now() + ms)
}

type Form = Readonly<Record<string, string>>
const tokenUrl = () => `${vault.issuer}/token`
const parUrl = () => `${vault.issuer}/request`
const tokenProof = (claims: object = {}, keys = shop.dpopKeys) =>
  proof(keys, { htm: 'POST', htu: tokenUrl() }, claims as Form)

async function push(
  over: Readonly<Record<string, string | undefined>> = {},
  raw: Parameters<typeof postForm>[3] = {},
) {
  const { parameters, pending } = await requestParameters(shop, [accessRequest()])
  const form = Object.entries({ ...parameters, ...over }).filter(([, value]) => value !== undefined)
  const reply = await postForm(shop, 'request', Object.fromEntries(form) as Form, raw)
  const body = reply.ok ? ((await reply.clone().json()) as { request_uri: string }) : { request_uri: '' }
  const query = new URLSearchParams({ client_id: shop.clientId, request_uri: body.request_uri })
  return { reply, pending: { ...pending, url: new URL(`${vault.issuer}/auth?${query}`) } }
}
const pushed = async (...asked: Parameters<typeof push>) => verdict((await push(...asked)).reply)

async function decided(pending?: PendingRequest) {
  const asked = pending ?? (await ask(shop))
  return { pending: asked, ...(await decideAt(vault, alma, asked.url)) }
}
const codeForm = (callback: URL, pending: { codeVerifier: string }): Form => ({
  grant_type: 'authorization_code',
  code: String(callback.searchParams.get('code')),
  redirect_uri: shop.redirectUri,
  code_verifier: pending.codeVerifier,
})
async function exchanged(
  over: Readonly<Record<string, string | undefined>> = {},
  raw: Parameters<typeof postForm>[3] = {},
) {
  const { callback, pending } = await decided()
  const form = Object.entries({ ...codeForm(callback, pending), ...over }).filter(
    ([, value]) => value !== undefined,
  )
  return verdict(postForm(shop, 'token', Object.fromEntries(form) as Form, raw))
}
/** What the business gets when its request fails at the authorization endpoint. */
async function answered(parameters: Form): Promise<URL> {
  const query = new URLSearchParams({ client_id: shop.clientId, ...parameters })
  const response = await alma.browser.go(`${vault.issuer}/auth?${query}`)
  return new URL(response.headers.get('location') ?? `error:${response.status}`)
}

describe('flow', () => {
  test('discovery-end-point-verification', async () => {
    for (const url of [
      `${vault.issuer}/.well-known/openid-configuration`,
      `${vault.vaultUrl}/.well-known/oauth-authorization-server/oauth`,
    ]) {
      const metadata = (await (await fetch(url)).json()) as Record<string, unknown>
      expect(metadata).toMatchObject({
        issuer: vault.issuer,
        authorization_response_iss_parameter_supported: true,
        require_pushed_authorization_requests: true,
        pushed_authorization_request_endpoint: parUrl(),
        token_endpoint: tokenUrl(),
        jwks_uri: `${vault.issuer}/jwks`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
        token_endpoint_auth_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519'],
        id_token_signing_alg_values_supported: ['ES256'],
        subject_types_supported: ['pairwise'],
        claims_parameter_supported: false,
        request_uri_parameter_supported: false,
      })
      expect(metadata['grant_types_supported']).not.toContain('password')
      expect(metadata['grant_types_supported']).not.toContain('implicit')
    }
    const { keys } = (await (await fetch(`${vault.issuer}/jwks`)).json()) as {
      keys: { kid: string; d?: string }[]
    }
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
    expect(keys.every((key) => !('d' in key))).toBe(true)
  })

  test('happy-flow', async () => {
    const { callback, pending } = await decided()
    expect(callback.searchParams.get('iss')).toBe(vault.issuer)
    const tokens = await redeem(shop, callback, pending)
    expect([tokens.response.token_type.toLowerCase(), tokens.expiresIn]).toEqual(['dpop', 300])
    expect(tokens.claims).toMatchObject({
      iss: vault.issuer,
      aud: vault.gatewayUrl,
      client_id: shop.clientId,
    })
  })

  test('user-rejects-authentication', async () => {
    const pending = await ask(shop)
    const { callback } = await decideAt(vault, alma, pending.url, ({ accountId, requestHash }) => ({
      accountId,
      requestHash,
      decision: 'deny',
    }))
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      error: 'access_denied',
      state: pending.state,
      iss: vault.issuer,
    })
  })

  test.each([
    ['ensure-authorization-request-without-state-success', { state: undefined }],
    ['ensure-authorization-request-without-nonce-success', { nonce: undefined }],
    ['ensure-authorization-request-with-64-char-nonce-success', { nonce: 'n'.repeat(64) }],
    ['ensure-authorization-request-with-long-nonce', { nonce: 'n'.repeat(1000) }],
    ['ensure-authorization-request-with-long-state', { state: 's'.repeat(1000) }],
    ['ensure-other-scope-order-succeeds', { scope: 'offline_access openid' }],
  ])('%s', async (_module, over: Readonly<Record<string, string | undefined>>) => {
    const { pending } = await push(over)
    const { callback } = await decided(pending)
    expect(callback.searchParams.get('state')).toBe('state' in over ? (over['state'] ?? null) : pending.state)
    const { id_token: idToken } = (await (
      await postForm(shop, 'token', codeForm(callback, pending))
    ).json()) as { id_token: string }
    const claims = JSON.parse(Buffer.from(String(idToken.split('.')[1]), 'base64url').toString()) as {
      nonce?: string
    }
    expect(claims.nonce).toBe('nonce' in over ? over['nonce'] : pending.nonce)
  })

  test('refresh-token', async () => {
    const { callback, pending } = await decided()
    const tokens = await redeem(shop, callback, pending)
    const again = await refresh(shop, tokens.refreshToken)
    expect(again.refreshToken).toBe(tokens.refreshToken)
    expect(again.accessToken).not.toBe(tokens.accessToken)
  })
})

describe('request', () => {
  test.each([
    ['ensure-registered-redirect-uri', { redirect_uri: 'https://shop.example/other' }, '400 invalid_request'],
    ['ensure-redirect-uri-in-authorization-request', { redirect_uri: undefined }, '400 invalid_request'],
    [
      'ensure-response-type-code-idtoken-fails',
      { response_type: 'code id_token' },
      '400 unsupported_response_type',
    ],
    ['ensure-response-type-token-fails', { response_type: 'token' }, '400 unsupported_response_type'],
    [
      'par-ensure-pkce-required',
      { code_challenge: undefined, code_challenge_method: undefined },
      '400 invalid_request',
    ],
    ['par-plain-pkce-rejected', { code_challenge_method: 'plain' }, '400 invalid_request'],
    [
      'par-authorization-request-containing-request_uri',
      { request_uri: 'https://shop.example/r' },
      '400 request_uri_not_supported',
    ],
    [
      'par-authorization-request-containing-request_uri-form-param',
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
      '400 request_uri_not_supported',
    ],
  ])('%s', async (_module, over: Readonly<Record<string, string | undefined>>, expected) => {
    expect(await pushed(over)).toBe(expected)
  })

  test('ensure-unsigned-authorization-request-without-using-par-fails', async () => {
    const { parameters } = await requestParameters(shop, [accessRequest()])
    const back = await answered(parameters)
    expect([
      back.origin + back.pathname,
      back.searchParams.get('error'),
      back.searchParams.get('iss'),
    ]).toEqual([shop.redirectUri, 'invalid_request', vault.issuer])
  })

  test('par-without-duplicate-parameters', async () => {
    const { pending } = await push()
    // Only client_id and request_uri come with the browser.
    expect([...pending.url.searchParams.keys()]).toEqual(['client_id', 'request_uri'])
    expect((await decided(pending)).callback.searchParams.has('code')).toBe(true)
  })

  test('par-ensure-reused-request-uri-prior-to-auth-completion-succeeds', async () => {
    const { pending } = await push()
    await openPage(vault, alma, pending.url)
    expect((await decided(pending)).callback.searchParams.has('code')).toBe(true)
  })

  test('par-attempt-reuse-request_uri', async () => {
    const { pending } = await decided()
    expect(await verdict(alma.browser.go(pending.url))).toBe('400 invalid_request_uri')
  })

  test('par-attempt-to-use-expired-request_uri', async () => {
    const { pending } = await push()
    turnClock(75_000)
    expect(await verdict(alma.browser.go(pending.url))).toBe('400 invalid_request_uri')
  })

  test('par-attempt-to-use-request_uri-for-different-client', async () => {
    const { pending } = await push()
    pending.url.searchParams.set('client_id', rival.clientId)
    expect(await verdict(alma.browser.go(pending.url))).toBe('400 invalid_request_object')
  })

  test('par-attempt-invalid-http-method', async () => {
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect((await fetch(parUrl(), { method })).status).toBeGreaterThanOrEqual(404)
  })
})

describe('client assertions', () => {
  const asserted = async (
    claims: Parameters<typeof assertion>[1],
    signing?: Parameters<typeof assertion>[2],
  ) => pushed({}, { assertion: await assertion(shop, claims, signing) })

  test.each([
    [
      'par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted',
      () => ({ nbf: seconds() + 8 }),
      '201',
    ],
    [
      'par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails',
      () => ({ nbf: seconds() + 70 }),
      '401 invalid_client',
    ],
    ['par-test-array-as-audience-fails', () => ({ aud: [vault.issuer] }), '401 invalid_client'],
    ['par-test-par-endpoint-url-as-audience-fails', () => ({ aud: parUrl() }), '401 invalid_client'],
    ['par-test-token-endpoint-url-as-audience-fails', () => ({ aud: tokenUrl() }), '401 invalid_client'],
  ])('%s', async (_module, claims, expected) => {
    expect(await asserted(claims())).toBe(expected)
  })

  test('ensure-signed-client-assertion-with-RS256-fails', async () => {
    const rsa = await generateKeyPair('RS256')
    expect(await asserted({}, { header: { alg: 'RS256' }, key: rsa.privateKey })).toBe('401 invalid_client')
  })

  test('ensure-client-assertion-in-token-endpoint', async () => {
    const { callback, pending } = await decided()
    const form = new URLSearchParams({ ...codeForm(callback, pending), client_id: shop.clientId })
    const bare = await fetch(tokenUrl(), {
      method: 'POST',
      headers: { dpop: await tokenProof() },
      body: form,
    })
    expect(await verdict(bare)).toBe('401 invalid_client')
    const made = await assertion(shop, { sub: rival.clientId, iss: rival.clientId })
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending), { assertion: made }))).toMatch(
      /^40[01] /,
    )
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('200')
  })

  test.each([
    [
      'ensure-client-assertion-with-exp-is-5-minutes-in-past-fails',
      () => ({ iat: seconds() - 360, exp: seconds() - 300 }),
    ],
    ['ensure-client-assertion-with-wrong-aud-fails', () => ({ aud: 'https://other.example' })],
    ['ensure-client-assertion-with-no-sub-fails', () => ({ sub: undefined })],
  ])('%s', async (_module, claims) => {
    const { callback, pending } = await decided()
    const raw = { assertion: await assertion(shop, claims()) }
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending), raw))).toBe(
      '401 invalid_client',
    )
  })
})

describe('token endpoint', () => {
  test('ensure-client-id-in-token-endpoint', async () => {
    expect(await exchanged({ client_id: rival.clientId })).toBe('400 invalid_request')
  })

  test('ensure-holder-of-key-required', async () => {
    expect(await exchanged({}, { proof: null })).toBe('400 invalid_grant')
  })

  test('ensure-authorization-code-is-bound-to-client', async () => {
    const { callback, pending } = await decided()
    expect(await verdict(postForm(rival, 'token', codeForm(callback, pending)))).toBe('400 invalid_grant')
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('200')
  })

  test('attempt-reuse-authorization-code-after-one-second', async () => {
    const { callback, pending } = await decided()
    await redeem(shop, callback, pending)
    turnClock(1_000)
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('400 invalid_grant')
  })

  test('ensure-token-endpoint-fails-with-expired-auth-code', async () => {
    const { callback, pending } = await decided()
    turnClock(75_000)
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('400 invalid_grant')
  })

  test('ensure-pkce-code-verifier-required', async () => {
    expect(await exchanged({ code_verifier: undefined })).toBe('400 invalid_grant')
  })

  test('incorrect-pkce-code-verifier-rejected', async () => {
    expect(await exchanged({ code_verifier: 'x'.repeat(43) })).toBe('400 invalid_grant')
  })
})

describe('DPoP', () => {
  const batch = { grant_type: 'client_credentials', scope: 'batch' }
  const proven = async (claims: object) =>
    verdict(postForm(shop, 'token', batch, { proof: await tokenProof(claims) }))

  test.each([
    ['check-dpop-proof-nbf-exp: good', () => ({ nbf: seconds() - 5, exp: seconds() + 60 }), '200'],
    ['check-dpop-proof-nbf-exp: over', () => ({ exp: seconds() - 60 }), '400 invalid_dpop_proof'],
    ['check-dpop-proof-nbf-exp: not yet', () => ({ nbf: seconds() + 70 }), '400 invalid_dpop_proof'],
    ['ensure-dpopproof-with-iat-10seconds-before-succeeds', () => ({ iat: seconds() - 10 }), '200'],
    ['ensure-dpopproof-with-iat-10seconds-after-succeeds', () => ({ iat: seconds() + 10 }), '200'],
  ])('%s', async (_module, claims, expected) => {
    expect(await proven(claims())).toBe(expected)
  })

  test('ensure-mismatched-dpop-jkt-fails', async () => {
    expect(await pushed({ dpop_jkt: 'x'.repeat(43) })).toMatch(/^400 /)
  })

  test('ensure-token-endpoint-fails-with-mismatched-dpop-jkt', async () => {
    const { callback, pending } = await decided()
    const other = await generateKeyPair('ES256', { extractable: true })
    const raw = { proof: await tokenProof({}, other) }
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending), raw))).toBe('400 invalid_grant')
  })

  test('ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt', async () => {
    const other = await generateKeyPair('ES256', { extractable: true })
    const { pending } = await push({}, { proof: await proof(other, { htm: 'POST', htu: parUrl() }) })
    const { callback } = await decided(pending)
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('400 invalid_grant')
  })

  test('ensure-dpopproof-at-par-endpoint-binding-success', async () => {
    const { pending } = await push()
    const { callback } = await decided(pending)
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('200')
  })

  test('ensure-dpop-auth-code-binding-success', async () => {
    const { pending } = await push({ dpop_jkt: await shop.DPoP.calculateThumbprint() }, { proof: null })
    const { callback } = await decided(pending)
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('200')
  })

  test('keys that the gateway takes are taken here: PS256, Ed25519', async () => {
    for (const alg of ['PS256', 'Ed25519', 'EdDSA']) {
      const keys = await generateKeyPair(alg, { extractable: true })
      const made = await proof(keys, { htm: 'POST', htu: tokenUrl() }, {}, { header: { alg } })
      expect(await verdict(postForm(shop, 'token', batch, { proof: made }))).toBe('200')
    }
  })
})

describe('the rest of the server checklist of FAPI 2.0 (5.3.2)', () => {
  test('no password grant, no other clients than confidential ones', async () => {
    const form = { grant_type: 'password', username: 'alma', password: randomUUID() }
    expect(await verdict(postForm(shop, 'token', form))).toBe('400 unsupported_grant_type')
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'batch',
      client_id: shop.clientId,
    })
    expect((await fetch(tokenUrl(), { method: 'POST', body })).status).toBeGreaterThanOrEqual(400)
  })

  test('redirects are 303, never 307, and go to no other address than the registered one', async () => {
    const { pending } = await push()
    const response = await alma.browser.go(pending.url)
    expect(response.status).toBe(303)
    const page = await openPage(vault, alma, pending.url)
    const view = await readPage(page, alma)
    const { returnTo } = (await (await postDecision(page, alma, allowing(view))).json()) as DecisionResult
    const back = await alma.browser.go(String(returnTo))
    expect(back.status).toBe(303)
    expect(String(back.headers.get('location'))).toMatch(/^https:\/\/shop\.example\/callback\?/)
    expect(String(await comeBack(vault, alma, String(returnTo)).catch(String))).toContain('not sent back')
  })

  test('nothing of it is kept by anybody between', async () => {
    for (const path of [
      'token',
      'request',
      'token/introspection',
      'token/revocation',
      'backchannel',
      'device/auth',
    ]) {
      const reply = await postForm(shop, path, { x: 'y' })
      expect([path, reply.headers.get('cache-control')]).toEqual([path, 'no-store'])
    }
  })

  test('codes, tokens and request addresses have at least 128 random bits', async () => {
    const { callback, pending } = await decided()
    const tokens = await redeem(shop, callback, pending)
    const uri = String(pending.url.searchParams.get('request_uri')).split(':').at(-1)
    for (const secret of [callback.searchParams.get('code'), tokens.refreshToken, uri])
      expect(String(secret).length).toBeGreaterThanOrEqual(22)
  })
})
