import { compactVerify, createLocalJWKSet } from 'jose'
import type { JSONWebKeySet } from 'jose'
import * as oauth from 'openid-client'
import { beforeAll, expect, test } from 'vitest'
import { matches } from '#core/http/validate.ts'
import type { Activity, DecisionResult, GrantView, Grants, ReceiptView } from '../../schemas/types.gen.ts'
import { ask, outcome, refresh } from '../business.ts'
import { allowAll, connectPod, decide, openPage } from '../consent.ts'
import { commitsTo, hashLeaf, isIncluded, openNote, readProof } from '../independent-log.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

async function connectedCustomer(vault: TestVault) {
  const customer = await vault.customer()
  await connectPod(customer.browser)
  return customer
}

const grantOf = async (browser: VaultBrowser, grantId: string) =>
  (await browser.get(`/api/grants/${grantId}`)).body as GrantView

const typesOf = async (browser: VaultBrowser) => {
  const { body } = await browser.get('/api/activity?limit=100')
  return (body as Activity).items.map(({ type }) => type)
}

test('a grant is shown with what it covers, paused, resumed and withdrawn, each in one commit', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await connectedCustomer(vault)
  const business = await vault.business()
  const { grantId, receiptId, tokens } = await allowAll(vault, browser, business)
  const list = (await browser.get('/api/grants')).body as Grants
  expect(matches('api/grants.json', list)).toBe(true)
  expect(list.grants).toMatchObject([
    {
      grantId,
      receiptId,
      state: 'active',
      reads: 0,
      vendor: { name: 'Corner Shop', vendorId: business.vendorId, suspended: false },
      items: [
        { purposeTitle: 'Handle orders', fields: [{ field: 'profile.name', title: 'Name' }] },
        { fields: [{ field: 'diet.diet' }, { field: 'diet.allergies', title: 'Allergies' }] },
      ],
    },
  ])
  for (const [act, state] of [
    ['pause', 'paused'],
    ['resume', 'active'],
    ['withdraw', 'withdrawn'],
  ] as const) {
    const first = await browser.post(`/api/grants/${grantId}/${act}`)
    expect(first).toMatchObject({ status: 200, body: { grantId, state } })
    const before = vault.ledger.log.checkpoint()
    // Again is the same answer and no second entry.
    const again = await browser.post(`/api/grants/${grantId}/${act}`)
    expect({ ...(again.body as GrantView), asOf: '' }).toEqual({ ...(first.body as GrantView), asOf: '' })
    expect(vault.ledger.log.checkpoint()).toBe(before)
  }
  expect(await outcome(refresh(business, tokens.refreshToken))).toBe('400 invalid_grant')
  expect(await browser.post(`/api/grants/${grantId}/resume`)).toMatchObject({
    status: 409,
    body: { code: 'conflict' },
  })
  expect(await grantOf(browser, grantId)).toMatchObject({ state: 'withdrawn', endedAt: expect.any(String) })
  expect(await typesOf(browser)).toEqual([
    'withdrawn',
    'resumed',
    'paused',
    'redeemed',
    'granted',
    'requested',
  ])
})

test('a grant that its business gave back says so, on its page and in the activity', async () => {
  await using vault = await startTestVault(pods, { gateway: true })
  const { browser } = await connectedCustomer(vault)
  const business = await vault.business()
  const { grantId, tokens } = await allowAll(vault, browser, business)
  const { config, DPoP } = business
  const address = new URL(`/v1/grants/${grantId}`, vault.gatewayUrl)
  const call = (method: 'GET' | 'DELETE') =>
    oauth.fetchProtectedResource(config, tokens.accessToken, address, method, null, new Headers(), { DPoP })
  expect((await call('DELETE')).status).toBe(204)
  expect(await (await call('GET')).json()).toMatchObject({ state: 'withdrawn', ended_by: 'business' })
  expect(await grantOf(browser, grantId)).toMatchObject({ state: 'withdrawn', endedBy: 'business' })
  expect((await typesOf(browser))[0]).toBe('relinquished')
  expect(await outcome(refresh(business, tokens.refreshToken))).toBe('400 invalid_grant')
})

test('a grant that its business has not picked up is waiting and can be withdrawn', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await connectedCustomer(vault)
  const pending = await ask(await vault.business())
  const decided = await decide(browser, await openPage(vault, browser, pending))
  const { grantId = '' } = decided.body as DecisionResult
  expect(await grantOf(browser, grantId)).toMatchObject({ state: 'waiting' })
  expect(await browser.post(`/api/grants/${grantId}/withdraw`)).toMatchObject({
    body: { state: 'withdrawn' },
  })
})

test('what is withdrawn from several tabs at once is withdrawn once', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await connectedCustomer(vault)
  const { grantId } = await allowAll(vault, browser, await vault.business())
  const acts = ['withdraw', 'pause', 'withdraw', 'withdraw', 'pause']
  const answers = await Promise.all(acts.map((act) => browser.post(`/api/grants/${grantId}/${act}`)))
  for (const [index, { status }] of answers.entries()) {
    expect(acts[index] === 'withdraw' ? [200] : [200, 409]).toContain(status)
  }
  expect(await grantOf(browser, grantId)).toMatchObject({ state: 'withdrawn' })
  expect((await typesOf(browser)).filter((type) => type === 'withdrawn')).toHaveLength(1)
})

