/** Passkeys for the next visit: what they open, what they do not, and every way to cheat with one. */
import { beforeAll, expect, test } from 'vitest'
import { day } from '#core/domain/times.ts'
import { matches } from '#core/http/validate.ts'
import { createNames } from '#core/records/names.ts'
import { beginPodMove } from '#core/records/pod-moves.ts'
import { Authenticator } from '../authenticator.ts'
import type { Twist } from '../authenticator.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'
import type { Me, Passkeys } from '../../schemas/types.gen.ts'

let pods: TestPods
const failed = { status: 401, body: { code: 'sign-in-failed' } }

beforeAll(async () => {
  pods = await sharedPods()
})

const options = async (browser: VaultBrowser, path = '/api/passkeys/options') =>
  (await browser.post(path)).body
const asked = (browser: VaultBrowser) => options(browser, '/api/passkeys/sign-in/options')
const listed = async (browser: VaultBrowser) =>
  ((await browser.get('/api/passkeys')).body as Passkeys).passkeys

async function withPasskey(vault: TestVault, name = 'Phone') {
  const customer = await vault.customer()
  const key = new Authenticator(vault.url)
  const made = await customer.browser.post('/api/passkeys', key.make(await options(customer.browser), name))
  if (made.status !== 201) throw new Error(`no passkey: ${made.status} ${JSON.stringify(made.body)}`)
  return { ...customer, key }
}

async function signIn(browser: VaultBrowser, key: Authenticator, twist: Twist = {}) {
  return await browser.post('/api/passkeys/sign-in', key.sign(await asked(browser), twist))
}

test('a passkey opens decisions and activity on the next visit, and nothing in the pod', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault, ' Phone ')
  const [passkey] = await listed(ada.browser)
  expect(passkey).toMatchObject({ name: 'Phone', synced: false })
  expect(passkey).not.toHaveProperty('lastUsedAt')

  const next = vault.browser()
  const { status, body } = await signIn(next, ada.key)
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { signedIn: true, accountId: ada.me.accountId, byPasskey: true },
  })
  expect(matches('api/me.json', body)).toBe(true)
  await vault.restart()
  for (const path of ['/api/grants', '/api/activity', '/api/requests', '/api/boundaries'])
    expect((await next.get(path)).status, path).toBe(200)
  const shut = { status: 401, body: { code: 'not-signed-in' } }
  expect(await next.get('/api/categories')).toMatchObject(shut)
  expect(await next.put('/api/categories/profile', { etag: null, values: {} })).toMatchObject(shut)
  expect(await next.post('/api/pod/connect')).toMatchObject(shut)
  // Nor does it end the pod: who leaves with it keeps that.
  const leaving = { confirmation: 'erase', askDeletion: false, deletePod: true }
  expect(await next.post('/api/leave', leaving)).toMatchObject(shut)
  // Nor does it use the login at an old pod that waits for the end of a move.
  const place = { webId: ada.webId, issuer: pods.server.baseUrl, podUrl: ada.webId, container: ada.webId }
  const logins = { fromLogin: 'f'.repeat(22), toLogin: 't'.repeat(22) }
  const move = { v: 1, state: 'moved', from: place, to: place, ...logins, startedAt: 0 } as const
  await vault.ledger.commit(beginPodMove(undefined, String(ada.me.accountId), move))
  expect(await next.post('/api/pod/move/finish', { deleteOld: false })).toMatchObject(shut)
  // It makes no further passkey either, so that a stolen session cannot settle in.
  expect(await next.post('/api/passkeys/options')).toMatchObject(shut)
  const list = (await next.get('/api/passkeys')).body
  expect(matches('api/passkeys.json', list)).toBe(true)
  expect(list).toMatchObject({ passkeys: [{ usedNow: true, lastUsedAt: expect.any(String) }] })

  // The pod's sign-in always works, and takes the place of this session.
  const query = await signInAtPod(pods, next, ada, { issuer: pods.server.baseUrl, returnTo: '/data' })
  expect(await next.post('/api/sign-in/complete', { query })).toMatchObject({
    body: { location: `${vault.url}/data` },
  })
  expect((await next.get('/api/me')).body as Me).not.toHaveProperty('byPasskey')
  expect((await next.get('/api/categories')).status).toBe(200)
})

