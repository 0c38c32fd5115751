/**
 * My data in a real Chromium: many kinds of data that stay easy to find one's way in; each field saved as it is left, taken back,
 * looked up in its past, joined with what another app wrote; and beside each field who can see it and when it last left.
 */
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'
import { createVault } from './new-vault.ts'

const person = { podName: 'grace-hopper', email: 'grace@example.org', password: 'nanoseconds of wire' }

let story: Story
let browser: Browser
let page: Page
/** Of the tests at the end, with a business that reads and an app that writes. */
let ada: Customer
let faults: string[]

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  const { vaultUrl, podsUrl } = story.world.config
  ;({ page, faults } = await openPage(browser, { allowed: [vaultUrl, podsUrl ?? ''] }))
  await createVault(page, vaultUrl, person)
  await page.getByRole('link', { name: 'My data', exact: true }).click()
  await page.getByRole('heading', { name: 'About you' }).waitFor()
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

const part = (name: string) => page.getByRole('region', { name, exact: true })
const open = (name: string) => part(name).getByRole('button', { name, exact: true }).click()

test('what is empty is folded, by what it is about, and says how to begin', async () => {
  expect(await page.locator('main').getByRole('heading', { level: 2 }).allTextContents()).toEqual([
    'About you',
    'How you live',
    'What you like and plan',
    'What you buy',
    'Bring data in',
    'Take everything with you',
  ])
  expect(await page.locator('main h3 > button').count()).toBe(15)
  expect(await page.getByRole('button', { expanded: true }).count()).toBe(0)
  expect(await page.getByLabel('Programme', { exact: true }).isVisible()).toBe(false)
  await page.getByText('Nothing in your pod yet').waitFor()
  await lookAt(page, 'data-1-empty')
})

test('records are added, read as lines, changed and taken away, with the keyboard alone', async () => {
  await page
    .getByRole('navigation', { name: 'Categories' })
    .getByRole('button', { name: /Loyalty/ })
    .focus()
  await page.keyboard.press('Enter')
  const loyalty = part('Loyalty memberships')
  await loyalty.getByRole('button', { name: 'Add to Memberships' }).focus()
  await page.keyboard.press('Enter')
  const programme = loyalty.getByLabel('Programme', { exact: true })
  await expect.poll(() => programme.evaluate((input) => input === document.activeElement)).toBe(true)
  await page.keyboard.type('Miles')
  await page.keyboard.press('Tab')
  await page.keyboard.type('M-1')
  // Half of it is valid, and stays here until she says that she is done.
  await loyalty.getByText('Not in your pod yet').waitFor()
  await loyalty.getByRole('button', { name: 'Done' }).focus()
  await page.keyboard.press('Enter')
  await loyalty.getByText('Saved in your pod: Memberships').waitFor()
  await loyalty.getByText('Miles · M-1').waitFor()
  await loyalty.getByRole('button', { name: 'Add to Memberships' }).click()
  await loyalty.getByLabel('Tier', { exact: true }).fill('gold')
  await loyalty.getByRole('button', { name: 'Done' }).click()
  // Without its programme it cannot be kept: said at the place.
  await loyalty.getByText('Fill this in', { exact: false }).waitFor()
  await loyalty.getByText('Not saved. Something above needs a change first.').waitFor()
  await lookAt(page, 'data-2-wrong')
  await programme.fill('Books')
  await loyalty.getByRole('button', { name: 'Done' }).click()
  await expect
    .poll(() => loyalty.getByRole('listitem').allTextContents())
    .toEqual(['Books · goldChange', 'Miles · M-1Change'])
  await loyalty.getByRole('button', { name: 'Remove Books · gold' }).click()
  await loyalty.getByRole('button', { name: 'Change Miles · M-1' }).click()
  await loyalty.getByLabel('Member since').fill('2019-05-01')
  await loyalty.getByRole('button', { name: 'Done' }).click()
  await loyalty.getByText('Miles · M-1 · 1 May 2019').waitFor()
})

test('numbers, choices and answers are typed in as what they are, and what follows from them is shown', async () => {
  const household = part('Household')
  await open('Household')
  await household.getByRole('button', { name: 'Add to People at home' }).click()
  await household.getByLabel('Relation').selectOption({ label: 'Child' })
  await household.getByLabel('Year of birth').fill('two thousand')
  await household.getByRole('button', { name: 'Done' }).click()
  await household.getByText('Enter a number that fits here.').waitFor()
  const year = new Date().getUTCFullYear() - 5
  await household.getByLabel('Year of birth').fill(String(year))
  await household.getByLabel('Rooms').fill('4')
  await household.getByLabel('Garden or balcony').selectOption({ label: 'Yes' })
  await page.getByRole('heading', { name: 'My data' }).click()
  await household.getByText('Saved in your pod').waitFor()
  await household.getByText(`Child · Year of birth: ${year}`).waitFor()
  await expect.poll(() => household.getByText('Child at home').locator('..').textContent()).toMatch(/Yes/)
  await lookAt(page, 'data-3-household')
  await page.reload()
  await household.getByText(`Child · Year of birth: ${year}`).waitFor()
  expect(await household.getByLabel('Rooms').inputValue()).toBe('4')
  expect(faults).toEqual([])
})

