/**
 * What ends with what: codes, grants, tokens, names, clients; and what a mount under a path or TLS changes.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { withdraw } from '#core/domain/grant.ts'
import { readAccount } from '#core/records/accounts.ts'
import { recordEnds } from '#core/records/ends.ts'
import { grantEntry } from '#core/records/entries.ts'
import { changeGrant, findSubjectGrants, readGrant } from '#core/records/grants.ts'
import { combine } from '#core/records/parts.ts'
import { ask, batchToken, outcome, postForm, proof, redeem, refresh, seconds, verdict } from '../business.ts'
import {
  allowing,
  comeBack,
  decideAt,
  openPage,
  postDecision,
  postOpen,
  readPage,
  startOAuthVault,
} from '../oauth-vault.ts'
import type { OAuthVault } from '../oauth-vault.ts'
import type { DecisionResult } from '../../schemas/types.gen.ts'

const minute = 60_000

/** Turns the one clock that all of this process reads: ours, the library's and the business's. */
function turnClock(ms: number): void {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  vi.setSystemTime(Date.now() + ms)
}

afterEach(() => {
  vi.useRealTimers()
})

async function endByCustomer({ ledger, names }: OAuthVault, grantId: string): Promise<void> {
  const stored = await readGrant(ledger, grantId)
  if (stored === undefined) throw new Error('no grant')
  const change = await changeGrant({ reader: ledger, names }, stored, withdraw(stored.value, Date.now()))
  await ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: 'withdrawn' })] }))
}

test('23, 38: withdrawing ends refresh and introspection in the same commit, also before the code is used', async () => {
  await using vault = await startOAuthVault()
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  const { callback } = await decideAt(vault, alma, pending.url)
  const tokens = await redeem(shop, callback, pending)
  await endByCustomer(vault, tokens.grantId)
  expect(await outcome(refresh(shop, tokens.refreshToken))).toBe('400 invalid_grant')
  const seen = await postForm(shop, 'token/introspection', { token: tokens.accessToken })
  expect(await seen.json()).toEqual({ active: false })

  const second = await ask(shop)
  const early = await decideAt(vault, alma, second.url)
  await endByCustomer(vault, String(early.result.grantId))
  expect(await outcome(redeem(shop, early.callback, second))).toBe('400 invalid_grant')

  // Withdrawn between the decision and the way back: the business hears no.
  const third = await ask(shop)
  const page = await openPage(vault, alma, third.url)
  const view = await readPage(page, alma)
  const { returnTo, grantId } = (await (
    await postDecision(page, alma, allowing(view))
  ).json()) as DecisionResult
  await endByCustomer(vault, String(grantId))
  const back = await comeBack(vault, alma, returnTo)
  expect(back.searchParams.get('error')).toBe('access_denied')
})

test('43: a grant whose code nobody redeems names its subject to nobody and ends after 10 minutes', async () => {
  await using vault = await startOAuthVault()
  const { ledger, names } = vault
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  const { callback, result } = await decideAt(vault, alma, pending.url)
  const grantId = String(result.grantId)
  const subject = String((await readGrant(ledger, grantId))?.value.subject)
  expect(await findSubjectGrants({ reader: ledger, names }, shop.vendorId, subject)).toEqual([])
  turnClock(11 * minute)
  expect(await outcome(redeem(shop, callback, pending))).toBe('400 invalid_grant')
  expect(await recordEnds({ ledger, names, now: () => Date.now() })).toBe(1)
  const facts = (await ledger.history(grantId)).map(({ ops }) => readFact(ops).type)
  expect(facts).toEqual(['unredeemed', 'granted'])
  expect(await findSubjectGrants({ reader: ledger, names }, shop.vendorId, subject)).toEqual([])
})

