/**
 * What each kind of session may do, one row for each operation of the customer's side. A session that a passkey opened decides,
 * withdraws and reads what happened; what lies in the pod, all values in one archive, the pod's access rules, its end and
 * its move take the pod's own sign-in. An archive without the values does not.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { strFromU8, unzipSync } from 'fflate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { day } from '#core/domain/times.ts'
import { beginPodMove, readPodMove } from '#core/records/pod-moves.ts'
import type { PodMove } from '#core/records/pod-moves.ts'
import { Authenticator } from '../authenticator.ts'
import { allowAll, connectPod } from '../consent.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { PushedBrowser } from '../pushed-browser.ts'
import { startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

/** Who may: everybody; who is signed in; who is signed in at her pod. */
type Needs = 'nobody' | 'session' | 'pod'
type Row = readonly [needs: Needs, body?: unknown, path?: string]

const nobody = 'n'.repeat(22)
const { p256dh, auth } = new PushedBrowser()
const endpoint = 'https://push.example/reader'
const decision = { accountId: nobody, requestHash: 'h'.repeat(43), decision: 'deny' }
const terms = { items: [], until: new Date(Date.now() + day).toISOString() }
const making = { challenge: 'A'.repeat(43), rp: { id: 'localhost' }, user: { id: 'AAAA' } }
const leaving = { confirmation: 'erase', askDeletion: false, deletePod: true }

/** In the order in which they are tried; `path` in place of what its route says. */
const table: Readonly<Record<string, Row>> = {
  'GET /me': ['nobody'],
  'GET /catalogue': ['nobody'],
  'GET /vaults/progress': ['nobody'],
  'POST /vaults': ['nobody', {}],
  'POST /vaults/begin': ['nobody', {}],
  'POST /vaults/enter': ['nobody', {}],
  'POST /sign-in': ['nobody', {}],
  'POST /sign-in/complete': ['nobody', {}],
  'POST /passkeys/sign-in/options': ['nobody', {}],
  'POST /passkeys/sign-in': ['nobody', {}],
  'POST /unsubscribe/:stop': ['nobody', {}, '/unsubscribe/nothing'],
  'GET /vendors/:vendorId/logo': ['nobody'],
  'GET /receipts/keys': ['nobody'],

  'POST /me/language': ['session', { language: 'en' }],
  'GET /events': ['session'],
  'GET /requests': ['session'],
  'POST /consent/:uid/open': ['session', {}, '/consent/nothing-here/open'],
  'POST /consent/:uid/decision': ['session', decision, '/consent/nothing-here/decision'],
  'POST /consent/:uid/leave': ['session', {}, '/consent/nothing-here/leave'],
  'POST /link': ['session', { code: 'BCDF-GHJK' }],
  'GET /grants': ['session'],
  'GET /grants/:grantId': ['session'],
  'GET /grants/:grantId/terms': ['session'],
  'POST /grants/:grantId/change': ['session', terms],
  'POST /grants/:grantId/pause': ['session', {}],
  'POST /grants/:grantId/resume': ['session', {}],
  'GET /receipts/:receiptId': ['session'],
  'GET /receipts/:receiptId/proof': ['session'],
  'GET /receipts/:receiptId/as/:dialect': ['session', undefined, '/receipts/:receiptId/as/kantara-1.1'],
  'GET /boundaries': ['session'],
  'POST /businesses/:vendorId/block': ['session', {}],
  'POST /businesses/:vendorId/let-ask': ['session', {}],
  'GET /activity': ['session'],
  'GET /activity/:index/evidence': ['session'],
  'GET /fields/left': ['session'],
  'GET /reminders': ['session'],
  'POST /reminders/:grantId/answer': ['session', { kind: 'unused' }],
  'GET /notifications': ['session'],
  'POST /notifications/email': ['session', { address: 'reader@zerlina.example' }],
  'POST /notifications/email/confirm': ['session', { confirm: 'c'.repeat(43) }],
  'POST /notifications/email/remove': ['session', {}],
  'POST /notifications/browsers': ['session', { endpoint, p256dh, auth }],
  'POST /notifications/browsers/remove': ['session', { endpoint }],
  'GET /passkeys': ['session'],
  'POST /passkeys/:id/name': ['session', { name: 'Phone' }],
  'POST /passkeys/:id/remove': ['session', {}, `/passkeys/${nobody}/remove`],
  'GET /sessions': ['session'],
  'POST /sessions/:session/end': ['session', {}, `/sessions/${nobody}/end`],
  'GET /pod/move': ['session'],
  'POST /pod/probe': ['session', {}],
  'GET /leave': ['session'],
  'POST /grants/:grantId/withdraw': ['session', {}],
  'POST /grants/withdraw': ['session', {}],

  'GET /categories': ['pod'],
  'PUT /categories/:category': ['pod', { etag: null, values: { shoe: { size: '39', system: 'EU' } } }],
  'GET /categories/:category/history': ['pod'],
  'POST /categories/:category/history/forget': ['pod', {}],
  'POST /import/preview': ['pod', '\ufeffBEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alma\r\nEND:VCARD\r\n'],
  'POST /export': ['pod', {}],
  'POST /passkeys/options': ['pod', {}],
  'POST /passkeys': ['pod', new Authenticator('http://localhost:1').make(making, 'Phone')],
  'POST /pod/storages': ['pod', {}],
  'POST /pod/container': ['pod', { container: 'http://localhost:1/vrm/' }],
  'POST /pod/credentials': ['pod', { clientId: 'somebody', clientSecret: 'something' }],
  'POST /pod/credentials/remove': ['pod', {}],
  'POST /pod/connect': ['pod', {}],
  'POST /pod/repair': ['pod', {}],
  'POST /pod/move': ['pod', { issuer: 'http://localhost:1/' }],
  'POST /pod/move/step': ['pod', {}],
  'POST /pod/move/cancel': ['pod', {}],
  'POST /pod/move/finish': ['pod', { deleteOld: true }],
  'POST /leave': ['pod', leaving],
  // Releases end at once, as by a withdrawal; taking Reach out of the pod's rules is the pod's.
  'POST /pod/disconnect': ['pod', {}],
  'POST /sessions/end-others': ['session', {}],
  'POST /sign-out': ['nobody', {}],
}

