import { beforeAll, expect, test } from 'vitest'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { VaultBrowser } from '../vault.ts'
import type { Me } from '../../schemas/types.gen.ts'

let pods: TestPods
const hour = 3_600_000

beforeAll(async () => {
  pods = await sharedPods()
})

const meOf = async (browser: VaultBrowser) => (await browser.get('/api/me')).body as Me

test('a new vault is a pod of its own with a signed-in browser, and nobody else is signed in', async () => {
  await using vault = await startTestVault(pods)
  const { browser, me } = await vault.customer()
  expect(me).toMatchObject({
    signedIn: true,
    podAccess: 'none',
    podsReady: true,
    issuer: pods.server.baseUrl,
  })
  expect(await meOf(browser)).toEqual(me)
  expect(await meOf(vault.browser())).toMatchObject({ signedIn: false })
  await vault.restart()
  expect(await meOf(browser)).toEqual(me)
  expect((await browser.get('/api/categories')).status).toBe(200)
})

test('a name that is taken is told with a pointer, and a password that is too short makes nothing', async () => {
  await using vault = await startTestVault(pods)
  const person = { podName: `t${crypto.randomUUID().slice(0, 8)}`, password: 'long enough a word' }
  expect(
    (await vault.browser().post('/api/vaults', { ...person, email: 'a@example.org', password: 'short' }))
      .status,
  ).toBe(400)
  expect(
    (await vault.browser().post('/api/vaults', { ...person, email: `${person.podName}@example.org` })).status,
  ).toBe(201)
  const again = await vault
    .browser()
    .post('/api/vaults', { ...person, email: `other-${person.podName}@example.org` })
  expect(again).toMatchObject({ status: 409, body: { code: 'account-exists' } })
})

test.each([['issuer'], ['WebID']])(
  'somebody with a pod signs in by her %s and comes back to her page',
  async (by) => {
    await using vault = await startTestVault(pods)
    const person = await pods.customer()
    const browser = vault.browser()
    const issuer = by === 'issuer' ? pods.server.baseUrl.replace(/\/$/, '') : person.webId
    const query = await signInAtPod(pods, browser, person, { issuer, returnTo: '/consent/abc' })
    // A restart between the redirect and the way back makes no difference.
    await vault.restart()
    const done = await browser.post('/api/sign-in/complete', { query })
    expect(done).toMatchObject({ status: 200, body: { location: `${vault.url}/consent/abc` } })
    expect(await meOf(browser)).toMatchObject({
      signedIn: true,
      webId: person.webId,
      container: person.container,
      podAccess: 'none',
    })
  },
)

test('two first sign-ins of one person at once make one account', async () => {
  await using vault = await startTestVault(pods)
  const person = await pods.customer()
  const browsers = [vault.browser(), vault.browser()]
  const queries: string[] = []
  for (const browser of browsers) {
    queries.push(await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl }))
  }
  const done = await Promise.all(
    browsers.map((browser, index) => browser.post('/api/sign-in/complete', { query: queries[index] })),
  )
  expect(done.map(({ status }) => status)).toEqual([200, 200])
  const [one, other] = await Promise.all(browsers.map(meOf))
  expect(one?.accountId).toBeDefined()
  expect(one).toEqual(other)
})

test('a session id that was there before the sign-in is worth nothing afterwards', async () => {
  await using vault = await startTestVault(pods)
  const person = await pods.customer()
  const mallory = await vault.customer()
  const browser = vault.browser()
  // Mallory has planted her own session in the victim's browser, and then an id that never was one.
  for (const planted of [mallory.browser.cookie('session') ?? '', 'A'.repeat(43)]) {
    browser.jar.clear()
    const query = await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
    const cookie = `__Host-reach-sign-in=${browser.cookie('sign-in')}; __Host-reach-session=${planted}`
    const stolen = await fetch(`${vault.url}/api/sign-in/complete`, {
      method: 'POST',
      headers: {
        cookie,
        origin: vault.url,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query }),
    })
    expect(stolen.status).toBe(200)
    expect(stolen.headers.get('set-cookie')).toMatch(
      /__Host-reach-session=[\w-]{43};.*Path=\/;.*HttpOnly; Secure; SameSite=Lax/,
    )
    expect(stolen.headers.get('set-cookie')).not.toContain(planted)
    const asPlanted = await fetch(`${vault.url}/api/me`, {
      headers: { cookie: `__Host-reach-session=${planted}` },
    })
    expect(await asPlanted.json()).toMatchObject({ signedIn: false })
  }
})

