/**
 * Reminders by the real rules on the real ledger, and how customers are written to about them: into a folder, by push
 * services of this test, and nothing more once they say stop.
 */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { day } from '#core/domain/times.ts'
import { matches } from '#core/http/validate.ts'
import { readGrant } from '#core/records/grants.ts'
import { noteTold, readNotifications } from '#core/records/notifications.ts'
import { noteReminded, readBackfill, readReminded } from '#core/records/reminders.ts'
import { mailJob, tellingBy } from '../../vault-server/customer/notification-jobs.ts'
import { remindOfDue } from '../../vault-server/customer/reminders.ts'
import { Authenticator } from '../authenticator.ts'
import { PushedBrowser } from '../pushed-browser.ts'
import { must } from '../records-world.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Relation } from '../story.ts'
import type { NotificationsView, Reminders } from '../../schemas/types.gen.ts'

let story: Story
let ada: Customer
let eve: Customer
let relation: Relation
let passkey: Authenticator
/** Nobody can write to her before day 330. */
let fay: Customer
let unheard: Relation
let passkeyOfFay: Authenticator
const address = 'ada@zerlina.example'

beforeAll(async () => {
  const allowed = await originOf(services[0])
  reader = subscription(`${allowed}/reader`)
  gone = subscription(`${allowed}/gone`)
  inside = subscription(`${await originOf(services[1])}/inside`)
  story = await Story.open({ outboundAllow: [allowed] })
  ada = await story.customer()
  eve = await story.customer()
  passkey = await passkeyOf(ada)
  fay = await story.customer()
  passkeyOfFay = await passkeyOf(fay)
  const year = new Date(Date.now() + 364 * day).toISOString()
  unheard = await story.allow(fay, await story.shop(), { details: { until: year }, answers: { until: year } })
  const until = new Date(Date.now() + 300 * day).toISOString()
  relation = await story.allow(ada, await story.shop(), { details: { until }, answers: { until } })
})

afterAll(async () => {
  for (const service of services) service.close()
  await story?.[Symbol.asyncDispose]()
})

async function passkeyOf({ browser }: Customer): Promise<Authenticator> {
  const made = new Authenticator(story.world.config.vaultUrl)
  const { body: asked } = expectOk(await browser.post('/api/passkeys/options'))
  expectOk(await browser.post('/api/passkeys', made.make(asked, 'Phone')))
  return made
}

const now = () => Date.now() + story.world.clock.ahead
const post = (path: string, body: unknown = {}) => ada.browser.post(path, body)
const open = async (by = ada) => {
  const answer = expectOk(await by.browser.get('/api/reminders'))
  expect(matches('api/reminders.json', answer.body)).toBe(true)
  return (answer.body as Reminders).reminders.map(({ kind, grantId }) => [kind, grantId])
}
const settings = async () => (await ada.browser.get('/api/notifications')).body as NotificationsView

const pushed: { path: string; body: Buffer }[] = []
/** What push services answer, and one that nobody may reach. */
const services = [1, 2].map(() =>
  createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      pushed.push({ path: String(request.url), body: Buffer.concat(parts) })
      response.writeHead(request.url === '/gone' ? 410 : 201).end()
    })
  }),
)
const subscription = (endpoint: string) => Object.assign(new PushedBrowser(), { endpoint })
let reader: ReturnType<typeof subscription>
let gone: ReturnType<typeof subscription>
let inside: ReturnType<typeof subscription>

