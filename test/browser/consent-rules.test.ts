/**
 * Rules of consent that only a browser can show (test/consent-table.test.ts says which): what is visible without a click, how
 * equal the answers are, how many steps each way takes, what a screen reader is told, and that nothing is lost at any size.
 */
import type { Browser, Locator, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { accessRequest, ask } from '../business.ts'
import { Story } from '../story.ts'
import type { Customer, Relation, Shop } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let story: Story
let browser: Browser
let page: Page
let faults: string[]
let ada: Customer
let shop: Shop
let relation: Relation
/** Presses so far. */
let steps = 0
const vault = (path: string): string => story.world.config.vaultUrl + path
const orders = 'dpv:CustomerOrderManagement'
const fits = 'dpv:ServicePersonalisation'

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  ada = await story.customer({
    profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' },
    diet: { diet: ['VeganDiet'], allergies: ['walnuts'] },
    sizes: { shoe: { size: '39', system: 'EU' } },
  })
  shop = await story.shop()
  relation = await story.allow(ada, await story.shop())
  await story.read(relation)
  ;({ page, faults } = await openPage(browser, { allowed: [vault('')] }))
  const url = vault('').replace(/^http:/, 'https:')
  const session = { name: '__Host-reach-session', value: ada.browser.cookie('session') ?? '', url }
  await page.context().addCookies([{ ...session, secure: true, httpOnly: true, sameSite: 'Lax' }])
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

const asked = () =>
  accessRequest({
    items: [
      { purpose: orders, fields: ['profile.name'], why: 'To put your name on the order.', required: true },
      { purpose: fits, fields: ['sizes.shoe', 'diet.allergies'], why: 'To suit you.', required: false },
    ],
    recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
    retention: 'P30D',
  })

/** Nothing is on its way any more. */
async function settled(): Promise<void> {
  await expect.poll(() => page.getByText('Loading', { exact: true }).count()).toBe(0)
}

/** The decision page of a new request. */
async function openRequest(by: Shop = shop): Promise<void> {
  await page.goto((await ask(by, asked())).url.href)
  await button('Allow').waitFor()
  steps = 0
}

const button = (name: string, within: Page | Locator = page) =>
  within.getByRole('button', { name, exact: true }).first()

async function press(target: Locator): Promise<void> {
  await target.press('Enter')
  steps++
}

const see = (text: string | RegExp) => page.getByText(text).first().waitFor()

test('the first screen says who asks, what for, the values of today, how long, who else, and that no password is needed', async () => {
  await openRequest()
  await page.getByRole('heading', { level: 1, name: `${shop.name} asks to read from your vault` }).waitFor()
  // Business, its contact, and whether it has proven who it is.
  for (const told of [/^Not proven/, `privacy@shop-${shop.name.split(' ').at(-1)}.example`]) await see(told)
  for (const value of ['Ada Lovelace', '39 EU', 'walnuts']) await see(value)
  for (const why of ['To put your name on the order.', 'To suit you.']) await see(why)
  await see('30 days after each read, says the business')
  await see('Parcel Service')
  await see('They are not bound by what you decide here.')
  await see('No business ever needs a password of yours.')
  // An end always, and no way to have none.
  await see(/^Until|Until when/)
  expect(await page.getByText(/forever|unlimited|no end date/i).count()).toBe(0)
  await lookAt(page, 'rules-request')
})

test('nothing optional is ticked, and the sentence names what is, and nothing else', async () => {
  const boxes = page.getByRole('checkbox')
  expect(await boxes.count()).toBe(2)
  for (const box of await boxes.all()) expect(await box.isChecked()).toBe(false)
  // Also where the reader forces colours of her own, and a mark without one would be seen.
  const marks = page
    .locator('label:has([type=checkbox]) > [aria-hidden=true] > svg')
    .filter({ visible: true })
  expect(await marks.count()).toBe(0)
  const panel = page.getByRole('region', { name: 'Your decision' })
  const sentence = panel.locator('[aria-live=polite]')
  expect(await sentence.textContent()).toContain('Name')
  expect(await sentence.textContent()).not.toMatch(/Shoe size|Allergies/)
  await page.getByRole('checkbox', { name: /Shoe size/ }).press(' ')
  await expect.poll(() => sentence.textContent()).toContain('Shoe size')
  expect(await marks.count()).toBe(1)
  expect(await sentence.textContent()).not.toContain('Allergies')
  await page.getByRole('checkbox', { name: /Shoe size/ }).press(' ')
  await expect.poll(() => sentence.textContent()).not.toContain('Shoe size')
})

test('Allow and Deny are equal to the eye, to the keyboard, to the ear, and Deny takes no more presses', async () => {
  const [allow, deny] = await Promise.all(['Allow', 'Deny'].map((name) => looksOf(button(name))))
  expect(allow?.style).toEqual(deny?.style)
  expect(Math.abs((allow?.box.width ?? 0) - (deny?.box.width ?? 9))).toBeLessThanOrEqual(1)
  expect([allow?.box.height, allow?.box.y]).toEqual([deny?.box.height, deny?.box.y])
  // The name that is read out is what is seen.
  for (const name of ['Allow', 'Deny', 'Decide later'])
    expect(await button(name).getAttribute('aria-label')).toBeNull()
  await button('Allow').focus()
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Deny')

  await press(button('Deny'))
  await page.getByRole('heading', { name: 'Denied' }).waitFor()
  expect(steps).toBe(1)
  // One neutral line, nothing that asks again.
  expect(await page.getByRole('alertdialog').count()).toBe(0)
  expect(await page.locator('main p').filter({ hasText: shop.name }).count()).toBe(1)
  expect(await page.locator('main').textContent()).not.toMatch(/sure|reconsider|miss/i)
  await lookAt(page, 'rules-denied')
})

async function looksOf(target: Locator) {
  const style = await target.evaluate((element) => {
    const { fontWeight, fontSize, color, backgroundColor, borderColor, opacity } = getComputedStyle(element)
    return { fontWeight, fontSize, color, backgroundColor, borderColor, opacity }
  })
  return { style, box: (await target.boundingBox()) ?? { width: 0, height: 0, y: 0 } }
}

test('a request for nothing but optional data, with nothing ticked, is no permission: it is offered as Deny', async () => {
  const other = await story.shop()
  const items = [{ purpose: fits, fields: ['sizes.shoe'], why: 'To suit you.', required: false }]
  await page.goto((await ask(other, accessRequest({ items }))).url.href)
  await press(button('Allow'))
  await see('Nothing is ticked. Tick what you want to share, or deny.')
  expect(await page.getByRole('alertdialog').count()).toBe(0)
  expect(await button('Deny').isVisible()).toBe(true)
})

test('what is allowed is said once more, with who, what, until when and how to stop; the receipt is there with the answer', async () => {
  const other = await story.shop()
  await openRequest(other)
  await press(button('Allow'))
  const dialog = page.getByRole('alertdialog')
  await dialog.waitFor()
  for (const told of [other.name, 'Ada Lovelace', 'Until', 'withdraw'])
    await dialog.getByText(told).first().waitFor()
  const reply = page.waitForResponse(/\/decision$/)
  await press(button('Allow this', dialog))
  expect(await (await reply).json()).toMatchObject({ receipt: { receiptId: expect.any(String) } })
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  await page
    .getByRole('button', { name: 'Download receipt' })
    .or(page.getByRole('link', { name: 'Download receipt' }))
    .first()
    .waitFor()
  expect(steps).toBe(2)
  // On paper stands what was decided, and nothing to press.
  await page.emulateMedia({ media: 'print' })
  expect(await page.getByRole('heading', { name: 'Allowed' }).isVisible()).toBe(true)
  expect(await page.getByText(other.name).first().isVisible()).toBe(true)
  expect(await page.getByRole('button').filter({ visible: true }).count()).toBe(0)
  await page.emulateMedia({ media: 'screen' })
})

test('from the first page a business and all about it is one press away, and withdrawing never takes more than allowing', async () => {
  // Allowing from the first page: put off before, so that it stands there.
  const other = await story.shop()
  await openRequest(other)
  await press(button('Decide later'))
  await page.getByRole('heading', { name: 'Put off' }).waitFor()
  expect(steps).toBe(1)
  await page.goto(vault('/'))
  steps = 0
  await press(page.getByRole('link', { name: 'Look and decide' }).first())
  await button('Allow').waitFor()
  await press(button('Allow'))
  await press(button('Allow this'))
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  const allowing = steps

  const { name } = relation.shop
  // She was last here before all of this, an hour ago as far as this device knows.
  await page.evaluate(() => {
    const key = 'reach.visit /'
    const visit = JSON.parse(localStorage.getItem(key) ?? '{}') as object
    localStorage.setItem(key, JSON.stringify({ ...visit, seen: Date.now() - 3_600_000 }))
  })
  await page.goto(vault('/'))
  await see(/^Since your last visit on .+: 1 read, \d+ other entries\.$/)
  await lookAt(page, 'rules-home')
  steps = 0
  await press(page.getByRole('link', { name }).first())
  await see('Active, as of')
  expect(steps).toBe(1)
  await see('Read once')
  await press(button(`Pause`))
  await see('Paused, as of')
  expect(steps).toBeLessThanOrEqual(allowing)
  await press(button('Resume'))
  await see('Active, as of')

  await page.goto(vault('/'))
  steps = 0
  await press(page.getByRole('link', { name }).first())
  await press(button(`Withdraw from ${name}`))
  const dialog = page.getByRole('alertdialog')
  // Whether to delete is asked before the last step, and what withdrawing does not do is said.
  expect(await dialog.getByRole('checkbox', { name: /delete what it holds/ }).isChecked()).toBe(false)
  await dialog
    .getByText(/may still hold|what it has read/)
    .first()
    .waitFor()
  await press(button('Withdraw', dialog))
  await page
    .getByText(/^Withdrawn/)
    .first()
    .waitFor()
  expect(steps).toBeLessThanOrEqual(allowing)
  // It stays on the list, with all there was.
  await page.goto(vault('/relationships'))
  await page
    .getByRole('article', { name })
    .getByText(/^Withdrawn/)
    .waitFor()
})

test('nothing is cut off or lost at 200 % and at 400 %', async () => {
  const { grantId } = relation
  await openRequest(await story.shop())
  const request = page.url()
  const places = [
    request,
    ...['/', '/data', '/relationships', `/relationships/${grantId}`, '/activity', '/settings'].map(vault),
  ]
  for (const place of places)
    for (const width of [640, 320]) {
      await page.setViewportSize({ width, height: 512 })
      await page.goto(place)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await settled()
      const overhang = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        return scrollWidth - clientWidth
      })
      expect(overhang, `${place} at ${width}`).toBeLessThanOrEqual(0)
    }
  await page.setViewportSize({ width: 1280, height: 900 })
})

