/**
 * Behind a proxy that ends TLS: plain HTTP reaches the server, and every address and cookie is still an https
 * one.
 */
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import * as client from 'openid-client'
import { generateKeyPair } from 'jose'
import { expect, test } from 'vitest'
import { accessRequest, assertion, registrationBody, requestParameters } from '../business.ts'
import type { Business } from '../business.ts'
import { allowing, startOAuthVault } from '../oauth-vault.ts'
import type { DecisionResult, RequestView } from '../../schemas/types.gen.ts'

test('addresses are https, cookies are Secure, whatever the proxy forwards', async () => {
  const vaultUrl = 'https://vault.example'
  await using vault = await startOAuthVault({ behind: vaultUrl, mode: 'production' })
  const send = (method: string, path: string, body = '', headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const forwarded = {
        host: 'vault.example',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'evil.example',
      }
      const options = {
        host: '127.0.0.1',
        port: vault.port,
        method,
        path,
        headers: { ...forwarded, ...headers },
      }
      const call = request(options, (reply) => {
        let text = ''
        reply.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text }))
      })
      call.on('error', reject).end(body)
    })

  const metadata = JSON.parse((await send('GET', '/oauth/.well-known/openid-configuration')).text)
  const addresses = Object.entries<unknown>(metadata).filter(([name]) =>
    /_endpoint$|_uri$|^issuer$/.test(name),
  )
  expect(addresses.length).toBeGreaterThan(5)
  for (const [, address] of addresses) expect(address).toMatch(/^https:\/\/vault\.example\/oauth/)

  const { admissionCode, softwareStatement } = await vault.operator.add({ name: 'Shop' })
  const keys = await generateKeyPair('ES256', { extractable: true })
  const key = {
    publicKey: keys.publicKey,
    algorithm: 'ES256',
    kid: 'k',
    redirectUri: 'https://s.example/cb',
  } as const
  const registered = await send(
    'POST',
    '/oauth/reg',
    JSON.stringify(await registrationBody({ admissionCode, softwareStatement }, key)),
    { 'content-type': 'application/json', authorization: `Bearer ${admissionCode}` },
  )
  const { client_id: clientId, registration_client_uri: at } = JSON.parse(registered.text)
  expect(at).toBe(`${vaultUrl}/oauth/reg/${clientId}`)
  const config = new client.Configuration({ issuer: vault.issuer }, clientId)
  const dpopKeys = await client.randomDPoPKeyPair()
  const DPoP = client.getDPoPHandle(config, dpopKeys)
  const common = { issuer: vault.issuer, clientId, redirectUri: key.redirectUri, metadata: {}, config }
  const shop: Business = { ...common, keys, algorithm: 'ES256', kid: 'k', dpopKeys, DPoP }
  const { parameters } = await requestParameters(shop, [accessRequest()])
  const form = new URLSearchParams({
    ...parameters,
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertion(shop),
  })
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const pushed = await send('POST', '/oauth/request', form.toString(), type)
  const query = new URLSearchParams({ client_id: clientId, request_uri: JSON.parse(pushed.text).request_uri })
  const page = await send('GET', `/oauth/auth?${query}`)
  expect(page.headers.location).toMatch(/^https:\/\/vault\.example\/consent\//)
  const cookies = page.headers['set-cookie'] ?? []
  expect(cookies.length).toBeGreaterThanOrEqual(4)
  for (const cookie of cookies) expect(cookie).toMatch(/; secure; httponly/i)
  for (const cookie of cookies) expect(cookie).toMatch(/samesite=lax/i)

  // An answer from the list: the cookie for the way back is made by us, not by the library's own route.
  const alma = await vault.customer()
  const ofPage = {
    'content-type': 'application/json',
    origin: vaultUrl,
    'sec-fetch-site': 'same-origin',
    'x-test-customer': alma.accountId,
  }
  const cookie = cookies.map((line) => line.split(';')[0]).join('; ')
  const { pathname } = new URL(String(page.headers.location))
  const opened = await send('POST', `${pathname}/open`, '{}', { ...ofPage, cookie })
  const view = JSON.parse(opened.text) as RequestView
  const list = `/consent/${view.requestId}/decision`
  const decided = await send('POST', list, JSON.stringify(allowing(view)), ofPage)
  const { returnTo } = JSON.parse(decided.text) as DecisionResult
  expect(returnTo).toMatch(/^https:\/\/vault\.example\/oauth\/auth\//)
  const made = decided.headers['set-cookie'] ?? []
  expect(made.length).toBeGreaterThan(0)
  for (const one of made) {
    expect(one).toMatch(/; secure; httponly/i)
    expect(one).toContain(`path=${new URL(String(returnTo)).pathname}`)
    expect(one).toMatch(/samesite=lax/i)
  }
})
