/**
 * The conformance module dpop-negative-tests at the gateway, over HTTP: what is no proof is 401 `invalid_dpop_proof`, and
 * what only looks odd is accepted. Every case starts from a good proof and changes one thing.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { encode, jws, newKey } from '../../bench/business.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { GatewayReply, TestVendor } from '../gateway.ts'

let gateway: TestGateway
let shop: TestVendor
let path: string
let nonce: string | null

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
  const grant = await gateway.grant(await gateway.customer(), shop)
  path = `/v1/subjects/${grant.subject}?fields=profile.name&purpose=${delivery}`
})
beforeEach(async () => {
  nonce = (await gateway.call({ as: shop, path, proof: { nonce: 'none' } })).headers.get('dpop-nonce')
})
afterAll(() => gateway[Symbol.asyncDispose]())

type Members = Readonly<Record<string, unknown>>
const url = () => gateway.url + path.replace(/\?.*/, '')
const seconds = () => Math.floor(gateway.house.now() / 1000)

/** A good proof with members of its header and its claims replaced; `undefined` leaves one out. */
function made({
  header = {},
  claims = {},
  key = shop.key,
}: { header?: Members; claims?: Members; key?: typeof shop.key } = {}) {
  const { kty, crv, x, y } = shop.key.jwk as Record<string, string>
  return jws(
    encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y }, ...header }),
    { jti: randomUUID(), htm: 'GET', htu: url(), iat: seconds(), ath: shop.tokenHash, nonce, ...claims },
    key,
  )
}
const present = (dpop: string, name = 'dpop', scheme = 'DPoP') =>
  gateway.call({ path, headers: { authorization: `${scheme} ${shop.token}`, [name]: dpop } })
function expectRefused(reply: GatewayReply): void {
  expect([reply.status, reply.json.code]).toEqual([401, 'invalid-proof'])
  expect(reply.headers.get('www-authenticate')).toContain('error="invalid_dpop_proof"')
}

const refused: Readonly<Record<string, () => string>> = {
  malformed: () => 'no proof at all',
  'of two parts': () => made().split('.').slice(0, 2).join('.'),
  'without typ': () => made({ header: { typ: undefined } }),
  'without alg': () => made({ header: { alg: undefined } }),
  'without jwk': () => made({ header: { jwk: undefined } }),
  'without jti': () => made({ claims: { jti: undefined } }),
  'without htm': () => made({ claims: { htm: undefined } }),
  'without htu': () => made({ claims: { htu: undefined } }),
  'without iat': () => made({ claims: { iat: undefined } }),
  'without ath': () => made({ claims: { ath: undefined } }),
  'of another typ': () => made({ header: { typ: 'JWT' } }),
  'with alg none': () =>
    `${encode({ typ: 'dpop+jwt', alg: 'none', jwk: shop.key.jwk })}.${made().split('.')[1]}.`,
  'with a bad signature': () => made().replace(/[^.]*$/, 'A'.repeat(86)),
  'with a private key': () => made({ header: { jwk: { ...shop.key.jwk, d: 'AA' } } }),
  'for another method': () => made({ claims: { htm: 'POST' } }),
  'for another address': () => made({ claims: { htu: `${gateway.url}/v1/grants` } }),
  'an hour old': () => made({ claims: { iat: seconds() - 3600 } }),
  'an hour ahead': () => made({ claims: { iat: seconds() + 3600 } }),
  'for another token': () => made({ claims: { ath: 'x'.repeat(43) } }),
  'by another key than the token is bound to': () => {
    const key = newKey()
    return made({ key, header: { jwk: key.jwk } })
  },
  'signed by another key than it names': () => made({ key: newKey() }),
}

test.each(Object.keys(refused))('dpop-negative-tests: a proof %s is refused', async (name) => {
  expectRefused(await present(refused[name]?.() ?? ''))
})

test.each([
  ['for another method', 'htm of the proof'],
  ['for another address', 'htu of the proof'],
  ['for another token', 'ath of the proof'],
  ['without jti', 'jti of the proof'],
  ['an hour old', 'iat of the proof must be at most 60 s old'],
  ['of another typ', 'The header of the proof needs typ'],
])('a refusal of a proof %s says what to mend', async (name, words) => {
  expect((await present(refused[name]?.() ?? '')).json.detail).toContain(words)
})

test('dpop-negative-tests: two proofs, none, or a token as Bearer are refused', async () => {
  expectRefused(await present(`${made()}, ${made()}`))
  expectRefused(await gateway.call({ path, headers: { authorization: `DPoP ${shop.token}` } }))
  const downgraded = await present(made(), 'dpop', 'Bearer')
  expect([downgraded.status, downgraded.json.code]).toEqual([401, 'invalid-token'])
})

test('dpop-negative-tests: a proof is good once', async () => {
  const proof = made()
  expect((await present(proof)).status).toBe(200)
  expectRefused(await present(proof))
})

test.each([
  ['the name of the header in other letters', () => made(), 'DPOP'],
  ['a query in htu', () => made({ claims: { htu: `${url()}?fields=profile.name` } }), 'dpop'],
  ['a fragment in htu', () => made({ claims: { htu: `${url()}#part` } }), 'dpop'],
  ['the scheme of htu in capitals', () => made({ claims: { htu: url().replace('http', 'HTTP') } }), 'dpop'],
  ['more claims', () => made({ claims: { extra: { nested: true } } }), 'dpop'],
])('dpop-negative-tests: %s is accepted', async (_what, proof, header) => {
  expect((await present(proof(), header)).status).toBe(200)
})
