/**
 * Without a network, and with a Reach that is really stopped, in a real Chromium with the app's own service worker: what was
 * looked at is read as of when it was, what is decided waits and says so, and nothing of it outlives who it belongs to.
 */
import type { Browser, BrowserContext, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import type { GrantView } from '#schemas/types.gen.ts'
import { ask } from '../business.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Relation, Shop } from '../story.ts'
import type { VaultBrowser } from '../vault.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let story: Story
let browser: Browser
let page: Page
let context: BrowserContext
let faults: string[]
let ada: Customer
let shop: Shop
let relation: Relation
const vault = (path: string): string => story.world.config.vaultUrl + path
const values = {
  profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' },
  diet: { diet: ['VeganDiet'], allergies: ['walnuts from Ockham'] },
}

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  ada = await story.customer(values)
  shop = await story.shop()
  relation = await story.allow(ada, shop)
  await story.read(relation)
  ;({ page, faults } = await openPage(browser, { allowed: [vault('')], serviceWorker: true }))
  context = page.context()
  await signInAs(ada.browser)
  page.on('dialog', (dialog) => void dialog.accept())
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

async function signInAs(visitor: VaultBrowser): Promise<void> {
  const url = vault('').replace(/^http:/, 'https:')
  const session = { name: '__Host-reach-session', value: visitor.cookie('session') ?? '', url }
  await context.addCookies([{ ...session, secure: true, httpOnly: true, sameSite: 'Lax' }])
}

/** On a desk by day and on a phone by night. */
async function look(name: string): Promise<void> {
  await lookAt(page, `offline-${name}`)
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await lookAt(page, `offline-${name}-phone`)
  const overhang = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  expect(overhang, `${name} is wider than a phone`).toBeLessThanOrEqual(0)
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
}

const banner = (words: RegExp) => page.getByRole('status').filter({ hasText: words }).first()
const waiting = () => page.getByRole('region', { name: 'Waiting for the network' })
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true })
const link = (name: string) => page.getByRole('link', { name, exact: true }).first()
const back = () => banner(/What you decide waits/).waitFor({ state: 'detached' })

/** All that the pages of this origin keep in this browser, as text. */
async function kept(): Promise<{ tab: string; device: string; files: string[] }> {
  return await page.evaluate(async () => {
    const files: string[] = []
    for (const name of await caches.keys())
      for (const { url } of await (await caches.open(name)).keys()) files.push(new URL(url).pathname)
    return {
      tab: JSON.stringify({ ...sessionStorage }),
      device: JSON.stringify({ ...localStorage }),
      files,
    }
  })
}

