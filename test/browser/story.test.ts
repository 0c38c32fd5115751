/**
 * The story of the foundation in a real Chromium: a person makes a vault, fills it in, decides on what a
 * business asks, sees the read, withdraws. The business is a standard OAuth client (openid-client); pods,
 * ledger and servers are the real ones.
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from '@playwright/test'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import type { Disclosure } from '../../schemas/types.gen.ts'
import { type Business, type Tokens, accessRequest, ask, redeem, registerBusiness } from '../business.ts'
import { createWorld, type World } from '../world.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'
import { Keyboard, KeyboardStory } from './keyboard-story.ts'

const person = { podName: 'ada-lovelace', email: 'ada@example.org', password: 'difference engine no 2' }
const question = accessRequest({
  items: [
    {
      purpose: 'dpv:DeliveryOfGoods',
      fields: ['profile.name', 'contact.address'],
      why: 'To deliver what you order.',
      required: true,
    },
    {
      purpose: 'dpv:ServicePersonalisation',
      fields: ['sizes.shoe', 'diet.allergies'],
      why: 'To show what suits you.',
      required: false,
    },
  ],
  recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
})

let world: World
let browser: Browser
let page: Page
let faults: string[]
let shopSite: Server
let shop: Business
let tokens: Tokens
const vault = (path: string): string => world.config.vaultUrl + path

beforeAll(async () => {
  await buildConsentApp()
  world = await createWorld({ tour: true })
  browser = await launchChromium()
  shopSite = createServer((_request, response) => void response.end('Thank you.')).listen(0, 'localhost')
  await once(shopSite, 'listening')
  const shopUrl = `http://localhost:${(shopSite.address() as AddressInfo).port}`
  const { vaultUrl, gatewayUrl, podsUrl } = world.config
  ;({ page, faults } = await openPage(browser, { allowed: [vaultUrl, gatewayUrl, podsUrl ?? '', shopUrl] }))
  const admission = await world.operator.add({ name: 'Corner Shop', contact: 'privacy@shop.example' })
  shop = await registerBusiness(`${vaultUrl}/oauth`, admission, { redirectUri: `${shopUrl}/callback` })
})

afterAll(async () => {
  await browser?.close()
  shopSite?.close()
  await world?.[Symbol.asyncDispose]()
})

test('a person creates a vault and lets Reach read one folder of it', async () => {
  await page.goto(vault('/'))
  await page.getByRole('heading', { name: 'Create a vault' }).waitFor()
  await lookAt(page, 'story-1-welcome')
  await page.getByLabel('Name of your pod').fill(person.podName)
  await page.getByLabel('E-mail', { exact: true }).fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.getByRole('button', { name: 'Create my vault' }).click()
  await page.getByRole('heading', { name: 'Let Reach read one folder' }).waitFor()
  await lookAt(page, 'story-2-connect')
  await page.getByRole('button', { name: 'Give Reach this access' }).click()
  await page.getByText('Reach sees exactly what it should').waitFor()
  await lookAt(page, 'story-3-probe')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('heading', { name: 'Nobody can read your data.' }).waitFor()
})

test('she fills in her data, and it is in her pod', async () => {
  await page.getByRole('link', { name: 'My data', exact: true }).click()
  const part = (name: string) => page.getByRole('region', { name, exact: true })
  const leave = async (name: string, saved: string) => {
    await page.getByRole('heading', { name: 'My data' }).click()
    await part(name).getByText(`Saved in your pod: ${saved}`).waitFor()
  }
  // A new pod is empty, and what is empty is folded.
  for (const name of ['Profile', 'Contact', 'Diet', 'Sizes'])
    await part(name).getByRole('button', { name, exact: true }).click()
  await part('Profile').getByLabel('Name', { exact: true }).fill('Ada Lovelace')
  await part('Profile').getByLabel('Birth date').fill('1990-12-10')
  await leave('Profile', 'Birth date')
  await part('Contact').getByLabel('Street and number').fill('12 St James Square')
  await part('Contact').getByLabel('Town').fill('London')
  await part('Contact').getByLabel('Country').selectOption('GB')
  await leave('Contact', 'Postal address')
  await part('Diet').getByLabel('Add to Allergies').fill('walnuts')
  await part('Diet').getByRole('button', { name: 'Add', exact: true }).click()
  await leave('Diet', 'Allergies')
  const shoe = part('Sizes').getByRole('group', { name: 'Shoe size' })
  await shoe.getByLabel('Size', { exact: true }).fill('39')
  await shoe.getByLabel('System').selectOption('EU')
  await leave('Sizes', 'Shoe size')
  await lookAt(page, 'story-4-data')
  await page.reload()
  await expect
    .poll(() => part('Profile').getByLabel('Name', { exact: true }).inputValue())
    .toBe('Ada Lovelace')
})

test('she sees who asks, what for and the exact values, allows a part of it, and gets a receipt', async () => {
  const pending = await ask(shop, question)
  await page.goto(pending.url.href)
  await page.getByRole('heading', { name: 'Corner Shop asks to read from your vault' }).waitFor()
  for (const value of ['Ada Lovelace', '12 St James Square', 'walnuts', '39 EU'])
    await page.getByText(value).first().waitFor()
  const boxes = page.getByRole('checkbox')
  expect(await boxes.count()).toBe(2)
  expect(
    await boxes.evaluateAll((all) => all.filter((one) => (one as HTMLInputElement).checked).length),
  ).toBe(0)
  await expectEqualButtons(page)
  await lookAt(page, 'story-5-request')

  await page.getByRole('checkbox', { name: /Shoe size/ }).check({ force: true })
  await page.getByRole('radio', { name: /30 days/ }).check({ force: true })
  await page.getByRole('button', { name: 'Allow', exact: true }).click()
  await page.getByText('Before it counts').waitFor()
  await lookAt(page, 'story-6-summary')
  await page.getByRole('button', { name: 'Allow this' }).click()
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  await page
    .getByRole('button', { name: 'Download receipt' })
    .or(page.getByRole('link', { name: 'Download receipt' }))
    .waitFor()
  await lookAt(page, 'story-7-receipt')
  await page
    .getByRole('link', { name: /Go back to/ })
    .or(page.getByRole('button', { name: /Go back to/ }))
    .click()
  await page.waitForURL(/\/callback\?/)
  tokens = await redeem(shop, new URL(page.url()), pending)
})

test('the business gets exactly what was granted, with its place in the log', async () => {
  const delivery = await query('dpv:DeliveryOfGoods', [
    'profile.name',
    'contact.address',
    'profile.birthDate',
  ])
  expect(delivery.status).toBe(200)
  const { data, log } = (await delivery.json()) as Disclosure
  expect(data).toEqual({
    'profile.name': 'Ada Lovelace',
    'contact.address': { street: '12 St James Square', locality: 'London', country: 'GB' },
  })
  expect(log.index).toBeGreaterThan(0)
  const personal = await query('dpv:ServicePersonalisation', ['sizes.shoe', 'diet.allergies'])
  expect(((await personal.json()) as Disclosure).data).toEqual({ 'sizes.shoe': { size: '39', system: 'EU' } })
})

test('she sees the reads, withdraws in two clicks, and the token that is still good finds nobody', async () => {
  await page.goto(vault('/activity'))
  await page.getByText('Corner Shop read').first().waitFor()
  await lookAt(page, 'story-8-activity')
  await page.goto(vault('/'))
  await page.getByText('1 business can read 3 of your fields.').waitFor()
  await lookAt(page, 'story-9-home')

  await page.getByRole('link', { name: 'Relationships', exact: true }).click()
  await page.getByText('Read 2 times').waitFor()
  await lookAt(page, 'story-10-relationships')
  const stale = await page.context().newPage()
  await stale.route('**/api/events*', (route) => route.abort())
  await stale.goto(vault('/relationships'))
  await stale.getByRole('link', { name: 'Corner Shop', exact: true }).click()
  await stale.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Withdraw from Corner Shop' }).click()
  await page.getByRole('heading', { name: 'Withdraw from Corner Shop' }).waitFor()
  await lookAt(page, 'story-11-withdraw')
  await page.getByRole('button', { name: 'Withdraw', exact: true }).click()
  await page
    .getByText(/^Withdrawn/)
    .first()
    .waitFor()

  // A tab that is told of nothing learns of it by what is done there.
  await stale.getByRole('button', { name: 'Pause', exact: true }).click()
  await stale.getByText('You withdrew this on').waitFor()
  await stale.close()

  const known = await query('dpv:DeliveryOfGoods', ['profile.name'])
  expect(known.status).toBe(404)
  expect(await known.json()).toMatchObject({ code: 'subject-unavailable' })
})

