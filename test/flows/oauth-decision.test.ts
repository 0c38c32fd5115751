/** The decision page's two routes: whose a request is, what is shown, and every refusal with its code. */
import { createLocalJWKSet, compactVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError } from '#core/domain/errors.ts'
import { readFact } from '#core/domain/facts.ts'
import { matches } from '#core/http/validate.ts'
import { loseAccess } from '#core/records/access.ts'
import { listDueJobs } from '#core/records/jobs.ts'
import { readReceipt } from '#core/records/receipts.ts'
import { listVendorRequests } from '#core/records/requests.ts'
import type { Decision, DecisionResult, Problem } from '../../schemas/types.gen.ts'
import { openSigningKeys } from '../../vault-server/signing-keys.ts'
import { ask, accessRequest } from '../business.ts'
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
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'

let vault: OAuthVault
let shop: Registered
let alma: Customer

beforeAll(async () => {
  vault = await startOAuthVault()
  shop = await vault.business()
})

// Whom nobody has refused anything before.
beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const codeOf = async (reply: Response | Promise<Response>) => {
  const response = await reply
  const { code } = (await response.json()) as Problem
  return `${response.status} ${code}`
}
const opened = async (customer = alma) => {
  const pending = await ask(shop)
  const page = await openPage(vault, customer, pending.url)
  return { pending, page, view: await readPage(page, customer) }
}
const factsOf = async (thread: string) =>
  (await vault.ledger.history(thread, { limit: 100 })).map(({ ops }) => readFact(ops))

describe('opening', () => {
  test('shows who asks what, with the exact values of today, and changes nothing when opened again', async () => {
    const { page, view } = await opened()
    expect(matches('api/request-view.json', view)).toBe(true)
    expect(view).toMatchObject({
      accountId: alma.accountId,
      status: 'open',
      vendor: { vendorId: shop.vendorId, name: 'Corner Shop', suspended: false },
      returnHost: 'shop.example',
    })
    expect(view.items[0]).toMatchObject({
      purposeTitle: 'Handle orders',
      purposePhrase: 'handle your orders',
      fields: [{ field: 'profile.name', title: 'Name', value: 'Alma Quist', derived: false }],
    })
    const before = (await factsOf(alma.accountId)).length
    expect({ ...(await readPage(page, alma)), asOf: view.asOf }).toMatchObject({
      requestHash: view.requestHash,
    })
    expect(await factsOf(alma.accountId)).toHaveLength(before)
  })

  test('a value that is not in the pod is shown as missing', async () => {
    const fields = ['profile.name', 'contact.email']
    const [item] = accessRequest().items
    if (item === undefined) throw new Error('no item')
    const pending = await ask(shop, accessRequest({ items: [{ ...item, fields }] }))
    const view = await readPage(await openPage(vault, alma, pending.url), alma)
    expect(view.items[0]?.fields[1]).toMatchObject({ field: 'contact.email', missing: true })
    expect(view.items[0]?.fields[1]).not.toHaveProperty('value')
  })

  test('is listed with its business before anybody opened it, and claimed by the first who does', async () => {
    const pending = await ask(shop)
    const listed = async () =>
      (await listVendorRequests(vault.ledger, shop.vendorId, { limit: 1 })).rows[0]?.value
    const page = await openPage(vault, alma, pending.url)
    expect(await listed()).toMatchObject({ status: 'open', clientId: shop.clientId })
    expect((await listed())?.accountId).toBeUndefined()
    const view = await readPage(page, alma)
    expect(await listed()).toMatchObject({ requestId: view.requestId, accountId: alma.accountId })
    expect(await factsOf(view.requestId)).toMatchObject([{ type: 'requested', request: view.requestId }])
    const list = await alma.browser.go(`${vault.vaultUrl}/api/requests`, {
      headers: { 'x-test-customer': alma.accountId },
    })
    const body = (await list.json()) as { requests: { requestId: string }[] }
    expect(matches('api/open-requests.json', body)).toBe(true)
    expect(body.requests[0]).toMatchObject({ requestId: view.requestId, status: 'open', items: 2 })
  })

  test('30: nobody else opens or answers it: not another customer, not another browser, not without cookie', async () => {
    const { page, view, pending } = await opened()
    const bert = await vault.customer()
    expect(await codeOf(postOpen(page, bert))).toBe('404 not-found')
    expect(await codeOf(postDecision(page, bert, { ...allowing(view), accountId: bert.accountId }))).toBe(
      '404 not-found',
    )
    // The same request_uri in the other browser leads to the same request, which is hers.
    const his = await openPage(vault, bert, pending.url)
    expect(await codeOf(postOpen(his, bert))).toBe('404 not-found')
    expect(await codeOf(postDecision(his, bert, { ...allowing(view), accountId: bert.accountId }))).toBe(
      '404 not-found',
    )
    // In her browser, with somebody else signed in.
    const shared = { ...bert, browser: alma.browser }
    expect(await codeOf(postOpen(page, shared))).toBe('404 not-found')
    expect(await codeOf(postDecision(page, shared, allowing(view)))).toBe('409 conflict')
    expect(await codeOf(postDecision(page, shared, { ...allowing(view), accountId: bert.accountId }))).toBe(
      '404 not-found',
    )
    const other = await openPage(vault, alma, (await ask(shop)).url)
    const crossed = new URL(page.href.replace(/[^/]+$/, String(other.pathname.split('/').at(-1))))
    expect(await codeOf(postDecision(crossed, alma, allowing(view)))).toBe('404 not-found')
    const resumed = await bert.browser.go(`${vault.issuer}/auth/${page.pathname.split('/').at(-1)}`)
    expect(resumed.status).toBe(400)
    expect((await postDecision(page, alma, allowing(view))).status).toBe(200)
  })

  test('needs somebody who is signed in', async () => {
    const { url } = await ask(shop)
    const page = await openPage(vault, alma, url)
    expect(await codeOf(alma.browser.post(`${page.href}/open`, {}))).toBe('401 not-signed-in')
    expect(await codeOf(alma.browser.go(`${vault.vaultUrl}/api/requests`))).toBe('401 not-signed-in')
  })

  test('40: only a page of this vault may ask, with JSON of the right form', async () => {
    const { page, view } = await opened()
    const signedIn = { 'x-test-customer': alma.accountId }
    const decision = allowing(view)
    const from = (headers: Record<string, string>) =>
      alma.browser.post(`${page.href}/decision`, decision, { ...signedIn, ...headers })
    expect(await codeOf(from({ origin: 'https://evil.example' }))).toBe('403 cross-site')
    expect(await codeOf(from({ 'sec-fetch-site': 'cross-site' }))).toBe('403 cross-site')
    expect(await codeOf(from({ 'sec-fetch-site': 'same-site' }))).toBe('403 cross-site')
    expect(await codeOf(from({ 'content-type': 'text/plain' }))).toBe('415 unsupported-media-type')
    expect(await codeOf(alma.browser.post(`${page.href}/open`, { x: 1 }, signedIn))).toBe('400 invalid-input')
    for (const over of [
      { decision: 'perhaps' },
      { extra: 1 },
      { items: [{ id: 'name' }] },
      { until: 'tomorrow' },
    ])
      expect(await codeOf(postDecision(page, alma, { ...decision, ...over } as Decision))).toBe(
        '400 invalid-input',
      )
    expect(await codeOf(postDecision(page, alma, { ...decision, requestHash: 'A'.repeat(43) }))).toBe(
      '409 request-changed',
    )
    expect(await codeOf(postDecision(page, alma, { ...decision, accountId: 'B'.repeat(22) }))).toBe(
      '409 conflict',
    )
    expect((await alma.browser.go(`${page.href}/open`)).status).toBe(404)
  })
})

