/** Settings in a real Chromium: where one is signed in, data in and out, and leaving, on a desk and on a phone, by keyboard. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from '@playwright/test'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { loggedFacts } from '../logged-facts.ts'
import { createWorld, type World } from '../world.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'
import { createVault } from './new-vault.ts'

const person = { podName: 'hedy-lamarr', email: 'hedy@example.org', password: 'frequency hopping 1942' }
const phone = { width: 390, height: 844 }

let world: World
let browser: Browser
let page: Page
let faults: string[]

beforeAll(async () => {
  await buildConsentApp()
  world = await createWorld()
  browser = await launchChromium()
  const { vaultUrl, podsUrl } = world.config
  ;({ page, faults } = await openPage(browser, { allowed: [vaultUrl, podsUrl ?? ''] }))
  await createVault(page, vaultUrl, person)
  await page.getByRole('link', { name: 'Settings', exact: true }).click()
  await page.getByRole('heading', { name: 'Leave', exact: true }).waitFor()
})

afterAll(async () => {
  await browser?.close()
  await world?.[Symbol.asyncDispose]()
})

/** The same page as a phone in the dark shows it. */
async function onPhoneInTheDark(name: string): Promise<void> {
  const desk = page.viewportSize() ?? { width: 1280, height: 900 }
  await page.setViewportSize(phone)
  await page.emulateMedia({ colorScheme: 'dark' })
  await lookAt(page, `${name}-phone-dark`)
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  expect(width, 'nothing to scroll sideways').toBeLessThanOrEqual(phone.width)
  await page.setViewportSize(desk)
  await page.emulateMedia({ colorScheme: 'light' })
}

async function offer(name: string, content: string, mimeType: string): Promise<void> {
  await page.locator('input[type=file]').setInputFiles({ name, mimeType, buffer: Buffer.from(content) })
}

test('a file is looked at field by field, and only what is chosen is saved', async () => {
  await offer('notes.txt', 'hello', 'text/plain')
  await page.getByText('This file was not read').waitFor()
  await page.getByText('Nothing was saved.').waitFor()
  const card =
    'BEGIN:VCARD\nVERSION:3.0\nFN:Hedy Lamarr\nBDAY:--1109\nEMAIL:hedy@example.org\nNOTE:x\nEND:VCARD\n'
  await offer('hedy.vcf', card, 'text/vcard')
  await page.getByRole('heading', { name: '3 fields in the card' }).waitFor()
  await page.getByText('One part of the file has no place here and stays out.').waitFor()
  expect(
    await page
      .getByRole('checkbox', { name: /Full name|Name/ })
      .first()
      .isChecked(),
  ).toBe(true)
  await lookAt(page, 'leave-1-import')
  await onPhoneInTheDark('leave-1-import')
  await page.getByRole('checkbox', { name: /E-mail/ }).focus()
  await page.keyboard.press('Space')
  await page.getByRole('button', { name: 'Save one field' }).press('Enter')
  await page.getByText('One field is in your pod now.').waitFor()

  await offer('hedy.csv', 'Name,E-mail\nHedwig Kiesler,hedy@example.org\n', 'text/csv')
  await page.getByText('Your pod holds: Hedy Lamarr').waitFor()
  expect(await page.getByRole('checkbox', { name: /Name/ }).first().isChecked()).toBe(false)
  await page.getByRole('button', { name: 'Save nothing' }).click()
})

test('everything comes along in one archive', async () => {
  const coming = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the archive' }).press('Enter')
  const download = await coming
  expect(download.suggestedFilename()).toMatch(/^reach-export-\d{4}-\d\d-\d\d\.zip$/)
  const files = unzipSync(await readFile(await download.path()))
  expect(Object.keys(files)).toContain('data/profile.json')
  await page.getByText('Saved. README.txt in it says what is where.').waitFor()
})

