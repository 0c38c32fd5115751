/** Promise 8: a customer can be forgotten while the log stays verifiable. Over the public surface, with real pods. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import type { LeaveView, Left, Me, Redirect, Sessions, WithdrawnAll } from '#schemas/types.gen.ts'
import { signInAtEmbeddedPods } from '../../vault-server/pods/scripted-sign-in.ts'
import { findCanaries } from '../canaries.ts'
import { checkEverything, filesIn } from '../check-everything.ts'
import { loggedFacts } from '../logged-facts.ts'
import { programEnvironment } from '../program-environment.ts'
import { expectOk, sampleValues, Story } from '../story.ts'
import type { Customer } from '../story.ts'
import type { VaultBrowser } from '../vault.ts'

let story: Story
let folder: string

beforeAll(async () => {
  story = await Story.open()
  folder = await mkdtemp(join(tmpdir(), 'reach-leave-'))
})
afterAll(async () => {
  await story[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** What `reach customer` prints over the operator's port. */
async function reach(...args: string[]): Promise<string> {
  const { dataFolder, keysFolder, vaultUrl, gatewayUrl, adminPort } = story.world.config
  const env = {
    ...programEnvironment,
    REACH_DATA: dataFolder,
    REACH_KEYS: keysFolder,
    REACH_VAULT_URL: vaultUrl,
    REACH_GATEWAY_URL: gatewayUrl,
    REACH_ADMIN_PORT: String(adminPort),
  }
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'customer', ...args], { env })
  return stdout
}

const leaving = { confirmation: 'erase', askDeletion: true, deletePod: false }

/** The same person in a browser, by the sign-in page of her pod. */
async function signIn(browser: VaultBrowser, person: Customer): Promise<VaultBrowser> {
  const { podServer } = story.world.reach
  if (podServer === undefined) throw new Error('no embedded pods')
  const begun = expectOk(await browser.post('/api/sign-in', { issuer: podServer.baseUrl }))
  const { location } = begun.body as Redirect
  const query = new URL(await signInAtEmbeddedPods(podServer.door, location, person)).search
  expectOk(await browser.post('/api/sign-in/complete', { query }))
  return browser
}

test('a customer sees where she is signed in, and ends one of them or all others', async () => {
  const ada = await story.customer()
  const [phone, tablet] = [await signIn(story.browser(), ada), await signIn(story.browser(), ada)]
  const listed = async (browser: VaultBrowser) =>
    (expectOk(await browser.get('/api/sessions')).body as Sessions).sessions
  const sessions = await listed(ada.browser)
  expect(sessions.map(({ current }) => current)).toEqual([true, false, false])
  expect(JSON.stringify(sessions)).not.toContain(ada.browser.cookie('session'))
  const ofPhone = (await listed(phone)).find(({ current }) => current)?.session ?? ''

  // Nobody ends a session of somebody else, nor the one that asks.
  const eve = await story.customer()
  expect((await eve.browser.post(`/api/sessions/${ofPhone}/end`)).status).toBe(404)
  expect((await phone.post(`/api/sessions/${ofPhone}/end`)).status).toBe(409)
  expect((await ada.browser.post(`/api/sessions/${ofPhone}/end`)).status).toBe(204)
  expect((await phone.get('/api/sessions')).status).toBe(401)
  expect(await listed(tablet)).toHaveLength(2)
  expect((await tablet.post('/api/sessions/end-others')).status).toBe(204)
  expect((await ada.browser.get('/api/grants')).status).toBe(401)
  expect(await listed(tablet)).toMatchObject([{ current: true }])
  expect(await listed(eve.browser)).toHaveLength(1)
  // The Solid-OIDC logins of ended sessions are swept with them.
  const logins = await story.world.reach.ledger.list('pod-login/')
  expect(new Set(logins.map(({ key }) => key.split('/')[1])).size).toBe(2)
})

test('everything she allows is withdrawn in one act, and each business asked to delete', async () => {
  const bea = await story.customer()
  const relations = []
  for (const shop of [await story.shop(), await story.shop()]) relations.push(await story.allow(bea, shop))
  for (const relation of relations) expect((await story.read(relation)).status).toBe(200)
  const other = await story.customer()
  const kept = await story.allow(other, relations[0]?.shop ?? (await story.shop()))
  const all = expectOk(await bea.browser.post('/api/grants/withdraw', { askDeletion: true }))
  expect(all.body).toEqual({ withdrawn: 2 } satisfies WithdrawnAll)
  for (const relation of relations) {
    expect((await story.read(relation)).status).toBe(404)
    const view = await bea.browser.get(`/api/grants/${relation.grantId}`)
    expect(view.body).toMatchObject({ state: 'withdrawn', acknowledgement: { kind: 'deletion' } })
  }
  expect((await story.read(kept)).status).toBe(200)
  expect((await bea.browser.post('/api/grants/withdraw')).body).toEqual({ withdrawn: 0 })
  await checkEverything(story)
})