test('several passkeys have names of their own, and one that is removed ends what it opened', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault)
  const key = new Authenticator(vault.url)
  const second = (await options(ada.browser)) as { excludeCredentials: { id: string }[] }
  expect(second.excludeCredentials.map(({ id }) => id)).toEqual([ada.key.credentialId.toString('base64url')])
  await ada.browser.post('/api/passkeys', key.make(second, 'Security key'))
  const [phone, other] = await listed(ada.browser)
  expect([phone?.name, other?.name]).toEqual(['Phone', 'Security key'])

  await ada.browser.post(`/api/passkeys/${other?.id}/name`, { name: 'Blue key' })
  const stolen = vault.browser()
  expect((await signIn(stolen, key)).status).toBe(200)
  expect((await stolen.get('/api/grants')).status).toBe(200)
  await ada.browser.post(`/api/passkeys/${other?.id}/remove`)
  expect((await listed(ada.browser)).map(({ name }) => name)).toEqual(['Phone'])
  expect((await stolen.get('/api/grants')).status).toBe(401)
  expect(await signIn(vault.browser(), key)).toMatchObject(failed)
  expect((await signIn(vault.browser(), ada.key)).status).toBe(200)

  const mallory = await vault.customer()
  for (const act of ['remove', 'name'])
    expect(
      (await mallory.browser.post(`/api/passkeys/${phone?.id}/${act}`, act === 'name' ? { name: 'x' } : {}))
        .status,
    ).toBe(404)
})

const lies: readonly [string, Twist][] = [
  ['the user was not verified', { isVerified: false }],
  ['another origin', { origin: 'http://localhost:1' }],
  ['a site of the same host', { origin: 'https://localhost' }],
  ['another host', { rpId: 'evil.example' }],
  ['a challenge of its own', { challenge: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
  ['made, not used', { type: 'webauthn.create' }],
  ['a counter that does not rise', { counter: 0 }],
  ['a key that could not be copied, and now can', { canSync: true }],
  ['another person', { userHandle: 'B'.repeat(43) }],
]

test('an answer with anything wrong in it signs nobody in', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault)
  expect((await signIn(vault.browser(), ada.key)).status).toBe(200)
  for (const [lie, twist] of lies) {
    const browser = vault.browser()
    expect(await signIn(browser, ada.key, twist), lie).toMatchObject(failed)
    expect(browser.cookie('session'), lie).toBeUndefined()
    expect((await browser.get('/api/me')).body, lie).toMatchObject({ signedIn: false })
  }
  expect((await signIn(vault.browser(), ada.key)).status).toBe(200)
})

test('a challenge is for one browser, one use and a short time', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault)
  const browser = vault.browser()
  const answer = ada.key.sign(await asked(browser))
  const cookie = browser.cookie('passkey')
  // Somebody who has the answer but not the cookie; or another challenge of her own.
  expect(await vault.browser().post('/api/passkeys/sign-in', answer)).toMatchObject(failed)
  const elsewhere = vault.browser()
  await asked(elsewhere)
  expect(await elsewhere.post('/api/passkeys/sign-in', answer)).toMatchObject(failed)
  const twice = await Promise.all([1, 2].map(() => browser.post('/api/passkeys/sign-in', answer)))
  expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 401])
  // Replayed with everything the first one had.
  const headers = {
    cookie: `__Host-reach-passkey=${cookie}`,
    origin: vault.url,
    'sec-fetch-site': 'same-origin',
  }
  const replayed = await fetch(`${vault.url}/api/passkeys/sign-in`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(answer),
  })
  expect(replayed.status).toBe(401)
  expect(await vault.ledger.list('passkey-challenge/')).toHaveLength(0)

  const late = vault.browser()
  const signed = ada.key.sign(await asked(late))
  vault.clock.ahead = 5 * 60_000 + 1
  expect(await late.post('/api/passkeys/sign-in', signed)).toMatchObject(failed)
})

