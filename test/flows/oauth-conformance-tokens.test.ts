/**
 * The conformance modules about the token endpoint and DPoP, and the rest of the server checklist of FAPI 2.0; see
 * oauth-conformance.
 */
import { randomUUID } from 'node:crypto'
import { generateKeyPair } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ask, codeForm, postForm, proof, push, redeem, seconds, verdict } from '../business.ts'
import type { PendingRequest, Raw } from '../business.ts'
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
async function exchanged(over: Over = {}, raw: Raw = {}) {
  const { callback, pending } = await decided()
  const form = Object.entries({ ...codeForm(shop, callback, pending), ...over }).filter(
    ([, value]) => value !== undefined,
  )
  return verdict(postForm(shop, 'token', Object.fromEntries(form) as Form, raw))
}
describe('token endpoint', () => {
  test('ensure-client-id-in-token-endpoint', async () => {
    expect(await exchanged({ client_id: rival.clientId })).toBe('400 invalid_request')
  })

  test('ensure-holder-of-key-required', async () => {
    expect(await exchanged({}, { proof: null })).toBe('400 invalid_grant')
  })

  test('ensure-authorization-code-is-bound-to-client', async () => {
    const { callback, pending } = await decided()
    expect(await verdict(postForm(rival, 'token', codeForm(shop, callback, pending)))).toBe(
      '400 invalid_grant',
    )
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe('200')
  })

  test('attempt-reuse-authorization-code-after-one-second', async () => {
    const { callback, pending } = await decided()
    await redeem(shop, callback, pending)
    turnClock(1_000)
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe(
      '400 invalid_grant',
    )
  })

  test('ensure-token-endpoint-fails-with-expired-auth-code', async () => {
    const { callback, pending } = await decided()
    turnClock(75_000)
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe(
      '400 invalid_grant',
    )
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
    ['no proof dated more than 60 s ahead', () => ({ iat: seconds() + 70 }), '400 invalid_dpop_proof'],
    ['ensure-dpopproof-with-iat-10seconds-before-succeeds', () => ({ iat: seconds() - 10 }), '200'],
    ['ensure-dpopproof-with-iat-10seconds-after-succeeds', () => ({ iat: seconds() + 10 }), '200'],
  ])('%s', async (_module, claims, expected) => {
    expect(await proven(claims())).toBe(expected)
  })

  test('ensure-mismatched-dpop-jkt-fails', async () => {
    expect(await pushed({ dpop_jkt: 'x'.repeat(43) })).toBe('400 invalid_request')
  })

  test('ensure-token-endpoint-fails-with-mismatched-dpop-jkt', async () => {
    const { callback, pending } = await decided()
    const other = await generateKeyPair('ES256', { extractable: true })
    const raw = { proof: await tokenProof({}, other) }
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending), raw))).toBe(
      '400 invalid_grant',
    )
  })

  test('ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt', async () => {
    const other = await generateKeyPair('ES256', { extractable: true })
    const { pending } = await push(shop, {}, { proof: await proof(other, { htm: 'POST', htu: parUrl() }) })
    const { callback } = await decided(pending)
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe(
      '400 invalid_grant',
    )
  })

  test('ensure-dpopproof-at-par-endpoint-binding-success', async () => {
    const { pending } = await push(shop)
    const { callback } = await decided(pending)
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe('200')
  })

  test('ensure-dpop-auth-code-binding-success', async () => {
    const { pending } = await push(shop, { dpop_jkt: await shop.DPoP.calculateThumbprint() }, { proof: null })
    const { callback } = await decided(pending)
    expect(await verdict(postForm(shop, 'token', codeForm(shop, callback, pending)))).toBe('200')
  })

  test('keys that the gateway takes are taken here: PS256, Ed25519', async () => {
    for (const alg of ['PS256', 'Ed25519', 'EdDSA']) {
      const keys = await generateKeyPair(alg, { extractable: true })
      const made = await proof(keys, { htm: 'POST', htu: tokenUrl() }, {}, { header: { alg } })
      expect(await verdict(postForm(shop, 'token', batch, { proof: made }))).toBe('200')
    }
  })

  test('RSA keys that the gateway refuses are refused here: a token bound to one would read nothing', async () => {
    const unusual = {
      name: 'RSA-PSS',
      modulusLength: 2048,
      publicExponent: Uint8Array.of(3),
      hash: 'SHA-256',
    }
    const keys = await crypto.subtle.generateKey(unusual, true, ['sign', 'verify'])
    const made = await proof(keys, { htm: 'POST', htu: tokenUrl() }, {}, { header: { alg: 'PS256' } })
    expect(await verdict(postForm(shop, 'token', batch, { proof: made }))).toBe('400 invalid_dpop_proof')
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
    expect(await verdict(fetch(tokenUrl(), { method: 'POST', body }))).toBe('401 invalid_client')
  })

  test('redirects are 303, never 307, and go to no other address than the registered one', async () => {
    const { pending } = await push(shop)
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