let pods: TestPods
let vault: TestVault
let mine: VaultBrowser
let byPasskey: VaultBrowser
let accountId: string
let fills: Readonly<Record<string, string>>

beforeAll(async () => {
  pods = await sharedPods()
  vault = await startTestVault(pods)
  const ada = await vault.customer()
  mine = ada.browser
  accountId = String(ada.me.accountId)
  await connectPod(mine)
  const shop = await vault.business()
  const { grantId, receiptId } = await allowAll(vault, mine, shop)
  const key = new Authenticator(vault.url)
  const { body: made } = await mine.post('/api/passkeys/options')
  const { body } = await mine.post('/api/passkeys', key.make(made, 'Phone'))
  const id = (body as { passkeys: { id: string }[] }).passkeys[0]?.id ?? ''
  byPasskey = vault.browser()
  const { body: asked } = await byPasskey.post('/api/passkeys/sign-in/options')
  const signedIn = await byPasskey.post('/api/passkeys/sign-in', key.sign(asked))
  if (signedIn.status !== 200) throw new Error(`not signed in: ${signedIn.status}`)
  fills = { grantId, receiptId, vendorId: shop.vendorId, id, category: 'sizes', index: '0' }
  await vault.settle()
})
afterAll(() => vault[Symbol.asyncDispose]())

interface Reply {
  readonly status: number
  readonly code: string | undefined
  readonly text: string
}

async function send(browser: VaultBrowser, operation: string, [, body, given]: Row): Promise<Reply> {
  const [method = '', route = ''] = operation.split(' ')
  const path = (given ?? route).replaceAll(/:(\w+)/g, (_, name: string) => fills[name] ?? nobody)
  const open = path.startsWith('/consent/') || path.startsWith('/unsubscribe/')
  const { origin } = new URL(vault.url)
  const text = typeof body === 'string'
  const type = text ? 'text/vcard' : 'application/json'
  const response = await browser.jar.go(vault.url + (open ? path : `/api${path}`), {
    method,
    headers: { origin, 'sec-fetch-site': 'same-origin', ...(body !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body: text ? body : JSON.stringify(body) }),
  })
  // The stream of events has no end.
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (isStream) await response.body?.cancel()
  const said = isStream ? '' : await response.text()
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') === true
  const code = isProblem ? (JSON.parse(said) as { code: string }).code : undefined
  return { status: response.status, code, text: said }
}

/** A move that waits for its next step, or for its end. */
async function moving(state: PodMove['state']): Promise<void> {
  const place = { webId: vault.url, issuer: vault.url, podUrl: vault.url, container: vault.url }
  const logins = { fromLogin: 'f'.repeat(22), toLogin: 't'.repeat(22) }
  const move: PodMove = { v: 1, state, from: place, to: place, ...logins, startedAt: 0 }
  await vault.ledger.commit(beginPodMove(await readPodMove(vault.ledger, accountId), accountId, move))
}

