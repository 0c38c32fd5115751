import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Session } from '@inrupt/solid-client-authn-node'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { leanExpress, listen } from '../../core/http/server.ts'
import { SIGN_IN_TAKES_MS } from '../../vault-server/pods/front.ts'
import { CREATION_SECRET } from '../../vault-server/pods/child-protocol.ts'
import { control } from '../../vault-server/pods/door.ts'
import type { EmbeddedPods } from '../../vault-server/pods/embedded.ts'
import { removePodFiles } from '../../vault-server/pods/pod-removal.ts'
import { createProvisioning } from '../../vault-server/pods/provisioning.ts'
import { signInAtEmbeddedPods } from '../../vault-server/pods/scripted-sign-in.ts'
import type { NewVault } from '../../schemas/types.gen.ts'
import { findCanaries } from '../canaries.ts'
import { filesIn } from '../check-everything.ts'
import { askAccounts, ownFetch, sharedPods } from '../pod-server.ts'
import type { TestCustomer, TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { VaultBrowser } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

/** A Solid app with a Client ID Document, as the vault has one. */
async function startApp() {
  const port = await pods.vaultPort()
  const url = `http://localhost:${port}`
  const app = leanExpress()
  app.get('/client.jsonld', (_req, res) => {
    res.type('application/ld+json').send(
      JSON.stringify({
        '@context': ['https://www.w3.org/ns/solid/oidc-context.jsonld'],
        client_id: `${url}/client.jsonld`,
        client_name: 'Reach',
        redirect_uris: [`${url}/callback`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'openid offline_access webid',
        token_endpoint_auth_method: 'none',
      }),
    )
  })
  const listening = await listen({ app, host: 'localhost', port, drainMs: 100 })
  const session = new Session({ keepAlive: false })
  const authorizationUrl = async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    await session.login({
      oidcIssuer: pods.server.baseUrl,
      clientId: `${url}/client.jsonld`,
      redirectUrl: `${url}/callback`,
      handleRedirect: resolve,
    })
    return promise
  }
  return { url, session, authorizationUrl, [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose]() }
}

test('who just made her vault is signed in without typing twice', async () => {
  await using app = await startApp()
  const customer = await pods.customer()
  const back = await signInAtEmbeddedPods(pods.server.door, await app.authorizationUrl(), customer)
  expect(back.startsWith(`${app.url}/callback?`)).toBe(true)
  const info = await app.session.handleIncomingRedirect(back)
  expect(info).toMatchObject({ isLoggedIn: true, webId: customer.webId })
  expect((await app.session.fetch(customer.podUrl)).status).toBe(200)
})

test('with a wrong password, or somebody else’s WebID, nobody is signed in', async () => {
  await using app = await startApp()
  const [customer, other] = [await pods.customer(), await pods.customer()]
  const wrong = { ...customer, password: 'not the password' }
  await expect(
    signInAtEmbeddedPods(pods.server.door, await app.authorizationUrl(), wrong),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
  const foreign = { ...customer, webId: other.webId }
  await expect(
    signInAtEmbeddedPods(pods.server.door, await app.authorizationUrl(), foreign),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
})

test('goes nowhere but to the embedded pods', async () => {
  const customer = await pods.customer()
  await expect(
    signInAtEmbeddedPods(pods.server.door, 'http://localhost:9/.oidc/auth', customer),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
})

test('a taken name or address is account-exists; a half-made one goes on', async () => {
  const { createPod } = createProvisioning(pods.server.door)
  const person = (podName: string) => ({
    podName,
    email: `${podName}@example.org`,
    password: 'correct horse',
  })
  await createPod(person('ada'))
  await expect(createPod({ ...person('ada2'), email: 'ADA@example.org' })).rejects.toMatchObject({
    code: 'account-exists',
    violations: [{ pointer: '/email' }],
  })
  await expect(createPod({ ...person('ada'), email: 'bo@example.org' })).rejects.toMatchObject({
    code: 'account-exists',
    violations: [{ pointer: '/podName' }],
  })
  // Nothing was made for her, and so her address is free.
  await createPod({ podName: 'bo', email: 'bo@example.org', password: 'another one' })
  // An account without a pod, as when the disk was full: the same password goes on, another one does not.
  const ask = askAccounts(pods.server.door)
  const index = `${pods.server.baseUrl}.account/`
  const { controls } = await ask(index)
  const account = control(controls, 'account', 'create')
  const { authorization } = await ask(account, undefined, {
    [CREATION_SECRET]: pods.server.door.creationSecret,
  })
  const hers = (await ask(index, String(authorization))).controls
  const { email, password } = person('cy')
  await ask(control(hers, 'password', 'create'), String(authorization), { email, password })
  await expect(createPod({ ...person('cy'), password: 'another one' })).rejects.toMatchObject({
    code: 'account-exists',
    violations: [{ pointer: '/email' }],
  })
  expect(await createPod(person('cy'))).toMatchObject({ podUrl: `${pods.server.baseUrl}cy/` })
})

test('of six who want one name at once exactly one gets it', async () => {
  const { createPod } = createProvisioning(pods.server.door)
  const wanted = [0, 1, 2, 3, 4, 5].map((n) => ({
    podName: 'eve',
    email: `eve${n}@example.org`,
    password: 'correct horse',
  }))
  const made = await Promise.allSettled(wanted.map((one) => createPod(one)))
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('nor do two get one address who ask two vaults of one pod server, such as the tour’s', async () => {
  const vaults = [createProvisioning(pods.server.door), createProvisioning(pods.server.door)]
  const made = await Promise.allSettled(
    vaults.map(({ createPod }, n) =>
      createPod({ podName: `fay${n}`, email: 'fay@example.org', password: `horse number ${n}` }),
    ),
  )
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('a WebID of these pods is for the account that its pod was made for, whoever else was linked to it', async () => {
  const { server } = pods
  const [owner, other] = [await pods.customer(), await pods.customer()]
  await linkWebId(other, owner)
  await using app = await startApp()
  const page = await app.authorizationUrl()
  await expect(
    signInAtEmbeddedPods(server.door, page, { ...other, webId: owner.webId }),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
  await using hers = await startApp()
  const back = await signInAtEmbeddedPods(server.door, await hers.authorizationUrl(), owner)
  expect(back.startsWith(`${hers.url}/callback?`)).toBe(true)
})

/** As the pod server lets everybody do who can write into the profile of the WebID. */
async function linkWebId(account: { email: string; password: string }, { webId, fetch }: TestCustomer) {
  const ask = askAccounts(pods.server.door)
  const index = `${pods.server.baseUrl}.account/`
  const open = await ask(index)
  const { authorization } = await ask(control(open.controls, 'password', 'login'), undefined, account)
  const { controls } = await ask(index, String(authorization))
  const link = () => ask(control(controls, 'account', 'webId'), String(authorization), { webId })
  const { details } = (await link()) as { details?: { quad?: string } }
  const proof = await fetch(webId, {
    method: 'PATCH',
    headers: { 'content-type': 'application/sparql-update' },
    body: `INSERT DATA { ${details?.quad} }`,
  })
  expect(proof.ok).toBe(true)
  expect(await link()).toMatchObject({ webId })
}

test.each([
  [{ podName: '../x' }, '/podName'],
  [{ podName: '.account' }, '/podName'],
  [{ podName: 'Ada' }, '/podName'],
  [{ podName: '' }, '/podName'],
  [{ email: 'nobody' }, '/email'],
  [{ password: 'short' }, '/password'],
  [{ password: 'x'.repeat(73) }, '/password'],
])('refuses %j', async (bad, pointer) => {
  const { createPod } = createProvisioning(pods.server.door)
  const good = { podName: 'fine', email: 'fine@example.org', password: 'correct horse' }
  await expect(createPod({ ...good, ...bad })).rejects.toMatchObject({
    code: 'invalid-input',
    violations: [{ pointer }],
  })
})

const podOf = (webId: string) => new URL('../', webId).href
const nameOf = (podUrl: string) => new URL(podUrl).pathname.slice(1, -1)
const taken = { status: 409, body: { code: 'account-exists', errors: [{ pointer: '/podName' }] } }

test.each([
  ['with signs', `o'neil+shop&co%2f|*@example.org`],
  ['of great length', `${'long'.repeat(30)}@example.org`],
])('a pod is removed with all that names its customer, also one with an address %s', async (_what, email) => {
  const { door } = pods.server
  // Noted still, as when the pod server answered too late that it was made.
  const making = { ...door.making, end: () => Promise.resolve() }
  const { createPod } = createProvisioning({ ...door, making })
  const podName = `gus${email.length}`
  const { podUrl, webId } = await createPod({ podName, email, password: 'correct horse' })
  await expect(createPod({ podName: 'gil', email, password: 'another one' })).rejects.toMatchObject({
    code: 'account-exists',
    violations: [{ pointer: '/email' }],
  })
  await pods.server.removePod(podUrl)
  for (const file of await filesIn(pods.folder))
    expect(
      findCanaries(Buffer.concat([await readFile(file), Buffer.from(file)]), [email, webId]),
      file,
    ).toEqual([])
})

test('who had a name and left with her pod holds no key to whoever would have it next', async () => {
  await using vault = await startTestVault(pods)
  const before = await vault.customer()
  const podUrl = podOf(before.webId)
  // The pod server looks its tokens up nowhere: this one is good for an hour, whatever becomes of the pod.
  const app = await ownFetch(pods.server, before)
  expect((await app(podUrl)).status).toBe(200)
  const wish = { confirmation: 'erase', askDeletion: false, deletePod: true }
  expect(await before.browser.post('/api/leave', wish)).toMatchObject({ status: 202 })
  await vault.settle()
  const next = { podName: nameOf(podUrl), email: `next-${before.email}`, password: 'a password of her own' }
  expect(await vault.browser().post('/api/vaults', next)).toMatchObject(taken)
  expect((await app(podUrl)).ok).toBe(false)
})

test('no pod is made in the place of one that was lost, not even until it is found out', async () => {
  // Whatever takes it away again may fail, or come too late.
  const removePod = () => Promise.reject(new Error('a failing disk'))
  const server: EmbeddedPods = { ...pods.server, removePod, shardFor: () => server }
  await using vault = await startTestVault({ ...pods, server })
  const { webId } = await vault.customer()
  await removePodFiles(join(pods.folder, 'root'), podOf(webId))
  const intruder = { email: `intruder-${nameOf(podOf(webId))}@example.org`, password: 'a password of hers' }
  const wanted = { podName: nameOf(podOf(webId)), ...intruder }
  expect(await vault.browser().post('/api/vaults', wanted)).toMatchObject(taken)
  expect((await fetch(webId)).ok).toBe(false)
  const issuer = pods.server.baseUrl
  await expect(signInAtPod(pods, vault.browser(), { ...intruder, webId }, { issuer })).rejects.toMatchObject({
    code: 'sign-in-failed',
  })
})

test('a sign-in takes as long for an address that is known as for one that is not', async () => {
  const { email } = await pods.customer()
  const time = async (address: string) => {
    const began = performance.now()
    const { status } = await fetch(`${pods.server.baseUrl}.account/login/password/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ email: address, password: 'not this one' }),
    })
    expect(status).toBe(403)
    return performance.now() - began
  }
  // Both are held back until the same moment after they came, which is later than either would be ready.
  expect(await time(email)).toBeGreaterThanOrEqual(SIGN_IN_TAKES_MS - 5)
  expect(await time('nobody@example.org')).toBeGreaterThanOrEqual(SIGN_IN_TAKES_MS - 5)
})

describe('a page that waits for its vault', () => {
  const person = (name: string) => ({
    podName: name,
    email: `${name}@example.org`,
    password: 'a long way to go',
  })
  const progress = async (browser: VaultBrowser) =>
    (await browser.get('/api/vaults/progress')).body as NewVault

  test('is told at once how many are before it, step by step what becomes of it, and enters once', async () => {
    await using vault = await startTestVault(pods)
    const name = `w${Date.now()}`
    const { createPod } = createProvisioning(pods.server.door)
    const others = [0, 1, 2, 3].map((n) => createPod(person(`${name}-${n}`)))
    const browser = vault.browser()
    const begun = await browser.post('/api/vaults/begin', person(name))
    expect(begun).toMatchObject({ status: 202, body: { state: 'waiting' } })
    const seen = [begun.body as NewVault]
    // The page may be loaded again at any time: all it needs is its cookie.
    const steps = ['waiting', 'pod', 'sign-in', 'ready']
    while (seen.at(-1)?.state !== 'ready') {
      await sleep(150)
      seen.push(await progress(browser))
      expect(steps).toContain(seen.at(-1)?.state)
    }
    await Promise.all(others)
    const places = seen.map(({ state }) => steps.indexOf(state))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    const before = seen.flatMap((view) => view.before ?? [])
    expect(before[0]).toBeGreaterThan(1)
    expect(before).toEqual(before.toSorted((a, b) => b - a))
    // Nobody else enters it.
    const stranger = vault.browser()
    expect(await progress(stranger)).toEqual({ state: 'none' })
    expect(await stranger.post('/api/vaults/enter')).toMatchObject({ status: 409 })
    expect(await browser.post('/api/vaults/enter')).toMatchObject({ status: 201, body: { signedIn: true } })
    expect((await browser.get('/api/me')).body).toMatchObject({
      webId: `${pods.server.baseUrl}${name}/profile/card#me`,
    })
    expect(await browser.post('/api/vaults/enter')).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect(await progress(browser)).toEqual({ state: 'none' })
  })

  test('is told why it failed, and that a restart has lost it; asking again goes on', async () => {
    await using vault = await startTestVault(pods)
    const { email } = await pods.customer()
    const browser = vault.browser()
    await browser.post('/api/vaults/begin', { ...person(`x${Date.now()}`), email })
    const patience = { timeout: 30_000, interval: 200 }
    await vi.waitFor(
      async () => expect(await progress(browser)).toEqual({ state: 'failed', code: 'account-exists' }),
      patience,
    )
    expect(await browser.post('/api/vaults/enter')).toMatchObject({ status: 409 })
    const wanted = person(`y${Date.now()}`)
    // What can be refused at once leaves no trace.
    const refused = await vault.browser().post('/api/vaults/begin', { ...wanted, password: 'x'.repeat(73) })
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-input' } })
    await vault.restart()
    expect(await progress(browser)).toEqual({ state: 'lost' })
    expect((await browser.post('/api/vaults/begin', wanted)).status).toBe(202)
    await vi.waitFor(async () => expect((await progress(browser)).state).toBe('ready'), patience)
    expect((await browser.post('/api/vaults/enter')).status).toBe(201)
  })
})
