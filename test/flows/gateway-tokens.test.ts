import { hash } from 'node:crypto'
import { connect } from 'node:net'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endTokens, revokeToken } from '#core/records/token-marks.ts'
import { put } from '#core/records/parts.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { accessToken, encode, jws, newKey, proofFor } from '../../bench/business.ts'
import type { Business } from '../../bench/business.ts'
import { exchange } from '../../bench/load.ts'
import { remoteKeys } from '../../vendor-gateway/tokens/access-token.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { GatewayReply, TestVendor } from '../gateway.ts'

let gateway: TestGateway
let shop: TestVendor
let rival: TestVendor
let grant: Grant
let path: string

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
  rival = await gateway.vendor('rival')
  grant = await gateway.grant(await gateway.customer(), shop)
  path = `/v1/subjects/${grant.subject}?fields=profile.name&purpose=${delivery}`
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** A business that presents this text as its token, with a proof that fits it. */
const presenting = (token: string, business: Business = shop): Business => ({
  ...business,
  token,
  tokenHash: hash('sha256', token, 'base64url'),
})
const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
const usual = () => claimsOf(shop.token)
const signed = (header: object, claims: object = usual(), key = gateway.issuer.key) =>
  jws(encode(header), claims, key)
const atJwt = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' }

function expectRefusal(reply: GatewayReply, code: string, error: string | undefined): void {
  expect([reply.status, reply.json.code]).toEqual([401, code])
  const challenge = reply.headers.get('www-authenticate') ?? ''
  expect(challenge).toMatch(
    error === undefined ? /^DPoP algs="ES256 / : new RegExp(`^DPoP error="${error}", algs="ES256 `),
  )
  expect(challenge).toContain(`resource_metadata="${gateway.url}/.well-known/oauth-protected-resource"`)
  expect(reply.text).not.toContain('Ada')
}

describe('an access token is refused', () => {
  const hmacKey = () => {
    const text = `${encode({ ...atJwt, alg: 'HS256' })}.${encode(usual())}`
    const secret = JSON.stringify(gateway.issuer.key.jwk)
    return `${text}.${hash('sha256', secret + text, 'base64url')}`
  }
  const cases: Record<string, () => Business> = {
    'with alg none': () => presenting(`${encode({ ...atJwt, alg: 'none' })}.${encode(usual())}.`),
    'with alg HS256': () => presenting(hmacKey()),
    'with typ JWT, as id tokens have': () => presenting(signed({ ...atJwt, typ: 'JWT' })),
    'without typ': () => presenting(signed({ alg: 'ES256', kid: 'k1' })),
    'with typ token-introspection+jwt': () =>
      presenting(signed({ ...atJwt, typ: 'token-introspection+jwt' })),
    'with a key of its own in the header': () => {
      const key = newKey()
      return presenting(signed({ ...atJwt, kid: undefined, jwk: key.jwk }, usual(), key))
    },
    'with the address of another key set': () => {
      const key = newKey()
      return presenting(signed({ ...atJwt, jku: 'https://evil.example/jwks' }, usual(), key))
    },
    'with an unknown key id': () => presenting(signed({ ...atJwt, kid: 'k9' })),
    'with a critical extension': () => presenting(signed({ ...atJwt, crit: ['exp'] })),
    'with an edited payload': () => {
      const [header = '', , signature = ''] = shop.token.split('.')
      return presenting(`${header}.${encode({ ...usual(), client_id: rival.clientId })}.${signature}`)
    },
    'of another issuer': () => presenting(signed(atJwt, { ...usual(), iss: 'https://evil.example/oauth' })),
    'for another audience': () => presenting(signed(atJwt, { ...usual(), aud: 'https://vault.example' })),
    'without audience': () => presenting(signed(atJwt, { ...usual(), aud: undefined })),
    expired: () => presenting(signed(atJwt, { ...usual(), exp: Math.floor(gateway.house.now() / 1000) - 1 })),
    'without end': () => presenting(signed(atJwt, { ...usual(), exp: undefined })),
    'not valid yet': () =>
      presenting(signed(atJwt, { ...usual(), nbf: Math.floor(gateway.house.now() / 1000) + 60 })),
    'without jti': () => presenting(signed(atJwt, { ...usual(), jti: undefined })),
    'without client': () => presenting(signed(atJwt, { ...usual(), client_id: undefined })),
    'bound to nobody': () => presenting(signed(atJwt, { ...usual(), cnf: undefined })),
    'bound in an odd way': () => presenting(signed(atJwt, { ...usual(), cnf: ['x'] })),
    'with details that are none of ours': () =>
      presenting(signed(atJwt, { ...usual(), authorization_details: [{ type: 'payment' }] })),
    'of a client that is not there': () => {
      const claims = { ...usual(), client_id: 'client-gone', sub: 'client-gone' }
      return presenting(signed(atJwt, claims))
    },
    'that is no JWT': () => presenting('abc'),
    'that is very large': () => presenting(signed(atJwt, { ...usual(), pad: 'x'.repeat(7_000) })),
  }

  test.each(Object.keys(cases))('%s', async (name) => {
    const as = cases[name]?.() ?? shop
    expectRefusal(await gateway.call({ as, path }), 'invalid-token', 'invalid_token')
  })

  test('as Bearer, in the query, in another scheme, twice in one field, or not at all', async () => {
    const headers = { authorization: `Bearer ${shop.token}` }
    expectRefusal(await gateway.call({ as: shop, path, headers }), 'invalid-token', 'invalid_token')
    const basic = { authorization: 'Basic YTpi' }
    expectRefusal(await gateway.call({ as: shop, path, headers: basic }), 'invalid-token', 'invalid_token')
    const twice = { authorization: `DPoP ${shop.token}, DPoP ${shop.token}` }
    expectRefusal(await gateway.call({ as: shop, path, headers: twice }), 'invalid-token', 'invalid_token')
    const inQuery = await gateway.call({ path: `${path}&access_token=${shop.token}` })
    expectRefusal(inQuery, 'invalid-token', undefined)
    expectRefusal(await gateway.call({ path }), 'invalid-token', undefined)
  })

  test('once it is revoked, or its grant was redeemed twice, but not the tokens of others', async () => {
    const [one, two] = [gateway.withToken(shop), gateway.withToken(shop)]
    expect((await gateway.call({ as: one, path })).status).toBe(200)
    const { jti } = claimsOf(one.token)
    await gateway.ledger.commit(revokeToken(String(jti), gateway.house.now() + 300_000))
    expectRefusal(await gateway.call({ as: one, path }), 'invalid-token', 'invalid_token')
    expect((await gateway.call({ as: two, path })).status).toBe(200)
    const other = await gateway.grant(await gateway.customer(), shop)
    const own = gateway.withGrantToken(shop, other)
    const ownPath = `/v1/subjects/${other.subject}?fields=profile.name&purpose=${delivery}`
    expect((await gateway.call({ as: own, path: ownPath })).status).toBe(200)
    await gateway.ledger.commit(endTokens(other.grantId, gateway.house.now()))
    expectRefusal(await gateway.call({ as: own, path: ownPath }), 'invalid-token', 'invalid_token')
    expect((await gateway.call({ as: shop, path: ownPath })).status).toBe(200)
  })

  test('once its client is deleted', async () => {
    const vendor = await gateway.vendor('deleted')
    expect((await gateway.call({ as: vendor, path: '/v1/grants' })).status).toBe(200)
    const rows = await gateway.ledger.list<{ id: string }>('vendor-of-client/', { limit: 100 })
    const pointer = rows.find(({ value }) => value.id === vendor.vendorId)
    await gateway.ledger.commit({ writes: [{ ...put(pointer?.key ?? '', {}), value: undefined }] })
    expectRefusal(await gateway.call({ as: vendor, path: '/v1/grants' }), 'invalid-token', 'invalid_token')
  })

  test('when it ends while it is known', async () => {
    await using own = await TestGateway.open()
    const vendor = await own.vendor('short')
    expect((await own.call({ as: vendor, path: '/v1/grants' })).status).toBe(200)
    own.advance(301_000)
    const late = await own.call({ as: vendor, path: '/v1/grants' })
    expect([late.status, late.json.code]).toEqual([401, 'invalid-token'])
  })
})

describe('a proof', () => {
  test('is needed, and one only', async () => {
    const authorization = `DPoP ${shop.token}`
    const none = await gateway.call({ path, headers: { authorization } })
    expectRefusal(none, 'invalid-proof', 'invalid_dpop_proof')
    const proof = proofFor(shop, { method: 'GET', url: gateway.url + path.replace(/\?.*/, '') })
    const two = await gateway.call({ path, headers: { authorization, dpop: `${proof}, ${proof}` } })
    expectRefusal(two, 'invalid-proof', 'invalid_dpop_proof')
  })

  test.each([
    ['of another key', { ath: 'x' }],
    ['for another method', { htm: 'POST' }],
    ['for another address', { htu: 'https://gateway.example/v1/grants' }],
    ['with a huge jti', { jti: 'x'.repeat(10_000) }],
    ['70 s old', { iat: Math.floor(Date.now() / 1000) - 70 }],
  ])('%s is refused', async (_name, proof) => {
    expectRefusal(await gateway.call({ as: shop, path, proof }), 'invalid-proof', 'invalid_dpop_proof')
  })

  test('access-token-type-header-case-sensitivity: the scheme is written as anybody likes', async () => {
    for (const scheme of ['dpop', 'DPOP', 'DpOp']) {
      const headers = { authorization: `${scheme} ${shop.token}` }
      expect((await gateway.call({ as: shop, path, headers })).status).toBe(200)
    }
  })

  test('50 s old is accepted', async () => {
    const proof = { iat: Math.floor(gateway.house.now() / 1000) - 50 }
    expect((await gateway.call({ as: shop, path, proof })).status).toBe(200)
  })

  test('by the key of another business does not fit a stolen token', async () => {
    const stolen = { ...rival, token: shop.token, tokenHash: shop.tokenHash }
    expectRefusal(await gateway.call({ as: stolen, path }), 'invalid-proof', 'invalid_dpop_proof')
  })

  test('is good once, and not after a restart', async () => {
    const claims = { jti: 'the-same-jti-twice' }
    expect((await gateway.call({ as: shop, path, proof: claims })).status).toBe(200)
    expectRefusal(
      await gateway.call({ as: shop, path, proof: claims }),
      'invalid-proof',
      'invalid_dpop_proof',
    )
    const challenge = await gateway.call({ as: shop, path, proof: { nonce: 'none' } })
    const nonce = challenge.headers.get('dpop-nonce')
    await gateway.restart()
    expectRefusal(
      await gateway.call({ as: shop, path, proof: { ...claims, nonce } }),
      'use-dpop-nonce',
      'use_dpop_nonce',
    )
    expect((await gateway.call({ as: shop, path })).status).toBe(200)
  })
})

test('nothing of a body is read before its sender is known', async () => {
  const socket = connect(gateway.port, '127.0.0.1')
  const head = `POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Type: application/json\r\n`
  const reply = await exchange(socket, Buffer.from(`${head}Content-Length: 100000\r\n\r\n{`))
  expect(reply.status).toBe(401)
  expect(reply.text()).toMatch(/\r\nconnection: close/i)
  socket.destroy()
})

test.each(['evil.example', 'localhost', '127.0.0.1'])('the Host %s is not answered for', async (host) => {
  const socket = connect(gateway.port, '127.0.0.1')
  const reply = await exchange(socket, Buffer.from(`GET /v1/catalogue HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
  expect(reply.status).toBe(421)
  socket.destroy()
})

test('keys of the issuer come by HTTP, are kept, and are asked for again when a key id is new', async () => {
  const { issuer } = gateway
  const keys = [{ ...issuer.key.jwk, alg: 'ES256', kid: 'k1', use: 'sig' }]
  let fetched = 0
  let status = 200
  const server = createServer((_request, response) => {
    fetched++
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/jwks`
  await using own = await TestGateway.open({ tuning: { issuerKeys: remoteKeys(url) } })
  keys[0] = { ...own.issuer.key.jwk, alg: 'ES256', kid: 'k1', use: 'sig' }
  const vendor = await own.vendor('remote')

  status = 500
  const down = await own.call({ as: vendor, path: '/v1/grants' })
  expect([down.status, down.json.code, down.headers.has('retry-after')]).toEqual([503, 'busy', true])
  status = 200
  for (let i = 0; i < 5; i++) {
    const as = own.withToken(vendor)
    expect((await own.call({ as, path: '/v1/grants' })).status).toBe(200)
  }
  expect(fetched).toBe(2)
  const forged = {
    ...vendor,
    ...presenting(
      accessToken({ ...own.issuer, key: newKey() }, { clientId: vendor.clientId, jwk: vendor.key.jwk }),
      vendor,
    ),
  }
  expect((await own.call({ as: forged, path: '/v1/grants' })).json.code).toBe('invalid-token')
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect((await own.call({ as: own.withToken(vendor), path: '/v1/grants' })).status).toBe(200)
})