/** Everything but what a session itself writes. */
async function rows(): Promise<unknown[]> {
  await vault.settle()
  const all = await vault.ledger.list('')
  return all
    .filter(({ key }) => !/^(session|pod-login|pod-digest|oauth|job)/.test(key))
    .map(({ key, version }) => [key, version])
}

const shut = { status: 401, code: 'not-signed-in' }

test('every operation has its row', () => {
  const folder = join(import.meta.dirname, '../../vault-server/customer')
  const pages = /^(app-files|client-document|receipt-checker)\.ts$/
  const found = readdirSync(folder)
    .filter((name) => !pages.test(name))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      const routes = text.matchAll(
        /\b(?:router|routes|api|open|consent)\.(get|post|put|delete|patch)(?:<[^(]*>)?\(\s*['`](\/[^'`]*)['`]/g,
      )
      const listed = text.matchAll(/^ {4}\['(\/[\w/-]+)', \w+\],$/gm)
      return [
        ...[...routes].map(([, method = '', path = '']) => `${method.toUpperCase()} ${path}`),
        ...[...listed].map(([, path = '']) => `POST ${path}`),
      ]
    })
  const acts: Readonly<Record<string, readonly string[]>> = {
    'POST /grants/:grantId/${act}': ['pause', 'resume', 'withdraw'],
    'POST /businesses/:vendorId/${act}': ['block', 'let-ask'],
  }
  const all = found.flatMap((one) => acts[one]?.map((act) => one.replace('${act}', act)) ?? [one])
  expect(Object.keys(table).toSorted()).toEqual(all.toSorted())
})

/** By nobody and by a passkey: as far as the row says, and no further. */
async function assertHeld(operation: string, row: Row): Promise<void> {
  const [needs] = row
  const unknown = await send(vault.browser(), operation, row)
  if (needs === 'nobody') expect(unknown, operation).not.toMatchObject({ code: 'not-signed-in' })
  else expect(unknown, operation).toMatchObject(shut)
  if (operation.startsWith('POST /pod/move/'))
    await moving(operation.endsWith('finish') ? 'moved' : 'copying')
  const before = await rows()
  const seen = await send(byPasskey, operation, row)
  if (needs === 'pod') expect(seen, operation).toMatchObject(shut)
  else expect(seen, operation).not.toMatchObject({ code: 'not-signed-in' })
  if (needs === 'pod' && operation !== 'POST /pod/disconnect') expect(await rows(), operation).toEqual(before)
  // What a decision is about is shown before it is made; of anything else her name alone, in the greeting.
  if (operation.endsWith('/terms')) return
  const values = operation === 'GET /me' ? ['peanut'] : ['peanut', 'Alma Quist']
  for (const value of values) expect(seen.text, operation).not.toContain(value)
}

/** They end sessions that the other rows are tried with. */
const last = new Set(['POST /sessions/end-others', 'POST /sign-out'])

test('nobody and a passkey get as far as the table says, and a passkey to no value but her name', async () => {
  for (const [operation, row] of Object.entries(table))
    if (!last.has(operation)) await assertHeld(operation, row)
})

test('a passkey takes all along that does not lie in the pod, whatever became of it', async () => {
  const response = await byPasskey.jar.go(`${vault.url}/api/export`, {
    method: 'POST',
    headers: {
      origin: new URL(vault.url).origin,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ data: false }),
  })
  expect(response.status).toBe(200)
  const files = unzipSync(new Uint8Array(await response.arrayBuffer()))
  const paths = Object.keys(files)
  const receipt = `receipts/${fills['receiptId']}`
  expect(paths).toEqual(
    expect.arrayContaining([
      'consents/permissions.json',
      `${receipt}.jws`,
      `${receipt}.tlog-proof`,
      'activity/00001.jsonl',
      'manifest.json',
    ]),
  )
  expect(paths.filter((path) => /^(data|history)\//.test(path))).toEqual([])
  const all = Object.values(files).map((bytes) => strFromU8(bytes))
  for (const value of ['peanut', 'Alma Quist']) expect(all.join('\n')).not.toContain(value)
})

test('the pod’s sign-in opens all of it', async () => {
  for (const [operation, row] of Object.entries(table).filter(([, [needs]]) => needs === 'pod')) {
    // With logins at two real pods in test/flows/pods-move.test.ts; leaving in leave.test.ts.
    if (/\/pod\/move|\/leave/.test(operation)) continue
    expect(await send(mine, operation, row), operation).not.toMatchObject({ code: 'not-signed-in' })
  }
})

test('sessions end by whoever has one', async () => {
  for (const operation of last) await assertHeld(operation, table[operation] ?? ['nobody'])
  expect((await mine.get('/api/grants')).status).toBe(401)
  expect((await byPasskey.get('/api/grants')).status).toBe(401)
})