test('denying and putting off work as well, each in one step', async () => {
  for (const [act, heading, error] of [
    ['Decide later', 'Put off', 'interaction_required'],
    ['Deny', 'Denied', 'access_denied'],
  ] as const) {
    const pending = await ask(shop, question)
    await page.goto(pending.url.href)
    await page.getByRole('button', { name: act, exact: true }).click()
    await page.getByRole('heading', { name: heading }).waitFor()
    await page
      .getByRole('link', { name: /Go back to/ })
      .or(page.getByRole('button', { name: /Go back to/ }))
      .click()
    await page.waitForURL(/\/callback\?/)
    expect(new URL(page.url()).searchParams.get('error')).toBe(error)
  }
})

test('she signs out and in again at the login page of her pod', async () => {
  await page.goto(vault('/settings'))
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await lookAt(page, 'story-12-settings')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Your data stays with you' }).waitFor()
  await page.getByLabel('Your pod’s sign-in server or your WebID').fill(`${world.config.podsUrl}/`)
  await page.getByRole('button', { name: 'Go to sign-in' }).click()
  await signInAtPod(page)
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.goto(vault('/'))
  await page.getByRole('heading', { name: 'Nobody can read your data.' }).waitFor()
})

test('the tour shows it all with invented data, by keyboard alone and on a phone', async () => {
  const { vaultUrl, gatewayUrl } = world.config
  const phone = await openPage(browser, {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    allowed: [vaultUrl, gatewayUrl],
  })
  const { page: small } = phone
  await small.goto(vault('/'))
  const keys = new Keyboard(small)
  await keys.press('button', /Take the tour/)
  await small.getByRole('heading', { name: 'Corner Shop (sample) asks to read from your vault' }).waitFor()
  await lookAt(small, 'story-13-tour-phone-dark')
  await keys.press('checkbox', /Over 18/)
  await keys.press('button', 'Allow')
  await keys.press('button', 'Allow this')
  await small.getByRole('heading', { name: 'Allowed' }).waitFor()
  await keys.press('link', /Go back to/)
  await small.getByText('This is everything the shop received').waitFor()
  await small.getByText('Lindenweg 7').waitFor()
  await lookAt(small, 'story-14-tour-shop')
  expect(phone.faults).toEqual([])
})