test('grants, receipts and activity of one customer are there for nobody else', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await connectedCustomer(vault)
  const { grantId, receiptId } = await allowAll(vault, browser, await vault.business())
  const other = (await vault.customer()).browser
  expect((await other.get('/api/grants')).body).toEqual({ grants: [] })
  expect((await other.get('/api/activity')).body).toEqual({ items: [] })
  for (const path of [
    `/api/grants/${grantId}`,
    `/api/receipts/${receiptId}`,
    `/api/receipts/${receiptId}/proof`,
  ]) {
    expect(await other.get(path), path).toMatchObject({ status: 404, body: { code: 'not-found' } })
    expect((await vault.browser().get(path)).status, path).toBe(401)
  }
  expect((await other.post(`/api/grants/${grantId}/withdraw`)).status).toBe(404)
  expect((await other.get('/api/grants/..%2F..%2Fx')).status).toBe(404)
  expect(await grantOf(browser, grantId)).toMatchObject({ state: 'active' })
})

test('grants come a page at a time when asked, and all of them when not', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await connectedCustomer(vault)
  const made: string[] = []
  for (let count = 0; count < 3; count++)
    made.unshift((await allowAll(vault, browser, await vault.business())).grantId)
  const idsOf = (body: unknown) => (body as Grants).grants.map(({ grantId }) => grantId)
  expect(idsOf((await browser.get('/api/grants')).body).toSorted()).toEqual(made.toSorted())
  const first = (await browser.get('/api/grants?limit=2')).body as Grants
  expect(matches('api/grants.json', first)).toBe(true)
  const rest = (await browser.get(`/api/grants?limit=2&after=${encodeURIComponent(first.next ?? '')}`))
    .body as Grants
  expect([...idsOf(first), ...idsOf(rest)]).toEqual(made)
  expect(rest).not.toHaveProperty('next')
  for (const query of [
    'limit=0',
    'limit=201',
    'limit=x',
    'after=x',
    'limit=2&after=x',
    'limit=1&limit=2',
    'x=1',
  ])
    expect((await browser.get(`/api/grants?${query}`)).status, query).toBe(400)
})

test('activity is paged, newest first, and says what was decided in plain words', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await connectedCustomer(vault)
  const { grantId } = await allowAll(vault, browser, await vault.business())
  for (const act of ['pause', 'resume', 'withdraw']) await browser.post(`/api/grants/${grantId}/${act}`)
  const all = (await browser.get('/api/activity')).body as Activity
  expect(matches('api/activity.json', all)).toBe(true)
  expect(all.items.find(({ type }) => type === 'granted')).toMatchObject({
    grantId,
    vendor: { name: 'Corner Shop' },
    fields: [{ field: 'profile.name', title: 'Name' }, { field: 'diet.diet' }, { field: 'diet.allergies' }],
    until: expect.any(String),
  })
  const paged: Activity['items'] = []
  for (let path: string | undefined = '/api/activity?limit=2'; path !== undefined;) {
    const page = (await browser.get(path)).body as Activity
    expect(page.items.length).toBeLessThanOrEqual(2)
    paged.push(...page.items)
    path = page.next === undefined ? undefined : `/api/activity?limit=2&before=${page.next}`
  }
  expect(paged).toEqual(all.items)
  for (const query of [
    'limit=0',
    'limit=101',
    'limit=x',
    'before=-1',
    'before=1.5',
    'before=1&before=2',
    'other=1',
  ]) {
    expect((await browser.get(`/api/activity?${query}`)).status, query).toBe(400)
  }
})

test.each(['allow', 'deny'] as const)(
  'the receipt to %s is signed, proven by the log, and put into the pod',
  async (decision) => {
    await using vault = await startTestVault(pods)
    const person = await pods.customer()
    const browser = vault.browser()
    const query = await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
    await browser.post('/api/sign-in/complete', { query })
    await connectPod(browser)
    const page = await openPage(vault, browser, await ask(await vault.business()))
    const { accountId, requestHash } = page.view
    const denial = { path: page.path, view: page.view }
    const decided =
      decision === 'allow'
        ? await decide(browser, page)
        : await browser.post(`${denial.path}/decision`, { accountId, requestHash, decision })
    const { receiptId = '' } = (decided.body as DecisionResult).receipt ?? {}
    const shown = await browser.get(`/api/receipts/${receiptId}`)
    expect(matches('api/receipt-view.json', shown.body)).toBe(true)
    const receipt = shown.body as ReceiptView
    const keys = (await vault.browser().get('/api/receipts/keys')).body as JSONWebKeySet
    expect(JSON.stringify(keys)).not.toContain('"d"')
    const verified = await compactVerify(receipt.jws, createLocalJWKSet(keys))
    expect(JSON.parse(new TextDecoder().decode(verified.payload))).toEqual(receipt.payload)

    const proof = String((await browser.get(`/api/receipts/${receiptId}/proof`)).body)
    const { extra, index, path, checkpoint } = readProof(proof)
    const { entry, openings } = JSON.parse(String(extra)) as { entry: string; openings: { data: string } }
    const leaf = Buffer.from(entry, 'base64')
    expect(isIncluded(hashLeaf(leaf), index, path, openNote(checkpoint, vault.ledger.log.vkey))).toBe(true)
    expect(commitsTo(leaf, 'data', openings.data, receipt.jws)).toBe(true)

    await vault.settle()
    const inPod = await person.fetch(`${person.container}receipts/${receiptId}.jws`)
    expect(await inPod.text()).toBe(receipt.jws)
    const proofInPod = await person.fetch(`${person.container}receipts/${receiptId}.tlog-proof`)
    expect(await proofInPod.text()).toContain(`index ${index}\n`)
  },
)
