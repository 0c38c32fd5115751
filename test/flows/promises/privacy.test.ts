/** Promise 5: no correlation by identifier. Promise 6: no personal values outside the pod and the reply. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Redirect } from '#schemas/types.gen.ts'
import { signInAtEmbeddedPods } from '../../../vault-server/pods/scripted-sign-in.ts'
import { accessRequest, batchToken, postForm, refresh, requestParameters } from '../../business.ts'
import { findCanaries } from '../../canaries.ts'
import { checkEverything, filesIn } from '../../check-everything.ts'
import { decide } from '../../consent.ts'
import { expectOk, Story } from '../../story.ts'
import type { Customer, Relation, Shop } from '../../story.ts'

let story: Story

beforeAll(async () => {
  story = await Story.open({ ownPods: true })
})
afterEach(() => checkEverything(story))
afterAll(() => story[Symbol.asyncDispose]())

/** Members that tell a moment and nothing else; moments may tell, as the README says. */
const moments = new Set(['iat', 'exp', 'expires_in'])

/** Every text in a value, whole and in parts, what JWTs hold included; released values left out. */
function textsIn(value: unknown, name = ''): string[] {
  if (name === 'data' || moments.has(name)) return []
  if (typeof value === 'number') return value < 1e6 ? [] : [String(value)]
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([member, inner]) => textsIn(inner, member))
  if (typeof value !== 'string') return []
  const parts = value.split(/[^\w-]+/).filter((part) => part.length >= 8)
  const isJwt = /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/.test(value)
  const inner = isJwt ? [decodeProtectedHeader(value), decodeJwt(value)].flatMap((part) => textsIn(part)) : []
  return [value, ...parts, ...inner]
}

/** All that one business gets to see about one customer. */
async function seenBy(relation: Relation): Promise<Set<string>> {
  const { shop, tokens, subject, callback } = relation
  const refreshed = await refresh(shop, tokens.refreshToken)
  const introspected = await postForm(shop, 'token/introspection', { token: tokens.accessToken })
  expect(introspected.status).toBe(200)
  const batch = await batchToken(shop)
  const asked = { purpose: 'dpv:CustomerOrderManagement', fields: ['profile.name'] }
  const replies = [
    await story.read(relation),
    await story.read(relation, { token: batch }),
    await story.call(shop, batch, '/v1/query', { ...asked, subjects: [subject] }),
    await story.call(shop, batch, '/v1/grants'),
    await story.call(shop, batch, '/v1/requests'),
  ]
  for (const { status } of replies) expect(status).toBe(200)
  const everything = [
    Object.fromEntries(callback.searchParams),
    tokens.response,
    refreshed.response,
    await introspected.json(),
    ...replies.flatMap(({ text, headers }) => [JSON.parse(text), headers]),
  ]
  return new Set(everything.flatMap((one) => textsIn(one)))
}

test('two businesses see nothing equal about one customer that they do not see about others as well', async () => {
  const [alma, berta] = [await story.customer(), await story.customer()]
  const [corner, rival] = [await story.shop(), await story.shop()]
  const details = { until: new Date(Date.now() + 30 * 86_400_000).toISOString() }
  const allow = (customer: Customer, shop: Shop) => story.allow(customer, shop, { details })
  const ofAlma = [await allow(alma, corner), await allow(alma, rival)] as const
  const ofBerta = [await allow(berta, corner), await allow(berta, rival)] as const
  const all = [...ofAlma, ...ofBerta]
  for (const of of ['subject', 'grantId', 'receiptId'] as const)
    expect(new Set(all.map((relation) => relation[of])).size).toBe(4)

  const [atCorner, atRival] = [await seenBy(ofAlma[0]), await seenBy(ofAlma[1])]
  const aboutBerta = [await seenBy(ofBerta[0]), await seenBy(ofBerta[1])]
  expect(atCorner.size).toBeGreaterThan(50)
  const shared = [...atCorner].filter((text) => atRival.has(text))
  expect(shared).toContain('dpv:CustomerOrderManagement')
  expect(shared.filter((text) => !aboutBerta.some((seen) => seen.has(text)))).toEqual([])
  // Nor anything of the customer that she has in Reach.
  for (const seen of [atCorner, atRival])
    for (const own of [alma.accountId, alma.webId, alma.container, alma.podName])
      expect([...seen]).not.toContain(own)
})

test('planted texts are found in every coding that they might travel in', () => {
  const canary = 'Zerlina Quohog-77'
  const base64 = Buffer.from(canary).toString('base64')
  const nested = Buffer.from(JSON.stringify({ jwt: `x.${base64}.y` })).toString('base64url')
  for (const hiding of [
    canary.toUpperCase(),
    encodeURIComponent(canary),
    JSON.stringify({ canary }).replaceAll('-', '\\u002d'),
    Buffer.from(canary).toString('hex'),
    `a${Buffer.from(canary).toString('hex')}`,
    ...['', 'a', 'ab', 'abc'].map((before) => Buffer.from(before + canary).toString('base64url')),
    ...['', 'a', 'ab', 'abc'].map((before) => before + base64),
    nested,
    hash('sha256', canary, 'hex'),
    hash('sha256', canary, 'base64url'),
  ])
    expect(findCanaries(Buffer.from(`some ${hiding}\n`), [canary]), hiding).toEqual([canary])
  expect(findCanaries(hash('sha256', canary, 'buffer'), [canary])).toEqual([canary])
  expect(findCanaries(Buffer.from(`Zerlina Quohog-7 ${base64.slice(1, -4)}`), [canary])).toEqual([])
})