test('changes are taken back one by one, by press and by key, and put back out of the past', async () => {
  const contact = part('Contact')
  await open('Contact')
  const phone = contact.getByRole('textbox', { name: 'Phone' })
  for (const number of ['+49 30 111', '+49 30 222', '+49 30 333']) {
    await phone.fill(number)
    await phone.press('Enter')
    await expect.poll(() => valueInPod('contact', 'phone')).toBe(number)
  }
  const status = contact.getByRole('status')
  await contact.getByRole('button', { name: 'Undo: Phone' }).press('Enter')
  await expect.poll(() => status.first().textContent()).toBe('Taken back: Phone')
  expect([await phone.inputValue(), await valueInPod('contact', 'phone')]).toEqual([
    '+49 30 222',
    '+49 30 222',
  ])
  // The key that everybody knows, wherever the browser has nothing of its own to take back.
  await contact.getByRole('button', { name: 'Undo: Phone' }).focus()
  await page.keyboard.press('Control+z')
  await expect.poll(() => valueInPod('contact', 'phone')).toBe('+49 30 111')

  await contact.getByRole('button', { name: 'History of Phone' }).press('Enter')
  const past = contact.getByRole('listitem').filter({ hasText: '+49 30 333' })
  await past.getByText(/until you took it back/).waitFor()
  await lookAt(page, 'data-4-history')
  await past.getByRole('button', { name: 'Put it back' }).press('Enter')
  await expect.poll(() => valueInPod('contact', 'phone')).toBe('+49 30 333')
  await contact.getByText(/until you put an earlier value back/).waitFor()
  await contact.getByRole('button', { name: 'All changes' }).click()
  await contact.getByRole('button', { name: 'Forget earlier values' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Forget' }).click()
  await contact.getByText('Nothing has been noted yet').first().waitFor()
  await contact.getByRole('button', { name: 'All changes' }).click()
  expect(faults).toEqual([])
})

test('what does not get through stays, is said, and is never lost by going elsewhere in the app', async () => {
  const contact = part('Contact')
  const email = contact.getByRole('textbox', { name: 'E-mail' })
  await page.context().setOffline(true)
  await email.fill('grace@navy.example')
  await email.press('Enter')
  await contact.getByText('Not saved. What you typed is still here.').waitFor()
  await lookAt(page, 'data-5-not-saved')
  await page.getByRole('link', { name: 'Home', exact: true }).click()
  await page.getByText('Something you typed in My data is not saved yet.').waitFor()
  expect(
    await page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))),
  ).toBe(true)
  await page.getByRole('link', { name: 'Go there' }).click()
  await expect.poll(() => email.inputValue()).toBe('grace@navy.example')
  await page.context().setOffline(false)
  await expect.poll(() => valueInPod('contact', 'email')).toBe('grace@navy.example')
  await contact.getByText('Saved in your pod: E-mail').waitFor()
  expect(
    await page.evaluate(() => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))),
  ).toBe(true)
})

test('a session that ends in the midst asks for a sign-in in another tab, and what was typed is saved then', async () => {
  const contact = part('Contact')
  const email = contact.getByRole('textbox', { name: 'E-mail' })
  await page.context().clearCookies()
  // Whoever signed in there last on this device may be somebody else, or nobody.
  await page.evaluate(() => localStorage.removeItem('reach.issuer'))
  await email.fill('grace@vassar.example')
  await email.press('Enter')
  await page
    .getByText('Your session has ended')
    .or(contact.getByText('Your pod asks you to sign in again'))
    .waitFor()
  await page.getByRole('heading', { name: 'Your session has ended' }).or(contact).first().waitFor()
  await lookAt(page, 'data-6-session-ended')
  const coming = page.waitForEvent('popup')
  await page.getByRole('button', { name: 'Sign in in another tab' }).press('Enter')
  const tab = await coming
  await tab.getByLabel('Email').fill(person.email)
  await tab.getByLabel('Password').fill(person.password)
  await tab.getByRole('button', { name: 'Log in' }).click()
  await tab.getByRole('button', { name: 'Authorize' }).click()
  await tab.getByRole('heading', { name: 'You are signed in again' }).waitFor()
  await lookAt(tab, 'data-7-signed-in-again')
  await tab.close()
  await expect.poll(() => valueInPod('contact', 'email')).toBe('grace@vassar.example')
  expect(await email.inputValue()).toBe('grace@vassar.example')
})

