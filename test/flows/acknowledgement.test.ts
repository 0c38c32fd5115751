import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import { beginErasure, eraseCustomer } from '#core/records/erasure.ts'
import { readGrant } from '#core/records/grants.ts'
import { oauthModelKey } from '#core/records/oauth-models.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { encode, jws, newKey } from '../../bench/business.ts'
import type { SigningKey } from '../../bench/business.ts'
import { actOnGrant } from '../../vault-server/customer/grants.ts'
import { viewGrant } from '../../vault-server/customer/views.ts'
import { TestGateway } from '../gateway.ts'
import type { TestVendor } from '../gateway.ts'
import { loggedFacts } from '../logged-facts.ts'

const day = 86_400_000

let gateway: TestGateway
let shop: TestVendor
let rival: TestVendor
const keys = { shop: newKey(), second: newKey('EdDSA'), rival: newKey() }

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await registered('shop', { s1: keys.shop, s2: keys.second })
  rival = await registered('rival', { r1: keys.rival })
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** A business whose client the authorization server knows with these keys. */
async function registered(name: string, of: Record<string, SigningKey>): Promise<TestVendor> {
  const vendor = await gateway.vendor(name)
  const own = Object.entries(of).map(([kid, { jwk }]) => ({ ...jwk, kid }))
  const client = { client_id: vendor.clientId, jwks: { keys: own } }
  const value = JSON.parse(JSON.stringify(client))
  await gateway.ledger.commit({ writes: [{ key: oauthModelKey('Client', vendor.clientId), value }] })
  return vendor
}

const seconds = () => Math.floor(gateway.house.now() / 1000)

function signed(
  grant: Grant,
  kind: string,
  options: { key?: SigningKey; header?: object; claims?: object } = {},
): string {
  const { key = keys.shop } = options
  const head = { alg: key.algorithm, typ: 'reach-acknowledgement+jwt', kid: 's1', ...options.header }
  const usual = { iss: shop.clientId, aud: gateway.url, grant_id: grant.grantId, kind, iat: seconds() }
  return jws(encode(head), { ...usual, ...options.claims }, key)
}

const acknowledge = ({ grantId }: Grant, text: unknown, as = shop) =>
  gateway.call({
    as: { ...gateway.withToken(as), vendorId: as.vendorId } as TestVendor,
    method: 'POST',
    path: `/v1/grants/${grantId}/acknowledgement`,
    body: { jws: text },
  })

const end = ({ accountId, grantId }: Grant, askDeletion: boolean) =>
  actOnGrant({ accountId, grantId, act: 'withdraw', askDeletion }, gateway.house)

const seen = async ({ grantId }: Grant) => {
  const stored = await readGrant(gateway.ledger, grantId)
  if (stored === undefined) throw new Error('no grant')
  return (await viewGrant(gateway.ledger, stored.value, gateway.house.now())).acknowledgement
}

const newGrant = async () => gateway.grant(await gateway.customer(), shop)

describe('after a withdrawal', () => {
  test('the business signs that it stopped, once, and the customer sees when', async () => {
    const grant = await newGrant()
    expect(await seen(grant)).toBeUndefined()
    await end(grant, false)
    expect(await seen(grant)).toMatchObject({ kind: 'withdrawal', late: false })
    const text = signed(grant, 'withdrawal')
    const first = await acknowledge(grant, text)
    expect([first.status, first.json.kind]).toEqual([200, 'withdrawal'])
    gateway.advance(1_000)
    const again = await acknowledge(grant, signed(grant, 'withdrawal'))
    expect(again.json).toEqual(first.json)
    expect(await seen(grant)).toMatchObject({ acknowledgedAt: first.json.acknowledged_at })
    expect((await readGrant(gateway.ledger, grant.grantId))?.value.acknowledgement?.jws).toBe(text)
    const types = (await loggedFacts(gateway.ledger)).map(({ fact }) => fact)
    const own = types.filter((fact) => 'grant' in fact && fact.grant === grant.grantId)
    expect(own.map(({ type }) => type)).toEqual(['granted', 'redeemed', 'withdrawn', 'acknowledged'])
  })

  test('deletion may be asked with it or later, is due in 30 days, and lateness shows', async () => {
    const [prompt, late] = [await newGrant(), await newGrant()]
    await end(prompt, true)
    expect(await seen(prompt)).toMatchObject({ kind: 'deletion', late: false })
    await end(late, false)
    expect((await acknowledge(late, signed(late, 'withdrawal'))).status).toBe(200)
    await end(late, true)
    const asked = await seen(late)
    expect(asked).toMatchObject({ kind: 'deletion', late: false })
    expect(asked?.acknowledgedAt).toBeUndefined()
    expect(Date.parse(asked?.dueAt ?? '') - Date.parse(asked?.requestedAt ?? '')).toBe(30 * day)
    const other = { key: keys.second, header: { kid: 's2' } }
    const answered = await acknowledge(prompt, signed(prompt, 'deletion', other))
    expect(answered.json).toMatchObject({ kind: 'deletion', late: false })
    gateway.advance(31 * day)
    expect(await seen(late)).toMatchObject({ late: true })
    expect(await seen(prompt)).toMatchObject({ late: false })
    expect((await acknowledge(late, signed(late, 'deletion'))).json.late).toBe(true)
    expect(await seen(late)).toMatchObject({ late: true, acknowledgedAt: expect.any(String) })
    expect(replay(await loggedFacts(gateway.ledger))).toEqual([])
  })

  test('having stopped is not having deleted', async () => {
    const grant = await newGrant()
    await end(grant, true)
    expect((await acknowledge(grant, signed(grant, 'withdrawal'))).json.code).toBe('conflict')
    const kept = await newGrant()
    await end(kept, false)
    expect((await acknowledge(kept, signed(kept, 'deletion'))).json.code).toBe('conflict')
    expect((await seen(grant))?.acknowledgedAt).toBeUndefined()
  })
})