test('a customer who uses everything leaves no trace of herself but in her pod and in replies', async () => {
  const alma = await story.customer()
  const shop = await story.shop()
  const relation = await story.allow(alma, shop)
  const reply = await story.read(relation)
  const inReply = findCanaries(Buffer.from(reply.text), story.secrets)
  expect(inReply).toHaveLength(1)
  const pods = await filesIn(join(story.world.config.dataFolder, 'pods'))
  const inPods = findCanaries(
    Buffer.concat(await Promise.all(pods.map((file) => readFile(file)))),
    story.secrets,
  )
  // All of them are really there to be found, but for the password, which the pod server keeps hashed.
  expect(story.secrets.filter((secret) => !inPods.includes(secret))).toEqual(
    story.secrets.filter((secret) => /^[\da-f]{8}-[\da-f]{4}-/.test(secret)),
  )

  await signInAgain(alma)
  for (const path of ['me', 'categories', 'requests', 'grants', 'activity', `receipts/${relation.receiptId}`])
    expectOk(await alma.browser.get(`/api/${path}`))
  const denied = await story.ask(alma, shop)
  const { accountId, requestHash } = denied.view
  expectOk(await alma.browser.post(`${denied.path}/decision`, { accountId, requestHash, decision: 'deny' }))
  for (const act of ['pause', 'resume', 'withdraw'] as const) await story.act(alma, relation, act)
  await story.read(relation)
  expectOk(await alma.browser.post('/api/pod/probe'))
  expectOk(await alma.browser.post('/api/pod/disconnect'))
  expectOk(await alma.browser.post('/api/sign-out'))
})

/** At another browser, with what she types there. */
async function signInAgain(alma: Customer): Promise<void> {
  const { podServer } = story.world.reach
  if (podServer === undefined) throw new Error('no embedded pods')
  for (const issuer of [podServer.baseUrl, alma.webId]) {
    const browser = story.browser()
    const { location } = expectOk(await browser.post('/api/sign-in', { issuer })).body as Redirect
    story.redirects.push(location)
    const back = await signInAtEmbeddedPods(podServer.door, location, alma)
    story.redirects.push(back)
    const done = expectOk(await browser.post('/api/sign-in/complete', { query: new URL(back).search }))
    story.redirects.push((done.body as Redirect).location)
    expect((await browser.get('/api/me')).body).toMatchObject({ accountId: alma.accountId })
  }
}

test('what is refused is not repeated in the refusal', async () => {
  const alma = await story.customer()
  const shop = await story.shop()
  const relation = await story.allow(alma, shop)
  const page = await story.ask(alma, shop)
  const name = story.secrets.find((secret) => secret.startsWith('Zerlina')) ?? ''
  const typed = [name, alma.webId, alma.email, alma.podName]
  const { browser } = alma
  const { gatewayUrl, vaultUrl } = story.world.config
  const texts: string[] = []
  const keep = async (answer: Promise<{ status: number; body?: unknown; text?: unknown }>) => {
    const { status, body, text } = await answer
    expect(status).toBeGreaterThanOrEqual(400)
    texts.push(typeof text === 'string' ? text : JSON.stringify(body))
  }
  const plain = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, init)
    return { status: response.status, text: await response.text() }
  }
  // Not as the name of a member: a pointer says which member is meant, as long as it is a plain word.
  for (const said of typed) {
    const inPath = encodeURIComponent(said)
    await keep(browser.put('/api/categories/profile', { etag: null, values: { birthDate: said } }))
    await keep(browser.put('/api/categories/profile', { etag: null, values: { nobody: said } }))
    await keep(browser.put(`/api/categories/${inPath}`, { etag: null, values: {} }))
    await keep(browser.get(`/api/grants/${inPath}`))
    await keep(browser.get(`/api/activity?from=${inPath}`))
    await keep(browser.post(`/api/${inPath}`))
    await keep(browser.post('/api/vaults', { podName: said, email: said, password: 'x' }))
    await keep(decide(browser, page, { items: [{ id: said, fields: [said] }] }))
    await keep(plain(`${vaultUrl}/log/${inPath}`))
    await keep(plain(`${vaultUrl}/oauth/${inPath}`))
    await keep(plain(`${gatewayUrl}/v1/${inPath}`))
    await keep(story.read(relation, { of: inPath }))
    await keep(story.read(relation, { fields: [inPath] }))
    await keep(story.read(relation, { purpose: inPath }))
    await keep(story.call(shop, await batchToken(shop), '/v1/query', { subjects: said }))
    const { parameters } = await requestParameters(shop, [{ ...accessRequest(), retention: said }])
    await keep(readForm(postForm(shop, 'request', { ...parameters, redirect_uri: said })))
    await keep(readForm(postForm(shop, 'request', parameters)))
    await keep(readForm(postForm(shop, 'token', { grant_type: 'authorization_code', code: said })))
  }
  // A pod whose document makes no sense any more, and is full of her.
  const app = await story.appOf(alma)
  const nonsense = { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: `<<< ${typed.join()}` }
  const document = `${alma.container}profile.ttl`
  await app(document, { method: 'DELETE' })
  expect((await app(document, nonsense)).ok).toBe(true)
  const unreadable = story.read(relation)
  expect(await unreadable).toMatchObject({ status: 503 })
  await keep(unreadable)
  expect(findCanaries(Buffer.from(texts.join('\n')), [...typed, name])).toEqual([])
})

async function readForm(response: Promise<Response>): Promise<{ status: number; text: string }> {
  const { status } = await response
  return { status, text: await (await response).text() }
}
