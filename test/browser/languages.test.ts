/**
 * The languages in a real Chromium: a pseudo-locale in which every text of ours carries its mark, so that one that
 * bypasses the messages shows; Arabic from right to left, and German.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { purposesIn } from '#core/domain/purposes.ts'
import type { MessageId } from '../../consent-app/messages/locale.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { ask } from '../business.ts'
import { Story } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'
import { Walker, cast, settled, walkHome, walkIn, walkRequest } from './every-page.ts'
import type { Cast, Walk } from './every-page.ts'
import { announced, barriersOn, listen } from './heard.ts'
import { marked, markedModule, namesByIntl, saidBy, unmarked } from './pseudo-locale.ts'

const folder = join(import.meta.dirname, '../../consent-app/messages')
const textsOf = (language: string): Record<MessageId, string> =>
  JSON.parse(readFileSync(join(folder, `${language}.json`), 'utf8'))

let story: Story
let browser: Browser
let people: Cast

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  people = await cast(story)
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

const allowed = () => {
  const { vaultUrl, gatewayUrl, podsUrl } = story.world.config
  return [vaultUrl, gatewayUrl, podsUrl ?? '']
}

/** What must have been said by a live region, and not only shown, when the walk stops there. */
const saidAt: Readonly<Record<string, MessageId>> = {
  connected: 'probe.ok.title',
  activity: 'verify.ok.title',
  settings: 'probe.ok.title',
  problem: 'problem.offline',
}

test('in the pseudo-locale every text and every accessible name carries its mark, and no page has a barrier', async () => {
  const { page, faults } = await openPage(browser, { allowed: allowed() })
  await listen(page)
  const texts = textsOf('en')
  await page.route(/\/assets\/en-[^/]*\.js$/, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: markedModule(texts) }),
  )
  const names = await namesByIntl(page)
  const found: string[] = []
  const stops: string[] = []
  const look: Walk['look'] = async (stop) => {
    stops.push(stop)
    // What is busy turns, and is paler than what is to be read.
    await settled(walk)
    found.push(
      ...unmarked(await saidBy(page), [...dataOf(story), ...names]).map((text) => `${stop}: ${text}`),
    )
    found.push(...(await barriersOn(page)).map((barrier) => `${stop}: ${barrier}`))
    const said = saidAt[stop]
    if (said !== undefined && !(await announced(page)).includes(marked(texts[said])))
      found.push(`${stop}: no live region says ${said}`)
  }
  const walk: Walk = { story, page, look, say: (id) => marked(texts[id]) }
  await walkIn(walk)
  await walkRequest(walk, people)
  await walkHome(walk, people)
  expect([...new Set(found)]).toEqual([])
  expect(stops.length).toBeGreaterThan(30)
  expect(stops).toEqual(expect.arrayContaining(Object.keys(saidAt)))
  expect(faults.filter((fault) => !/Failed to load/.test(fault))).toEqual([])
}, 600_000)

