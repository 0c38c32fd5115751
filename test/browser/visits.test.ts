/**
 * The next visit in a real Chromium: a passkey of its virtual authenticator (Chrome DevTools protocol, WebAuthn domain)
 * is offered, made, used, renamed and removed by keyboard, and leads to the pod's sign-in where that is needed; and what
 * happens while a page is open comes up in it.
 */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, CDPSession, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { day } from '#core/domain/times.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import type { Grants, Reminders } from '#schemas/types.gen.ts'
import { expectOk, Story } from '../story.ts'
import type { Customer, Relation } from '../story.ts'
import { addAuthenticator, launchChromium, lookAt, openPage } from './chromium.ts'

let story: Story
let browser: Browser
let page: Page
let faults: string[]
let ada: Customer
let devtools: CDPSession
let authenticatorId: string
const vault = (path: string): string => story.world.config.vaultUrl + path

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  ada = await story.customer({ profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' } })
  const { vaultUrl, gatewayUrl, podsUrl } = story.world.config
  const allowed = [vaultUrl, gatewayUrl, podsUrl ?? '']
  ;({ page, faults } = await openPage(browser, { allowed, serviceWorker: true }))
  const url = vaultUrl.replace(/^http:/, 'https:')
  const session = { name: '__Host-reach-session', value: ada.browser.cookie('session') ?? '', url }
  await page.context().addCookies([{ ...session, secure: true, httpOnly: true, sameSite: 'Lax' }])
  ;({ devtools, authenticatorId } = await addAuthenticator(page))
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

/** On a desk by day and on a phone by night. */
async function look(name: string): Promise<void> {
  await lookAt(page, `visits-${name}`)
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await lookAt(page, `visits-${name}-phone`)
  const overhang = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    return scrollWidth - clientWidth
  })
  expect(overhang, `${name} is wider than a phone`).toBeLessThanOrEqual(0)
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
}

/** With the Tab key and Enter alone. */
async function press(name: string): Promise<void> {
  const target = page.getByRole('button', { name, exact: true }).first()
  await target.waitFor()
  for (let step = 0; step < 120; step++) {
    if (await target.evaluate((element) => element === document.activeElement))
      return await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
  }
  throw new Error(`the keyboard does not reach ${name}`)
}

/** The message that was written into the folder, without its folded lines. */
async function onlyMail(): Promise<string> {
  const { mail } = story.world.config
  const folder = mail?.kind === 'folder' ? mail.folder : ''
  const [name = '', ...others] = await readdir(folder)
  expect(others).toEqual([])
  return (await readFile(join(folder, name), 'utf8')).replaceAll('=\n', '').replaceAll('=3D', '=')
}

