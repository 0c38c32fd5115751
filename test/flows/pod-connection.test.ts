import { beforeAll, expect, test } from 'vitest'
import { matches } from '#core/http/validate.ts'
import type { Activity, Me, Probe, RequestView } from '../../schemas/types.gen.ts'
import { ask } from '../business.ts'
import { allowAll, connectPod, decide, openPage } from '../consent.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

async function owner(vault: TestVault) {
  const person = await pods.customer()
  const browser = vault.browser()
  const query = await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
  await browser.post('/api/sign-in/complete', { query })
  return { ...person, browser }
}

const accessOf = async (browser: VaultBrowser) => ((await browser.get('/api/me')).body as Me).podAccess
const typesOf = async (browser: VaultBrowser) =>
  ((await browser.get('/api/activity')).body as Activity).items.map(({ type }) => type)

async function act(browser: VaultBrowser, path: string): Promise<Probe> {
  const { status, body } = await browser.post(`/api/pod/${path}`)
  expect(status).toBe(200)
  expect(matches('api/probe.json', body)).toBe(true)
  return body as Probe
}

test('connecting opens what Reach needs and nothing else; disconnecting shuts all of it', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await owner(vault)
  expect(await accessOf(browser)).toBe('none')
  expect(await act(browser, 'probe')).toMatchObject({ ok: true })
  const connected = await act(browser, 'connect')
  expect(connected.ok).toBe(true)
  expect(connected.findings.filter(({ seen }) => seen).length).toBeGreaterThan(0)
  expect(await accessOf(browser)).toBe('open')
  expect(await act(browser, 'connect')).toMatchObject({ ok: true })

  const { grantId } = await allowAll(vault, browser, await fill(vault, browser))
  const closed = await act(browser, 'disconnect')
  expect(closed.ok).toBe(true)
  expect(closed.findings.filter(({ seen }) => seen)).toEqual([])
  expect(await accessOf(browser)).toBe('lost')
  expect(await act(browser, 'disconnect')).toMatchObject({ ok: true })
  // The grant is no withdrawal's victim: it goes on once Reach can see again.
  expect((await browser.get(`/api/grants/${grantId}`)).body).toMatchObject({ state: 'active' })
  expect(await act(browser, 'connect')).toMatchObject({ ok: true })
  expect(await accessOf(browser)).toBe('open')
  expect((await typesOf(browser)).slice(0, 2)).toEqual(['access-restored', 'access-lost'])
})

async function fill(vault: TestVault, browser: VaultBrowser) {
  await connectPod(browser)
  return await vault.business()
}

test('access that another app took away is seen when the customer looks', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  await connectPod(alice.browser)
  // Half of a revoke, as some apps do it: the container is shut, what lies inside still inherits.
  const rules = await (await alice.fetch(`${alice.container}.acl`)).text()
  const [before = '', ofAgent = ''] = rules.split(/(?=<[^>]*#reach-agent>)/)
  const shorter = before + ofAgent.replace(/acl:accessTo <[^>]*>;/, '')
  expect(shorter.length).toBeLessThan(rules.length)
  const headers = { 'content-type': 'text/turtle' }
  expect((await alice.fetch(`${alice.container}.acl`, { method: 'PUT', headers, body: shorter })).ok).toBe(
    true,
  )
  expect(await act(alice.browser, 'probe')).toMatchObject({ ok: false })
  expect(await accessOf(alice.browser)).toBe('lost')
  expect(await typesOf(alice.browser)).toEqual(['access-lost'])
})

test('the decision page shows the exact values of today, and none once Reach is shut out', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await owner(vault)
  const business = await fill(vault, browser)
  expect((await browser.get('/api/me')).body).toMatchObject({ podAccess: 'open', name: 'Alma Quist' })
  const page = await openPage(vault, browser, await ask(business))
  const fields = page.view.items.flatMap((item) => item.fields)
  expect(fields.map(({ field, value }) => [field, value])).toEqual([
    ['profile.name', 'Alma Quist'],
    ['diet.diet', ['VeganDiet']],
    ['diet.allergies', ['peanut']],
  ])
  await act(browser, 'disconnect')
  expect((await browser.get('/api/me')).body).not.toHaveProperty('name')
  const again = (await browser.post(`${page.path}/open`)).body as RequestView
  expect(again.valuesUnavailable).toBe('pod-access-lost')
  expect(JSON.stringify(again)).not.toContain('Alma')
})

test('a profile that names the storage of somebody else gives nothing of it', async () => {
  await using vault = await startTestVault(pods)
  const bob = await owner(vault)
  await connectPod(bob.browser)
  const mallory = await pods.customer()
  const card = mallory.webId.replace('#me', '')
  const named = `<#me> <http://www.w3.org/ns/pim/space#storage> <${bob.podUrl}>.`
  const profile = await (await mallory.fetch(card, { headers: { accept: 'text/turtle' } })).text()
  const headers = { 'content-type': 'text/turtle' }
  const put = await mallory.fetch(card, { method: 'PUT', headers, body: `${profile}\n${named}` })
  expect(put.ok).toBe(true)
  const browser = vault.browser()
  const query = await signInAtPod(pods, browser, mallory, { issuer: pods.server.baseUrl })
  expect((await browser.post('/api/sign-in/complete', { query })).status).toBe(200)
  expect((await browser.get('/api/me')).body).toMatchObject({ container: bob.container, podAccess: 'none' })

  const refused = { status: 409, body: { code: 'pod-access-lost' } }
  expect(await browser.post('/api/pod/connect')).toMatchObject(refused)
  expect(await browser.get('/api/categories')).toMatchObject(refused)
  // Not even that the agent sees it, and so that Bob is a customer.
  expect(await browser.post('/api/pod/probe')).toMatchObject(refused)
  expect(await browser.post('/api/pod/disconnect')).toMatchObject(refused)
  expect(await accessOf(browser)).toBe('none')
  const page = await openPage(vault, browser, await ask(await vault.business()))
  expect(page.view.valuesUnavailable).toBeDefined()
  expect(JSON.stringify(page.view)).not.toContain('Alma')
  expect(await accessOf(bob.browser)).toBe('open')

  // Nor does the agent, who may add receipts to Bob's pod, put hers there.
  expect(await decide(browser, page, { decision: 'deny' })).toMatchObject({ status: 200 })
  await vault.settle()
  const receipts = await bob.fetch(`${bob.container}receipts/`, { headers: { accept: 'text/turtle' } })
  expect(await receipts.text()).not.toContain('.jws')
})