test('a code is good for a minute, a pushed request for a minute, the page for an hour', async () => {
  await using vault = await startOAuthVault()
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  const { callback } = await decideAt(vault, alma, pending.url)
  const late = await ask(shop)
  const slow = await ask(shop)
  const page = await openPage(vault, alma, slow.url)
  turnClock(75_000)
  expect(await outcome(redeem(shop, callback, pending))).toBe('400 invalid_grant')
  expect((await alma.browser.go(late.url)).status).toBe(400)
  turnClock(40 * minute)
  const view = await readPage(page, alma)
  turnClock(30 * minute)
  for (const reply of [await postOpen(page, alma), await postDecision(page, alma, allowing(view))])
    expect([reply.status, await reply.json()]).toMatchObject([410, { code: 'request-expired' }])
})

test('21: a proof is remembered for as long as it can be good, by its nonce or its time', async () => {
  await using vault = await startOAuthVault({ turnsWithClock: true })
  const shop = await vault.business()
  const send = (text: string) =>
    postForm(shop, 'token', { grant_type: 'client_credentials', scope: 'batch' }, { proof: text })
  const proven = (claims: Record<string, unknown>) =>
    proof(shop.dpopKeys, { htm: 'POST', htu: `${shop.issuer}/token` }, claims)
  const nonce = String((await send(await proven({ nonce: 'made-up' }))).headers.get('dpop-nonce'))
  const used = [await proven({ nonce }), await proven({ iat: seconds() + 55 })]
  for (const text of used) expect((await send(text)).status).toBe(200)
  const seen: string[] = []
  for (const pause of [305_000, 20_000, 20_000, 260_000]) {
    turnClock(pause)
    for (const text of used) seen.push(await verdict(send(text)))
  }
  const [replay, late] = ['400 invalid_grant', '400 use_dpop_nonce']
  expect(seen).toEqual([late, replay, late, replay, late, replay, late, late])
})

test('a grant of a few seconds caps its tokens; one that has ended gives none', async () => {
  await using vault = await startOAuthVault()
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  const until = new Date(Date.now() + 30_000).toISOString()
  const { callback } = await decideAt(vault, alma, pending.url, (view) => allowing(view, { until }))
  const tokens = await redeem(shop, callback, pending)
  expect(tokens.expiresIn).toBeLessThanOrEqual(30)
  const token = tokens.refreshToken
  const status = async () => (await postForm(shop, 'token/introspection', { token })).json()
  expect(await status()).toMatchObject({
    active: true,
    exp: Math.floor(Date.parse(until) / 1000),
    authorization_details: [{ until }],
  })
  turnClock(31_000)
  expect(await status()).toEqual({ active: false })
  expect(await outcome(refresh(shop, tokens.refreshToken))).toBe('400 invalid_grant')
})

test('two businesses know one customer by two names, one business two customers by two', async () => {
  await using vault = await startOAuthVault()
  const shops = [await vault.business(), await vault.business()]
  const customers = [await vault.customer(), await vault.customer()]
  const subjects: string[] = []
  for (const shop of shops)
    for (const customer of customers) {
      const pending = await ask(shop)
      const { callback } = await decideAt(vault, customer, pending.url)
      subjects.push((await redeem(shop, callback, pending)).subject)
    }
  expect(new Set(subjects).size).toBe(4)
  const [shop, alma] = [shops[0], customers[0]]
  if (shop === undefined || alma === undefined) throw new Error('nobody')
  const again = await ask(shop)
  const { callback } = await decideAt(vault, alma, again.url)
  expect((await redeem(shop, callback, again)).subject).toBe(subjects[0])
  expect(JSON.stringify(subjects)).not.toContain(alma.accountId)
})

test('one browser serves two customers one after the other, whoever is signed in then', async () => {
  await using vault = await startOAuthVault()
  const shop = await vault.business()
  const [alma, bert] = [await vault.customer(), await vault.customer()]
  const first = await ask(shop)
  const hers = await redeem(shop, (await decideAt(vault, alma, first.url)).callback, first)
  const shared = { ...bert, browser: alma.browser }
  const second = await ask(shop)
  const his = await redeem(shop, (await decideAt(vault, shared, second.url)).callback, second)
  expect(his.subject).not.toBe(hers.subject)
  expect(alma.browser.cookies.filter(({ name }) => name.startsWith('reach-oauth'))).toEqual([])
})

