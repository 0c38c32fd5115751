/**
 * FAPI 2.0 Message Signing: signed requests (JAR), signed answers (JARM), signed introspection. Row 11 of the attack
 * table, and what the conformance modules for it ask.
 */
import { randomUUID } from 'node:crypto'
import { SignJWT, createRemoteJWKSet, decodeJwt, generateKeyPair, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  accessRequest,
  ask,
  assertion,
  postForm,
  redeem,
  requestParameters,
  seconds,
  verdict,
} from '../business.ts'
import type { Business } from '../business.ts'
import { decideAt, startOAuthVault } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'

let vault: OAuthVault
let shop: Registered
/** Registered with `require_signed_request_object`. */
let strict: Registered
let alma: Customer

beforeAll(async () => {
  vault = await startOAuthVault()
  shop = await vault.business()
  strict = await vault.business({
    redirectUri: 'https://strict.example/callback',
    overrides: {
      require_signed_request_object: true,
      request_object_signing_alg: 'ES256',
      response_modes: ['jwt'],
    },
  })
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

type Over = Readonly<Record<string, unknown>>
type Signing = { header?: Over; key?: CryptoKey }

/** A request object as a correct client makes it; a claim set to `undefined` is left out. */
async function requestObject(
  business: Business,
  claims: Over = {},
  { header = {}, key = business.keys.privateKey }: Signing = {},
) {
  const { parameters, pending } = await requestParameters(business, [accessRequest()])
  const payload: JWTPayload = {
    ...parameters,
    authorization_details: [accessRequest()],
    client_id: business.clientId,
    iss: business.clientId,
    aud: business.issuer,
    nbf: seconds(),
    exp: seconds() + 120,
    jti: randomUUID(),
    ...claims,
  }
  const request = await new SignJWT(
    Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined)),
  )
    .setProtectedHeader({ alg: business.algorithm, kid: business.kid, typ: 'oauth-authz-req+jwt', ...header })
    .sign(key)
  return { request, pending }
}

const push = (business: Business, form: Record<string, string>) => postForm(business, 'request', form)
const pushed = async (claims: Over, signing?: Signing) =>
  verdict(push(shop, { request: (await requestObject(shop, claims, signing)).request }))