test('what was looked at is read without a network, also after the page is loaded anew, as of when it was', async () => {
  await page.goto(vault('/'))
  await page.getByRole('heading', { name: '1 business can read 3 of your fields.' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await link('Activity').click()
  await page.getByText(`${shop.name} read`).first().waitFor()
  // Home says the same words: what counts is that the list of this page is in the copy.
  await expect.poll(async () => (await kept()).tab).toContain('\\"activity\\",50')

  await context.setOffline(true)
  await banner(/You are offline\. What you see is as of .+\. What you decide waits/).waitFor()
  await link('Relationships').click()
  await page
    .getByText('Read once')
    .or(page.getByText(/^Until/))
    .first()
    .waitFor()
  await look('1-relationships')

  await page.reload()
  await banner(/You are offline\. What you see is as of/).waitFor()
  await page.getByRole('article', { name: shop.name }).waitFor()
  await page.goto(vault('/activity'))
  await page.getByText(`${shop.name} read`).first().waitFor()
  await page.goto(vault('/'))
  await page.getByRole('heading', { name: '1 business can read 3 of your fields.' }).waitFor()
  await look('2-home')
  // What nobody looked at before is not there, and says so.
  await page.goto(vault('/data'))
  await page.getByText('There is no connection to Reach').first().waitFor()
  await look('3-not-kept')
})

test('no value and no name of hers is kept for it, and no reply of the vault by the service worker', async () => {
  const { tab, device, files } = await kept()
  // Words of the catalogue are in every browser.
  const own = story.secrets.filter((secret) => secret !== 'VeganDiet')
  for (const secret of ['Ada', 'walnuts', '1990', ...own]) expect(tab + device, secret).not.toContain(secret)
  expect(device).not.toContain(shop.name)
  expect(files.length).toBeGreaterThan(20)
  const root = new URL(vault('/')).pathname
  expect(files.filter((path) => path !== root && !path.startsWith(`${root}assets/`))).toEqual([])
  expect(files.filter((path) => path.includes('/api/'))).toEqual([])
})

test('a withdrawal waits, says that it is not in effect, can be taken back, and is sent when the network is there', async () => {
  await link('Relationships').click()
  await page.getByRole('button', { name: `Withdraw from ${shop.name}` }).press('Enter')
  const dialog = page.getByRole('alertdialog')
  await dialog.getByText('This will wait, and take effect only when it is sent.').waitFor()
  await dialog.getByRole('button', { name: 'Withdraw', exact: true }).press('Enter')
  await waiting().getByText(`Withdraw from ${shop.name}.`).waitFor()
  await waiting().getByText(`Until it is sent, ${shop.name} can read as before.`).waitFor()
  await look('4-waiting')
  // That is what the page said: nothing has taken effect.
  expect((await story.read(relation)).status).toBe(200)
  await page.getByRole('button', { name: `Do not send: Withdraw from ${shop.name}.` }).press('Enter')
  await waiting().waitFor({ state: 'detached' })

  await page.getByRole('button', { name: `Withdraw from ${shop.name}` }).press('Enter')
  await dialog.getByRole('button', { name: 'Withdraw', exact: true }).press('Enter')
  await waiting().waitFor()
  await context.setOffline(false)
  await waiting().waitFor({ state: 'detached' })
  await back()
  await page
    .getByText(/^Withdrawn/)
    .first()
    .waitFor()
  expect((await story.read(relation)).status).toBe(404)
})

test('an answer to a request waits on its page and is sent from it; one that came too late says so', async () => {
  const first = await ask(shop)
  await page.goto(first.url.href)
  await button('Deny').waitFor()
  await context.setOffline(true)
  await page.getByText('This will wait, and take effect only when it is sent.').waitFor()
  await button('Deny').press('Enter')
  await page.getByRole('heading', { name: 'Your answer waits' }).waitFor()
  await look('5-answer-waits')
  expect(await requestsOpen()).toHaveLength(1)
  await context.setOffline(false)
  await page.getByRole('heading', { name: 'Denied' }).waitFor()
  await expect.poll(requestsOpen).toEqual([])

  const other = await story.shop()
  await page.goto((await ask(other)).url.href)
  await button('Allow').waitFor()
  await page.getByRole('checkbox').first().press(' ')
  await context.setOffline(true)
  await button('Allow').press('Enter')
  await button('Allow this').press('Enter')
  await waiting().getByText(`Until it is sent, ${other.name} gets nothing by it.`).waitFor()
  // Blocked in another browser of hers meanwhile, which denies what it asked.
  expectOk(await ada.browser.post(`/api/businesses/${other.vendorId}/block`))
  await context.setOffline(false)
  await waiting().getByText('It came too late, and is not in effect.').waitFor()
  await look('6-too-late')
  const grants = expectOk(await ada.browser.get('/api/grants')).body as { grants: { vendor: object }[] }
  expect(JSON.stringify(grants.grants.map(({ vendor }) => vendor))).not.toContain(other.name)
  await page.getByRole('button', { name: `Put away: Allow ${other.name}.` }).press('Enter')
  await waiting().waitFor({ state: 'detached' })
})

test('what was to be resumed is not, nor called sent, where other terms were agreed meanwhile', async () => {
  const { shop: other, grantId } = await story.allow(ada, await story.shop())
  await ada.browser.post(`/api/grants/${grantId}/pause`)
  await page.goto(vault(`/relationships/${grantId}`))
  await button('Resume').waitFor()
  await context.setOffline(true)
  await button('Resume').press('Enter')
  await waiting().getByText(`Until it is sent, ${other.name} stays paused.`).waitFor()
  const grant = expectOk(await ada.browser.get(`/api/grants/${grantId}`)).body as GrantView
  const items = grant.items.map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) }))
  const until = new Date(Date.parse(grant.until) - 60_000).toISOString()
  expectOk(await ada.browser.post(`/api/grants/${grantId}/change`, { items, until }))
  await page.route('**/api/grants/*', (route) => route.abort('connectionreset'))
  const [looked] = await Promise.all([page.waitForRequest('**/api/grants/*'), context.setOffline(false)])
  expect(await looked.response()).toBeNull()
  await waiting().getByText(`Until it is sent, ${other.name} stays paused.`).waitFor()
  await page.unroute('**/api/grants/*')
  await waiting().getByText('It came too late, and is not in effect.').waitFor()
  expect(expectOk(await ada.browser.get(`/api/grants/${grantId}`)).body).toMatchObject({ state: 'paused' })
  await page.getByRole('button', { name: `Put away: Resume ${other.name}.` }).press('Enter')
  await waiting().waitFor({ state: 'detached' })
  await back()
})