test('the whole story on a phone, from the first page to leaving, by keyboard alone', async () => {
  const { vaultUrl, gatewayUrl, podsUrl } = world.config
  const shopUrl = `http://localhost:${(shopSite.address() as AddressInfo).port}`
  const phone = await openPage(browser, {
    viewport: { width: 390, height: 844 },
    allowed: [vaultUrl, gatewayUrl, podsUrl ?? '', shopUrl],
  })
  const { page: small } = phone
  let shot = 0
  const story = new KeyboardStory(small, async (name) => {
    // What is half below the bar at the foot of a phone is no small target.
    await small.evaluate(() => window.scrollTo(0, 0))
    await lookAt(small, `story-keys-${(shot += 1)}-${name}`)
  })
  // What is typed into the browser's own bar, and a link of the business, are the only addresses.
  await small.goto(vault('/'))
  await story.makeVault({
    podName: 'hedy-lamarr',
    email: 'hedy@example.org',
    password: 'spread spectrum 1942',
  })
  await story.fillIn('Hedy Lamarr')
  await story.fillInShoe('39')

  const pending = await ask(
    shop,
    accessRequest({
      items: [
        {
          purpose: 'dpv:DeliveryOfGoods',
          fields: ['profile.name'],
          why: 'To deliver what you order.',
          required: true,
        },
        {
          purpose: 'dpv:ServicePersonalisation',
          fields: ['sizes.shoe', 'diet.allergies'],
          why: 'To show what suits you.',
          required: false,
        },
      ],
    }),
  )
  await small.goto(pending.url.href)
  const allowing = await story.allow()
  await small.waitForURL(/\/callback\?/)
  tokens = await redeem(shop, new URL(small.url()), pending)
  const shoe = () => query('dpv:ServicePersonalisation', ['sizes.shoe', 'diet.allergies'])
  const first = await shoe()
  expect(((await first.json()) as Disclosure).data).toEqual({ 'sizes.shoe': { size: '39', system: 'EU' } })

  await small.goto(vault('/'))
  await story.verifyActivity()
  await story.openRelationship()
  await story.pause()
  expect((await shoe()).status).toBe(404)
  await story.resume()
  expect((await shoe()).status).toBe(200)
  await story.fillIn('Hedwig Kiesler')
  // Ending it, with deletion asked, takes no more presses than beginning it took.
  expect(await story.withdraw()).toBeLessThanOrEqual(allowing + 1)
  expect((await shoe()).status).toBe(404)
  await story.block()
  expect(await story.takeEverything()).toContain('data/profile.json')
  await story.leave()
  await world.settle()
  const again = await small.request.get(vault('/api/me'))
  expect(await again.json()).toMatchObject({ signedIn: false })
  expect(phone.faults).toEqual([])
}, 300_000)