test('who leaves is forgotten: nothing leaves any more, the log stays, and she is in no file and no old copy', async () => {
  const { world } = story
  const { dataFolder, keysFolder } = world.config
  const values = sampleValues()
  const cleo = await story.customer(values)
  const second = await signIn(story.browser(), cleo)
  const [one, two] = [await story.shop(), await story.shop()]
  const relation = await story.allow(cleo, one)
  const ended = await story.allow(cleo, two)
  expect((await story.read(relation)).status).toBe(200)
  expect((await story.read(ended)).status).toBe(200)
  await story.act(cleo, ended, 'withdraw')
  const live = await story.allow(cleo, two)
  const open = await story.ask(cleo, two)
  await world.settle()

  const view = expectOk(await cleo.browser.get('/api/leave')).body as LeaveView
  const elsewhere = expectOk(await second.get('/api/leave')).body as LeaveView
  expect(view).toMatchObject({ liveGrants: 2, pod: 'here', recentEnough: true })
  expect(view.businesses).toEqual([one.name, two.name].toSorted())
  // An old copy: database and anchor of before.
  const copy = { data: join(folder, 'data'), keys: join(folder, 'keys') }
  await cp(join(dataFolder, 'ledger'), copy.data, { recursive: true })
  const anchor = await readFile(join(keysFolder, 'anchor'))

  for (const body of [{}, { ...leaving, confirmation: 'ERASE' }, { ...leaving, more: 1 }])
    expect((await cleo.browser.post('/api/leave', body)).status).toBe(400)
  const left = await cleo.browser.post('/api/leave', { ...leaving, deletePod: true })
  expect(left.status).toBe(202)
  expect(left.body).toMatchObject({ podAccess: 'deleted' })
  for (const browser of [second, cleo.browser]) {
    expect((await browser.get('/api/grants')).status).toBe(401)
    expect((await browser.get('/api/me')).body).toMatchObject({ signedIn: false })
  }
  for (const each of [relation, ended, live]) expect((await story.read(each)).status).toBe(404)
  await world.settle()
  expect((await fetch(cleo.container)).status).toBeGreaterThanOrEqual(400)

  // The log tells that somebody was forgotten, and nobody who.
  const facts = await loggedFacts(world.reach.ledger)
  const { erasure } = left.body as Left
  // Told before, so that a reply that is lost takes nothing away; and by another session it would be another.
  expect([view.erasure, elsewhere.erasure]).toEqual([erasure, expect.not.stringMatching(erasure)])
  expect(facts.at(-1)?.fact).toMatchObject({ type: 'erased', erasure })
  const told = facts.filter(({ fact }) => 'grant' in fact && fact.grant === relation.grantId)
  expect(told.map(({ fact }) => fact.type).slice(-2)).toEqual(['withdrawn', 'deletion-requested'])
  await checkEverything(story)
  expect(await world.reach.ledger.history(cleo.accountId)).toEqual([])
  const rows = await world.reach.ledger.list('')
  const naming = rows.filter(({ key, value }) => `${key}\n${JSON.stringify(value)}`.includes(cleo.accountId))
  // Who is signed in on the way from a business back to it, for ten minutes more.
  expect(naming.map(({ key }) => key.split('/').slice(0, 2).join('/'))).toEqual(
    naming.map(() => expect.stringMatching(/^oauth\/(Session|Interaction)$/)),
  )
  // Of her pod no file is left either.
  const secrets = [cleo.podName, cleo.email, cleo.webId, String(values['profile']?.['name'])]
  for (const file of await filesIn(dataFolder))
    expect(findCanaries(Buffer.concat([await readFile(file), Buffer.from(file)]), secrets), file).toEqual([])

  // The old copy opens under the keys of now, and what is hers in it does not.
  await cp(keysFolder, copy.keys, { recursive: true })
  const anchorFile = join(folder, 'anchor')
  await writeFile(anchorFile, anchor)
  const keys = await openKeyStore(copy.keys)
  const { origin } = world.reach.ledger.log
  await using old = await openLevelLedger({ folder: copy.data, keys, anchorFile, origin, now: Date.now })
  for (const key of [
    `account/${cleo.accountId}`,
    ...[relation, ended, live].flatMap(({ grantId, receiptId }) => [
      `grant/${grantId}`,
      `receipt/${receiptId}`,
    ]),
    `request/${open.view.requestId}`,
  ])
    expect(await old.get(key), key).toBeUndefined()
  const opened = await loggedFacts(old)
  expect(facts.slice(0, opened.length)).toEqual(opened)

  // Businesses see that the subject is gone, in the form of an unknown one, and can go on with others.
  const dora = await story.customer()
  expect((await story.read(await story.allow(dora, one))).status).toBe(200)
})