test('leaving says what stays, asks for a typed word, and is over then', async () => {
  await lookAt(page, 'leave-2-settings')
  await onPhoneInTheDark('leave-2-settings')
  await page.getByText('Chrome on Linux').waitFor()
  await page.getByText('this one', { exact: true }).waitFor()
  await page.getByText('No business may read anything now').waitFor()
  const begin = page.getByRole('button', { name: 'Leave for good' })
  await begin.focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('alertdialog', { name: 'Leave for good?' })
  await dialog.waitFor()
  // Nothing is chosen for her.
  for (const box of await dialog.getByRole('checkbox').all()) expect(await box.isChecked()).toBe(false)
  await lookAt(page, 'leave-3-last-look')
  await onPhoneInTheDark('leave-3-last-look')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })

  await begin.press('Enter')
  await dialog.getByRole('button', { name: 'Erase me' }).press('Enter')
  await dialog.getByText('Type the word erase').waitFor()
  await dialog.getByRole('textbox', { name: 'Type erase to confirm' }).fill('erase')
  await dialog.getByRole('checkbox', { name: 'Delete my pod' }).focus()
  await page.keyboard.press('Space')
  await dialog.getByText('Other apps that use it lose it as well.').waitFor()
  await dialog.getByRole('button', { name: 'Erase me' }).press('Enter')
  await page.getByRole('heading', { name: 'You have left' }).waitFor()
  await page.getByText('It is deleted.').waitFor()
  await lookAt(page, 'leave-4-left')
  await onPhoneInTheDark('leave-4-left')
  await page.getByRole('link', { name: 'To the start page' }).press('Enter')
  await page.getByLabel('Name of your pod').waitFor()
  await world.settle()
  expect(await world.reach.ledger.list('account/')).toEqual([])
  expect(faults).toEqual([])
})

test('who gets no reply to it has the reference all the same, and is told once it is known', async () => {
  const { vaultUrl, podsUrl } = world.config
  const { page } = await openPage(browser, { allowed: [vaultUrl, podsUrl ?? ''] })
  // Somebody had messages in this browser before her.
  await page.addInitScript(() => {
    const getSubscription = async () => ({ endpoint: 'https://push.example/of-who-was-here-before' })
    const getRegistration = async () => ({ pushManager: { getSubscription } })
    Object.defineProperty(navigator.serviceWorker, 'getRegistration', { value: getRegistration })
  })
  await createVault(page, vaultUrl, { ...person, podName: 'hedwig', email: 'hedwig@example.org' })
  await page.getByRole('link', { name: 'Settings', exact: true }).click()
  await page.getByText('This browser shows no messages of your vault').waitFor()
  await page.getByRole('button', { name: 'Leave for good' }).click()
  const dialog = page.getByRole('alertdialog', { name: 'Leave for good?' })
  await dialog.getByRole('textbox', { name: 'Type erase to confirm' }).fill('erase')
  // It is done, and the network goes before anybody hears of it.
  await page.route('**/api/leave', async (route) => {
    await page.route('**/api/me', (asked) => asked.abort())
    const headers = { ...(await route.request().allHeaders()), 'sec-fetch-site': 'same-origin' }
    expect((await route.fetch({ headers })).status()).toBe(202)
    await route.abort()
  })
  // It was asked about that browser long since.
  expect(await page.getByText('This browser shows a message').count()).toBe(0)
  await dialog.getByRole('button', { name: 'Erase me' }).click()
  await page.getByRole('heading', { name: 'No answer came' }).waitFor()
  const reference = await page.locator('code').textContent()
  await lookAt(page, 'leave-5-no-answer')
  // The network comes back, and each reply takes longer than the page waits before it asks again.
  await page.unroute('**/api/me')
  await page.route('**/api/me', async (asked) => {
    await sleep(4_000)
    await asked.continue().catch(() => undefined)
  })
  await page.getByRole('heading', { name: 'You have left' }).waitFor()
  await page.unroute('**/api/me')
  expect(await page.locator('code').textContent()).toBe(reference)
  await world.settle()
  const facts = (await loggedFacts(world.reach.ledger)).map(({ fact }) => fact)
  expect(facts.at(-1)).toMatchObject({ type: 'erased', erasure: reference })
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('reach.visit')

  // A page that comes up again after days, as phones do, says of a session that is over no more than it knows.
  await page.evaluate(
    (askedAt) => {
      const { history } = window
      history.replaceState({ ...history.state, usr: { ...history.state.usr, askedAt } }, '')
    },
    Date.now() - 4 * 86_400_000,
  )
  await page.reload()
  await page.getByText('that may have another reason').waitFor()
  expect(await page.getByRole('heading', { name: 'You have left' }).count()).toBe(0)
})