const credentials = async () =>
  (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials

test('a passkey is offered once on Home, and said no to does not come again', async () => {
  await page.goto(vault('/'))
  await page.getByText('Come back with a passkey').waitFor()
  await look('1-offer')
  await press('Not on this device')
  await page.getByText('Come back with a passkey').waitFor({ state: 'detached' })
  await page.reload()
  await page.getByRole('heading', { name: 'Nobody can read your data.' }).waitFor()
  expect(await page.getByText('Come back with a passkey').count()).toBe(0)
})

test('by keyboard it is made in the settings; the authenticator keeps nothing that names the account', async () => {
  await page.goto(vault('/settings'))
  await page.getByText('You have none yet.').waitFor()
  await press('Make a passkey')
  await page.getByText('Your passkey is made').waitFor()
  await page.getByRole('heading', { name: 'This device' }).waitFor()
  await look('2-passkeys')
  const [kept] = await credentials()
  expect(kept).toMatchObject({ isResidentCredential: true, rpId: 'localhost' })
  const handle = Buffer.from(kept?.userHandle ?? '', 'base64')
  expect(handle).toHaveLength(32)
  expect(handle.toString('base64url')).not.toContain(ada.accountId)
  // The same device makes no second one.
  await press('Make a passkey')
  await page.getByText('This device has a passkey for you already.').waitFor()
  await press('Rename This device')
  await page.getByRole('textbox', { name: 'Name of the passkey' }).first().fill('Laptop')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Laptop' }).waitFor()
})

test('it opens the next visit at the page one came to, and the pod’s sign-in opens the rest there', async () => {
  await press('Sign out')
  await page.getByRole('heading', { name: 'Your data stays with you' }).waitFor()
  await page.goto(vault('/data'))
  await page.getByRole('heading', { name: 'Sign in with a passkey' }).waitFor()
  await look('3-welcome')
  await press('Use a passkey')
  await page.getByText('This needs your pod’s sign-in').waitFor()
  await look('4-pod-needed')
  await page.getByRole('link', { name: 'Activity', exact: true }).click()
  await page.getByRole('heading', { name: 'Activity' }).waitFor()
  await page.goto(vault('/settings'))
  await page.getByText('a passkey alone makes none').waitFor()
  await page.goto(vault('/data'))
  await signInAtHerPod()
  await page.waitForURL(vault('/data'))
  const profile = page.getByRole('region', { name: 'Profile', exact: true })
  await expect.poll(() => profile.getByLabel('Name', { exact: true }).inputValue()).toBe('Ada Lovelace')
})

test('all values in one archive take the pod’s sign-in, which comes back to where the archive is saved', async () => {
  await page.goto(vault('/settings'))
  await press('Sign out')
  await page.getByRole('heading', { name: 'Your data stays with you' }).waitFor()
  await page.goto(vault('/settings'))
  await press('Use a passkey')
  await page.getByRole('heading', { name: 'Take everything with you' }).waitFor()
  await page.getByText('This needs your pod’s sign-in').waitFor()
  expect(await page.getByRole('button', { name: 'Save the archive' }).count()).toBe(0)
  await look('5-archive-pod-needed')
  // Were her pod gone for good, she would still have her receipts.
  const records = page.waitForEvent('download')
  await press('Save it without your data')
  expect((await records).suggestedFilename()).toMatch(/^reach-export-/)
  await page.getByText('Saved. README.txt in it says what is where.').waitFor()
  await signInAtHerPod()
  await page.waitForURL(vault('/settings?export'))
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Save the archive')
  const coming = page.waitForEvent('download')
  await page.keyboard.press('Enter')
  expect((await coming).suggestedFilename()).toMatch(/^reach-export-/)
})

/** By the button of this app that leads there. The pod server may still know her from the last time. */
async function signInAtHerPod(): Promise<void> {
  await press('Sign in at your pod')
  const email = page.getByLabel('Email')
  const authorize = page.getByRole('button', { name: 'Authorize' })
  await email.or(authorize).first().waitFor()
  if (await email.isVisible()) {
    await email.fill(ada.email)
    await page.getByLabel('Password').fill(ada.password)
    await page.getByRole('button', { name: 'Log in' }).click()
  }
  await authorize.click()
}

test('a read that happens while the page is open comes up in it, and terms that are others by now are shown', async () => {
  // Her first session ended with its sign-out.
  const cookies = await page.context().cookies()
  const session = cookies.find(({ name }) => name === '__Host-reach-session')
  ada.browser.jar.plant('__Host-reach-session', session?.value ?? '')
  const shop = await story.shop()
  const relation = await story.allow(ada, shop)
  // Terms that were changed in another browser of hers are shown before they are changed again.
  await page.goto(vault(`/relationships/${relation.grantId}/change`))
  await page.getByRole('checkbox', { name: 'Diet' }).press(' ')
  const narrower = { items: [{ id: 'name', fields: ['profile.name'] }], until: relation.view.suggestedUntil }
  expectOk(await ada.browser.post(`/api/grants/${relation.grantId}/change`, narrower))
  await press('Save')
  await press('Show what holds now')
  await page.getByText('Something else changed this').waitFor({ state: 'detached' })
  expect(await page.getByRole('checkbox', { name: 'Diet' }).isChecked()).toBe(false)
  await page.goto(vault('/activity'))
  await page.getByText(`${shop.name} picked`).first().waitFor()
  const reads = page.getByText(`${shop.name} read`)
  expect(await reads.count()).toBe(0)
  const loaded = await page.evaluate(() => performance.timeOrigin)
  expect((await story.read(relation)).status).toBe(200)
  await reads.first().waitFor()
  // Withdrawn in another browser of hers.
  await story.act(ada, relation, 'withdraw')
  await page.getByText(`You withdrew from ${shop.name}`).first().waitFor()
  expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded)
})