describe('a signed request (JAR)', () => {
  test('is taken whole, and nothing that stands beside it', async () => {
    const { request, pending } = await requestObject(strict, { response_mode: 'jwt' })
    const reply = await push(strict, { request, state: 'outside', nonce: 'outside', scope: 'openid' })
    expect(reply.status).toBe(201)
    const { request_uri } = (await reply.json()) as { request_uri: string }
    const query = new URLSearchParams({ client_id: strict.clientId, request_uri })
    const { callback } = await decideAt(vault, alma, new URL(`${vault.issuer}/auth?${query}`))
    const answer = decodeJwt(String(callback.searchParams.get('response')))
    expect(answer['state']).toBe(pending.state)
    const config = jarmConfig(strict)
    const url = new URL(callback)
    const tokens = await oauth.authorizationCodeGrant(
      config,
      url,
      {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.codeVerifier,
        idTokenExpected: true,
      },
      undefined,
      { DPoP: strict.DPoP },
    )
    expect(tokens['grant_id']).toBeDefined()
  })

  test('without a state inside has none', async () => {
    const { request } = await requestObject(shop, { state: undefined })
    const { request_uri } = (await (await push(shop, { request, state: 'outside' })).json()) as {
      request_uri: string
    }
    const query = new URLSearchParams({ client_id: shop.clientId, request_uri })
    const { callback } = await decideAt(vault, alma, new URL(`${vault.issuer}/auth?${query}`))
    expect(callback.searchParams.has('code')).toBe(true)
    expect(callback.searchParams.has('state')).toBe(false)
  })

  test.each([
    ['several audiences', () => ({ aud: [vault.issuer, 'https://other.example'] })],
    ['a clock 8 s ahead', () => ({ nbf: seconds() + 8 })],
    ['no jti', () => ({ jti: undefined })],
  ])('with %s is accepted', async (_what, claims) => {
    expect(await pushed(claims())).toBe('201')
  })

  const bad = '400 invalid_request_object'
  test.each([
    ['no exp', () => ({ exp: undefined }), bad],
    ['no nbf', () => ({ nbf: undefined }), bad],
    ['an end in the past', () => ({ nbf: seconds() - 300, exp: seconds() - 120 }), bad],
    ['a start in 70 s', () => ({ nbf: seconds() + 70 }), bad],
    ['a date in 70 s', () => ({ iat: seconds() + 70 }), bad],
    ['an end more than 60 min after its start', () => ({ exp: seconds() + 3700 }), bad],
    ['a start more than 60 min ago', () => ({ nbf: seconds() - 3700 }), bad],
    ['another audience', () => ({ aud: 'https://other.example' }), bad],
    ['no audience', () => ({ aud: undefined }), bad],
    ['another issuer', () => ({ iss: strict.clientId }), bad],
    ['another client', () => ({ client_id: strict.clientId }), bad],
    ['a request inside', () => ({ request: 'x.y.z' }), bad],
    ['a request_uri inside', () => ({ request_uri: 'https://169.254.169.254/x' }), bad],
    ['no redirect_uri', () => ({ redirect_uri: undefined }), '400 invalid_request'],
    ['no PKCE', () => ({ code_challenge: undefined }), '400 invalid_request'],
    ['a form as answer', () => ({ response_mode: 'form_post.jwt' }), '400 invalid_request'],
  ])('11: with %s is refused', async (_what, claims, expected) => {
    expect(await pushed(claims())).toBe(expected)
  })

  test('11: unsigned, by RSA, by another key, edited, or of another algorithm than registered is refused', async () => {
    const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const { request } = await requestObject(shop)
    const [, payload = '', signature] = request.split('.')
    const unsigned = `${b64({ alg: 'none' })}.${payload}.`
    expect(await verdict(push(shop, { request: unsigned }))).toBe(bad)
    const edited = { ...decodeJwt(request), scope: 'openid' }
    expect(
      await verdict(push(shop, { request: `${request.split('.')[0]}.${b64(edited)}.${signature}` })),
    ).toBe(bad)
    const rsa = await generateKeyPair('RS256')
    expect(await pushed({}, { header: { alg: 'RS256' }, key: rsa.privateKey })).toBe(bad)
    expect(await pushed({}, { key: strict.keys.privateKey })).toBe(bad)
    const ed = await vault.business({
      algorithm: 'Ed25519',
      overrides: { request_object_signing_alg: 'ES256' },
    })
    expect(await verdict(push(ed, { request: (await requestObject(ed)).request }))).toBe(bad)
  })

  test('11: is demanded where the business registered so', async () => {
    const { parameters } = await requestParameters(strict, [accessRequest()])
    expect(await verdict(push(strict, parameters))).toBe('400 invalid_request')
    expect(await verdict(push(shop, (await requestParameters(shop, [accessRequest()])).parameters))).toBe(
      '201',
    )
  })

  test('is good once: again, and eight times at once, with an id of its own and without', async () => {
    for (const claims of [{}, { jti: undefined }]) {
      const { request } = await requestObject(shop, claims)
      const replies = await Promise.all(Array.from({ length: 8 }, () => verdict(push(shop, { request }))))
      expect(replies.filter((one) => one === '201')).toHaveLength(1)
      expect(new Set(replies)).toEqual(new Set(['201', bad]))
    }
    // An ECDSA signature has a twin, r and n - s, that nobody needs a key for.
    const { request } = await requestObject(shop, { jti: undefined })
    expect(await verdict(push(shop, { request }))).toBe('201')
    expect(await verdict(push(shop, { request: withTwinSignature(request) }))).toBe(bad)
    const jti = randomUUID()
    // The same id of two businesses is two ids.
    expect(await pushed({ jti })).toBe('201')
    expect(
      await verdict(
        push(strict, { request: (await requestObject(strict, { jti, response_mode: 'jwt' })).request }),
      ),
    ).toBe('201')
  })

  test('that was refused for something else may be sent again', async () => {
    const { request } = await requestObject(shop)
    const reply = await postForm(shop, 'request', { request }, { proof: 'no proof' })
    expect(reply.status).toBe(400)
    expect(await verdict(push(shop, { request }))).toBe('201')
  })

  test('is refused in words that say what it has to be', async () => {
    const why = async (sent: Promise<Response>) =>
      ((await (await sent).json()) as { error_description: string }).error_description
    const told = async (
      ...how: Parameters<typeof requestObject> extends [unknown, ...infer Rest] ? Rest : []
    ) => why(push(shop, { request: (await requestObject(shop, ...how)).request }))
    const claims = `iss must be your client_id, aud ${vault.issuer}, nbf now or past and exp ahead`
    expect(await told({ aud: `${vault.issuer}/request` })).toContain(claims)
    expect(await told({}, { key: strict.keys.privateKey })).toContain('no key registered for this client_id')
    expect(await told({ authorization_details: accessRequest() })).toContain(
      'a JSON array that holds one object',
    )
  })
})

const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

function withTwinSignature(jws: string): string {
  const [header, payload, signature = ''] = jws.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const twin = (orderOfP256 - s).toString(16).padStart(64, '0')
  return [
    header,
    payload,
    Buffer.concat([bytes.subarray(0, 32), Buffer.from(twin, 'hex')]).toString('base64url'),
  ].join('.')
}

