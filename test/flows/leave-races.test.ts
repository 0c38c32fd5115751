/**
 * Whatever was on its way when a customer left: a new row of hers is made before she leaves, or not at all. The storage is
 * held: the row is about to be written, she leaves, everything of hers is swept, and then it is written. Who stays does not notice
 * that something else of hers changed in that moment. In the same way for a session that is ended while it opens a further way in.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import type { Redirect } from '#schemas/types.gen.ts'
import { signInAtEmbeddedPods } from '../../vault-server/pods/scripted-sign-in.ts'
import { Authenticator } from '../authenticator.ts'
import { ask } from '../business.ts'
import type { Business } from '../business.ts'
import { allowAll, connectPod, decide, openPage } from '../consent.ts'
import { faultyLedger } from '../delayed-ledger.ts'
import type { LedgerFaults } from '../delayed-ledger.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { PushedBrowser } from '../pushed-browser.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { Answer, TestVault } from '../vault.ts'

let pods: TestPods
let vault: TestVault
let shop: Business & { vendorId: string }
const faults: LedgerFaults = { delay: 0, failNext: undefined }

beforeAll(async () => {
  pods = await sharedPods()
  vault = await startTestVault(pods, { wrap: (ledger) => faultyLedger(ledger, faults) })
  shop = await vault.business()
})
afterAll(() => vault[Symbol.asyncDispose]())

type Person = Awaited<ReturnType<TestVault['customer']>>
type Act = () => Promise<unknown>

async function addKey({ browser }: Person): Promise<{ key: Authenticator; make: () => Promise<Answer> }> {
  const key = new Authenticator(vault.url)
  const { body } = await browser.post('/api/passkeys/options')
  return { key, make: () => browser.post('/api/passkeys', key.make(body, 'Phone')) }
}

/** What is on its way: the prefix of the row it makes, and what comes before. */
const late: readonly (readonly [what: string, row: string, begin: (person: Person) => Promise<Act>])[] = [
  ['a passkey', 'passkey/', async (person) => (await addKey(person)).make],
  [
    'a session by a passkey',
    'session/',
    async (person) => {
      const { key, make } = await addKey(person)
      expect((await make()).status).toBe(201)
      const browser = vault.browser()
      const { body } = await browser.post('/api/passkeys/sign-in/options')
      return () => browser.post('/api/passkeys/sign-in', key.sign(body))
    },
  ],
  [
    'a session by her pod',
    'session/',
    async (person) => {
      const browser = vault.browser()
      const query = await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
      return () => browser.post('/api/sign-in/complete', { query })
    },
  ],
  [
    'a move to another pod',
    'pod-move/',
    async ({ browser }) => {
      const { email, password, webId } = await pods.customer()
      const begun = await browser.post('/api/pod/move', { issuer: pods.server.baseUrl })
      const { location } = begun.body as Redirect
      const back = await signInAtEmbeddedPods(pods.server.door, location, { email, password, webId })
      return () => browser.post('/api/sign-in/complete', { query: new URL(back).search })
    },
  ],
  [
    'an e-mail address',
    'notifications/',
    async ({ browser, email }) =>
      () =>
        browser.post('/api/notifications/email', { address: email }),
  ],
  [
    'a browser to be pushed to',
    'notifications/',
    async ({ browser }) => {
      const { p256dh, auth } = new PushedBrowser()
      const endpoint = 'https://push.example/somebody'
      return () => browser.post('/api/notifications/browsers', { endpoint, p256dh, auth })
    },
  ],
  [
    'a block',
    'boundary/',
    async ({ browser }) =>
      () =>
        browser.post(`/api/businesses/${shop.vendorId}/block`),
  ],
  [
    'an answer to a reminder',
    'reminder/',
    async ({ browser }) => {
      await connectPod(browser)
      const { grantId } = await allowAll(vault, browser, shop)
      return () => browser.post(`/api/reminders/${grantId}/answer`, { kind: 'unused' })
    },
  ],
  [
    'a request that she opens',
    'request-of-account/',
    async ({ browser }) => {
      const pending = await ask(shop)
      return () => openPage(vault, browser, pending).catch((error: unknown) => error)
    },
  ],
  [
    'what her pod holds',
    'pod-digest/',
    async ({ browser }) => {
      await connectPod(browser)
      const pending = await ask(shop)
      return () => openPage(vault, browser, pending)
    },
  ],
  [
    'the receipt of a refusal',
    'receipt/',
    async ({ browser }) => {
      const page = await openPage(vault, browser, await ask(shop))
      return () => decide(browser, page, { decision: 'deny' })
    },
  ],
]