describe('answers', () => {
  test.each<[string, (decision: Decision) => Decision, string]>([
    ['nothing selected', (one) => ({ ...one, items: [] }), '422 nothing-selected'],
    [
      'a required item left out',
      (one) => ({ ...one, items: [{ id: 'diet', fields: ['diet.diet'] }] }),
      '422 required-item-refused',
    ],
    [
      'a field that was not asked',
      (one) => ({ ...one, items: [{ id: 'name', fields: ['profile.name', 'contact.email'] }] }),
      '400 invalid-input',
    ],
    [
      'an unknown item',
      (one) => ({ ...one, items: [{ id: 'x', fields: ['profile.name'] }] }),
      '400 invalid-input',
    ],
    ['no end', ({ until: _until, ...one }) => one, '400 invalid-input'],
    ['an end that has passed', (one) => ({ ...one, until: '2020-01-01T00:00:00Z' }), '400 invalid-input'],
    ['a later end than asked', (one) => ({ ...one, until: '2099-01-01T00:00:00Z' }), '400 invalid-input'],
    ['a day that is none', (one) => ({ ...one, until: '2027-02-30T00:00:00Z' }), '400 invalid-input'],
  ])('with %s are refused and decide nothing', async (_what, change, expected) => {
    const { page, view } = await opened()
    expect(await codeOf(postDecision(page, alma, change(allowing(view))))).toBe(expected)
    expect((await readPage(page, alma)).status).toBe('open')
  })

  test('once given stand; the page then only leads back', async () => {
    const bea = await vault.customer()
    const { page, view } = await opened(bea)
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    const first = (await (await postDecision(page, bea, deny)).json()) as DecisionResult
    expect(await (await postDecision(page, bea, deny)).json()).toEqual(first)
    expect(await codeOf(postDecision(page, bea, allowing(view)))).toBe('409 request-decided')
    expect(await codeOf(postDecision(page, bea, { ...deny, decision: 'later' }))).toBe('409 request-decided')
    const shown = await readPage(page, bea)
    expect(shown).toMatchObject({ status: 'refused', returnTo: first.returnTo })
    expect(JSON.stringify(shown)).not.toContain('Alma Quist')
  })

  test('later can still become yes', async () => {
    const { page, view } = await opened()
    const later = { accountId: view.accountId, requestHash: view.requestHash, decision: 'later' } as const
    const put = await postDecision(page, alma, later)
    expect(put.status).toBe(200)
    expect(await (await postDecision(page, alma, later)).json()).toEqual(await put.json())
    const { returnTo } = (await (await postDecision(page, alma, allowing(view))).json()) as DecisionResult
    const callback = await comeBack(vault, alma, returnTo)
    expect(callback.searchParams.has('code')).toBe(true)
    expect((await factsOf(view.requestId)).map(({ type }) => type)).toEqual(['deferred', 'requested'])
  })

  test('leave one signed receipt, a log entry, and the job that carries it to the pod', async () => {
    for (const [answer, type] of [
      ['allow', 'granted'],
      ['deny', 'refused'],
    ] as const) {
      const { url } = await ask(shop)
      const { result, view } = await decideAt(vault, alma, url, (shown) => ({
        ...allowing(shown),
        decision: answer,
      }))
      expect(matches('api/decision-result.json', result)).toBe(true)
      const { receipt } = result
      if (receipt === undefined) throw new Error('no receipt')
      const keys = createLocalJWKSet({
        keys: [...(await openSigningKeys(vault.keys, 'receipts', Date.now)).published()],
      } as JSONWebKeySet)
      const { payload } = await compactVerify(receipt.jws, keys)
      expect(JSON.parse(new TextDecoder().decode(payload))).toEqual(receipt.payload)
      expect(receipt.jws).not.toContain(Buffer.from(alma.webId).toString('base64url'))
      expect(JSON.stringify(receipt.payload)).not.toContain('Quist')
      expect((await readReceipt(vault.ledger, receipt.receiptId))?.value.jws).toBe(receipt.jws)
      const thread = answer === 'allow' ? receipt.receiptId : view.requestId
      expect((await factsOf(thread))[0]).toMatchObject({ type, request: view.requestId })
      const jobs = await listDueJobs(vault.ledger, Date.now(), { limit: 100 })
      expect(jobs.map(({ value }) => value.id)).toContain(`write-receipt-${receipt.receiptId}`)
    }
  })
})