test('an answer that met a fault of the vault is not called too late, since nobody knows what came of it', async () => {
  const { grantId } = await story.allow(ada, await story.shop())
  await page.goto(vault(`/relationships/${grantId}`))
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await page.context().setOffline(true)
  await press('Pause')
  const waiting = page.getByRole('region', { name: 'Waiting for the network' })
  await waiting.waitFor()
  await page.route('**/pause', async (route) => {
    const headers = { ...(await route.request().allHeaders()), 'sec-fetch-site': 'same-origin' }
    expect((await route.fetch({ headers })).status()).toBe(200)
    await route.fulfill({ status: 500 })
  })
  await page.context().setOffline(false)
  await waiting.getByText('it may be in effect already').waitFor()
  expect(await waiting.textContent()).not.toMatch(/too late|not in effect/)
  await page.unroute('**/pause')
  await waiting.getByRole('button', { name: /^Send it now/ }).press('Enter')
  await waiting.waitFor({ state: 'detached' })
  const { body } = await ada.browser.post(`/api/grants/${grantId}/withdraw`)
  expect(body).toMatchObject({ state: 'withdrawn' })
})

test('a pod that is shut, and opened again, while Home is open says so there', async () => {
  const relation = await story.allow(ada, await story.shop())
  await page.goto(vault('/'))
  await page.getByRole('heading', { name: /^1 business can read/ }).waitFor()
  // Done in another browser of hers.
  expectOk(await ada.browser.post('/api/pod/disconnect'))
  await page.getByText('Reach cannot read your pod', { exact: true }).waitFor()
  await page.getByRole('heading', { name: 'Nobody can read your data.' }).waitFor()
  await page.getByText('Nothing, while Reach cannot read your pod.').waitFor()
  await look('6-pod-lost')
  expectOk(await ada.browser.post('/api/pod/connect'))
  await page.getByText('Reach cannot read your pod', { exact: true }).waitFor({ state: 'detached' })
  await page.getByRole('heading', { name: /^1 business can read/ }).waitFor()
  await story.act(ada, relation, 'withdraw')
})

let ending: Relation
let late: Relation

test('what nobody used for 60 days is proposed for pausing, in one press', async () => {
  const shop = await story.shop()
  await story.allow(ada, shop)
  const until = new Date(Date.now() + 65 * day).toISOString()
  ending = await story.allow(ada, await story.shop(), { details: { until }, answers: { until } })
  late = await story.allow(ada, await story.shop())
  const asked = { askDeletion: true }
  expect((await ada.browser.post(`/api/grants/${late.grantId}/withdraw`, asked)).status).toBe(200)
  story.world.clock.ahead = 61 * day
  await page.goto(vault('/'))
  await press('Use a passkey')
  await page.getByText(`${shop.name} has read nothing since you allowed it`).waitFor()
  await look('7-unused')
  await press(`Pause ${shop.name}`)
  await page.getByText(`${shop.name} has read nothing since you allowed it`).waitFor({ state: 'detached' })
  await page.getByText('You paused').first().waitFor()
})

test('an address is written to once its link was opened, and one press in a message ends it', async () => {
  await page.goto(vault('/settings'))
  const field = page.getByRole('textbox', { name: 'E-mail address' })
  await field.fill('not an address')
  await press('Write to me')
  await page.getByText('Enter one e-mail address.').waitFor()
  await field.fill('ada@zerlina.example')
  await look('8-notifications')
  await press('Write to me')
  await page.getByText('A message is on its way to ada@zerlina.example').waitFor()
  await story.world.settle()
  const mail = await onlyMail()
  await page.goto(/http\S+confirm=\S+/.exec(mail)?.[0] ?? '')
  await page.getByText('This address is confirmed.').waitFor()
  await page.getByText('You are written to at ada@zerlina.example').waitFor()
  expect(new URL(page.url()).search).toBe('')
  // Opened like any link it stops nothing by itself.
  await page.goto(/http[^\s>]+unsubscribe[^\s>]+/.exec(mail)?.[0] ?? '')
  await page.getByRole('heading', { name: 'Stop these messages' }).waitFor()
  await press('Stop')
  await page.getByText('Nothing more is sent to you').waitFor()
  await page.goto(vault('/settings'))
  await field.waitFor()
})