test('an answer of another issuer, to another browser, or a second time signs nobody in', async () => {
  await using vault = await startTestVault(pods)
  const person = await pods.customer()
  const browser = vault.browser()
  const failed = { status: 401, body: { code: 'sign-in-failed' } }
  const begin = () => signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
  const complete = (query: string, by = browser) => by.post('/api/sign-in/complete', { query })

  const query = await begin()
  expect(query).toContain('iss=')
  expect(await complete(query, vault.browser())).toMatchObject(failed)
  const elsewhere = new URLSearchParams(query)
  elsewhere.set('iss', 'https://honest.example/')
  expect(await complete(`?${elsewhere}`)).toMatchObject(failed)
  // The attempt has used it up.
  expect(await complete(query)).toMatchObject(failed)

  const foreign = new URLSearchParams(await begin())
  foreign.set('state', 'A'.repeat(43))
  expect(await complete(`?${foreign}`)).toMatchObject(failed)

  const good = await begin()
  const cookie = browser.cookie('sign-in')
  const twice = await Promise.all([complete(good), complete(good)])
  expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 401])
  expect(await meOf(browser)).toMatchObject({ signedIn: true, webId: person.webId })
  expect((await browser.get('/api/categories')).status).toBe(200)
  expect(cookie).toMatch(/^[\w-]{43}$/)
  expect(browser.cookie('sign-in')).toBeUndefined()
})

test('signing out ends the session everywhere and leaves nothing of the pod login', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await vault.customer()
  const session = browser.cookie('session')
  expect((await vault.ledger.list('pod-login/')).length).toBeGreaterThan(0)
  expect((await browser.post('/api/sign-out')).status).toBe(204)
  expect(browser.cookie('session')).toBeUndefined()
  expect(await vault.ledger.list('pod-login/')).toEqual([])
  expect(await vault.ledger.list('session/')).toEqual([])
  const stolen = await fetch(`${vault.url}/api/me`, {
    headers: { cookie: `__Host-reach-session=${session}` },
  })
  expect(await stolen.json()).toMatchObject({ signedIn: false })
})

test('the session id is in no key and no value of the ledger', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await vault.customer()
  const [row] = await vault.ledger.list('session/')
  expect(row).toBeDefined()
  expect(JSON.stringify(row)).not.toContain(browser.cookie('session'))
})

test('a session ends when nobody uses it, lives on in use, and ends at last', async () => {
  await using vault = await startTestVault(pods)
  const used = await vault.customer()
  const left = await vault.customer()
  for (let hours = 60; hours < 14 * 24; hours += 60) {
    vault.clock.ahead = hours * hour
    expect(await meOf(used.browser)).toMatchObject({ signedIn: true })
  }
  expect(await meOf(left.browser)).toMatchObject({ signedIn: false })
  vault.clock.ahead = (14 * 24 + 1) * hour
  expect(await meOf(used.browser)).toMatchObject({ signedIn: false })
})

test('a restarted vault renews the pod login once for all; one that has died asks to sign in again', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await vault.customer()
  await vault.restart()
  const answers = await Promise.all([1, 2, 3].map(() => browser.get('/api/categories')))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  const rows = await vault.ledger.list('pod-login/')
  await vault.ledger.commit({ writes: rows.map(({ key }) => ({ key, value: undefined })) })
  await vault.restart()
  expect(await browser.get('/api/categories')).toMatchObject({ status: 401, body: { code: 'not-signed-in' } })
  expect(await meOf(browser)).toMatchObject({ signedIn: true })
  expect((await browser.get('/api/grants')).status).toBe(200)
})
