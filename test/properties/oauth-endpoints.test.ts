/** Whatever an authenticated business sends to the authorization server is answered with an OAuth error or a result. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accessRequest, postForm } from '../business.ts'
import { startTwoShops } from '../oauth-vault.ts'
import type { OAuthVault, Registered } from '../oauth-vault.ts'
import { ciba, device, polling } from '../without-browser.ts'

let vault: OAuthVault
let shop: Registered

beforeAll(async () => {
  ;({ vault, shop } = await startTwoShops(polling))
})
afterAll(() => vault[Symbol.asyncDispose]())

const endpoints = [
  'request',
  'backchannel',
  'device/auth',
  'token',
  'token/introspection',
  'token/revocation',
]
const names = [
  'scope',
  'authorization_details',
  'login_hint',
  'login_hint_token',
  'id_token_hint',
  'binding_message',
  'requested_expiry',
  'client_notification_token',
  'user_code',
  'request_context',
  'request',
  'request_uri',
  'response_type',
  'response_mode',
  'redirect_uri',
  'state',
  'nonce',
  'prompt',
  'max_age',
  'claims',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'resource',
  'grant_type',
  'code',
  'code_verifier',
  'refresh_token',
  'auth_req_id',
  'device_code',
  'pickup_code',
  'token',
  'token_type_hint',
]
const details = JSON.stringify([accessRequest()])
const odd = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 3, arbitrary: fc.json({ maxDepth: 3 }) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      details,
      `[${details}]`,
      '[{"type":"urn:reach:access-request:1","items":[],"__proto__":{}}]',
      'openid',
      'openid offline_access batch',
      'code',
      'jwt',
      'none',
      'consent',
      'S256',
      ciba,
      device,
      'authorization_code',
      'refresh_token',
      '1e400',
      '-1',
      '9'.repeat(400),
      'a.b.c',
      'eyJhbGciOiJub25lIn0.e30.',
      'urn:ietf:params:oauth:request_uri:x',
      'https://shop.example/callback',
      'x'.repeat(5000),
      '\u0000',
    ),
  },
)
const form = fc
  .array(fc.tuple(fc.constantFrom(...names), odd), { maxLength: 9 })
  .map((pairs) => new URLSearchParams(pairs))

async function expectAnswer(reply: Response): Promise<void> {
  expect(reply.status).toBeLessThan(500)
  expect(reply.headers.get('cache-control')).toBe('no-store')
  if (reply.ok) return
  const {
    error,
    error_description: description = '',
    ...others
  } = (await reply.json()) as Record<string, string>
  expect(error).toMatch(/^[a-z_]+$/)
  expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/)
  expect(Object.keys(others).filter((name) => name !== 'scope' && name !== 'state')).toEqual([])
}

test('in any form', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...endpoints), form, async (endpoint, parameters) => {
      await expectAnswer(await postForm(shop, endpoint, parameters))
    }),
    { seed: 6, numRuns: 120 },
  )
})

test('in a signed request of any content', async () => {
  const claims = fc.dictionary(fc.constantFrom(...names, 'iss', 'aud', 'jti', 'client_id'), fc.jsonValue(), {
    maxKeys: 8,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('request', 'backchannel', 'device/auth'),
      claims,
      async (endpoint, over) => {
        const seconds = Math.floor(Date.now() / 1000)
        const usual = {
          iss: shop.clientId,
          aud: shop.issuer,
          client_id: shop.clientId,
          nbf: seconds,
          iat: seconds,
          exp: seconds + 60,
        }
        const request = await new SignJWT({
          ...usual,
          jti: randomUUID(),
          authorization_details: [accessRequest()],
          ...over,
        })
          .setProtectedHeader({ alg: shop.algorithm, kid: shop.kid })
          .sign(shop.keys.privateKey)
        await expectAnswer(await postForm(shop, endpoint, { request }))
      },
    ),
    { seed: 6, numRuns: 80 },
  )
})
