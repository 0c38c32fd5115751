/**
 * Rows 16 to 21, 23 to 25 and 29 of the attack table: codes, tokens and proofs. Each with its exact answer.
 */
import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readGrant } from '#core/records/grants.ts'
import {
  accessRequest,
  ask,
  assertion,
  batchToken,
  codeForm,
  outcome,
  postForm,
  proof,
  redeem,
  refresh,
  seconds,
  verdict,
} from '../business.ts'
import type { Business } from '../business.ts'
import { comeBack, decideAt, openPage, postDecision, readPage, startTwoShops } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop, rival } = await startTwoShops())
})

// Whom nobody has refused anything before.
beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const batch = { grant_type: 'client_credentials', scope: 'batch' }
const tokenUrl = () => `${vault.issuer}/token`
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('codes and refresh tokens', () => {
  const codeForm = (callback: URL, pending: { codeVerifier: string }, over: Record<string, string> = {}) => ({
    grant_type: 'authorization_code',
    code: String(callback.searchParams.get('code')),
    redirect_uri: shop.redirectUri,
    code_verifier: pending.codeVerifier,
    ...over,
  })
  const decided = async (over: Readonly<Record<string, string>> = {}) => {
    const pending = await ask(shop, accessRequest(), over)
    return { pending, ...(await decideAt(vault, alma, pending.url)) }
  }

  test('16: a code is good for nobody and nothing else, and still good for its owner afterwards', async () => {
    const { callback, pending } = await decided()
    const form = codeForm(callback, pending)
    expect(await verdict(postForm(rival, 'token', form))).toBe('400 invalid_grant')
    expect(await verdict(postForm(shop, 'token', { ...form, code_verifier: 'x'.repeat(43) }))).toBe(
      '400 invalid_grant',
    )
    const { code_verifier: _, ...bare } = form
    expect(await verdict(postForm(shop, 'token', bare))).toBe('400 invalid_grant')
    expect(await verdict(postForm(shop, 'token', { ...form, redirect_uri: rival.redirectUri }))).toBe(
      '400 invalid_grant',
    )
    expect(await verdict(postForm(shop, 'token', form, { proof: null }))).toBe('400 invalid_grant')
    expect(await verdict(postForm(shop, 'token', form))).toBe('200')
  })

  test('16: a code is bound to the key the request was pushed with; trying another spends it', async () => {
    const { callback, pending } = await decided()
    const form = codeForm(callback, pending)
    const otherKeys = await generateKeyPair('ES256', { extractable: true })
    const otherProof = await proof(otherKeys, { htm: 'POST', htu: tokenUrl() })
    expect(await verdict(postForm(shop, 'token', form, { proof: otherProof }))).toBe('400 invalid_grant')
    expect(await verdict(postForm(shop, 'token', form))).toBe('400 invalid_grant')
  })

  test('17: a code used twice ends its tokens, and the consent lives on', async () => {
    const { callback, pending, result } = await decided()
    const tokens = await redeem(shop, callback, pending)
    expect(await introspected(tokens.accessToken)).toMatchObject({ active: true })
    expect(await verdict(postForm(shop, 'token', codeForm(callback, pending)))).toBe('400 invalid_grant')
    expect(await outcome(refresh(shop, tokens.refreshToken))).toBe('400 invalid_grant')
    expect(await introspected(tokens.accessToken)).toEqual({ active: false })
    expect((await readGrant(vault.ledger, String(result.grantId)))?.value).toMatchObject({
      state: 'active',
      redeemed: true,
    })
  })

  test('23: a refresh token is good for its business only, and not beyond the grant', async () => {
    const { callback, pending } = await decided()
    const tokens = await redeem(shop, callback, pending)
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refreshToken }
    expect(await verdict(postForm(rival, 'token', form))).toBe('400 invalid_grant')
    const wide = JSON.stringify([
      {
        type: tokens.granted[0]?.type,
        items: [{ purpose: 'dpv:DirectMarketing', fields: ['profile.name'] }],
      },
    ])
    expect(await verdict(postForm(shop, 'token', { ...form, authorization_details: wide }))).toBe(
      '400 invalid_authorization_details',
    )
    expect(await verdict(postForm(shop, 'token', { ...batch, authorization_details: wide }))).toBe(
      '400 invalid_authorization_details',
    )
    expect(await verdict(postForm(shop, 'token', form))).toBe('200')
  })

  test("24: a business neither sees nor ends another's refresh token", async () => {
    const { callback, pending } = await decided()
    const { refreshToken } = await redeem(shop, callback, pending)
    const seen = await postForm(rival, 'token/introspection', { token: refreshToken })
    expect([seen.status, await seen.json()]).toEqual([200, { active: false }])
    expect((await postForm(rival, 'token/revocation', { token: refreshToken })).status).toBe(200)
    expect(await outcome(refresh(shop, refreshToken))).toBe('accepted')
    expect((await postForm(shop, 'token/revocation', { token: refreshToken })).status).toBe(200)
    expect(await outcome(refresh(shop, refreshToken))).toBe('400 invalid_grant')
  })

  const introspected = async (token: string, business: Business = shop) =>
    (await postForm(business, 'token/introspection', { token })).json()

  test('25: access tokens can be introspected and revoked by their own business', async () => {
    const { callback, pending } = await decided()
    const { accessToken, claims, grantId } = await redeem(shop, callback, pending)
    expect(await introspected(accessToken)).toEqual({ active: true, token_type: 'DPoP', ...claims })
    expect(await introspected(accessToken, rival)).toEqual({ active: false })
    expect((await postForm(rival, 'token/revocation', { token: accessToken })).status).toBe(200)
    expect(await introspected(accessToken)).toMatchObject({ active: true, grant_id: grantId })
    const [head, , signature] = accessToken.split('.')
    expect(await introspected(`${head}.${b64({ ...claims, sub: 'x' })}.${signature}`)).toEqual({
      active: false,
    })
    expect((await postForm(shop, 'token/revocation', { token: accessToken })).status).toBe(200)
    expect(await introspected(accessToken)).toEqual({ active: false })
    const whole = await batchToken(shop)
    expect(await introspected(whole)).toMatchObject({ active: true, scope: 'batch' })
    expect(
      await verdict(postForm(shop, 'token/introspection', { token: whole }, { assertion: 'x.y.z' })),
    ).toBe('400 invalid_request')
  })

  test('29: an answer without our name, or with another, is refused by the business', async () => {
    const { callback, pending } = await decided()
    const other = new URL(callback)
    other.searchParams.set('iss', 'https://other.example')
    expect(await outcome(redeem(shop, other, pending))).toBe('OAUTH_INVALID_RESPONSE')
    const without = new URL(callback)
    without.searchParams.delete('iss')
    expect(await outcome(redeem(shop, without, pending))).toBe('OAUTH_INVALID_RESPONSE')
  })

  test('the customer says later, or no', async () => {
    for (const [decision, error] of [
      ['later', 'interaction_required'],
      ['deny', 'access_denied'],
    ] as const) {
      const pending = await ask(shop)
      const { callback, result } = await decideAt(vault, alma, pending.url, (view) => ({
        accountId: view.accountId,
        requestHash: view.requestHash,
        decision,
      }))
      expect(callback.searchParams.get('error')).toBe(error)
      expect(callback.searchParams.get('iss')).toBe(vault.issuer)
      expect(callback.searchParams.get('state')).toBe(pending.state)
      expect(callback.searchParams.has('code')).toBe(false)
      expect(result.grantId).toBeUndefined()
    }
  })

  test('a state of 1,000 and a nonce of 64 characters come back whole', async () => {
    const [state, nonce] = ['s'.repeat(1000), 'n'.repeat(64)]
    const { callback, pending } = await decided({ state, nonce })
    expect(callback.searchParams.get('state')).toBe(state)
    expect(await outcome(redeem(shop, callback, { ...pending, state, nonce }))).toBe('accepted')
  })

  test('the batch scope is never a customer’s to give', async () => {
    const { callback, pending } = await decided({ scope: 'openid batch' })
    const { claims } = await redeem(shop, callback, pending)
    expect(claims).not.toHaveProperty('scope')
  })

  test('a token of the business is for scope batch, and there is none without', async () => {
    const token = (scope: Record<string, string>) =>
      verdict(postForm(shop, 'token', { grant_type: 'client_credentials', ...scope }))
    for (const scope of [{}, { scope: '' }, { scope: 'openid' }, { scope: 'BATCH' }])
      expect(await token(scope)).toBe('400 invalid_scope')
    expect(await token({ scope: 'batch' })).toBe('200')
    expect(await token({ scope: 'batch openid' })).toBe('200')
  })

  test('a decision that was come back from is not decided again', async () => {
    const pending = await ask(shop)
    const page = await openPage(vault, alma, pending.url)
    const view = await readPage(page, alma)
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    const first = (await (await postDecision(page, alma, deny)).json()) as { returnTo: string }
    await comeBack(vault, alma, first.returnTo)
    const again = await postDecision(page, alma, deny)
    expect([again.status, await again.json()]).toMatchObject([410, { code: 'request-expired' }])
  })
})

