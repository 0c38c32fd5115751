/**
 * Rows 22 and 26 to 28 of the attack table: addresses, metadata and registration. Each with its exact answer.
 */
import { request as httpRequest } from 'node:http'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postRegistration, registrationBody, verdict } from '../business.ts'
import type { Business } from '../business.ts'
import { startOAuthVault } from '../oauth-vault.ts'
import type { OAuthVault } from '../oauth-vault.ts'

let vault: OAuthVault
let shop: Business & { vendorId: string }
let rival: Business & { vendorId: string }

beforeAll(async () => {
  vault = await startOAuthVault()
  shop = await vault.business()
  rival = await vault.business({ redirectUri: 'https://rival.example/callback', algorithm: 'Ed25519' })
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const tokenUrl = () => `${vault.issuer}/token`
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

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
    ['a backslash, which some read as a slash', [String.raw`https://a.example\@b.example/cb`]],
    ['a path that says another', ['https://a.example/x/../cb']],
    ['a letter that turns text round', ['https://a.example/\u202Ecb']],
    ['a host in other letters than it is asked for', ['https://\u0430.example/cb']],
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
    expect(await attempted({ jwks: { keys: [{ ...jwk, use: 'enc' }] } })).toBe(refused)
    expect(await attempted({ jwks: { keys: [{ ...jwk, x: 'A'.repeat(43) }] } })).toBe(refused)
    expect(await attempted({ redirect_uris: ['https://a.example'], jwks: { keys: [jwk] } })).toBe('201')
    expect(await attempted({ jwks: undefined })).toBe(refused)
    // An algorithm that none of the keys is for would shut the business out of everything.
    const named = async (algorithm: unknown) => {
      const { response } = await attempt({ token_endpoint_auth_signing_alg: algorithm })
      return ((await response.json()) as { error_description: string }).error_description
    }
    expect(await named('Ed25519')).toBe('jwks must hold a key for the token_endpoint_auth_signing_alg')
    for (const algorithm of ['HS256', 'RS256', ['ES256'], null])
      expect(await named(algorithm)).toMatch(/alg must be one of ES256, EdDSA, Ed25519/)
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

  test('28: nothing is done, off the record, at an address that is spelled another way', async () => {
    const { registration_client_uri: at, registration_access_token: token, redirect_uris } = rival.metadata
    const { jwks } = shop.metadata
    const head = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' }
    const change = { method: 'PUT', body: JSON.stringify({ client_id: rival.clientId, jwks, redirect_uris }) }
    for (const address of [String(at).replace('/reg/', '/Reg/'), `${String(at)}/`]) {
      expect((await fetch(address, { ...change, headers: head })).status).toBe(404)
      expect((await fetch(address, { method: 'DELETE', headers: head })).status).toBe(404)
    }
    expect((await fetch(`${vault.issuer}/Device`)).status).toBe(404)
    expect((await fetch(String(at), { headers: head })).status).toBe(200)
  })

  test('of changes at once one holds; the others learn that it is theirs to try again', async () => {
    const {
      registration_client_uri: at,
      registration_access_token: token,
      redirect_uris,
      jwks,
    } = rival.metadata
    const headers = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ client_id: rival.clientId, jwks, redirect_uris })
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => fetch(String(at), { method: 'PUT', headers, body })),
    )
    expect(replies.some(({ ok }) => ok)).toBe(true)
    for (const reply of replies.filter(({ ok }) => !ok)) {
      expect(reply.status).toBe(409)
      expect(await reply.json()).toMatchObject({ error: 'invalid_request' })
    }
    expect((await fetch(String(at), { method: 'PUT', headers, body })).status).toBe(200)
  })

  test("28: one business's registration token is no good at another's client", async () => {
    const token = String(rival.metadata['registration_access_token'])
    const at = (clientId: string) =>
      fetch(`${vault.issuer}/reg/${clientId}`, { headers: { authorization: `Bearer ${token}` } })
    expect((await at(rival.clientId)).status).toBe(200)
    expect(await verdict(at(shop.clientId))).toBe('401 invalid_token')
  })
})