test('an answer that was sent and had no reply is not called one without effect', async () => {
  const other = await story.shop()
  await page.goto((await ask(other)).url.href)
  await button('Allow').waitFor()
  await page.getByRole('checkbox').first().press(' ')
  // The vault hears it, and the connection breaks before it answers.
  await page.route('**/decision', async (route) => {
    const headers = { ...(await route.request().allHeaders()), 'sec-fetch-site': 'same-origin' }
    expect((await route.fetch({ headers })).status()).toBe(200)
    await route.abort('connectionreset')
  })
  await button('Allow').press('Enter')
  await button('Allow this').press('Enter')
  await page.getByText(`${other.name} may have been told already`).waitFor()
  await waiting().getByText('it may be in effect already').waitFor()
  expect(await waiting().textContent()).not.toMatch(/not in effect|Nothing of this|gets nothing/)
  const allowed = async () => {
    const { grants } = expectOk(await ada.browser.get('/api/grants')).body as { grants: GrantView[] }
    return grants.filter(({ vendor }) => vendor.name === other.name).length
  }
  expect(await allowed()).toBe(1)
  await look('10-sent-without-reply')
  await page.unroute('**/decision')
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  await waiting().waitFor({ state: 'detached' })
  expect(await allowed()).toBe(1)
})

const requestsOpen = async () =>
  (expectOk(await ada.browser.get('/api/requests')).body as { requests: object[] }).requests

test('activity is searched by what stands in the address; without a network in what is kept', async () => {
  await page.goto(vault('/activity'))
  await page.getByText(`${shop.name} read`).first().waitFor()
  const words = page.getByRole('textbox', { name: 'Words' })
  const asked = () => Object.fromEntries(new URL(page.url()).searchParams)
  await words.fill(shop.name.toUpperCase())
  await words.press('Enter')
  await banner(/entries found\. That is all there is\./).waitFor()
  await button('Filters').press('Enter')
  await page.getByRole('combobox', { name: 'Kind' }).selectOption('Attempts and refusals')
  await button('Search').press('Enter')
  await expect.poll(asked).toEqual({ q: shop.name.toUpperCase(), kind: 'refusals' })
  await page.getByText(`You denied ${shop.name}`).first().waitFor()
  await page.getByText(`${shop.name} read`).first().waitFor({ state: 'detached' })
  expect(await button('Search').evaluate((one) => one === document.activeElement)).toBe(true)
  await look('8-found')
  await words.fill('nobody at all')
  await words.press('Enter')
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor()
  await look('9-nothing-found')
  await page.goBack()
  await page.getByText(`You denied ${shop.name}`).first().waitFor()
  expect(await words.inputValue()).toBe(shop.name.toUpperCase())
  await button('Clear filters').press('Enter')
  await page.getByText(`${shop.name} read`).first().waitFor()
  expect(asked()).toEqual({})

  await context.setOffline(true)
  await page.goto(vault('/activity?kind=reads'))
  await banner(/found in what was loaded here/).waitFor()
  await page.getByText(`${shop.name} read`).first().waitFor()
  expect(await page.getByText(`You denied ${shop.name}`).count()).toBe(0)
  await context.setOffline(false)
  await back()
  await banner(/That is all there is\./).waitFor()
})

test('Reach really stops: the page says so, waits, and goes on when it is there again', async () => {
  const other = await story.shop()
  const held = await story.allow(ada, other)
  await page.goto(vault('/relationships'))
  const card = page.getByRole('article', { name: other.name })
  await card.waitFor()
  await story.world.reach[Symbol.asyncDispose]()
  await banner(/Reach does not answer right now\. What you see is as of/).waitFor({ timeout: 20_000 })
  await card.getByRole('button', { name: `Withdraw from ${other.name}` }).press('Enter')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Withdraw', exact: true }).press('Enter')
  await waiting().getByText(`Withdraw from ${other.name}.`).waitFor()
  // Loaded anew by the service worker alone. What waited is not sent behind her back.
  await page.reload()
  await card.waitFor()
  await waiting().getByText('Not sent, since the page was left').waitFor()
  await look('7-left')
  await story.world.restart()
  await back()
  await waiting().getByText('Not sent, since the page was left').waitFor()
  // Its pod is found again first.
  await expect.poll(async () => (await story.read(held)).status).toBe(200)
  await page.getByRole('button', { name: `Send it now: Withdraw from ${other.name}.` }).press('Enter')
  await waiting().waitFor({ state: 'detached' })
  expect((await story.read(held)).status).toBe(404)
})