test('every place and every act on it is reached with the Tab key alone, in reading order, with a ring that is seen', async () => {
  const { grantId } = relation
  for (const place of [
    '/',
    '/data',
    '/relationships',
    `/relationships/${grantId}`,
    '/activity',
    '/settings',
  ]) {
    await page.goto(vault(place))
    await page.getByRole('heading', { level: 1 }).waitFor()
    await settled()
    const { missed, bare, count } = await walk()
    expect(missed, `not reached on ${place}`).toEqual([])
    expect(bare, `no ring on ${place}`).toEqual([])
    expect(count, place).toBeGreaterThan(5)
  }
})

/** Presses Tab until the page is round: what can be pressed and was not reached, and what had the focus without a ring. */
async function walk(): Promise<{ missed: string[]; bare: string[]; count: number }> {
  await page.evaluate(() => {
    ;(document.activeElement as HTMLElement | null)?.blur()
    window.scrollTo(0, 0)
    for (const one of document.querySelectorAll('[data-reached], [data-last]')) {
      one.removeAttribute('data-reached')
      one.removeAttribute('data-last')
    }
  })
  const bare: string[] = []
  for (let step = 0; step < 300; step++) {
    await page.keyboard.press('Tab')
    const found = await page.evaluate(() => {
      const at = document.activeElement
      if (at === null || at === document.body) return undefined
      // The parts of a date are stops inside of one control.
      const isSame = at.hasAttribute('data-last')
      document.querySelector('[data-last]')?.removeAttribute('data-last')
      at.setAttribute('data-last', '')
      const again = at.hasAttribute('data-reached') && !isSame
      at.setAttribute('data-reached', '')
      // A ring may be drawn by what stands round a hidden input.
      const drawn = [at, at.closest('label'), at.parentElement].some((one) => {
        if (one === null) return false
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one)
        return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none'
      })
      const inside = at.closest('label')?.querySelector('[aria-hidden=true]')
      const box = inside === null || inside === undefined ? undefined : getComputedStyle(inside)
      const isRinged =
        drawn || (box !== undefined && (box.outlineStyle !== 'none' || box.boxShadow !== 'none'))
      return { again, isRinged, name: (at.textContent ?? '').trim().slice(0, 40) || at.tagName }
    })
    // Past the last one it begins at the first.
    if (found === undefined) continue
    if (found.again) break
    if (!found.isRinged) bare.push(found.name)
  }
  return await page.evaluate((ringless) => {
    const all = [
      ...document.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary'),
    ]
    const missed = all.filter((one) => {
      if (one.tabIndex < 0 || one.closest('[hidden], [inert]') !== null || !one.checkVisibility())
        return false
      if (one instanceof HTMLInputElement && one.type === 'radio') {
        // Arrows go on inside of a group.
        const reached = document.querySelector(`input[name="${one.name}"][data-reached]`) !== null
        if (reached) return false
      }
      if (one instanceof HTMLInputElement && (one.disabled || one.type === 'file')) return false
      return !one.hasAttribute('data-reached')
    })
    return {
      missed: missed.map((one) => one.outerHTML.slice(0, 90)),
      bare: ringless,
      count: all.length - missed.length,
    }
  }, bare)
}

