/** Rows 1 to 29 and 42 of the attack table of the authorization server, each with its exact answer. */
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  accessRequest,
  ask,
  assertion,
  batchToken,
  outcome,
  postForm,
  postRegistration,
  proof,
  redeem,
  refresh,
  registrationBody,
  requestParameters,
  seconds,
  verdict,
} from '../business.ts'
import type { Business } from '../business.ts'
import { comeBack, decideAt, openPage, postDecision, startOAuthVault } from '../oauth-vault.ts'
import type { Customer, OAuthVault } from '../oauth-vault.ts'

let vault: OAuthVault
let shop: Business & { vendorId: string }
let rival: Business & { vendorId: string }
let alma: Customer

beforeAll(async () => {
  vault = await startOAuthVault()
  shop = await vault.business()
  rival = await vault.business({ redirectUri: 'https://rival.example/callback', algorithm: 'Ed25519' })
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const batch = { grant_type: 'client_credentials', scope: 'batch' }
const tokenUrl = () => `${vault.issuer}/token`
const asserted = async (text: string | Promise<string>) =>
  verdict(postForm(shop, 'token', batch, { assertion: await text }))
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

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
    ['11: a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, '400 request_not_supported'],
    ['13: no details', { authorization_details: undefined }, '400 invalid_request'],
    ['13: an empty list', { authorization_details: '[]' }, '400 invalid_request'],
    ['13: no JSON', { authorization_details: '[{' }, '400 invalid_authorization_details'],
    ['13: an ID token as hint', { id_token_hint: 'x.y.z' }, '400 invalid_request'],
    ['15: another resource', { resource: 'https://other.example' }, '400 invalid_target'],
  ])('%s', async (_what, over, expected) => {
    expect(await push(over)).toBe(expected)
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
    const { readGrant } = await import('#core/records/grants.ts')
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

  test('the customer says no, or later', async () => {
    for (const [decision, error] of [
      ['deny', 'access_denied'],
      ['later', 'interaction_required'],
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

  test('a decision that was come back from is not decided again', async () => {
    const pending = await ask(shop)
    const page = await openPage(vault, alma, pending.url)
    const view = await (await import('../oauth-vault.ts')).readPage(page, alma)
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    const first = (await (await postDecision(page, alma, deny)).json()) as { returnTo: string }
    await comeBack(vault, alma, first.returnTo)
    const again = await postDecision(page, alma, deny)
    expect(again.status).toBe(404)
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

describe('addresses', () => {
  const status = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number; type: string; text: string }>((resolve, reject) => {
      const { port } = new URL(vault.vaultUrl)
      const call = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        const { statusCode = 0 } = response
        response.on('end', () =>
          resolve({ status: statusCode, type: String(response.headers['content-type']), text }),
        )
      })
      call.on('error', reject).end()
    })

  test('22: another Host is misdirected, everywhere', async () => {
    const host = 'evil.example'
    for (const path of [
      '/oauth/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/oauth',
      '/oauth/jwks',
      '/oauth/auth?client_id=x',
    ]) {
      const reply = await status(path, { host })
      expect([reply.status, reply.type]).toEqual([421, 'application/problem+json'])
    }
    expect((await status('/oauth/token', { host }, 'POST')).status).toBe(421)
  })

  test('22: forwarding headers of others change nothing', async () => {
    const { host } = new URL(vault.vaultUrl)
    const reply = await status('/oauth/.well-known/openid-configuration', {
      host,
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'ftp',
      forwarded: 'host=evil.example',
    })
    expect(JSON.parse(reply.text)).toMatchObject({ issuer: vault.issuer, token_endpoint: tokenUrl() })
    expect(reply.text).not.toContain('evil')
  })

  test('the metadata says what is required, also where RFC 8414 looks for it', async () => {
    const openid = await (await fetch(`${vault.issuer}/.well-known/openid-configuration`)).json()
    expect(openid).toMatchObject({
      issuer: vault.issuer,
      require_pushed_authorization_requests: true,
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      code_challenge_methods_supported: ['S256'],
      subject_types_supported: ['pairwise'],
      response_types_supported: ['code'],
      authorization_details_types_supported: ['urn:reach:access-request:1'],
      authorization_response_iss_parameter_supported: true,
    })
    expect(openid).not.toHaveProperty('userinfo_endpoint')
    const alias = await fetch(`${vault.vaultUrl}/.well-known/oauth-authorization-server/oauth`)
    expect(await alias.json()).toEqual(openid)
  })

  test('an error is a calm page for a browser, without anything that was sent', async () => {
    const trick = '%3Cscript%3Ealert(1)%3C/script%3E'
    const url = `${vault.issuer}/auth?client_id=${trick}&state=${trick}`
    const page = await fetch(url, { headers: { accept: 'text/html' } })
    const text = await page.text()
    expect([page.status, page.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8'])
    expect(text).toContain('This request cannot go on')
    expect(text).not.toContain('script')
    const json = await fetch(url, { headers: { accept: 'application/json' } })
    expect(await json.json()).toMatchObject({ error: 'invalid_client' })
  })
})

describe('registration', () => {
  const attempt = async (
    over: Readonly<Record<string, unknown>>,
    options: { code?: string | undefined; statement?: string } = {},
  ) => {
    const admission = await vault.operator.add({ name: 'Another Shop' })
    const keys = await generateKeyPair('ES256', { extractable: true })
    const body = await registrationBody(
      { ...admission, softwareStatement: options.statement ?? admission.softwareStatement },
      { publicKey: keys.publicKey, algorithm: 'ES256', kid: 'k1', redirectUri: 'https://a.example/cb' },
      over,
    )
    const code = 'code' in options ? options.code : admission.admissionCode
    const response = await postRegistration(vault.issuer, code, body)
    return { admission, body, response }
  }
  const attempted = async (...args: Parameters<typeof attempt>) => verdict((await attempt(...args)).response)

  test('26a: no code, a made-up one, or one that was used is 401', async () => {
    expect(await attempted({}, { code: undefined })).toBe('401 invalid_token')
    expect(await attempted({}, { code: 'made-up' })).toBe('401 invalid_token')
    const { admission, body, response } = await attempt({})
    expect(response.status).toBe(201)
    expect(await verdict(postRegistration(vault.issuer, admission.admissionCode, body))).toBe(
      '401 invalid_token',
    )
  })

  test('26b: a statement that is missing, forged, or of another admission is refused', async () => {
    const refused = '400 invalid_software_statement'
    expect(await attempted({ software_statement: undefined })).toBe(refused)
    expect(await attempted({ software_statement: 'x.y.z' })).toBe(refused)
    const other = await vault.operator.add({ name: 'Victim' })
    expect(await attempted({}, { statement: other.softwareStatement })).toBe(refused)
    const [head = '', payload = '', signature = ''] = other.softwareStatement.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    expect(
      await attempted({}, { statement: `${head}.${b64({ ...claims, client_name: 'Bank' })}.${signature}` }),
    ).toBe(refused)
    const forger = await generateKeyPair('ES256')
    const forged = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'software-statement+jwt' })
      .sign(forger.privateKey)
    expect(await attempted({}, { statement: forged })).toBe(refused)
  })

  test.each([
    ['http', ['http://a.example/cb']],
    ['another scheme', ['reach://cb']],
    ['javascript', ['javascript:alert(1)']],
    ['a fragment', ['https://a.example/cb#x']],
    ['user information', ['https://user@a.example/cb']],
    ['two hosts', ['https://a.example/cb', 'https://b.example/cb']],
    ['none', []],
    ['no list', 'https://a.example/cb'],
  ])('26c: redirect_uris with %s are refused', async (_what, uris) => {
    expect(await attempted({ redirect_uris: uris })).toBe('400 invalid_redirect_uri')
  })

  test('26c: loopback over http is for development only', async () => {
    const uris = ['http://localhost:3400/callback']
    expect(await attempted({ redirect_uris: uris })).toBe('201')
    await using live = await startOAuthVault({ mode: 'production' })
    const call = live.business({ redirectUri: 'http://localhost:3400/callback' })
    await expect(call).rejects.toThrow('invalid_redirect_uri')
  })

  test('26c, 27: keys are public, ours to check, and by value', async () => {
    const refused = '400 invalid_client_metadata'
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k' }
    expect(await attempted({ jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'k' }] } })).toBe(
      refused,
    )
    expect(await attempted({ jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k' }] } })).toBe(refused)
    expect(await attempted({ jwks: { keys: [jwk, jwk] } })).toBe(refused)
    expect(await attempted({ jwks: { keys: [] } })).toBe(refused)
    expect(await attempted({ jwks: undefined })).toBe(refused)
    const rsa = await generateKeyPair('RS256', { extractable: true })
    expect(await attempted({ jwks: { keys: [{ ...(await exportJWK(rsa.publicKey)), kid: 'k' }] } })).toBe(
      refused,
    )
    for (const uri of [
      'https://a.example/jwks',
      'http://127.0.0.1/jwks',
      'http://169.254.169.254/',
      'http://2130706433/',
      'http://0x7f.1/',
    ])
      expect(await attempted({ jwks: undefined, jwks_uri: uri })).toBe(refused)
    expect(await attempted({ sector_identifier_uri: 'https://a.example/sector' })).toBe(refused)
  })

  test('26c: what would weaken a client is forced back, and the statement says who it is', async () => {
    const { admission, response } = await attempt({
      client_name: 'A Bank',
      software_id: 'somebody-else',
      dpop_bound_access_tokens: false,
      token_endpoint_auth_method: 'client_secret_basic',
      subject_type: 'public',
      require_pushed_authorization_requests: false,
      response_types: ['code', 'token'],
      response_modes: ['form_post'],
      authorization_details_types: ['urn:other'],
      id_token_signed_response_alg: 'none',
      logo_uri: 'https://tracker.example/logo.png',
      initiate_login_uri: 'https://a.example/login',
    })
    const metadata = (await response.json()) as object
    expect(metadata).toMatchObject({
      client_name: 'Another Shop',
      software_id: admission.vendorId,
      software_statement: admission.softwareStatement,
      dpop_bound_access_tokens: true,
      token_endpoint_auth_method: 'private_key_jwt',
      subject_type: 'pairwise',
      require_pushed_authorization_requests: true,
      response_types: ['code'],
      authorization_details_types: ['urn:reach:access-request:1'],
      id_token_signed_response_alg: 'ES256',
    })
    for (const member of ['logo_uri', 'initiate_login_uri', 'response_modes', 'client_secret'])
      expect(metadata).not.toHaveProperty(member)
  })

  test('a registration that fails does not spend the code', async () => {
    const { admission, body } = await attempt({ redirect_uris: [] })
    const right = { ...body, redirect_uris: ['https://a.example/cb'] }
    expect((await postRegistration(vault.issuer, admission.admissionCode, right)).status).toBe(201)
  })

  test("28: one business's registration token is no good at another's client", async () => {
    const token = String(rival.metadata['registration_access_token'])
    const at = (clientId: string) =>
      fetch(`${vault.issuer}/reg/${clientId}`, { headers: { authorization: `Bearer ${token}` } })
    expect((await at(rival.clientId)).status).toBe(200)
    expect(await verdict(at(shop.clientId))).toBe('401 invalid_token')
  })
})