test('a passkey is made for who asked, with the user verified, and is nobody else’s afterwards', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault)
  const mallory = await vault.customer()
  const key = new Authenticator(vault.url)
  expect(
    await mallory.browser.post(
      '/api/passkeys',
      key.make(await options(mallory.browser), 'x', { isVerified: false }),
    ),
  ).toMatchObject(failed)
  // A challenge to sign in makes no passkey, and one to make a passkey signs nobody in.
  expect(
    await mallory.browser.post('/api/passkeys', key.make(await asked(mallory.browser), 'x')),
  ).toMatchObject(failed)
  const forMaking = await options(mallory.browser)
  expect(
    await mallory.browser.post('/api/passkeys/sign-in', key.sign(forMaking, { userHandle: 'B'.repeat(43) })),
  ).toMatchObject(failed)
  // Ada's credential under another account.
  expect(
    await mallory.browser.post('/api/passkeys', ada.key.make(await options(mallory.browser), 'mine now')),
  ).toMatchObject(failed)
  // Mallory's challenge in Ada's session.
  const planted = await options(mallory.browser)
  ada.browser.jar.plant('__Host-reach-passkey', mallory.browser.cookie('passkey') ?? '')
  expect(await ada.browser.post('/api/passkeys', key.make(planted, 'planted'))).toMatchObject(failed)
  expect(await listed(mallory.browser)).toEqual([])
  expect(await listed(ada.browser)).toHaveLength(1)
  const nobody = vault.browser()
  for (const [path, body] of [
    ['/api/passkeys', key.make(planted, 'x')],
    ['/api/passkeys/options', {}],
  ] as const)
    expect((await nobody.post(path, body)).status).toBe(401)
})

test('who was forgotten, or is leaving, is not signed in; and the ledger’s keys and values name nobody', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault)
  const rows = [
    ...(await vault.ledger.list('passkey/')),
    ...(await vault.ledger.list('passkey-of-credential/')),
  ]
  const credential = ada.key.credentialId.toString('base64url')
  expect(rows).toHaveLength(2)
  for (const { key } of rows) expect(key).not.toContain(credential)
  const standing = await vault.ledger.get<object>(`customer-standing/${ada.me.accountId}`)
  const write = { key: `customer-standing/${ada.me.accountId}`, value: { ...standing?.value, leaving: true } }
  await vault.ledger.commit({ writes: [write] })
  expect(await signIn(vault.browser(), ada.key)).toMatchObject(failed)
  await vault.ledger.commit({ writes: [{ ...write, value: { v: 1, podAccess: 'none' } }] })
  expect((await signIn(vault.browser(), ada.key)).status).toBe(200)
  // What the destruction of her key leaves: the index, which leads nowhere.
  await vault.ledger.commit({ writes: [{ key: rows[0]?.key ?? '', value: undefined }] })
  expect(await signIn(vault.browser(), ada.key)).toMatchObject(failed)
})

test('a session that a passkey opened is a new one, ends when unused, and no other site can ask for it', async () => {
  await using vault = await startTestVault(pods)
  const ada = await withPasskey(vault)
  const browser = vault.browser()
  const planted = (await vault.customer()).browser.cookie('session') ?? ''
  browser.jar.plant('__Host-reach-session', planted)
  expect((await signIn(browser, ada.key)).body).toMatchObject({ accountId: ada.me.accountId })
  expect(browser.cookie('session')).not.toBe(planted)
  vault.clock.ahead = 4 * day
  expect((await browser.get('/api/grants')).status).toBe(401)
  const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  for (const path of ['/api/passkeys/sign-in', '/api/passkeys/sign-in/options', '/api/passkeys'])
    expect((await browser.post(path, {}, foreign)).status).toBe(403)
})

test('what the authenticator keeps of a customer is opaque, and the same each time', () => {
  const handle = (secret: number) =>
    createNames(new Uint8Array(32).fill(secret)).hidden('passkey-user', 'account')
  expect(handle(1)).toMatch(/^[\w-]{43}$/)
  expect(handle(1)).toBe(handle(1))
  expect(handle(1)).not.toBe(handle(2))
})