test('no page ran into an error, broke its own rules or asked anybody else', () => {
  expect(faults).toEqual([])
})

function query(purpose: string, fields: readonly string[]): Promise<Response> {
  const url = new URL(`${world.config.gatewayUrl}/v1/subjects/${tokens.subject}`)
  url.search = new URLSearchParams({ fields: fields.join(), purpose }).toString()
  const { config, DPoP } = shop
  return oauth.fetchProtectedResource(config, tokens.accessToken, url, 'GET', null, undefined, { DPoP })
}

/** Consent UX R5: the two answers are the same size, side by side, one step of the keyboard apart. */
async function expectEqualButtons(on: Page): Promise<void> {
  const [allow, deny] = await Promise.all(
    ['Allow', 'Deny'].map(async (name) => {
      const button = on.getByRole('button', { name, exact: true })
      const style = await button.evaluate((element) => {
        const { fontWeight, fontSize, color, backgroundColor } = getComputedStyle(element)
        return { fontWeight, fontSize, color, backgroundColor }
      })
      return { style, box: await button.boundingBox() }
    }),
  )
  expect(allow?.style).toEqual(deny?.style)
  expect(Math.abs((allow?.box?.width ?? 0) - (deny?.box?.width ?? 9))).toBeLessThanOrEqual(1)
  expect(allow?.box?.height).toBe(deny?.box?.height)
  expect(allow?.box?.y).toBe(deny?.box?.y)
  await on.getByRole('button', { name: 'Allow', exact: true }).focus()
  await on.keyboard.press('Tab')
  expect(await on.evaluate(() => document.activeElement?.textContent)).toBe('Deny')
}

/** The embedded pod server's own pages. */
async function signInAtPod(on: Page): Promise<void> {
  await on.getByLabel('Email').fill(person.email)
  await on.getByLabel('Password').fill(person.password)
  await on.getByRole('button', { name: 'Log in' }).click()
  await on.getByRole('button', { name: 'Authorize' }).click()
}
