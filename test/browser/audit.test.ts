/** The auditor's pages in a real browser: in by an invitation, through every page, and over a long list. */
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import ar from '../../consent-app/pages/audit/messages/ar.json' with { type: 'json' }
import de from '../../consent-app/pages/audit/messages/de.json' with { type: 'json' }
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { auditorsOf, inAYear } from '../auditor.ts'
import { Story } from '../story.ts'
import type { Relation } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let story: Story
let browser: Browser
let page: Page
let faults: string[]
let relation: Relation
let key: string
const vault = (path: string): string => story.world.config.vaultUrl + path

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  const customer = await story.customer()
  relation = await story.allow(customer, await story.shop())
  for (let read = 0; read < 3; read++) await story.read(relation)
  await story.act(customer, relation, 'pause')
  ;({ page, faults } = await openPage(browser, { allowed: [story.world.config.vaultUrl] }))
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

const rows = (on: Page) => on.getByRole('list', { name: 'Entries, newest first' }).getByRole('listitem')

test('an invitation opens an account, and nothing is looked at before one says why', async () => {
  const { link } = await (
    await auditorsOf(story.world)
  ).invite({ name: 'Quill and Partners', expires: inAYear() })
  await page.goto(link)
  await page.getByRole('button', { name: 'Redeem the invitation' }).click()
  await page.getByText('This is the key of your account').waitFor()
  key = (await page.locator('main code, code').first().textContent()) ?? ''
  await lookAt(page, 'audit-1-join')
  const before = story.world.reach.ledger.log.checkpoint()
  await page.getByRole('link', { name: 'Begin the review' }).click()
  await page.getByRole('heading', { name: 'Why do you look?' }).waitFor()
  await page.getByLabel('Reason').fill('about ada@example.org')
  await page.getByRole('button', { name: 'Begin' }).click()
  await page.getByText('without web or mail addresses').waitFor()
  await lookAt(page, 'audit-2-reason')
  expect(story.world.reach.ledger.log.checkpoint()).toBe(before)
  await page.getByLabel('Reason').fill('Yearly review of consents')
  await page.keyboard.press('Enter')
  await rows(page).first().waitFor()
  await lookAt(page, 'audit-3-entries')
})

test('a filter is in the address, and what is typed looks once', async () => {
  const { log } = story.world.reach.ledger
  const sizeOf = () => Number(log.checkpoint().split('\n')[1])
  const before = sizeOf()
  await page.getByLabel('Type').selectOption('disclosed')
  await page.getByRole('button', { name: 'Look', exact: true }).click()
  await page.getByText('3 entries found in the whole log').waitFor()
  expect(await rows(page).count()).toBe(3)
  expect(new URL(page.url()).search).toBe('?type=disclosed')
  expect(sizeOf()).toBe(before + 1)
  await page.reload()
  await page.getByText('3 entries found in the whole log').waitFor()
  expect(await page.getByLabel('Type').inputValue()).toBe('disclosed')
  // Another language is other words, and no other look.
  const looked = sizeOf()
  await page.getByRole('button', { name: 'Deutsch' }).click()
  await page.getByRole('list', { name: de['audit.entries.list'] }).getByRole('listitem').first().waitFor()
  await page.getByRole('button', { name: 'English' }).click()
  await rows(page).first().waitFor()
  expect(sizeOf()).toBe(looked)
})

test('the browser’s way back takes the filter’s fields back with the address', async () => {
  const type = page.getByLabel('Type')
  await type.selectOption('granted')
  await page.getByRole('button', { name: 'Look', exact: true }).click()
  await page.getByText('1 entry found in the whole log').waitFor()
  // Chosen and not looked for: gone with the way back, too.
  await page.getByLabel('Grant', { exact: true }).fill('nothing of this')
  await page.goBack()
  await page.getByText('3 entries found in the whole log').waitFor()
  expect(new URL(page.url()).search).toBe('?type=disclosed')
  expect(await type.inputValue()).toBe('disclosed')
  expect(await page.getByLabel('Grant', { exact: true }).inputValue()).toBe('')
  await page.goForward()
  await expect.poll(() => type.inputValue()).toBe('granted')
  await page.goBack()
  await page.getByText('3 entries found in the whole log').waitFor()
})

test('an entry is proven by this browser, and says how to prove it without', async () => {
  await rows(page).first().getByRole('link').press('Enter')
  await page.getByRole('heading', { name: /^Entry \d+$/ }).waitFor()
  await page.getByText('Verified by this browser').waitFor()
  await page.getByText(/reach audit check reach-entry-\d+\.tlog-proof/).waitFor()
  await lookAt(page, 'audit-4-entry')
})

test('a grant runs from request to end, with the notice as it was shown', async () => {
  await page.getByRole('link', { name: relation.grantId }).click()
  await page.getByRole('heading', { name: 'One consent from beginning to end' }).waitFor()
  await page.getByText(/Word for word: its SHA-256 is/).waitFor()
  await page
    .getByText(/asks to read/)
    .first()
    .waitFor()
  await lookAt(page, 'audit-5-grant')
})

test('consents and counts are there on a phone in the dark', async () => {
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.getByRole('link', { name: 'Consents' }).click()
  await page.getByText(/^As of /).waitFor()
  await page.getByRole('listitem').filter({ hasText: 'paused' }).waitFor()
  await lookAt(page, 'audit-6-consents')
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByText(/every release lies under an earlier live consent/).waitFor()
  await lookAt(page, 'audit-7-overview')
  await page.getByRole('link', { name: 'Entries', exact: true }).click()
  await rows(page).first().waitFor()
  await lookAt(page, 'audit-8-entries-phone')
  await page.setViewportSize({ width: 1280, height: 900 })
})

