/**
 * A business from its keys to its end, on the whole of Reach: keys rotated under way, keys taken away, suspended and
 * reinstated, removed by the operator or by itself. What was released stands in the log before, never behind.
 */
import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'openid-client'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { grantHistory } from '#core/records/histories.ts'
import type { Activity, GrantView } from '#schemas/types.gen.ts'
import {
  ask,
  batchToken,
  outcome,
  postForm,
  postRegistration,
  refresh,
  registerBusiness,
  registrationBody,
  verdict,
} from '../business.ts'
import type { Business } from '../business.ts'
import { checkEverything } from '../check-everything.ts'
import { decide } from '../consent.ts'
import { png } from '../pictures.ts'
import { Story } from '../story.ts'
import type { Customer, Relation, Shop } from '../story.ts'

let story: Story
let alma: Customer
let bela: Customer
let cora: Customer

beforeAll(async () => {
  story = await Story.open()
  alma = await story.customer()
  bela = await story.customer()
  cora = await story.customer()
})
afterEach(() => checkEverything(story))
afterAll(() => story[Symbol.asyncDispose]())

const vendorFacts = async ({ vendorId }: Shop) =>
  (await story.world.reach.ledger.history(vendorId)).map(({ ops }) => readFact(ops).type).toReversed()

const grantFacts = async ({ grantId }: Relation) =>
  (await grantHistory(story.world.reach.ledger, grantId)).map(({ ops }) => readFact(ops).type).toReversed()

/** The client throws on a challenge, which here is an answer like any other. */
const status = (...read: Parameters<Story['read']>): Promise<number> =>
  story.read(...read).then(
    (reply) => reply.status,
    (error: { status?: number }) => {
      if (error.status === undefined) throw error
      return error.status
    },
  )

