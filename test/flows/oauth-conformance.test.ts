/**
 * The modules of the OpenID Foundation's conformance suite for the FAPI 2.0 Security Profile (final), as black-box checks
 * through the public endpoints: each test is named after its module (prefix `fapi2-security-profile-final-`). Those about
 * the resource server are in gateway-tokens; those of Message Signing in oauth-message-signing.
 */
import { generateKeyPair } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  accessRequest,
  ask,
  assertion,
  codeForm,
  postForm,
  proof,
  push,
  redeem,
  refresh,
  requestParameters,
  seconds,
  verdict,
} from '../business.ts'
import type { PendingRequest, Raw } from '../business.ts'
import { decideAt, openPage, startTwoShops } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'

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
type Over = Readonly<Record<string, string | undefined>>
const tokenUrl = () => `${vault.issuer}/token`
const parUrl = () => `${vault.issuer}/request`
const tokenProof = (claims: object = {}, keys = shop.dpopKeys) =>
  proof(keys, { htm: 'POST', htu: tokenUrl() }, claims as Form)

const pushed = async (over: Over = {}, raw: Raw = {}) => verdict((await push(shop, over, raw)).reply)

async function decided(pending?: PendingRequest) {
  const asked = pending ?? (await ask(shop))
  return { pending: asked, ...(await decideAt(vault, alma, asked.url)) }
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
  ])('%s', async (_module, over: Over) => {
    const { pending } = await push(shop, over)
    const { callback } = await decided(pending)
    expect(callback.searchParams.get('state')).toBe('state' in over ? (over['state'] ?? null) : pending.state)
    const { id_token: idToken } = (await (
      await postForm(shop, 'token', codeForm(shop, callback, pending))
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
  ])('%s', async (_module, over: Over, expected) => {
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
    const { pending } = await push(shop)
    // Only client_id and request_uri come with the browser.
    expect([...pending.url.searchParams.keys()]).toEqual(['client_id', 'request_uri'])
    expect((await decided(pending)).callback.searchParams.has('code')).toBe(true)
  })

  test('par-ensure-reused-request-uri-prior-to-auth-completion-succeeds', async () => {
    const { pending } = await push(shop)
    await openPage(vault, alma, pending.url)
    expect((await decided(pending)).callback.searchParams.has('code')).toBe(true)
  })

  test('par-attempt-reuse-request_uri', async () => {
    const { pending } = await decided()
    expect(await verdict(alma.browser.go(pending.url))).toBe('400 invalid_request_uri')
  })

  test('par-attempt-to-use-expired-request_uri', async () => {
    const { pending } = await push(shop)
    turnClock(75_000)
    expect(await verdict(alma.browser.go(pending.url))).toBe('400 invalid_request_uri')
  })

  test('par-attempt-to-use-request_uri-for-different-client', async () => {
    const { pending } = await push(shop)
    pending.url.searchParams.set('client_id', rival.clientId)
    expect(await verdict(alma.browser.go(pending.url))).toBe('400 invalid_request_object')
  })

  test('par-attempt-invalid-http-method', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      expect((await fetch(parUrl(), { method })).status).toBe(404)
    expect(await (await fetch(parUrl())).json()).toMatchObject({ error: 'invalid_request' })
  })

  test('what is no endpoint, or asked by another method, is 404 and no fault of ours', async () => {
    const paths = ['token', 'reg', 'token/introspection', 'token/revocation', 'backchannel', 'device/auth']
    for (const path of ['nothing', 'device', 'device/x', '%', ...paths])
      for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'PROPFIND'])
        expect([path, method, (await fetch(`${vault.issuer}/${path}`, { method })).status]).toEqual([
          path,
          method,
          404,
        ])
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
    const form = new URLSearchParams({ ...codeForm(shop, callback, pending), client_id: shop.clientId })
    const bare = await fetch(tokenUrl(), {
      method: 'POST',
      headers: { dpop: await tokenProof() },
      body: form,
    })
    expect(await verdict(bare)).toBe('401 invalid_client')
    const made = await assertion(shop, { sub: rival.clientId, iss: rival.clientId })
    expect(
      await verdict(postForm(shop, 'token', codeForm(shop, callback, pending), { assertion: made })),
    ).toBe('400 invalid_request')
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe('200')
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
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending), raw))).toBe(
      '401 invalid_client',
    )
  })
})