test.each([
  ['de', de],
  ['ar', ar],
] as const)(
  'every page speaks %s',
  async (locale, words) => {
    const { vaultUrl } = story.world.config
    const other = await openPage(browser, {
      allowed: [vaultUrl],
      locale,
      viewport: { width: 390, height: 844 },
    })
    const { page: there } = other
    await there.goto(vault('/audit'))
    await there.getByLabel(words['audit.sign-in.key']).fill(key)
    await there.keyboard.press('Enter')
    await there.getByLabel(words['audit.reason.label']).fill('2026')
    await there.keyboard.press('Enter')
    const list = there.getByRole('list', { name: words['audit.entries.list'] }).getByRole('listitem')
    await list.first().waitFor()
    expect(await there.evaluate(() => document.documentElement.dir)).toBe(locale === 'ar' ? 'rtl' : 'ltr')
    await list.filter({ hasText: words['audit.type.disclosed'] }).first().waitFor()
    await lookAt(there, `audit-${locale}-entries`)
    await there.goto(vault('/audit/consents'))
    await there.getByRole('listitem').filter({ hasText: words['audit.state.paused'] }).waitFor()
    await there.goto(vault('/audit/overview'))
    await there.getByText(words['audit.type.granted']).first().waitFor()
    await lookAt(there, `audit-${locale}-overview`)
    await there.goto(vault(`/audit/grants/${relation.grantId}`))
    await there.getByText(words['audit.notice.no-screen']).waitFor()
    await there.goto(vault('/audit?upTo=2'))
    await list.filter({ hasText: words['audit.type.granted'] }).waitFor()
    expect(await list.count()).toBe(3)
    await list.nth(0).getByRole('link').press('Enter')
    await there.getByRole('heading', { name: words['audit.entry.proof'] }).waitFor()
    await there.getByText('reach audit check').waitFor()
    expect(other.faults).toEqual([])
    await there.context().close()
  },
  60_000,
)

test('a hundred thousand rows draw no more than fit, and stay quick', async () => {
  const size = 100_000
  await page.route('**/api/audit/search', async (route) => {
    const { before = size, limit } = route.request().postDataJSON() as { before?: number; limit: number }
    const first = Math.max(0, before - 25 * limit)
    const entries = Array.from({ length: before - first }, (_, i) => {
      const index = before - 1 - i
      const facts = JSON.stringify({
        v: 1,
        type: 'vendor-admitted',
        time: 1_800_000_000_000 + index,
        vendor: 'v'.repeat(22),
      })
      return { index, facts }
    })
    await route.fulfill({ json: { entries, size, searchedFrom: first, ...(first > 0 && { next: first }) } })
  })
  await page.goto(vault('/audit?type=vendor-admitted'))
  await rows(page).first().waitFor()
  for (;;) {
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
    if (
      await page
        .getByText('100000 entries found in the whole log')
        .or(page.getByText('100,000 entries found in the whole log'))
        .isVisible()
    )
      break
  }
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
  await rows(page)
    .filter({ hasText: /Entry 0$|No\. 0$|#0$/ })
    .or(rows(page).last())
    .last()
    .waitFor()
  expect(await rows(page).count()).toBeLessThan(80)
  // Wherever one jumps to, a screenful is drawn, not what the list has.
  const drawn = await page.evaluate(async () => {
    const settled = () =>
      new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    const counts: number[] = []
    for (let jump = 1; jump <= 10; jump++) {
      window.scrollTo(0, (document.documentElement.scrollHeight * jump) / 11)
      await settled()
      counts.push(document.querySelectorAll('main ol > li').length)
    }
    return counts
  })
  for (const count of drawn) expect(count).toBeLessThan(80)
  await page.unrouteAll()
  expect(faults).toEqual([])
})

test('signing out takes what was shown from the screen, and the reason with it', async () => {
  await page.goto(vault('/audit'))
  await rows(page).first().waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Key of your account').waitFor()
  expect(await rows(page).count()).toBe(0)
  await page.getByLabel('Key of your account').fill(key)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Why do you look?' }).waitFor()
})

test('an invitation that hides members asks about none of them, and shows the rest', async () => {
  const operator = await auditorsOf(story.world)
  const asked = { name: 'Quill and Partners', expires: inAYear(), shown: ['fields', 'seq'] }
  const { link } = await operator.invite(asked)
  const other = await openPage(browser, { allowed: [story.world.config.vaultUrl] })
  const there = other.page
  await there.goto(link)
  await there.getByRole('button', { name: 'Redeem the invitation' }).click()
  await there.getByRole('link', { name: 'Begin the review' }).click()
  await there.getByLabel('Reason').fill('Yearly review of releases')
  await there.keyboard.press('Enter')
  await rows(there).first().waitFor()
  expect(await there.getByRole('combobox').count()).toBe(1)
  expect(await there.getByLabel('Grant').count()).toBe(0)
  await there.getByLabel('Type').selectOption('disclosed')
  await there.getByRole('button', { name: 'Look', exact: true }).click()
  await there.getByText('3 entries found in the whole log').waitFor()
  await rows(there).first().getByRole('link').click()
  await there.getByText('Your invitation leaves parts of this entry out').waitFor()
  for (const [path, head] of [
    ['consents', 'paused'],
    ['overview', 'Released'],
  ] as const) {
    await there.goto(vault(`/audit/${path}`))
    await there.getByText(head, { exact: false }).first().waitFor()
  }
  expect(other.faults).toEqual([])
  await there.context().close()
}, 60_000)