test('38: a deleted client gets nothing more, and its business is gone', async () => {
  await using vault = await startOAuthVault()
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  const { callback } = await decideAt(vault, alma, pending.url)
  const tokens = await redeem(shop, callback, pending)
  const { registration_client_uri: at, registration_access_token: token } = shop.metadata
  const remove = () =>
    fetch(String(at), { method: 'DELETE', headers: { authorization: `Bearer ${String(token)}` } })
  expect((await remove()).status).toBe(204)
  expect((await remove()).status).toBe(401)
  expect(await outcome(refresh(shop, tokens.refreshToken))).toBe('401 invalid_client')
  expect(await outcome(batchToken(shop))).toBe('401 invalid_client')
  const row = await vault.operator.show(shop.vendorId)
  expect([row.state, row.clientId]).toEqual(['removed', undefined])
})

test('a business replaces its keys under its registration, and nothing else about who it is', async () => {
  await using vault = await startOAuthVault()
  const shop = await vault.business()
  const { registration_client_uri: at, registration_access_token: token } = shop.metadata
  const put = (body: object) =>
    fetch(String(at), {
      method: 'PUT',
      headers: { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: shop.clientId, ...body }),
    })
  const { jwks, redirect_uris } = shop.metadata
  const changed = await put({
    jwks,
    redirect_uris,
    client_name: 'A Bank',
    software_id: 'x',
    subject_type: 'public',
  })
  expect(changed.status).toBe(200)
  expect(await changed.json()).toMatchObject({
    client_name: 'Corner Shop',
    software_id: shop.vendorId,
    subject_type: 'pairwise',
    dpop_bound_access_tokens: true,
  })
  expect((await put({ jwks, redirect_uris: ['http://evil.example/'] })).status).toBe(400)
  expect((await put({ jwks_uri: 'https://evil.example/jwks', redirect_uris })).status).toBe(400)
  await ask(shop)
})

test('everything works under a path, with cookies that stay there', async () => {
  await using vault = await startOAuthVault({ path: '/tour' })
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  expect(pending.url.pathname).toBe('/tour/oauth/auth')
  const page = await openPage(vault, alma, pending.url)
  expect(page.pathname).toMatch(/^\/tour\/consent\/[A-Za-z0-9_-]+$/)
  expect(alma.browser.cookies.every(({ path }) => path.startsWith('/tour/'))).toBe(true)
  const { callback } = await decideAt(vault, alma, pending.url)
  const tokens = await redeem(shop, callback, pending)
  expect(tokens.claims.iss).toBe(`${vault.vaultUrl}/oauth`)
  const { origin } = new URL(vault.vaultUrl)
  const alias = await fetch(`${origin}/.well-known/oauth-authorization-server/tour/oauth`)
  expect(await alias.json()).toMatchObject({ issuer: vault.issuer })
})

test('what is stored of a decision holds no name of the person but in rows under her own key', async () => {
  await using vault = await startOAuthVault()
  const [shop, alma] = [await vault.business(), await vault.customer()]
  const pending = await ask(shop)
  const { callback } = await decideAt(vault, alma, pending.url)
  await redeem(shop, callback, pending)
  const account = await readAccount(vault.ledger, alma.accountId)
  const models = await vault.ledger.list('oauth/', { limit: 1000 })
  expect(models.length).toBeGreaterThan(5)
  for (const { key, value } of models) {
    expect(key).toMatch(/^oauth\/[A-Za-z]+\/[A-Za-z0-9_-]{43}$/)
    expect(JSON.stringify(value)).not.toContain(String(account?.value.webId))
  }
})