test('a file is brought in as one step that one press takes back', async () => {
  await page
    .getByRole('navigation', { name: 'Categories' })
    .getByRole('button', { name: 'Bring data in' })
    .click()
  const card =
    'BEGIN:VCARD\nVERSION:3.0\nFN:Grace Hopper\nEMAIL:rear@admiral.example\nTEL:+1 202 555 0100\nEND:VCARD\n'
  await page
    .getByLabel('Choose a file')
    .setInputFiles({ name: 'grace.vcf', mimeType: 'text/vcard', buffer: Buffer.from(card) })
  await page.getByRole('heading', { name: '3 fields in the card' }).waitFor()
  await page.getByRole('checkbox', { name: /E-mail/ }).press('Space')
  await lookAt(page, 'data-8-import')
  await page.getByRole('button', { name: 'Save 2 fields' }).press('Enter')
  await page.getByText('2 fields are in your pod now.').waitFor()
  await expect
    .poll(() => part('Contact').getByRole('textbox', { name: 'E-mail' }).inputValue())
    .toBe('rear@admiral.example')
  expect(await valueInPod('profile', 'name')).toBe('Grace Hopper')
  await page.getByRole('button', { name: 'Undo the import' }).press('Enter')
  await page.getByText('The import was taken back.').waitFor()
  expect([await valueInPod('profile', 'name'), await valueInPod('contact', 'email')]).toEqual([
    undefined,
    'grace@vassar.example',
  ])
  expect(faults).toEqual([])
})

test('an export of somebody else says whose it is before anything is saved, in the words that My data has', async () => {
  ada = await story.customer({
    profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' },
    contact: { email: 'ada@example.org', phone: '+44 20 7946 0000' },
    diet: { diet: ['VeganDiet'] },
  })
  const { vaultUrl } = story.world.config
  const headers = {
    origin: new URL(vaultUrl).origin,
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/json',
  }
  const asked = { method: 'POST', headers, body: '{}' }
  const exported = await ada.browser.jar.go(`${vaultUrl}/api/export`, asked)
  const buffer = Buffer.from(await exported.arrayBuffer())
  const file = page.getByLabel('Choose a file')
  await file.setInputFiles({ name: 'ada.zip', mimeType: 'application/zip', buffer })
  const found = page.getByRole('heading', { name: /in the export of a Reach/ }).locator('..')
  const warning = found.getByText('Somebody else’s export').locator('..')
  await warning.getByText(ada.webId).waitFor()
  await warning.getByText('Save from it only if both are you.').waitFor()
  expect(await warning.getByText(/grace-hopper/).count()).toBe(1)
  await found.getByText('Vegan', { exact: true }).waitFor()
  expect(await found.getByText('VeganDiet').count()).toBe(0)
  await lookAt(page, 'data-9-import-other')
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await lookAt(page, 'data-9-import-other-phone')
  await page.getByRole('button', { name: 'Save nothing' }).click()
  expect(await valueInPod('diet', 'diet')).toBeUndefined()
  expect(faults).toEqual([])
})

test('it fits a phone in the dark, and a page of the vocabulary explains it', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'dark' })
  const loyalty = part('Loyalty memberships')
  await loyalty.getByRole('button', { name: /^Change Miles/ }).click()
  await lookAt(page, 'data-9-phone-dark')
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  expect(wide).toBeLessThanOrEqual(390)
  // What is filled in at the lower edge does not stay under the line that comes up there.
  const phone = part('Contact').getByRole('textbox', { name: 'Phone' })
  if (!(await phone.isVisible())) await open('Contact')
  await phone.evaluate((box) => scrollBy(0, box.getBoundingClientRect().bottom - innerHeight + 90))
  await phone.click()
  await page.keyboard.type('+44 20 7946 0001')
  await part('Contact').getByText('A field is saved as you leave it').waitFor()
  const isOnTop = (box: Element) => {
    const { left, bottom } = box.getBoundingClientRect()
    return document.elementFromPoint(left + 20, bottom - 2) === box
  }
  await expect.poll(() => phone.evaluate(isOnTop)).toBe(true)
  await page.goto(`${story.world.config.vaultUrl}/vocabulary`)
  await page.getByRole('heading', { name: 'The vocabulary of Reach' }).waitFor()
  await lookAt(page, 'data-10-vocabulary')
  expect(faults).toEqual([])
})