describe('what cannot be released cannot be allowed', () => {
  test('values that cannot be shown today are said to be so', async () => {
    const bea = await vault.customer()
    const { page } = await opened(bea)
    for (const code of ['pod-unreachable', 'pod-unreadable', 'pod-access-lost'] as const) {
      vault.pods.refusal = new DomainError(code, 'the pod')
      const view = await readPage(page, bea)
      expect(view.valuesUnavailable).toMatch(/pod/i)
      expect(JSON.stringify(view)).not.toContain('Quist')
    }
    vault.pods.refusal = undefined
    expect((await readPage(page, bea)).valuesUnavailable).toBeUndefined()
  })

  test('a lost pod', async () => {
    const bert = await vault.customer()
    const { page, view } = await opened(bert)
    await vault.ledger.commit((await loseAccess(vault.ledger, bert.accountId)) ?? {})
    expect((await readPage(page, bert)).valuesUnavailable).toBeDefined()
    expect(await codeOf(postDecision(page, bert, allowing(view)))).toBe('409 pod-access-lost')
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    expect((await postDecision(page, bert, deny)).status).toBe(200)
  })

  test('a suspended business: not opened, not allowed, no new request; refusing it stays possible', async () => {
    const rogue = await vault.business({ redirectUri: 'https://rogue.example/callback' })
    const [open, unopened] = [await ask(rogue), await ask(rogue)]
    const page = await openPage(vault, alma, open.url)
    const view = await readPage(page, alma)
    const late = await openPage(vault, alma, unopened.url)
    await vault.operator.suspend(rogue.vendorId)
    expect(await codeOf(postOpen(late, alma))).toBe('403 vendor-suspended')
    expect(await codeOf(postDecision(page, alma, allowing(view)))).toBe('403 vendor-suspended')
    await expect(ask(rogue)).rejects.toMatchObject({ status: 400, error: 'unauthorized_client' })
    expect((await readPage(page, alma)).vendor.suspended).toBe(true)
    const deny = { accountId: view.accountId, requestHash: view.requestHash, decision: 'deny' } as const
    expect((await postDecision(page, alma, deny)).status).toBe(200)
    await vault.operator.reinstate(rogue.vendorId)
    expect((await postOpen(late, alma)).status).toBe(200)
    await ask(rogue)
  })
})