describe('DPoP', () => {
  const proven = async (
    target: { htm?: string; htu?: string },
    claims = {},
    signing: Parameters<typeof proof>[3] = {},
  ) => {
    const text = await proof(shop.dpopKeys, { htm: 'POST', htu: tokenUrl(), ...target }, claims, signing)
    return verdict(postForm(shop, 'token', batch, { proof: text }))
  }

  test('18: another URL, method, type or key is invalid_dpop_proof', async () => {
    const refused = '400 invalid_dpop_proof'
    expect(await proven({ htu: `${tokenUrl()}/` })).toBe(refused)
    expect(await proven({ htu: `${vault.issuer}/request` })).toBe(refused)
    expect(await proven({ htm: 'GET' })).toBe(refused)
    expect(await proven({}, {}, { header: { typ: 'jwt' } })).toBe(refused)
    expect(await proven({}, {}, { header: { jwk: undefined } })).toBe(refused)
    expect(await proven({}, {}, { header: { jwk: await exportJWK(shop.dpopKeys.privateKey) } })).toBe(refused)
    expect(await proven({}, { jti: undefined })).toBe(refused)
    expect(await proven({}, { iat: undefined })).toBe(refused)
    const other = await generateKeyPair('ES256')
    expect(await proven({}, {}, { key: other.privateKey })).toBe(refused)
    const payload = b64({ jti: randomUUID(), htm: 'POST', htu: tokenUrl(), iat: seconds() })
    const none = `${b64({ alg: 'none', typ: 'dpop+jwt', jwk: await exportJWK(shop.dpopKeys.publicKey) })}.${payload}.`
    expect(await verdict(postForm(shop, 'token', batch, { proof: none }))).toBe(refused)
    const secret = new Uint8Array(32)
    const jwk = { kty: 'oct', k: Buffer.from(secret).toString('base64url') }
    expect(await proven({}, {}, { header: { alg: 'HS256', jwk }, key: secret })).toBe(refused)
    const two = await proof(shop.dpopKeys, { htm: 'POST', htu: tokenUrl() })
    expect(await verdict(postForm(shop, 'token', batch, { moreProofs: [two] }))).toBe(refused)
    expect(await verdict(postForm(shop, 'token', batch, { proof: null }))).toBe('400 invalid_grant')
  })

  test('19: what names the same URL is accepted', async () => {
    const { host, pathname } = new URL(tokenUrl())
    for (const htu of [
      `HTTP://${host}${pathname}`,
      `${tokenUrl()}?x=1`,
      `${tokenUrl()}#x`,
      `http://${host}/x/%2e%2e${pathname}`,
    ])
      expect(await proven({ htu })).toBe('200')
    expect(await proven({}, { jti: 'x'.repeat(10_000) })).toBe('200')
  })

  test('20: a proof an hour off, or a made-up nonce, asks for ours', async () => {
    for (const claims of [{ iat: seconds() - 3600 }, { iat: seconds() + 3600 }, { nonce: 'made-up' }]) {
      const text = await proof(shop.dpopKeys, { htm: 'POST', htu: tokenUrl() }, claims)
      const response = await postForm(shop, 'token', batch, { proof: text })
      const nonce = String(response.headers.get('dpop-nonce'))
      expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([
        400,
        'use_dpop_nonce',
      ])
      expect(await proven({}, { nonce })).toBe('200')
    }
    expect(await proven({}, { iat: seconds() + 8 })).toBe('200')
  })

  test('21: a proof used twice is refused', async () => {
    const once = await proof(shop.dpopKeys, { htm: 'POST', htu: tokenUrl() })
    const use = () => verdict(postForm(shop, 'token', batch, { proof: once }))
    expect([await use(), await use()]).toEqual(['200', '400 invalid_grant'])
  })
})