function jarmConfig(business: Business): oauth.Configuration {
  const config = new oauth.Configuration(
    business.config.serverMetadata(),
    business.clientId,
    { id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' },
    oauth.PrivateKeyJwt({ key: business.keys.privateKey, kid: business.kid }),
  )
  oauth.allowInsecureRequests(config)
  oauth.useJwtResponseMode(config)
  return config
}

describe('a signed answer (JARM)', () => {
  test.each(['jwt', 'query.jwt'])('by %s tells yes and no, and who says it', async (mode) => {
    for (const decision of ['allow', 'deny'] as const) {
      const { parameters, pending } = await requestParameters(shop, [accessRequest()])
      const reply = await push(shop, { ...parameters, response_mode: mode })
      const { request_uri } = (await reply.json()) as { request_uri: string }
      const query = new URLSearchParams({ client_id: shop.clientId, request_uri })
      const { callback } = await decideAt(vault, alma, new URL(`${vault.issuer}/auth?${query}`), (view) =>
        decision === 'deny'
          ? { accountId: view.accountId, requestHash: view.requestHash, decision }
          : {
              accountId: view.accountId,
              requestHash: view.requestHash,
              decision,
              items: view.items.map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) })),
              until: view.suggestedUntil,
            },
      )
      expect([...callback.searchParams.keys()]).toEqual(['response'])
      const keys = createRemoteJWKSet(new URL(`${vault.issuer}/jwks`))
      const { payload } = await jwtVerify(String(callback.searchParams.get('response')), keys, {
        issuer: vault.issuer,
        audience: shop.clientId,
        algorithms: ['ES256'],
        requiredClaims: ['exp'],
      })
      expect(payload['state']).toBe(pending.state)
      expect(payload['error']).toBe(decision === 'deny' ? 'access_denied' : undefined)
      expect(typeof payload['code']).toBe(decision === 'deny' ? 'undefined' : 'string')
    }
  })

  test('is the only one for a business that registered so', async () => {
    const { request } = await requestObject(strict)
    expect(await verdict(push(strict, { request }))).toBe('400 invalid_request')
  })
})

describe('a signed introspection', () => {
  const introspect = async (business: Business, token: string) =>
    fetch(`${vault.issuer}/token/introspection`, {
      method: 'POST',
      headers: { accept: 'application/token-introspection+jwt' },
      body: new URLSearchParams({
        token,
        client_id: business.clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertion(business),
      }),
    })

  test('tells of access and refresh tokens what the plain one tells, to their own business', async () => {
    const pending = await ask(shop)
    const { callback } = await decideAt(vault, alma, pending.url)
    const tokens = await redeem(shop, callback, pending)
    const keys = createRemoteJWKSet(new URL(`${vault.issuer}/jwks`))
    for (const token of [tokens.accessToken, tokens.refreshToken]) {
      for (const [business, active] of [
        [shop, true],
        [strict, false],
      ] as const) {
        const reply = await introspect(business, token)
        expect(reply.headers.get('content-type')).toMatch(/^application\/token-introspection\+jwt/)
        const { payload } = await jwtVerify(await reply.text(), keys, {
          issuer: vault.issuer,
          audience: business.clientId,
          typ: 'token-introspection+jwt',
        })
        const status = payload['token_introspection'] as { active: boolean; sub?: string }
        expect([status.active, status.sub]).toEqual([active, active ? tokens.subject : undefined])
        const plain = (await (await postForm(business, 'token/introspection', { token })).json()) as object
        expect(status).toEqual(plain)
      }
    }
    await vault.operator.suspend(shop.vendorId)
    for (const token of [tokens.accessToken, tokens.refreshToken]) {
      const status = decodeJwt(await (await introspect(shop, token)).text())['token_introspection']
      expect(status).toEqual({ active: false })
    }
    await vault.operator.reinstate(shop.vendorId)
  })
})

test('the metadata tells exactly what is accepted', async () => {
  const metadata = (await (await fetch(`${vault.issuer}/.well-known/openid-configuration`)).json()) as object
  expect(metadata).toMatchObject({
    response_modes_supported: ['query', 'jwt', 'query.jwt'],
    request_parameter_supported: true,
    request_uri_parameter_supported: false,
    request_object_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519'],
    authorization_signing_alg_values_supported: ['ES256'],
    introspection_signing_alg_values_supported: ['ES256'],
    dpop_signing_alg_values_supported: ['ES256', 'PS256', 'EdDSA', 'Ed25519'],
    backchannel_token_delivery_modes_supported: ['poll', 'ping'],
    backchannel_authentication_endpoint: `${vault.issuer}/backchannel`,
    device_authorization_endpoint: `${vault.issuer}/device/auth`,
    backchannel_user_code_parameter_supported: false,
  })
})