async function originOf(service: Server | undefined): Promise<string> {
  if (service === undefined) throw new Error('no push service')
  await once(service.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(service.address() as AddressInfo).port}`
}

/** The sweep of the vault at this moment of its clock, which it makes by itself every ten minutes. */
async function sweep(): Promise<number> {
  const { ledger } = story.world.reach
  const count = await remindOfDue({ ledger, now }, tellingBy({ reader: ledger, byMail: true }))
  await story.world.settle()
  return count
}

/** Sessions end when nobody uses them for days: at each visit she comes in by her passkey. */
async function visit(daysLater: number): Promise<void> {
  story.world.clock.ahead = daysLater * day
  ada = { ...ada, browser: await cameInBy(passkey) }
}

async function cameInBy(by: Authenticator) {
  const browser = story.browser()
  const { body: asked } = expectOk(await browser.post('/api/passkeys/sign-in/options'))
  expectOk(await browser.post('/api/passkeys/sign-in', by.sign(asked)))
  return browser
}

/** As they lie in the folder, oldest first. */
async function rawMessages(): Promise<string[]> {
  const { mail } = story.world.config
  if (mail?.kind !== 'folder') throw new Error('no folder for mail')
  const names = await readdir(mail.folder).catch(() => [])
  return await Promise.all(names.toSorted().map((name) => readFile(`${mail.folder}/${name}`, 'utf8')))
}

const digestOf = (endpoint: string) => hash('sha256', endpoint, 'base64url')

async function messages(): Promise<string[]> {
  // Long lines are folded by "=" at their end (quoted-printable).
  return (await rawMessages()).map((text) => text.replaceAll('=\n', '').replaceAll('=3D', '='))
}

test('nothing is sent to an address before its owner has opened the link, and nobody else can', async () => {
  expect(await settings()).toMatchObject({ emailOffered: true, browsers: [] })
  expect(await settings()).not.toHaveProperty('email')
  for (const wrong of ['ada', 'a@b c', 'a@b,c@d', '<a@b.example>', 'a@b.example\r\nBcc: x@y.example'])
    expect((await post('/api/notifications/email', { address: wrong })).status, wrong).toBe(400)
  expect((await post('/api/notifications/email', { address })).body).toMatchObject({
    emailOffered: true,
    email: { address, confirmed: false },
  })
  await story.world.settle()
  const [mail = '', ...more] = await messages()
  expect(more).toEqual([])
  expect(mail).toContain(`To: ${address}`)
  const confirm = /confirm=([\w-]{43})/.exec(mail)?.[1]
  expect((await eve.browser.post('/api/notifications/email/confirm', { confirm })).status).toBe(404)
  expect((await post('/api/notifications/email/confirm', { confirm: 'A'.repeat(43) })).status).toBe(404)
  expect(await settings()).toMatchObject({ email: { confirmed: false } })
  expect((await post('/api/notifications/email/confirm', { confirm })).body).toMatchObject({
    email: { confirmed: true },
  })
  const answer = `/api/reminders/${relation.grantId}/answer`
  expect((await eve.browser.post(answer, { kind: 'unused' })).status).toBe(404)
  // Many changes of address fill nobody's mailbox.
  const tries = []
  for (let count = 0; count < 6; count++)
    tries.push(
      (await eve.browser.post('/api/notifications/email', { address: 'victim@zerlina.example' })).status,
    )
  expect(tries.slice(0, 3)).toEqual([200, 200, 200])
  expect(tries.slice(3)).toEqual([429, 429, 429])
  await story.world.settle()
  expect(await messages()).toHaveLength(4)
})

test('a browser is pushed to at an address that the guard lets through, in words that it alone can read', async () => {
  const browsers = [reader, gone, inside]
  const known = browsers.map((browser) => digestOf(browser.endpoint))
  for (const [index, { endpoint, p256dh, auth }] of browsers.entries()) {
    const added = await post('/api/notifications/browsers', { endpoint, p256dh, auth })
    expect(added.body).toMatchObject({ browsers: known.slice(0, index + 1) })
    expect(matches('api/notifications.json', added.body)).toBe(true)
  }
  // Again is the same browser.
  const { endpoint, p256dh, auth } = reader
  expect((await post('/api/notifications/browsers', { endpoint, p256dh, auth })).body).toMatchObject({
    browsers: [...known.slice(1), digestOf(endpoint)],
  })
  for (const wrong of [{ endpoint: 'file:///etc/passwd' }, { p256dh: 'AA' }, { auth: '' }])
    expect((await post('/api/notifications/browsers', { endpoint, p256dh, auth, ...wrong })).status).toBe(400)
})

test('a permission nobody used is told once, without a word about it, and answered for its time', async () => {
  await visit(59)
  expect(await open()).toEqual([])
  expect(await sweep()).toBe(0)
  await visit(60.5)
  expect(await open()).toEqual([['unused', relation.grantId]])
  expect(await sweep()).toBe(1)
  expect(await sweep()).toBe(0)
  const all = await messages()
  expect(all).toHaveLength(5)
  const mail = all.at(-1) ?? ''
  expect(pushed.map(({ path }) => path).toSorted()).toEqual(['/gone', '/reader'])
  const body = pushed.find(({ path }) => path === '/reader')?.body ?? Buffer.alloc(0)
  expect(JSON.parse(reader.open(body))).toEqual({
    title: 'Your vault',
    body: 'Something in your vault wants your attention.',
    lang: 'en',
    dir: 'ltr',
  })
  expect(() => gone.open(body)).toThrow()
  // Who has left is not pushed to again; the address inside was never reached, and is tried again later.
  expect((await settings()).browsers).not.toContain(digestOf(gone.endpoint))
  expect(
    (await post('/api/notifications/browsers/remove', { endpoint: inside.endpoint })).body,
  ).toMatchObject({
    browsers: [digestOf(reader.endpoint)],
  })
  expect(mail).toContain('Subject: Something in your vault wants your attention')
  expect(mail).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click')
  const said = mail.replace(`To: ${address}`, '')
  for (const word of [
    ...story.secrets,
    ...story.names,
    relation.grantId,
    relation.shop.vendorId,
    ada.accountId,
  ])
    expect(said).not.toContain(word)

  const answer = `/api/reminders/${relation.grantId}/answer`
  expect((await post(answer, { kind: 'unused' })).status).toBe(204)
  expect(await open()).toEqual([])
})

test.each([
  ['de', 'ltr', 'In Ihrem Tresor gibt es etwas anzusehen'],
  ['ar', 'rtl', 'في خزنتك ما يستدعي نظرك'],
  ['en', 'ltr', 'Something in your vault wants your attention'],
] as const)('she is written to in %s, as she chose it, in its direction', async (language, dir, subject) => {
  expect((await post('/api/me/language', { language: 'xx' })).status).toBe(400)
  expect((await story.browser().post('/api/me/language', { language })).status).toBe(401)
  expect((await post('/api/me/language', { language })).status).toBe(204)
  expect((await ada.browser.get('/api/me')).body).toMatchObject({ language })
  const { ledger } = story.world.reach
  await ledger.commit(mailJob(ada.accountId, 'reminder', now()))
  await story.world.settle()
  const mail = (await rawMessages()).at(-1) ?? ''
  expect(mail).toContain(`Content-Language: ${language}`)
  expect(mailText(mail)).toContain(`Subject: ${subject}`)
  expect(mailText(mail)).toContain(`<html lang="${language}" dir="${dir}">`)
  // An address reads from left to right, on a line of its own.
  expect(mailText(mail)).toContain(`\n\n${story.world.config.vaultUrl}/\n\n`)
  expect(mailText(mail)).toContain(`<p dir="ltr"><a href="${story.world.config.vaultUrl}/">`)
  expect(mailText(mail)).not.toMatch(/<(?:img|script|style|link|iframe)|url\(|cid:/i)
  for (const word of [...story.names, relation.grantId, ada.accountId])
    expect(mailText(mail)).not.toContain(word)
})

/** A message as its reader sees it: encoded words and parts are opened (RFC 2045, 2047). */
function mailText(raw: string): string {
  const decode = (bytes: string, encoding: string) =>
    /^b/i.test(encoding)
      ? Buffer.from(bytes, 'base64').toString()
      : Buffer.from(
          bytes
            .replaceAll('_', ' ')
            .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        ).toString()
  return raw
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?UTF-8\?([BQ])\?(.*?)\?=/gi, (_, encoding, text) => decode(text, encoding))
    .replace(
      /Content-Transfer-Encoding: (base64|quoted-printable)\n\n([\s\S]*?)(?=\n--|$)/g,
      (_, encoding, text) =>
        `\n\n${encoding === 'base64' ? decode(text, 'b') : decode(text.replaceAll('_', '=5F').replaceAll('=\n', ''), 'q')}`,
    )
}

test('what goes on is recalled every 90 days and told before its end; what is paused is left alone', async () => {
  await visit(91)
  expect(await open()).toEqual([['recall', relation.grantId]])
  expect((await post('/api/me/language', { language: 'ar' })).status).toBe(204)
  const before = pushed.length
  expect(await sweep()).toBe(1)
  const [push] = pushed.slice(before).filter(({ path }) => path === '/reader')
  expect(JSON.parse(reader.open(push?.body ?? Buffer.alloc(0)))).toEqual({
    title: 'خزنتك',
    body: 'في خزنتك ما يستدعي نظرك.',
    lang: 'ar',
    dir: 'rtl',
  })
  await story.act(ada, relation, 'pause')
  expect(await open()).toEqual([])
  await visit(121)
  expect(await open()).toEqual([])
  await story.act(ada, relation, 'resume')
  expect((await open()).map(([kind]) => kind).toSorted()).toEqual(['recall', 'unused'])
  await visit(295)
  expect((await open()).map(([kind]) => kind).toSorted()).toEqual(['ending', 'recall', 'unused'])
})

test('a business that is late with its acknowledgement is told, and looked at by nothing but its time', async () => {
  expectOk(await post(`/api/grants/${relation.grantId}/withdraw`, { askDeletion: true }))
  expect(await open()).toEqual([])
  await sweep()
  await visit(326)
  expect(await open()).toEqual([['late', relation.grantId]])
  expect(await sweep()).toBe(1)
  // Nothing is left that could ever come up about it.
  const rows = await story.world.reach.ledger.list<{ id: string }>('reminder-look/')
  expect(rows.filter(({ value }) => value.id === relation.grantId)).toEqual([])
})

test('one press in the message ends it, without signing in; a link that is none says the same', async () => {
  const [, stop = ''] = /List-Unsubscribe:\s+<([^>]+)>/.exec((await messages()).at(-1) ?? '') ?? []
  const press = (url: string) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'List-Unsubscribe=One-Click',
    })
  const looked = await fetch(stop)
  expect(looked.headers.get('content-type')).toMatch('text/html')
  expect(await settings()).toMatchObject({ email: { address } })
  expect((await press(stop.replace(/[^/]+$/, 'A'.repeat(43)))).status).toBe(204)
  expect(await settings()).toMatchObject({ email: { address } })
  expect((await press(stop)).status).toBe(204)
  expect(await settings()).not.toHaveProperty('email')
  expect((await press(stop)).status).toBe(204)
})

const messagesTo = async (to: string) =>
  (await messages()).filter((mail) => mail.includes(`To: ${to}`) && !mail.includes('?confirm=')).length

test('what came up while nobody could write to her is told in one message once she has given an address', async () => {
  const { ledger } = story.world.reach
  const to = 'fay@zerlina.example'
  await visit(330)
  fay = { ...fay, browser: await cameInBy(passkeyOfFay) }
  // As earlier versions noted it, though nobody had been written to.
  const { value: grant } = await must(readGrant(ledger, unheard.grantId))
  const noted = await readReminded(ledger, unheard.grantId)
  await ledger.commit(noteReminded(noted, grant, 'told', ['recall'], now() - 40 * day))
  expect((await open(fay)).map(([kind]) => kind).toSorted()).toEqual(['recall', 'unused'])
  expect(await sweep()).toBe(0)
  expectOk(await fay.browser.post('/api/notifications/email', { address: to }))
  await story.world.settle()
  expect(await sweep()).toBe(0)
  const confirm = /confirm=([\w-]{43})/.exec((await messages()).at(-1) ?? '')?.[1]
  expectOk(await fay.browser.post('/api/notifications/email/confirm', { confirm }))
  // Several processes sweep at once.
  const told = await Promise.all([sweep(), sweep(), sweep()])
  expect(told.reduce((sum, count) => sum + count)).toBe(2)
  expect(await messagesTo(to)).toBe(1)
  expect(await sweep()).toBe(0)
})

test('grants from before there were looks are gone through once, and told like others, at their time', async () => {
  const { ledger } = story.world.reach
  const to = 'fay@zerlina.example'
  const asBefore = async () => {
    const rows = await ledger.list<{ id: string }>('reminder-look/')
    const hers = rows.filter(({ value }) => value.id === unheard.grantId).map(({ key }) => key)
    const keys = [...hers, 'reminder-backfill']
    await ledger.commit({ writes: keys.map((key) => ({ key, value: undefined })) })
  }
  await asBefore()
  await visit(356)
  expect(await sweep()).toBe(0)
  await visit(357.5)
  const told = await Promise.all([sweep(), sweep()])
  expect(told.reduce((sum, count) => sum + count)).toBe(1)
  expect(await messagesTo(to)).toBe(2)
  // Once more, as after an update that was taken back: it is gone through, and nothing is told twice.
  await asBefore()
  await visit(359)
  expect(await sweep()).toBe(0)
  expect(await messagesTo(to)).toBe(2)
  expect((await readBackfill(ledger))?.value).toEqual({ v: 1, isDone: true })
})

test('what comes up after the message of a day is told the next day, and not taken for told', async () => {
  const { ledger } = story.world.reach
  const to = 'fay@zerlina.example'
  const stored = await must(readNotifications(ledger, fay.accountId))
  await ledger.commit(noteTold(stored, fay.accountId, Date.now() + 359.9 * day))
  await visit(360.1)
  expect(await sweep()).toBe(0)
  expect(await messagesTo(to)).toBe(2)
  await visit(361)
  expect(await sweep()).toBe(2)
  expect(await sweep()).toBe(0)
  expect(await messagesTo(to)).toBe(3)
})
