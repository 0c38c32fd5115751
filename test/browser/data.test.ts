/** My data in a real Chromium: many kinds of data that stay easy to find one's way in, on a desk and on a phone. */
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { createWorld, type World } from '../world.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'
import { createVault } from './new-vault.ts'

const person = { podName: 'grace-hopper', email: 'grace@example.org', password: 'nanoseconds of wire' }

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
  await page.getByRole('link', { name: 'My data', exact: true }).click()
  await page.getByRole('heading', { name: 'About you' }).waitFor()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await world?.[Symbol.asyncDispose]()
}, 30_000)

const part = (name: string) => page.getByRole('region', { name, exact: true })

test('what is empty is folded, by what it is about', async () => {
  expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
    'About you',
    'How you live',
    'What you like and plan',
    'What you buy',
  ])
  expect(await page.getByRole('heading', { level: 3 }).count()).toBe(15)
  expect(await page.getByRole('button', { expanded: true }).count()).toBe(0)
  expect(await page.getByLabel('Programme', { exact: true }).isVisible()).toBe(false)
  await lookAt(page, 'data-1-empty')
})

test('records are added, read as lines, changed and taken away, with the keyboard alone', async () => {
  await page
    .getByRole('navigation', { name: 'Categories' })
    .getByRole('button', { name: /Loyalty/ })
    .focus()
  await page.keyboard.press('Enter')
  const loyalty = part('Loyalty memberships')
  await expect.poll(() => loyalty.getByRole('button', { expanded: true }).count()).toBe(1)
  await loyalty.getByRole('button', { name: 'Add to Memberships' }).focus()
  await page.keyboard.press('Enter')
  const programme = loyalty.getByLabel('Programme', { exact: true })
  await expect.poll(() => programme.evaluate((input) => input === document.activeElement)).toBe(true)
  await page.keyboard.type('Miles')
  await page.keyboard.press('Tab')
  await page.keyboard.type('M-1')
  await loyalty.getByRole('button', { name: 'Done' }).focus()
  await page.keyboard.press('Enter')
  await loyalty.getByText('Miles · M-1').waitFor()
  await loyalty.getByRole('button', { name: 'Add to Memberships' }).click()
  await loyalty.getByLabel('Tier', { exact: true }).fill('gold')
  await loyalty.getByRole('button', { name: 'Save Loyalty memberships' }).click()
  // Without its programme it cannot be kept: said at the place.
  await loyalty.getByText('Fill this in', { exact: false }).waitFor()
  await lookAt(page, 'data-2-wrong')
  await programme.fill('Books')
  await loyalty.getByRole('button', { name: 'Save Loyalty memberships' }).click()
  await loyalty.getByText('Saved in your pod').waitFor()
  expect(await loyalty.getByRole('listitem').allTextContents()).toEqual([
    'Books · goldChange',
    'Miles · M-1Change',
  ])
  await loyalty.getByRole('button', { name: 'Remove Books · gold' }).click()
  await loyalty.getByRole('button', { name: 'Change Miles · M-1' }).click()
  await loyalty.getByLabel('Member since').fill('2019-05-01')
  await loyalty.getByRole('button', { name: 'Save Loyalty memberships' }).click()
  await loyalty.getByText('Miles · M-1 · 1 May 2019').waitFor()
})

test('numbers, choices and answers are typed in as what they are, and what follows from them is shown', async () => {
  const household = part('Household')
  await household.getByRole('button', { name: 'Household', exact: true }).click()
  await household.getByRole('button', { name: 'Add to People at home' }).click()
  await household.getByLabel('Relation').selectOption({ label: 'Child' })
  await household.getByLabel('Year of birth').fill('two thousand')
  await household.getByRole('button', { name: 'Save Household' }).click()
  await household.getByText('Enter a number that fits here.').waitFor()
  const year = new Date().getUTCFullYear() - 5
  await household.getByLabel('Year of birth').fill(String(year))
  await household.getByLabel('Rooms').fill('4')
  await household.getByLabel('Garden or balcony').selectOption({ label: 'Yes' })
  await household.getByRole('button', { name: 'Save Household' }).click()
  await household.getByText('Saved in your pod').waitFor()
  await household.getByText(`Child · Year of birth: ${year}`).waitFor()
  await expect.poll(() => household.getByText('Child at home').locator('..').textContent()).toMatch(/Yes/)
  await lookAt(page, 'data-3-household')
  await page.reload()
  await household.getByText(`Child · Year of birth: ${year}`).waitFor()
  expect(await household.getByLabel('Rooms').inputValue()).toBe('4')
  expect(faults).toEqual([])
})

test('it fits a phone in the dark, and a page of the vocabulary explains it', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'dark' })
  const loyalty = part('Loyalty memberships')
  await loyalty.getByRole('button', { name: /^Change Miles/ }).click()
  await lookAt(page, 'data-4-phone-dark')
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  expect(wide).toBeLessThanOrEqual(390)
  await page.goto(`${world.config.vaultUrl}/vocabulary`)
  await page.getByRole('heading', { name: 'The vocabulary of Reach' }).waitFor()
  await lookAt(page, 'data-5-vocabulary')
  expect(faults).toEqual([])
})