test('a screen reader is told the decision page in its order, each part by its name', async () => {
  await openRequest(await story.shop())
  const snapshot = await page.locator('body').ariaSnapshot()
  const told = [
    'heading "',
    'To put your name on the order.',
    'Ada Lovelace',
    'heading "Your decision"',
    'button "Allow"',
    'button "Deny"',
    'button "Decide later"',
  ]
  let place = 0
  for (const part of told) {
    place = snapshot.indexOf(part, place)
    expect(place, `${part} in ${snapshot}`).toBeGreaterThanOrEqual(0)
  }
  expect(snapshot).toContain('checkbox "')
  expect(snapshot).toMatch(/radiogroup "/)
  expect(snapshot).not.toMatch(/button(?: \[|:?$)|link(?: \[|:?$)/m)
})

test('of many permissions some are listed, more where the keyboard then is, and one is found by its name', async () => {
  const other = await story.shop()
  for (let given = 0; given < 52; given++) await story.allow(ada, other)
  await page.goto(vault('/relationships'))
  const ended = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Ended' }) })
  await page.getByRole('button', { name: /^Show \d+ more of/ }).press('Enter')
  await ended.getByRole('listitem').nth(50).locator('a:focus').waitFor()
  const words = page.getByRole('textbox', { name: 'Find a business' })
  await words.fill(` ${other.name.toUpperCase()} `)
  await see('52 permissions.')
  expect(await page.getByRole('article').count()).toBe(51)
  await lookAt(page, 'rules-found')
  await page.getByRole('article').first().getByRole('link').first().press('Enter')
  await see('Back to all relationships')
  await page.goBack()
  await see('52 permissions.')
  expect(page.url()).toBe(vault('/relationships'))
  await words.fill('nobody of this name')
  await see('No permission of a business with this name.')
  expect(await page.getByRole('article').count()).toBe(0)
})

test('no page ran into an error, broke its own rules or asked anybody else', () => {
  expect(faults).toEqual([])
})