test('beside each field stands who can read it, and when it or an answer from it last left', async () => {
  const shop = await story.shop()
  const details = {
    items: [
      {
        id: 'name',
        purpose: 'dpv:CustomerOrderManagement',
        fields: ['profile.name'],
        why: 'For the order.',
        required: true,
      },
      {
        id: 'age',
        purpose: 'dpv:AgeVerification',
        fields: ['profile.ageOver18'],
        why: 'For the law.',
        required: true,
      },
    ],
  }
  const relation = await story.allow(ada, shop, { details })
  expect((await story.read(relation)).status).toBe(200)
  expect(
    (await story.read(relation, { fields: ['profile.ageOver18'], purpose: 'dpv:AgeVerification' })).status,
  ).toBe(200)
  await signInAs(ada)
  const profile = part('Profile')
  const note = (name: string) => profile.locator(`[data-field="${name}"]`)
  await note('name').getByText(`${shop.name} can read this`).waitFor()
  expect(await note('name').textContent()).toMatch(/Last left .*, to Corner Shop/)
  // The date stays: what left is the answer.
  await note('birthDate').getByText(`${shop.name} can read only: Over 18`).waitFor()
  expect(await note('birthDate').textContent()).toMatch(/Answer “Over 18” last left/)
  expect(await part('Contact').textContent()).toContain('No business sees this')
  await lookAt(page, 'data-11-sight')
  // Whatever is allowed, nothing can be read that Reach cannot read.
  expectOk(await ada.browser.post('/api/pod/disconnect'))
  await note('name').getByText('No business can read this now').waitFor()
  expectOk(await ada.browser.post('/api/pod/connect'))
  await note('name').getByText(`${shop.name} can read this`).waitFor()
  await story.act(ada, relation, 'withdraw')
  // Told while the page is open.
  await note('name').getByText('No business can read this now').waitFor()
  expect(faults).toEqual([])
})

test('another app that changed the same field is met field by field, and neither value is lost', async () => {
  const contact = part('Contact')
  const phone = contact.getByRole('textbox', { name: 'Phone' })
  const app = await story.appOf(ada)
  const url = `${ada.container}contact.ttl`
  const written = await (await app(url)).text()
  const body = written
    .replace('ada@example.org', 'ada@elsewhere.example')
    .replace(/tel:[^>]*/, 'tel:+44%20111%20111')
  await phone.fill('+44 222 222')
  expect((await app(url, { method: 'PUT', headers: { 'content-type': 'text/turtle' }, body })).ok).toBe(true)
  await phone.press('Enter')
  await contact.getByText('Phone was changed in your pod by another app').waitFor()
  await contact.getByText('Before both').waitFor()
  // What only the other app changed is there already.
  expect(await contact.getByRole('textbox', { name: 'E-mail' }).inputValue()).toBe('ada@elsewhere.example')
  await lookAt(page, 'data-12-conflict')
  await contact.getByRole('button', { name: /Keep the pod’s/ }).press('Enter')
  await expect.poll(() => phone.inputValue()).toBe('+44 111 111')
  // The other one is not lost.
  await contact.getByRole('button', { name: 'Undo: Phone' }).press('Enter')
  await expect.poll(() => valueInPod('contact', 'phone')).toBe('+44 222 222')
  await contact.getByRole('button', { name: 'History of E-mail' }).press('Enter')
  await contact.getByText(/until another app changed it/).waitFor()
  expect(faults).toEqual([])
})

/** As the vault reads it out of the pod for this page's session. */
async function valueInPod(category: string, field: string): Promise<unknown> {
  return await page.evaluate(
    async ([id, name]) => {
      const response = await fetch('api/categories')
      const { categories } = (await response.json()) as {
        categories: { category: string; values: Record<string, unknown> }[]
      }
      return categories.find((view) => view.category === id)?.values[name ?? '']
    },
    [category, field],
  )
}

/** Another browser, in which this customer is signed in; the tests go on there. */
async function signInAs(customer: Customer): Promise<void> {
  expectOk(await customer.browser.get('/api/me'))
  const { vaultUrl, podsUrl } = story.world.config
  ;({ page, faults } = await openPage(browser, { allowed: [vaultUrl, podsUrl ?? ''] }))
  const value = customer.browser.cookie('session') ?? ''
  const cookie = {
    name: '__Host-reach-session',
    value,
    domain: 'localhost',
    path: '/',
    secure: true,
    httpOnly: true,
  }
  await page.context().addCookies([{ ...cookie, sameSite: 'Lax' }])
  await page.goto(`${vaultUrl}/data`)
  await page.getByRole('heading', { name: 'About you' }).waitFor()
}