test('a push comes up as a message in the words it was asked for with, and says nothing else', async () => {
  await page.goto(vault('/settings'))
  await page.getByRole('button', { name: 'Tell me in this browser' }).waitFor()
  await page.context().grantPermissions(['notifications'], { origin: new URL(vault('/')).origin })
  // The push service of a browser is its maker's: from here on it is the browser's own developer tools that push.
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  const registered = new Promise<string>((resolve) => {
    devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [found] = registrations
      if (found !== undefined) resolve(found.registrationId)
    })
  })
  await devtools.send('ServiceWorker.enable')
  const origin = new URL(vault('/')).origin
  const data = JSON.stringify({ title: 'Your vault', body: 'Have a look', lang: 'en', dir: 'ltr' })
  const registrationId = await registered
  // Asked while it puts one up, the browser takes that one for gone and drops it. So it is pushed anew, as push services do.
  const pushed = async () => {
    await devtools.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data })
    return page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready
      const all = await registration.getNotifications()
      return all.map(({ title, body }) => ({ title, body }))
    })
  }
  await expect.poll(pushed, { interval: 500 }).toEqual([{ title: 'Your vault', body: 'Have a look' }])
})

test('Home says what needs a look: an end that is near, a business that is late', async () => {
  await page.goto(vault('/'))
  const title = page.getByRole('heading', { name: 'Needs a look' })
  const attention = page.locator('section').filter({ has: title })
  await attention.getByText(`What you allowed ${ending.shop.name} ends on`).waitFor()
  const overdue = `${late.shop.name} has not confirmed the deletion that was due on`
  await attention.getByText(overdue).waitFor()
  await look('9-attention')
  await attention.getByRole('link', { name: 'Look at it' }).first().click()
  await page.getByRole('heading', { name: late.shop.name }).first().waitFor()
})

test('of many reminders Home shows a few, and more where the keyboard then is', async () => {
  await page.route('**/api/reminders', async (route) => {
    const response = await route.fetch()
    const [reminder] = ((await response.json()) as Reminders).reminders
    const reminders = Array.from({ length: 40 }, (_, i) => ({
      ...reminder,
      kind: 'unused',
      grantId: `g${i}`,
    }))
    await route.fulfill({ response, json: { reminders } })
  })
  await page.goto(vault('/'))
  const still = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Still right?' }) })
  await still.getByText('Show 35 more of 35').waitFor()
  expect(await still.getByRole('listitem').count()).toBe(5)
  await press('Show 35 more of 35')
  await still.getByRole('listitem').nth(5).locator('a:focus').waitFor()
  expect(await still.getByRole('listitem').count()).toBe(40)
  await page.unroute('**/api/reminders')
})

test('a list that is too long to be kept keeps nothing else from being read without a network', async () => {
  await page.route('**/api/grants', async (route) => {
    const response = await route.fetch()
    const { grants } = (await response.json()) as Grants
    const many = Array.from({ length: 3_000 }, (_, i) => ({ ...grants[0], grantId: `g${i}` }))
    await route.fulfill({ response, json: { grants: many } })
  })
  await page.goto(vault('/'))
  const kept = async () => {
    const text = await page.evaluate(() => JSON.stringify({ ...sessionStorage }))
    return ['activity', 'grants'].filter((query) => text.includes(`\\"key\\":[\\"${query}\\"`))
  }
  await expect.poll(kept).toEqual(['activity'])
  await page.unroute('**/api/grants')
})

test('an authenticator that does not verify its user lets nobody in, nor does a passkey that was removed', async () => {
  await page.goto(vault('/settings'))
  await press('Sign out')
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await press('Use a passkey')
  await page.getByText('No passkey was used').waitFor()
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
  await press('Use a passkey')
  await press('Remove Laptop')
  await page.getByRole('heading', { name: 'Remove this passkey' }).waitFor()
  await press('Remove')
  // It opened this visit, which ends with it.
  await page.getByRole('heading', { name: 'Your data stays with you' }).waitFor()
  await press('Use a passkey')
  await page.getByText('This passkey was not accepted here').waitFor()
})

test('a start whose first request fails says what to do, and tries again when it is told to', async () => {
  const { page, faults } = await openPage(browser, { allowed: [vault('')] })
  await page.route('**/api/me', (route) => route.fulfill({ status: 500, body: '' }))
  await page.goto(vault('/'))
  const problem = page.getByRole('alert')
  await problem.getByText('That did not work').waitFor()
  await lookAt(page, 'visits-first-request')
  await page.unrouteAll()
  await problem.getByRole('button', { name: 'Try again' }).press('Enter')
  await page.getByRole('button', { name: 'Create my vault' }).waitFor()
  expect(faults).toEqual([])
  await page.context().close()
})

test('no page ran into an error, broke its own rules or asked anybody else', () => {
  expect(faults).toEqual([])
})