test('on the device it stays only where she said so, and goes with the one it belongs to, in every tab', async () => {
  await page.goto(vault('/settings'))
  const box = page.getByRole('checkbox', { name: 'Keep a copy on this device' })
  expect(await box.isChecked()).toBe(false)
  expect((await kept()).device).not.toContain(shop.name)
  await box.press(' ')
  await link('Relationships').click()
  await page.getByRole('article', { name: shop.name }).first().waitFor()
  await expect.poll(async () => (await kept()).device).toContain(shop.name)
  expect((await kept()).tab).not.toContain(shop.name)

  // A new tab, without a network.
  await context.setOffline(true)
  const tab = await context.newPage()
  await tab.goto(vault('/relationships'))
  await tab.getByRole('article', { name: shop.name }).first().waitFor()
  await context.setOffline(false)
  await tab.getByText('You are offline.').waitFor({ state: 'detached' })

  // Somebody else signs in, in one of them: the other shows nothing of Ada any more, and keeps nothing.
  const eve = await story.customer()
  await signInAs(eve.browser)
  await tab.goto(vault('/relationships'))
  await tab
    .getByText('Nothing is shared')
    .or(tab.getByRole('heading', { level: 3 }))
    .first()
    .waitFor()
  await page.getByRole('article', { name: shop.name }).first().waitFor({ state: 'detached' })
  await expect.poll(async () => Object.values(await kept()).join()).not.toContain(shop.name)
  await tab.close()
})

test('what waits is neither shown to somebody else who is signed in by then, nor done in her name', async () => {
  await signInAs(ada.browser)
  const { shop: other, grantId } = await story.allow(ada, await story.shop())
  await page.goto(vault(`/relationships/${grantId}`))
  await button(`Block ${other.name}`).waitFor()
  await context.setOffline(true)
  await button(`Block ${other.name}`).press('Enter')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Block', exact: true }).press('Enter')
  await waiting().getByText(`Block ${other.name}.`).waitFor()
  const bob = await story.customer()
  await signInAs(bob.browser)
  await context.setOffline(false)
  await waiting().waitFor({ state: 'detached' })
  await back()
  expect((await kept()).tab).not.toContain(other.name)
  for (const who of [bob, ada])
    expect(expectOk(await who.browser.get('/api/boundaries')).body).not.toMatchObject({
      businesses: [{ vendor: { vendorId: other.vendorId } }],
    })
})

test('signing out leaves nothing behind, nor does a session that was ended elsewhere', async () => {
  await signInAs(ada.browser)
  await page.goto(vault('/relationships'))
  await page.getByRole('article', { name: shop.name }).first().waitFor()
  const tab = await context.newPage()
  await tab.goto(vault('/relationships'))
  await tab.getByRole('article', { name: shop.name }).first().waitFor()
  // A tab that hears of nothing holds an answer that waits.
  await tab.route('**/api/**', (route) => route.abort())
  await tab
    .getByRole('button', { name: /^Withdraw from / })
    .first()
    .press('Enter')
  await tab.getByRole('alertdialog').getByRole('button', { name: 'Withdraw', exact: true }).press('Enter')
  await tab.getByRole('region', { name: 'Waiting for the network' }).waitFor()
  await page.goto(vault('/settings'))
  await button('Sign out').press('Enter')
  await page.getByRole('heading', { name: 'Your data stays with you' }).waitFor()
  await tab.getByRole('region', { name: 'Waiting for the network' }).waitFor({ state: 'detached' })
  await tab.unroute('**/api/**')
  await tab.getByRole('heading', { name: 'Your data stays with you' }).waitFor()
  for (const at of [page, tab]) {
    const text = await at.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]))
    expect(text).not.toContain(shop.name)
    expect(text).not.toContain(ada.accountId)
  }
  await context.setOffline(true)
  await page.goto(vault('/relationships'))
  await page.getByText('There is no connection to Reach').first().waitFor()
  expect(await page.getByText(shop.name).count()).toBe(0)
  await context.setOffline(false)
})

test('no page ran into an error, broke its own rules or asked anybody else', () => {
  expect(faults).toEqual([])
})