describe('what a refusal says', () => {
  const why = async (response: Promise<Response>): Promise<string> => {
    const { error, error_description: words } = (await (await response).json()) as Record<string, string>
    return `${error}: ${words}`
  }
  const asserted = async (over: Readonly<Record<string, unknown>>, raw?: Parameters<typeof assertion>[2]) =>
    why(postForm(shop, 'token', batch, { assertion: await assertion(shop, over, raw) }))
  const proven = async (over: object) =>
    why(
      postForm(shop, 'token', batch, {
        proof: await proof(shop.dpopKeys, { htm: 'POST', htu: tokenUrl(), ...over }),
      }),
    )

  test('names the claim of an assertion or proof that is wrong, and what it has to be', async () => {
    expect(await asserted({ aud: tokenUrl() })).toContain(`aud must be ${vault.issuer}, as one string`)
    expect(await asserted({ iat: seconds() + 70 })).toContain('iat must be now')
    expect(await asserted({ exp: undefined })).toContain('exp must lie ahead, by at most 300 s')
    expect(await asserted({ exp: seconds() + 400 })).toContain('exp must lie ahead, by at most 300 s')
    expect(await asserted({ iss: rival.clientId })).toContain('iss and sub must be your client_id')
    expect(await asserted({ nbf: seconds() + 70 })).toContain('nbf must not lie ahead')
    expect(await asserted({ jti: undefined })).toContain('jti must be a text')
    const once = await assertion(shop)
    await postForm(shop, 'token', batch, { assertion: once })
    expect(await why(postForm(shop, 'token', batch, { assertion: once }))).toContain('was used before')
    expect(await proven({ htu: `${tokenUrl()}/` })).toBe(
      `invalid_dpop_proof: htu of the DPoP proof must be ${tokenUrl()}`,
    )
    expect(await proven({ htm: 'GET' })).toBe('invalid_dpop_proof: htm of the DPoP proof must be POST')
    expect(await why(postForm(shop, 'token', batch, { proof: 'none' }))).toContain('typ dpop+jwt')
    expect(await why(postForm(shop, 'token', batch, { proof: null }))).toContain('a DPoP proof is needed')
  })

  test('says how to authenticate, and what a body may be', async () => {
    const posted = (body: URLSearchParams) => why(fetch(tokenUrl(), { method: 'POST', body }))
    const form = new URLSearchParams(batch)
    expect(await posted(form)).toMatch(/^invalid_request: authenticate by private_key_jwt alone: client_ass/)
    form.set('padding', 'x'.repeat(60_000))
    expect(await posted(form)).toMatch(/^invalid_request: the body cannot be read: at most 56 kB/)
  })

  test('is one and the same for a key that is not there and a business that is not there', async () => {
    const stranger = { ...shop, clientId: 'x'.repeat(43) }
    const words = await why(postForm(stranger, 'token', batch))
    expect(words).toContain('no key registered for this client_id')
    expect(await asserted({}, { header: { kid: 'other' } })).toBe(words)
    expect(await asserted({}, { key: (await generateKeyPair('ES256')).privateKey })).toBe(words)
  })

  test("is one and the same for a code or refresh token that is unknown, used or another business's", async () => {
    const pending = await ask(shop)
    const { callback } = await decideAt(vault, alma, pending.url)
    const form = { ...codeForm(shop, callback, pending) }
    const words = await why(postForm(shop, 'token', { ...form, code: 'x'.repeat(43) }))
    expect(words).toContain('the code is unknown or used')
    expect(await why(postForm(rival, 'token', form))).toBe(words)
    expect(await why(postForm(shop, 'token', { ...form, code_verifier: 'x'.repeat(43) }))).toContain(
      'code_verifier',
    )
    const { refreshToken } = await redeem(shop, callback, pending)
    expect(await why(postForm(shop, 'token', form))).toBe(words)
    const refreshed = (business: Business, token: string) =>
      why(postForm(business, 'token', { grant_type: 'refresh_token', refresh_token: token }))
    const unknown = await refreshed(shop, 'x'.repeat(43))
    expect(unknown).toContain('look into /v1/grants')
    expect(await refreshed(rival, refreshToken)).toBe(unknown)
  })
})