test('who keeps her pod is out of its access lists, and may come back as somebody new', async () => {
  const { world } = story
  const flo = await story.customer()
  const shop = await story.shop()
  const relation = await story.allow(flo, shop)
  await world.settle()
  const left = await flo.browser.post('/api/leave', leaving)
  expect([left.status, (left.body as Left).podAccess]).toEqual([202, 'closed'])
  await world.settle()
  const app = await story.appOf(flo)
  const receipts = await (await app(`${flo.container}receipts/`)).text()
  expect(receipts).toContain(`${relation.receiptId}.jws`)
  expect(await (await app(`${flo.container}.acl`)).text()).not.toContain('/agent')

  const back = await signIn(story.browser(), flo)
  const me = expectOk(await back.get('/api/me')).body as Me
  expect(me.accountId).not.toBe(flo.accountId)
  expect(me).toMatchObject({ signedIn: true, webId: flo.webId, podAccess: 'none' })
  expect((await back.get('/api/grants')).body).toEqual({ grants: [] })
  expect((await back.get('/api/activity')).body).toEqual({ items: [] })
  expectOk(await back.post('/api/pod/connect'))
  const again = await story.allow({ ...flo, browser: back, accountId: me.accountId ?? '' }, shop)
  expect(again.subject).not.toBe(relation.subject)
  expect((await story.read(again)).status).toBe(200)
  expect((await story.read(relation)).status).toBe(404)
  await checkEverything(story)
})

test('the operator forgets a customer on her written word, and sees nothing of her but how she stands', async () => {
  const { world } = story
  const gia = await story.customer()
  const relation = await story.allow(gia, await story.shop())
  expect((await story.read(relation)).status).toBe(200)
  const rows = JSON.parse(await reach('list', '--json')) as { accountId: string }[]
  expect(rows).toContainEqual({
    accountId: gia.accountId,
    createdAt: expect.any(Number),
    state: 'open',
    livePermissions: 1,
  })
  const found = await reach('show', '--webid', gia.webId)
  expect(found).toMatch(new RegExp(`^${gia.accountId}  open     since .*  1 live permissions\n$`))
  expect(found).not.toContain(gia.podName)
  const wrong = ['erase', '--account', gia.accountId, '--reason', 'tidying up'] as const
  await expect(reach(...wrong)).rejects.toMatchObject({ code: 2 })
  await expect(reach('show')).rejects.toMatchObject({ code: 2 })
  const asked = ['erase', '--account', gia.accountId, '--reason', 'written-request', '--json'] as const
  const { erasure } = JSON.parse(await reach(...asked)) as Left
  expect((await story.read(relation)).status).toBe(404)
  await world.settle()
  const facts = (await loggedFacts(world.reach.ledger)).map(({ fact }) => fact)
  expect(facts).toContainEqual(
    expect.objectContaining({ type: 'erasure-begun', erasure, cause: 'written-request' }),
  )
  expect(facts.at(-1)).toMatchObject({ type: 'erased', erasure })
  await expect(reach(...asked)).rejects.toMatchObject({ code: 1 })
  await expect(reach('show', '--webid', gia.webId)).rejects.toMatchObject({ code: 1 })
  // Her pod is hers to keep.
  expect((await (await story.appOf(gia))(gia.container)).status).toBe(200)
  await checkEverything(story)
})

test('leaving takes a sign-in of the last quarter of an hour', async () => {
  const ida = await story.customer()
  story.world.clock.ahead += 16 * 60_000
  const late = await ida.browser.post('/api/leave', leaving)
  expect([late.status, (late.body as { type: string }).type]).toEqual([403, '/problems/sign-in-too-old'])
  expect((await ida.browser.get('/api/leave')).body).toMatchObject({ recentEnough: false })
})