/** RFC 7592: what the business does with its registration, by its own token. */
function manage(shop: Business, method: 'GET' | 'PUT' | 'DELETE', body?: object): Promise<Response> {
  return fetch(`${shop.issuer}/reg/${shop.clientId}`, {
    method,
    headers: {
      authorization: `Bearer ${String(shop.metadata['registration_access_token'])}`,
      'content-type': 'application/json',
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
}

async function newKey(kid: string) {
  const keys = await generateKeyPair('ES256', { extractable: true })
  return { keys, kid, jwk: { ...(await exportJWK(keys.publicKey)), alg: 'ES256', use: 'sig', kid } }
}

/** The same client, signing with another key; tokens stay bound to the key they were. */
async function signingWith(shop: Shop, { keys, kid }: Awaited<ReturnType<typeof newKey>>): Promise<Shop> {
  const config = await oauth.discovery(
    new URL(shop.issuer),
    shop.clientId,
    { id_token_signed_response_alg: 'ES256' },
    oauth.PrivateKeyJwt({ key: keys.privateKey, kid }),
    { execute: [oauth.allowInsecureRequests] },
  )
  return { ...shop, config, keys, kid, DPoP: oauth.getDPoPHandle(config, shop.dpopKeys) }
}

test('a business is shown as the operator admitted it, with a logo that can neither run nor load anything', async () => {
  const { operator, config } = story.world
  const logo = png(64, 48)
  const told = {
    name: 'Picture Shop',
    legalName: 'Picture Shop GmbH & Co. KG',
    website: 'https://picture.example',
    contact: 'hello@picture.example',
    dataProtectionContact: 'dpo@picture.example',
    privacyPolicy: 'https://picture.example/privacy',
    jurisdiction: 'DE',
  }
  for (const [pointer, refused] of [
    ['/legalName', { ...told, legalName: 'Bank\u202Eknab' }],
    ['/dataProtectionContact', { ...told, dataProtectionContact: 'dpo@picture.example\u200B' }],
    ['/logo', { ...told, logo: Buffer.from('<svg onload="alert(1)"/>').toString('base64') }],
  ] as const)
    await expect(operator.add(refused)).rejects.toMatchObject({ violations: [{ pointer }] })

  const admission = await operator.add({ ...told, logo: logo.toString('base64') })
  const shop = {
    ...(await registerBusiness(`${config.vaultUrl}/oauth`, admission)),
    ...admission,
    name: told.name,
  }
  const { vendor } = (await story.ask(alma, shop)).view
  expect(vendor).toMatchObject({ ...told, domainProven: false, logo: { width: 64, height: 48 } })
  const url = `${config.vaultUrl}/${vendor.logo?.path}`
  const picture = await fetch(url)
  expect(Buffer.from(await picture.arrayBuffer()).equals(logo)).toBe(true)
  expect(Object.fromEntries(picture.headers)).toMatchObject({
    'content-type': 'image/png',
    'content-disposition': 'attachment; filename="logo"',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  })
  for (const other of [(await story.shop()).vendorId, 'nobody', '..%2f..'])
    expect((await fetch(`${config.vaultUrl}/api/vendors/${other}/logo`)).status).toBe(404)
})

test('keys are rotated by the business itself while it reads, and no read is lost', async () => {
  const shop = await story.shop()
  const relation = await story.allow(alma, shop)
  const ours = async () => {
    const reply = (await (await manage(shop, 'GET')).json()) as Record<string, unknown>
    const {
      registration_access_token: _,
      registration_client_uri: _uri,
      client_id_issued_at: _at,
      ...rest
    } = reply
    return rest as typeof rest & { readonly jwks: { readonly keys: readonly object[] } }
  }
  const put = async (keys: readonly object[]) =>
    verdict(manage(shop, 'PUT', { ...(await ours()), jwks: { keys } }))

  const next = await newKey('next')
  const renewed = await signingWith(shop, next)
  let signing = shop
  let reads = 0
  let rotating = true
  const reading = (async () => {
    while (rotating) {
      const { accessToken: token } = await refresh(signing, relation.tokens.refreshToken)
      expect(await status({ ...relation, shop: signing }, { token })).toBe(200)
      reads += 1
    }
  })()
  const someReads = async (more: number, from = reads) => {
    while (reads < from + more) await Promise.race([reading, new Promise((done) => setTimeout(done, 5))])
  }
  try {
    await someReads(2)
    const [old = {}] = (await ours()).jwks.keys
    // RFC 7592 with an overlap: both keys, then sign with the new one, then the new one alone.
    expect(await put([old, next.jwk])).toBe('200')
    await someReads(2)
    signing = renewed
    await someReads(2)
    expect(await put([next.jwk])).toBe('200')
    await someReads(2)
  } finally {
    rotating = false
  }
  await reading
  expect(await outcome(batchToken(shop))).toBe('401 invalid_client')
  expect(await outcome(batchToken(renewed))).toBe('accepted')
  expect(await vendorFacts(shop)).toEqual(['vendor-admitted', 'vendor-keys-changed', 'vendor-keys-changed'])
})

test('the operator takes lost keys away: old keys and tokens are dead at once, the grants go on with new keys', async () => {
  const shop = await story.shop()
  const relation = await story.allow(alma, shop)
  const batch = await batchToken(shop)
  const { vendorId, registrationEndpoint, ...code } = await story.world.operator.rotateKeys(shop.vendorId)
  expect([vendorId, registrationEndpoint]).toEqual([shop.vendorId, `${shop.issuer}/reg`])

  expect(await outcome(batchToken(shop))).toBe('401 invalid_client')
  expect(await outcome(ask(shop))).toBe('401 invalid_client')
  for (const token of [relation.tokens.accessToken, batch])
    expect(await status(relation, { token })).toBe(401)
  expect(await story.world.operator.show(shop.vendorId)).toMatchObject({ state: 'admitted', keyEpoch: 1 })

  const next = await newKey('after-the-loss')
  const key = { ...next.keys, algorithm: 'ES256', kid: next.kid, redirectUri: shop.redirectUri } as const
  const body = await registrationBody(code, key)
  // Of two at once with one code one is registered.
  const tries = await Promise.all([1, 2].map(() => postRegistration(shop.issuer, code.admissionCode, body)))
  const [registered, ...others] = tries.filter(({ status }) => status === 201)
  expect(others).toEqual([])
  const metadata = (await registered?.json()) as Record<string, unknown>
  expect(metadata['client_id']).toBe(shop.clientId)

  const renewed = { ...(await signingWith(shop, next)), metadata }
  expect(await outcome(batchToken(shop))).toBe('401 invalid_client')
  for (const token of [relation.tokens.accessToken, batch])
    expect(await status({ ...relation, shop: renewed }, { token })).toBe(401)
  const introspected = await postForm(renewed, 'token/introspection', { token: batch })
  expect(await introspected.json()).toEqual({ active: false })
  // The registration's own old token, shown for the first time since, opens nothing though the client is there again.
  expect(await verdict(manage(shop, 'GET'))).toBe('401 invalid_token')
  expect(await verdict(manage(renewed, 'GET'))).toBe('200')

  const { accessToken } = await refresh(renewed, relation.tokens.refreshToken)
  for (const token of [accessToken, await batchToken(renewed)])
    expect(await status({ ...relation, shop: renewed }, { token })).toBe(200)
  expect(await vendorFacts(shop)).toEqual(['vendor-admitted', 'vendor-keys-revoked', 'vendor-keys-changed'])
})

test('a business that changes its keys while the operator takes them away has none afterwards', async () => {
  const shop = await story.shop()
  const next = await newKey('at-the-same-moment')
  const body = { client_id: shop.clientId, redirect_uris: [shop.redirectUri], jwks: { keys: [next.jwk] } }
  await Promise.all([manage(shop, 'PUT', body), story.world.operator.rotateKeys(shop.vendorId)])
  for (const keys of [shop, await signingWith(shop, next)])
    expect(await outcome(batchToken(keys))).toBe('401 invalid_client')
  expect(await verdict(manage(shop, 'PUT', body))).toBe('401 invalid_token')
})

test('a code that was handed out before the keys were taken away is worth nothing', async () => {
  const { operator } = story.world
  const issuer = `${story.world.config.vaultUrl}/oauth`
  const first = await operator.add({ name: 'Slow Shop' })
  const second = await operator.readmit(first.vendorId)
  const { keys, kid } = await newKey('k')
  const key = { ...keys, algorithm: 'ES256', kid, redirectUri: 'https://slow.example/cb' } as const
  const register = async (code: typeof first) =>
    verdict(postRegistration(issuer, code.admissionCode, await registrationBody(code, key)))
  expect(await register(first)).toBe('400 invalid_software_statement')
  expect(await register(second)).toBe('201')
  const third = await operator.rotateKeys(first.vendorId)
  const fourth = await operator.rotateKeys(first.vendorId)
  expect(await register(third)).toBe('400 invalid_software_statement')
  expect(await register(fourth)).toBe('201')
  await expect(operator.readmit(first.vendorId)).rejects.toMatchObject({ code: 'conflict' })
})

test('suspended: tokens, queries and new requests end at once; reinstated: the same token reads again', async () => {
  const shop = await story.shop()
  const relation = await story.allow(alma, shop)
  const { accessToken, refreshToken } = relation.tokens
  const active = async (token: string) =>
    ((await (await postForm(shop, 'token/introspection', { token })).json()) as { active: boolean }).active
  expect([await active(accessToken), await active(refreshToken)]).toEqual([true, true])
  await story.world.operator.suspend(shop.vendorId)
  expect([await active(accessToken), await active(refreshToken)]).toEqual([false, false])
  expect(await outcome(refresh(shop, refreshToken))).toBe('400 unauthorized_client')
  expect(await outcome(ask(shop))).toBe('400 unauthorized_client')
  expect(await status(relation)).toBe(403)
  await story.world.operator.reinstate(shop.vendorId)
  expect([await active(accessToken), await active(refreshToken)]).toEqual([true, true])
  expect(await status(relation)).toBe(200)
})

const byOperator = async ({ vendorId }: Shop): Promise<void> => {
  expect(await story.world.operator.remove(vendorId)).toMatchObject({ state: 'removed' })
}
const byItself = async (shop: Shop): Promise<void> => {
  expect(await verdict(manage(shop, 'DELETE'))).toBe('204')
}

test.each([
  ['by the operator', byOperator],
  ['by itself', byItself],
])(
  'removed %s: nothing is released from then on, and every grant ends in the log and for its customer',
  async (_who, remove) => {
    const shop = await story.shop()
    const relations = [await story.allow(alma, shop), await story.allow(bela, shop)] as const
    const [first, second] = relations
    await story.act(bela, second, 'pause')
    const withdrawn = await story.allow(cora, shop)
    await story.act(cora, withdrawn, 'withdraw')
    expect(await status(first)).toBe(200)
    const open = await story.ask(cora, shop)

    await remove(shop)
    expect(await status(first)).toBe(401)
    expect(await outcome(batchToken(shop))).toBe('401 invalid_client')
    expect(await verdict(manage(shop, 'GET'))).toBe('401 invalid_token')
    // Who has the page open can no longer allow anything.
    expect((await decide(cora.browser, open)).status).toBe(403)
    await story.world.settle()

    for (const relation of relations)
      expect((await grantFacts(relation)).filter((type) => type !== 'disclosed').at(-1)).toBe('relinquished')
    expect(await grantFacts(withdrawn)).not.toContain('relinquished')
    const view = (await alma.browser.get(`/api/grants/${first.grantId}`)).body as GrantView
    expect(view).toMatchObject({ state: 'withdrawn', vendor: { removed: true } })
    const { items } = (await alma.browser.get('/api/activity')).body as Activity
    expect(
      items.find(({ grantId, type }) => grantId === first.grantId && type === 'relinquished'),
    ).toBeDefined()

    const { operator } = story.world
    expect(await operator.remove(shop.vendorId)).toMatchObject({ state: 'removed' })
    for (const act of ['suspend', 'reinstate', 'readmit', 'rotateKeys'] as const)
      await expect(operator[act](shop.vendorId)).rejects.toMatchObject({ code: 'conflict' })
    expect(await vendorFacts(shop)).toEqual(['vendor-admitted', 'vendor-removed'])
  },
)