describe('a signature that is not one is refused:', () => {
  let grant: Grant
  let before: Grant
  beforeAll(async () => {
    grant = await newGrant()
    before = await newGrant()
    gateway.advance(3_600_000)
    await end(grant, false)
    await end(before, false)
  })

  test.each<[string, () => string]>([
    ['of another grant', () => signed(before, 'withdrawal')],
    ['with a key nobody registered', () => signed(grant, 'withdrawal', { key: newKey() })],
    [
      'with the key of another business',
      () => signed(grant, 'withdrawal', { key: keys.rival, header: { kid: 'r1' } }),
    ],
    ['with a key under the id of another', () => signed(grant, 'withdrawal', { key: keys.second })],
    [
      'in the name of another business',
      () => signed(grant, 'withdrawal', { claims: { iss: rival.clientId } }),
    ],
    ['for another gateway', () => signed(grant, 'withdrawal', { claims: { aud: 'https://other.example' } })],
    [
      'of another type, such as a client assertion',
      () => signed(grant, 'withdrawal', { header: { typ: 'JWT' } }),
    ],
    ['before it was asked', () => signed(grant, 'withdrawal', { claims: { iat: seconds() - 600 } })],
    ['in the future', () => signed(grant, 'withdrawal', { claims: { iat: seconds() + 600 } })],
    ['without a time', () => signed(grant, 'withdrawal', { claims: { iat: undefined } })],
    ['of no known kind', () => signed(grant, 'erasure')],
    [
      'without a signature',
      () => `${encode({ alg: 'none', typ: 'reach-acknowledgement+jwt' })}.${encode({ kind: 'withdrawal' })}.`,
    ],
    [
      'by the secret of nobody (HS256)',
      () =>
        `${encode({ alg: 'HS256', typ: 'reach-acknowledgement+jwt', kid: 's1' })}.${encode({ kind: 'withdrawal' })}.${randomBytes(32).toString('base64url')}`,
    ],
  ])('%s', async (_, make) => {
    const { status, json } = await acknowledge(grant, make())
    expect([status, json.code]).toEqual([400, 'invalid-input'])
    expect((await seen(grant))?.acknowledgedAt).toBeUndefined()
  })

  test('and told which part of it is wrong', async () => {
    const told = async (over: Parameters<typeof signed>[2]) => {
      const { json } = await acknowledge(grant, signed(grant, 'withdrawal', over))
      return (json.errors as { detail: string }[] | undefined)?.[0]?.detail
    }
    expect(await told({ claims: { aud: 'https://other.example' } })).toBe('has no aud that is good here')
    expect(await told({ header: { typ: 'JWT' } })).toBe('has no typ that is good here')
    expect(await told({ key: newKey() })).toContain('no signature by one of your registered keys')
  })

  test('from a business whose grant it is not, and for one that goes on or is not there', async () => {
    const claims = { iss: rival.clientId }
    const text = signed(grant, 'withdrawal', { key: keys.rival, header: { kid: 'r1' }, claims })
    expect((await acknowledge(grant, text, rival)).status).toBe(404)
    const live = await newGrant()
    expect((await acknowledge(live, signed(live, 'withdrawal'))).json.code).toBe('conflict')
    const none = { ...live, grantId: 'nobody-has-this-grant' }
    expect((await acknowledge(none, signed(none, 'withdrawal'))).status).toBe(404)
    expect((await acknowledge(grant, 7)).status).toBe(400)
  })
})

test('of a customer who was forgotten since, the business can still sign, and nobody else', async () => {
  const { ledger } = gateway
  const { names, now } = gateway.house
  const [grant, open] = [await newGrant(), await newGrant()]
  const { accountId } = grant
  const wish = { accountId, askDeletion: true, deletePod: false, cause: 'own-act' } as const
  const { parts, erasure } = await beginErasure({ reader: ledger, names }, wish, now())
  await ledger.commit(parts)
  const nothing = async () => {}
  const ports = { ledger, names, keys: gateway.keys, now, endLogin: nothing, removePod: nothing }
  await eraseCustomer(ports).run({ payload: { accountId, erasure, askDeletion: true, deletePod: false } })
  expect(await readGrant(ledger, grant.grantId)).toBeUndefined()

  expect((await acknowledge(grant, signed(grant, 'deletion'), rival)).status).toBe(404)
  expect((await acknowledge(grant, signed(grant, 'deletion', { key: newKey() }))).status).toBe(400)
  expect((await acknowledge(grant, signed(grant, 'withdrawal'))).status).toBe(409)
  const first = await acknowledge(grant, signed(grant, 'deletion'))
  expect(first.json).toMatchObject({ grant_id: grant.grantId, kind: 'deletion', late: false })
  expect((await acknowledge(grant, signed(grant, 'deletion'))).json).toEqual(first.json)
  const told = (await loggedFacts(ledger)).map(({ fact }) => fact)
  const own = told.filter((fact) => 'grant' in fact && fact.grant === grant.grantId).map(({ type }) => type)
  expect(own).toEqual(['granted', 'redeemed', 'withdrawn', 'deletion-requested', 'acknowledged'])
  const left = await ledger.list('forgotten-grant/')
  expect(JSON.stringify(left)).not.toContain(accountId)
  expect((await readGrant(ledger, open.grantId))?.value.state).toBe('active')
})