test.each([
  ['ar', 'rtl', 'إذا سمحت'],
  ['de', 'ltr', 'Wenn Sie erlauben'],
] as const)(
  'in %s the decision page, Home and others are whole, on a desk and on a phone, also with letters twice as large',
  async (language, direction, sentence) => {
    const { page, faults } = await openPage(browser, { allowed: allowed(), locale: language })
    const texts = textsOf(language)
    const at = new Walker({ story, page, look: async () => {}, say: (id) => texts[id] })
    const look = async (stop: string) => {
      expect(
        await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]),
      ).toEqual([language, direction])
      await lookAt(page, `${language}-${stop}`)
      await page.setViewportSize({ width: 390, height: 844 })
      await page.emulateMedia({ colorScheme: 'dark' })
      await lookAt(page, `${language}-${stop}-phone`)
      await fits(stop)
      await page.emulateMedia({ colorScheme: 'light' })
    }
    /** On a phone, also with letters twice as large. */
    const fits = async (stop: string) => {
      await page.setViewportSize({ width: 390, height: 844 })
      for (const size of ['100%', '200%']) {
        const overhang = await page.evaluate((fontSize) => {
          const root = document.documentElement
          root.style.fontSize = fontSize
          return root.scrollWidth - root.clientWidth
        }, size)
        expect(overhang, `${stop} is wider than a phone at ${size}`).toBeLessThanOrEqual(0)
      }
      await page.evaluate(() => document.documentElement.style.removeProperty('font-size'))
      await page.setViewportSize({ width: 1280, height: 900 })
    }
    await at.go('/')
    await at.button('sign-in.act').waitFor()
    await fits('welcome')
    await at.signInAs(people.ada.browser)
    await at.go('/data')
    await page.locator('#category-loyalty').waitFor()
    await fits('data')
    await at.go((await ask(await story.shop())).url.href)
    await at.button('decision.allow').waitFor()
    await at.press('business.who')
    await fits('request-who')
    await at.press('business.who')
    const purpose = purposesIn(language).find(({ id }) => id === 'dpv:CustomerOrderManagement')
    await page.getByRole('heading', { name: purpose?.title ?? '', exact: true }).waitFor()
    await page.getByText(sentence).first().waitFor()
    // With the mouse, on the words beside it.
    await page
      .locator('label')
      .filter({ has: page.getByRole('checkbox') })
      .first()
      .click()
    expect(await page.getByRole('checkbox').first().isChecked()).toBe(true)
    await look('request')
    await at.press('decision.allow')
    await page.getByRole('alertdialog').waitFor()
    expect(await page.getByRole('button', { name: 'Dismiss' }).count()).toBe(0)
    await page.keyboard.press('Escape')
    await at.go('/')
    await page.getByRole('heading', { name: texts['home.who'] }).waitFor()
    await look('home')
    expect(faults).toEqual([])
  },
  60_000,
)

test('another language is chosen by its own name, keeps what was ticked, and is kept on the device and with the account', async () => {
  const { page, faults } = await openPage(browser, { allowed: allowed() })
  const [english, german] = [textsOf('en'), textsOf('de')]
  const at = new Walker({ story, page, look: async () => {}, say: (id) => german[id] })
  await at.signInAs(people.ada.browser)
  await at.go((await ask(await story.shop())).url.href)
  await page.getByRole('button', { name: english['decision.allow'], exact: true }).waitFor()
  await page.getByRole('checkbox').first().press(' ')
  await page.getByRole('button', { name: 'Deutsch' }).press('Enter')
  await at.button('decision.allow').waitFor()
  await page.getByRole('heading', { name: 'Bestellungen bearbeiten' }).waitFor()
  // Nor does the page go elsewhere from where it was chosen.
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Deutsch')
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('de')
  expect(await page.getByRole('checkbox').first().isChecked()).toBe(true)
  await at.go('/settings')
  expect(await page.getByRole('button', { name: 'Deutsch' }).getAttribute('aria-pressed')).toBe('true')
  await page.getByRole('button', { name: 'العربية' }).press('Enter')
  await expect.poll(() => page.evaluate(() => document.documentElement.dir)).toBe('rtl')
  expect(faults).toEqual([])

  // It is kept with the account: another device of hers, where nobody chose, speaks it too, and keeps nothing of it.
  const other = await openPage(browser, { allowed: allowed() })
  const there = new Walker({ story, page: other.page, look: async () => {}, say: (id) => textsOf('ar')[id] })
  await there.signInAs(people.ada.browser)
  await other.page.goto(story.world.config.vaultUrl)
  await other.page.getByRole('heading', { name: textsOf('ar')['home.who'] }).waitFor()
  expect(await other.page.evaluate(() => localStorage.getItem('reach.language'))).toBeNull()
  expect(other.faults).toEqual([])
})

/** What the people and businesses here are called and say. */
function dataOf({ names, secrets }: Story): string[] {
  return [
    ...names,
    ...secrets,
    'Ada Lovelace',
    'walnuts',
    'Vegan',
    'To put your name on the order.',
    'To leave out what you cannot eat.',
    'To sell wine.',
    'To call you.',
    'To fit.',
    'Parcel Service',
    'delivers the parcel',
  ]
}
