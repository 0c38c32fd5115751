/**
 * The same thing eight times at once, with the milliseconds a database may take between a check and a write.
 */
import { errors } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { CommitRefused, LedgerBusy, LedgerStopped } from '#core/ledger/ledger.ts'
import { readGrant } from '#core/records/grants.ts'
import { ledgerAdapter } from '../../vault-server/oauth/adapter.ts'
import { grantHooks } from '../../vault-server/oauth/grant-hooks.ts'
import { requestLimits } from '../../vault-server/oauth/request-limits.ts'
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
  registerBusiness,
  registrationBody,
} from '../business.ts'
import {
  allowing,
  comeBack,
  decideAt,
  eight,
  openPage,
  postDecision,
  postOpen,
  readPage,
  startSlowVault,
} from '../oauth-vault.ts'
import type { OAuthVault, Registered, SlowVault } from '../oauth-vault.ts'
import type { DecisionResult } from '../../schemas/types.gen.ts'
import { generateKeyPair } from 'jose'

const batch = { grant_type: 'client_credentials', scope: 'batch' }
/** One vault for all of them; each test has customers of its own, whom nobody has refused anything. */
let vault: SlowVault
let shop: Registered

beforeAll(async () => {
  vault = await startSlowVault()
  shop = await vault.business()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const accepted = (replies: readonly Response[]) => replies.filter((reply) => reply.ok).length

describe.each([0, 20])('with %i ms of delay', (delay) => {
  test('of eight uses of one assertion, one proof, one admission code, one wins each', async () => {
    const oneAssertion = await assertion(shop)
    expect(
      accepted(
        await vault.slowly(delay, () =>
          eight(() => postForm(shop, 'token', batch, { assertion: oneAssertion })),
        ),
      ),
    ).toBe(1)
    const oneProof = await proof(shop.dpopKeys, { htm: 'POST', htu: `${vault.issuer}/token` })
    expect(
      accepted(
        await vault.slowly(delay, () => eight(() => postForm(shop, 'token', batch, { proof: oneProof }))),
      ),
    ).toBe(1)

    const admission = await vault.operator.add({ name: 'Eager Shop' })
    const keys = await generateKeyPair('ES256', { extractable: true })
    const key = {
      publicKey: keys.publicKey,
      algorithm: 'ES256',
      kid: 'k',
      redirectUri: 'https://e.example/cb',
    } as const
    const body = await registrationBody(admission, key)
    const replies = await vault.slowly(delay, () =>
      eight(() => postRegistration(vault.issuer, admission.admissionCode, body)),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 401, 401, 401, 401, 401, 401, 401])
    const { clientId } = await vault.operator.show(admission.vendorId)
    const winner = replies.find(({ status }) => status === 201)
    expect(await winner?.json()).toMatchObject({ client_id: clientId, software_id: admission.vendorId })
  })

  test('of eight uses of one code one wins, its tokens end, and the consent lives on', async () => {
    const alma = await vault.customer()
    const pending = await ask(shop)
    const { callback, result } = await decideAt(vault, alma, pending.url)
    const form = {
      grant_type: 'authorization_code',
      code: String(callback.searchParams.get('code')),
      redirect_uri: shop.redirectUri,
      code_verifier: pending.codeVerifier,
    }
    const replies = await vault.slowly(delay, () => eight(() => postForm(shop, 'token', form)))
    expect(accepted(replies)).toBeLessThanOrEqual(1)
    for (const reply of replies.filter(({ ok }) => !ok))
      expect([reply.status, await reply.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    const winner = (await replies.find(({ ok }) => ok)?.json()) as Record<string, string> | undefined
    if (winner !== undefined) {
      expect(await outcome(refresh(shop, String(winner['refresh_token'])))).toBe('400 invalid_grant')
      const seen = await postForm(shop, 'token/introspection', { token: String(winner['access_token']) })
      expect(await seen.json()).toEqual({ active: false })
    }
    const grantId = String(result.grantId)
    expect((await readGrant(vault.ledger, grantId))?.value).toMatchObject({ state: 'active', redeemed: true })
    const facts = (await vault.ledger.history(grantId)).map(({ ops }) => readFact(ops).type)
    expect(facts).toEqual(['redeemed', 'granted'])
  })

  test('of two customers who open one request at once it is one’s; the other finds nothing', async () => {
    const [alma, bert] = [await vault.customer(), await vault.customer()]
    const { url } = await ask(shop)
    const pages = await Promise.all([openPage(vault, alma, url), openPage(vault, bert, url)])
    const replies = await vault.slowly(delay, () =>
      Promise.all([postOpen(pages[0], alma), postOpen(pages[1], bert)]),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 404])
    const loser = replies[0]?.status === 200 ? bert : alma
    const [page] = replies[0]?.status === 200 ? pages.toReversed() : pages
    if (page === undefined) throw new Error('no page')
    expect((await postOpen(page, loser)).status).toBe(404)
  })

  test('the same answers eight times at once are one decision; another beside them is refused', async () => {
    const alma = await vault.customer()
    const pending = await ask(shop)
    const page = await openPage(vault, alma, pending.url)
    const view = await readPage(page, alma)
    const same = await vault.slowly(delay, () => eight(() => postDecision(page, alma, allowing(view))))
    const results = await Promise.all(same.map((reply) => reply.json() as Promise<DecisionResult>))
    expect(same.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(new Set(results.map((result) => JSON.stringify(sorted(result)))).size).toBe(1)
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    const other = await postDecision(page, alma, deny)
    expect([other.status, await other.json()]).toMatchObject([409, { code: 'request-decided' }])
    const types = (await vault.ledger.history(alma.accountId)).map(({ ops }) => readFact(ops).type)
    expect(types).toEqual(['granted', 'requested'])
    const callback = await comeBack(vault, alma, String(results[0]?.returnTo))
    expect(await outcome(redeem(shop, callback, pending))).toBe('accepted')
  })

  test('yes and no at once are one of the two', async () => {
    const alma = await vault.customer()
    const { url } = await ask(shop)
    const page = await openPage(vault, alma, url)
    const view = await readPage(page, alma)
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    const replies = await vault.slowly(delay, () =>
      Promise.all([postDecision(page, alma, allowing(view)), postDecision(page, alma, deny)]),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409])
    const types = (await vault.ledger.history(alma.accountId)).map(({ ops }) => readFact(ops).type)
    expect(types).toHaveLength(2)
  })
})

/** Members in one order: a fresh result and a stored one say the same. */
function sorted(result: DecisionResult): unknown {
  const { status, returnTo, grantId, receipt } = result
  return { status, returnTo, grantId, receipt: [receipt?.receiptId, receipt?.jws, receipt?.issuedAt] }
}

test('two consume() at once: one is refused, the OAuth Grant is gone, ours is redeemed and lives', async () => {
  const alma = await vault.customer()
  const pending = await ask(shop)
  const { callback, result } = await decideAt(vault, alma, pending.url)
  const code = String(callback.searchParams.get('code'))
  const { ledger } = vault
  const now = () => Date.now()
  const open = ledgerAdapter({ ledger, now, hooks: hooksOf(vault) })
  const [codes, grants] = [open('AuthorizationCode'), open('Grant')]
  const found = await codes.find(code)
  const oauthGrantId = String(found?.grantId)
  expect(await grants.find(oauthGrantId)).toBeDefined()
  const both = await vault.slowly(20, () => Promise.allSettled([codes.consume(code), codes.consume(code)]))
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const refused = both.find((one) => one.status === 'rejected')
  expect(refused?.reason).toBeInstanceOf(errors.InvalidGrant)
  expect(await grants.find(oauthGrantId)).toBeUndefined()
  expect((await readGrant(ledger, String(result.grantId)))?.value).toMatchObject({
    state: 'active',
    redeemed: true,
  })
})

test('a use of a code that is overtaken just before our grant is redeemed is a second use: the OAuth Grant is gone', async () => {
  const alma = await vault.customer()
  const pending = await ask(shop)
  const { callback } = await decideAt(vault, alma, pending.url)
  const code = String(callback.searchParams.get('code'))
  const { ledger } = vault
  const hooks = hooksOf(vault)
  const open = ledgerAdapter({ ledger, now: Date.now, hooks })
  const oauthGrantId = String((await open('AuthorizationCode').find(code))?.grantId)
  let isOvertaken = false
  const late = ledgerAdapter({
    ledger,
    now: Date.now,
    hooks: {
      ...hooks,
      async redeemed(id) {
        if (!isOvertaken) await open('AuthorizationCode').consume(code)
        isOvertaken = true
        return hooks.redeemed(id)
      },
    },
  })
  await expect(late('AuthorizationCode').consume(code)).rejects.toBeInstanceOf(errors.InvalidGrant)
  expect(await open('Grant').find(oauthGrantId)).toBeUndefined()
})

test('a saved Grant cannot bring back one that was ended', async () => {
  const { ledger } = vault
  const now = () => Date.now()
  const open = ledgerAdapter({ ledger, now, hooks: hooksOf(vault) })
  await expect(open('Grant').upsert('some-grant', { accountId: 'a', clientId: 'c' }, 60)).rejects.toThrow(
    'decision',
  )
})

test('a client that is changed and deleted at once stays deleted', async () => {
  const leaving = await vault.business()
  const {
    registration_client_uri: at,
    registration_access_token: token,
    jwks,
    redirect_uris,
  } = leaving.metadata
  const send = (method: string, body?: object) =>
    fetch(String(at), {
      method,
      headers: { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
  const change = () => send('PUT', { client_id: leaving.clientId, jwks, redirect_uris })
  const remove = async () => {
    for (let attempt = 0; attempt < 20; attempt++) if ((await send('DELETE')).status === 204) return
    throw new Error('never deleted')
  }
  await vault.slowly(5, () => Promise.all([eight(change), remove()]))
  expect(await outcome(batchToken(leaving))).toBe('401 invalid_client')
  expect((await vault.operator.show(leaving.vendorId)).clientId).toBeUndefined()
})

describe('a commit whose reply was lost', () => {
  const lost = (when: 'before' | 'after') => ({ when, error: new Error('the connection broke') })

  test('made: the same decision again gets its result; not made: it is made then', async () => {
    for (const when of ['after', 'before'] as const) {
      const alma = await vault.customer()
      const pending = await ask(shop, accessRequest())
      const page = await openPage(vault, alma, pending.url)
      const view = await readPage(page, alma)
      vault.faults.failNext = lost(when)
      expect((await postDecision(page, alma, allowing(view))).status).toBe(500)
      const again = await postDecision(page, alma, allowing(view))
      expect(again.status).toBe(200)
      const { returnTo } = (await again.json()) as DecisionResult
      const types = (await vault.ledger.history(alma.accountId)).map(({ ops }) => readFact(ops).type)
      expect(types).toEqual(['granted', 'requested'])
      const tokens = await redeem(shop, await comeBack(vault, alma, returnTo), pending)
      expect(tokens.grantId).toBeDefined()
    }
  })

  test('when something else keeps changing it is 503, and the same answer can be sent again', async () => {
    const alma = await vault.customer()
    const page = await openPage(vault, alma, (await ask(shop)).url)
    const view = await readPage(page, alma)
    vault.faults.failAll = new CommitRefused('some row', 'changed')
    const reply = await postDecision(page, alma, allowing(view))
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await reply.json()).toMatchObject({ code: 'busy' })
    vault.faults.failAll = undefined
    expect((await postDecision(page, alma, allowing(view))).status).toBe(200)
  })

  test('a ledger that takes nothing more is 503 with the time to come again, and nothing is half done', async () => {
    for (const [error, wait] of [
      [new LedgerBusy('full'), '1'],
      [new LedgerStopped('broken'), '30'],
    ] as const) {
      vault.faults.failNext = { when: 'before', error }
      const reply = await postForm(shop, 'token', batch)
      expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, wait])
      expect(await reply.json()).toMatchObject({ error: 'temporarily_unavailable' })
    }
    const admission = await vault.operator.add({ name: 'Shop' })
    vault.faults.failNext = { when: 'before', error: new LedgerStopped('broken') }
    await expect(registerBusiness(vault.issuer, admission)).rejects.toThrow('503')
    await registerBusiness(vault.issuer, admission)
  })

  test('a decision survives a restart before its reply, and so does everything the browser and the business hold', async () => {
    const alma = await vault.customer()
    const pending = await ask(shop)
    const page = await openPage(vault, alma, pending.url)
    const view = await readPage(page, alma)
    vault.faults.failNext = lost('after')
    await postDecision(page, alma, allowing(view))
    await vault.restart()
    const again = await postDecision(page, alma, allowing(view))
    const { returnTo } = (await again.json()) as DecisionResult
    const callback = await comeBack(vault, alma, returnTo)
    await vault.restart()
    const tokens = await redeem(shop, callback, pending)
    await vault.restart()
    expect((await refresh(shop, tokens.refreshToken)).subject).toBe(tokens.subject)
  })

  test('a registration that was cut off is whole or not at all', async () => {
    for (const when of ['after', 'before'] as const) {
      const admission = await vault.operator.add({ name: 'Unlucky Shop' })
      const keys = await generateKeyPair('ES256', { extractable: true })
      const key = {
        publicKey: keys.publicKey,
        algorithm: 'ES256',
        kid: 'k',
        redirectUri: 'https://u.example/cb',
      } as const
      const body = await registrationBody(admission, key)
      vault.faults.failNext = lost(when)
      expect((await postRegistration(vault.issuer, admission.admissionCode, body)).status).toBe(500)
      const { state, clientId } = await vault.operator.show(admission.vendorId)
      const again = await postRegistration(vault.issuer, admission.admissionCode, body)
      if (when === 'after') {
        expect([state, typeof clientId, again.status]).toEqual(['active', 'string', 401])
      } else {
        expect([state, clientId, again.status]).toEqual(['admitted', undefined, 201])
      }
    }
  })
})

function hooksOf({ ledger, names, gatewayUrl }: OAuthVault) {
  const addresses = { gatewayUrl, mode: 'development' } as const
  const limits = requestLimits()
  return grantHooks({ ledger, names, now: () => Date.now(), random: Math.random, addresses, limits })
}