test.each(late)('%s that was on its way leaves no row behind', async (_what, row, begin) => {
  const person = await vault.customer()
  const accountId = String(person.me.accountId)
  const act = await begin(person)
  const isHeld = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const outcome = Promise.withResolvers<string>()
  faults.around = async (commit, run) => {
    const isIt = commit.writes?.some(({ key, value }) => key.startsWith(row) && value !== undefined)
    if (isIt !== true) return await run()
    // Whatever it tries next goes on as it likes.
    faults.around = undefined
    isHeld.resolve()
    await release.promise
    const made = run()
    made.then(
      () => outcome.resolve('made'),
      (error: unknown) => outcome.resolve(error instanceof CommitRefused ? 'refused' : String(error)),
    )
    return await made
  }
  // Between the last row that the erasure sweeps and the end of her key, under which nothing can be written any more.
  faults.beforeHistory = async (thread) => {
    if (thread !== accountId) return
    faults.beforeHistory = undefined
    release.resolve()
    await outcome.promise
    await acted
  }
  const acted = act()
  await isHeld.promise
  const wish = { confirmation: 'erase', askDeletion: false, deletePod: false }
  expect((await person.browser.post('/api/leave', wish)).status).toBe(202)
  await vault.settle()
  expect(await outcome.promise).toBe('refused')
  const rows = await vault.ledger.list('')
  const naming = rows.filter(({ key, value }) => `${key}\n${JSON.stringify(value)}`.includes(accountId))
  // Who is signed in on the way from a business back to it, for ten minutes more.
  expect(
    naming.filter(({ key }) => !/^oauth\/(Session|Interaction)\//.test(key)).map(({ key }) => key),
  ).toEqual([])
})

const asksForMore = late.filter(([, row]) => ['passkey/', 'notifications/'].includes(row))

test.each(asksForMore)(
  '%s that was on its way when access to her pod changed is made all the same',
  async (_what, row, begin) => {
    const person = await vault.customer()
    const accountId = String(person.me.accountId)
    const act = await begin(person)
    let changes = 0
    faults.around = async (commit, run) => {
      const isIt = commit.writes?.some(({ key, value }) => key.startsWith(row) && value !== undefined)
      if (isIt !== true || changes > 0) return await run()
      changes++
      const standing = await readCustomerStanding(vault.ledger, accountId)
      if (standing === undefined) throw new Error('no such customer')
      await vault.ledger.commit({ writes: [{ key: standing.key, value: { v: 1, podAccess: 'lost' } }] })
      return await run()
    }
    try {
      expect(await act()).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) })
    } finally {
      faults.around = undefined
    }
    expect(changes).toBe(1)
  },
)

/** What outlasts a session, by the row that makes them, and what comes before. */
const lasting: readonly (readonly [what: string, row: string, begin: (person: Person) => Promise<Act>])[] = [
  ...asksForMore,
  [
    'an erasure',
    'job-payload/erase-customer',
    async ({ browser }) => {
      const wish = { confirmation: 'erase', askDeletion: false, deletePod: true }
      return () => browser.post('/api/leave', wish)
    },
  ],
  [
    'the last step of a move',
    'account-of-webid/',
    async ({ browser }) => {
      await connectPod(browser)
      const { email, password, webId } = await pods.customer()
      const begun = await browser.post('/api/pod/move', { issuer: pods.server.baseUrl })
      const { location } = begun.body as Redirect
      const back = await signInAtEmbeddedPods(pods.server.door, location, { email, password, webId })
      await browser.post('/api/sign-in/complete', { query: new URL(back).search })
      return async () => {
        for (;;) {
          const answer = await browser.post('/api/pod/move/step')
          if (answer.status !== 200 || (answer.body as { state: string }).state !== 'copying') return answer
        }
      }
    },
  ],
]

test.each(lasting)('%s is refused to a session that was ended meanwhile', async (_what, row, begin) => {
  const person = await vault.customer()
  const other = vault.browser()
  const query = await signInAtPod(pods, other, person, { issuer: pods.server.baseUrl })
  expect((await other.post('/api/sign-in/complete', { query })).status).toBe(200)
  const act = await begin(person)
  let ended = 0
  faults.around = async (commit, run) => {
    if (ended === 0 && commit.writes?.some(({ key, value }) => key.startsWith(row) && value !== undefined)) {
      ended++
      expect((await other.post('/api/sessions/end-others')).status).toBe(204)
    }
    return await run()
  }
  try {
    expect(await act()).toMatchObject({ status: expect.toSatisfy((status: number) => status >= 400) })
  } finally {
    faults.around = undefined
  }
  expect(ended).toBe(1)
  expect((await person.browser.get('/api/me')).body).toMatchObject({ signedIn: false })
  expect((await other.get('/api/me')).body).toMatchObject({ webId: person.webId })
  expect((await other.get('/api/passkeys')).body).toEqual({ passkeys: [] })
})

test('a session that is ended decides nothing by a request whose body it held back', async () => {
  const looked = Promise.withResolvers<void>()
  let isWatched = false
  const wrap = (ledger: Ledger): Ledger => ({
    ...faultyLedger(ledger, { delay: 0, failNext: undefined }),
    async get(key) {
      const row = await ledger.get<never>(key)
      if (isWatched && key.startsWith('session/')) looked.resolve()
      return row
    },
  })
  await using vault = await startTestVault(pods, { wrap })
  const { browser, ...person } = await vault.customer()
  const page = await openPage(vault, browser, await ask(await vault.business()))
  const other = vault.browser()
  const query = await signInAtPod(pods, other, person, { issuer: pods.server.baseUrl })
  expect((await other.post('/api/sign-in/complete', { query })).status).toBe(200)
  const { accountId, requestHash } = page.view
  const body = new TransformStream<Uint8Array, Uint8Array>()
  const writer = body.writable.getWriter()
  const held = browser.jar.go(`${vault.url}${page.path}/decision`, {
    method: 'POST',
    headers: { origin: vault.url, 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    body: body.readable,
    duplex: 'half',
  } as RequestInit)
  isWatched = true
  const text = JSON.stringify({ accountId, requestHash, decision: 'deny' })
  await writer.write(Buffer.from(text.slice(0, 1)))
  await looked.promise
  isWatched = false
  expect((await other.post('/api/sessions/end-others')).status).toBe(204)
  await writer.write(Buffer.from(text.slice(1)))
  await writer.close()
  expect((await held).status).toBe(401)
  expect((await other.get('/api/requests')).body).toMatchObject({ requests: [{ status: 'open' }] })
})
