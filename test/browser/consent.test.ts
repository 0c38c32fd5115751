/**
 * What a customer sees of a business and does about it, in a real Chromium: who asks, what a new request changes, a code
 * to compare, a permission changed, withdrawn with deletion asked, a business blocked, and what was turned away.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Browser, Page, Request } from '@playwright/test'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { readNotice } from '#core/records/notices.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { day } from '../../core/domain/times.ts'
import type { GrantView } from '../../schemas/types.gen.ts'
import { vendorOperator } from '../../vault-server/operator/vendors.ts'
import { accessRequest, ask, batchToken, postForm, registerBusiness } from '../business.ts'
import { decide, openPage as openRequest } from '../consent.ts'
import { png } from '../pictures.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Shop } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

const device = 'urn:ietf:params:oauth:grant-type:device_code'
const orders = 'dpv:CustomerOrderManagement'

let story: Story
let browser: Browser
let page: Page
let faults: string[]
let ada: Customer
let site: Server
let shopUrl: string
let vendorId = ''
const vault = (path: string): string => story.world.config.vaultUrl + path

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  site = createServer((request, response) => {
    response.setHeader('content-type', request.url === '/callback' ? 'text/plain' : 'application/json')
    response.end(JSON.stringify({ vendorId }))
  }).listen(0, 'localhost')
  await once(site, 'listening')
  shopUrl = `http://localhost:${(site.address() as AddressInfo).port}`
  ada = await story.customer({
    profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' },
    diet: { diet: ['VeganDiet'], allergies: ['walnuts'] },
    sizes: { shoe: { size: '39', system: 'EU' } },
  })
  const { vaultUrl, gatewayUrl } = story.world.config
  ;({ page, faults } = await openPage(browser, { allowed: [vaultUrl, gatewayUrl, shopUrl] }))
  // Chromium takes a Secure cookie by an address that is; the cookie itself knows no port.
  const url = vaultUrl.replace(/^http:/, 'https:')
  const session = { name: '__Host-reach-session', value: ada.browser.cookie('session') ?? '', url }
  await page.context().addCookies([{ ...session, secure: true, httpOnly: true, sameSite: 'Lax' }])
})

afterAll(async () => {
  await browser?.close()
  site?.close()
  await story?.[Symbol.asyncDispose]()
})

/** The page as it is on a desk by day; `andPhone`: also on a phone by night. */
async function look(name: string, { andPhone = false } = {}): Promise<void> {
  await lookAt(page, `consent-${name}`)
  if (!andPhone) return
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await lookAt(page, `consent-${name}-phone`)
  const overhang = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    return scrollWidth - clientWidth
  })
  expect(overhang, `${name} is wider than a phone`).toBeLessThanOrEqual(0)
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
}

/** A business that is who it says: a site, a logo, a legal name. */
async function provenShop(): Promise<Shop> {
  const { ledger, vault: running } = story.world.reach
  const now = () => Date.now()
  const { authorization } = running
  const operator = vendorOperator({ ledger, authorization, now, outboundAllow: [shopUrl] })
  const admission = await operator.add({
    name: 'Corner Shop',
    legalName: 'Corner Shop Trading Ltd',
    website: shopUrl,
    contact: 'hello@shop.example',
    dataProtectionContact: 'privacy@shop.example',
    privacyPolicy: `${shopUrl}/privacy`,
    jurisdiction: 'IE',
    logo: png(96, 96).toString('base64'),
  })
  ;({ vendorId } = admission)
  await operator.prove(vendorId)
  const issuer = vault('/oauth')
  const overrides = { grant_types: ['authorization_code', 'refresh_token', 'client_credentials', device] }
  const registered = await registerBusiness(issuer, admission, {
    redirectUri: `${shopUrl}/callback`,
    overrides,
  })
  return { ...registered, vendorId, name: 'Corner Shop' }
}

let shop: Shop
let grantId = ''

test('a business that has proven its domain is shown so, with its logo from our own origin and who it is in law', async () => {
  shop = await provenShop()
  const pending = await ask(shop)
  const scripts: Promise<Buffer>[] = []
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script') scripts.push(response.body())
  })
  await page.goto(pending.url.href)
  await page.getByRole('heading', { name: 'Corner Shop asks to read from your vault' }).waitFor()
  // Nothing more of the app is loaded for the first look at a decision.
  const sizes = (await Promise.all(scripts)).map((script) => gzipSync(script).length)
  page.removeAllListeners('response')
  expect(sizes.length).toBeGreaterThan(3)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(190_000)
  await page.getByText(/^Proven: this business speaks for localhost/).waitFor()
  await page.getByText('Corner Shop Trading Ltd').first().waitFor()
  const logo = page.locator('img')
  expect(new URL(String(await logo.getAttribute('src')), page.url()).origin).toBe(new URL(vault('/')).origin)
  await expect.poll(() => logo.evaluate((one) => (one as HTMLImageElement).naturalWidth)).toBe(96)
  await page.getByRole('button', { name: 'Who is this?' }).press('Enter')
  for (const told of ['Ireland', 'privacy@shop.example']) await page.getByText(told).waitFor()
  await look('proven')
})

test('is painted before the app is there, and asks for all that it needs at once and once', async () => {
  const url = page.url()
  const reply = await page.request.get(url, { headers: { accept: 'text/html' } })
  const html = await reply.text()
  const named = (pattern: RegExp) =>
    [...html.matchAll(pattern)].map(([, path = '']) => new URL(path, vault('/')).href)
  const [first, ...others] = named(/<script [^>]*src="([^"]+)"/g)
  const files = named(/<link rel="modulepreload"[^>]* href="([^"]+)"/g)
  expect([others, html.match(/<script(?![^>]* src=)/)]).toEqual([[], null])
  expect(reply.headers()['content-security-policy']).toContain("script-src 'self';")
  const asked: string[] = []
  const note = (request: Request) => asked.push(`${request.method()} ${request.url()}`)
  page.on('request', note)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  for (const file of files)
    await page.route(file, async (route) => {
      await held
      await route.continue()
    })
  const opened = page.waitForRequest(`${url}/open`)
  await page.goto(url, { waitUntil: 'commit' })
  const name = page.locator('#app').getByText('Reach', { exact: true })
  await name.waitFor()
  // It is there before its styles are; what counts is where it is painted.
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0)
  const before = await name.boundingBox()
  await opened
  await look('first-look')
  release()
  await page.getByRole('heading', { name: 'Corner Shop asks to read from your vault' }).waitFor()
  // Nothing moves when the app takes over.
  expect(await name.boundingBox()).toEqual(before)
  page.off('request', note)
  await page.unrouteAll()
  const scripts = asked.filter((one) => one.endsWith('.js'))
  const words = scripts.filter((one) => ![first, ...files].includes(one.slice('GET '.length)))
  expect([words.length, scripts.length]).toEqual([1, 2 + files.length])
  expect(asked).toEqual([...new Set(asked)])
  for (const path of ['/api/me', '/api/catalogue']) expect(asked).toContain(`GET ${vault(path)}`)
})

test('says so where the app does not come, instead of waiting for ever', async () => {
  const url = page.url()
  await page.route(/\/assets\/app-/, (route) => route.abort())
  await page.goto(url)
  await page.getByRole('alert').getByText('Reach could not be loaded.').waitFor()
  await look('not-loaded', { andPhone: true })
  await page.unrouteAll()
  await press('button', 'Load again')
  await page.getByRole('heading', { name: 'Corner Shop asks to read from your vault' }).waitFor()
})

test('how often it may read can be limited, and is said before it counts', async () => {
  await press('button', 'Limit how often it can read')
  const number = page.getByLabel('Times it can read')
  await number.fill('many')
  await press('button', 'Allow')
  await page.getByText('Enter a whole number').first().waitFor()
  await number.fill('3')
  await page.getByRole('radio', { name: /30 days/ }).check({ force: true })
  await press('button', 'Allow')
  await page.getByText('Before it counts').waitFor()
  await page.getByRole('alertdialog').getByText('At most 3 times.').waitFor()
  await press('button', 'Allow this')
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  // The record of the notice names the very build of the page that showed it.
  const screen = await page.locator('meta[name=reach-screen]').getAttribute('content')
  expect(screen).toMatch(/^[\w-]{22}$/)
  const { ledger } = story.world.reach
  const logged = (await ledger.openings(0, 1_000)).map(({ ops }) => readFact(ops))
  const granted = logged.findLast((fact) => fact.type === 'granted')
  expect(JSON.parse((await readNotice(ledger, granted?.notice ?? '')) ?? '{}')).toMatchObject({ screen })
  const back = await page.getByRole('link', { name: /Go back to/ }).getAttribute('href')
  await page.goto(String(back))
  await page.waitForURL(/\/callback\?/)
})

test('a business that has proven nothing looks different and shows no picture', async () => {
  const other = await story.shop()
  const pending = await ask(other)
  await page.goto(pending.url.href)
  await page.getByText(/^Not proven: it has named no website/).waitFor()
  expect(await page.locator('img').count()).toBe(0)
  await look('unproven')
  await press('button', 'Decide later')
  await page.getByRole('heading', { name: 'Put off' }).waitFor()
  await page.goto(vault('/'))
  await page.getByText('Put off. Asked on').waitFor()
  await look('inbox')
  await press('link', 'Look and decide')
  await press('button', 'Deny')
  await page.getByRole('heading', { name: 'Denied' }).waitFor()
})

test('what was denied is turned away the next time, and she can change her mind', async () => {
  const name = 'Shop That Asks Again'
  const admission = await story.world.operator.add({ name, contact: 'privacy@again.example' })
  const redirectUri = `${shopUrl}/callback`
  const registered = await registerBusiness(vault('/oauth'), admission, { redirectUri })
  const other = { ...registered, vendorId: admission.vendorId, name }
  const first = await openRequest({ url: vault('') }, ada.browser, await ask(other))
  expectOk(await decide(ada.browser, first, { decision: 'deny' }))
  await page.goto((await ask(other)).url.href)
  await page.getByRole('heading', { name: 'Turned away' }).waitFor()
  await look('turned-away')
  await page.getByRole('button', { name: /^Go back to/ }).press('Enter')
  await page.waitForURL(/error=access_denied/)
  await page.goto(vault('/settings'))
  const row = page.getByRole('article', { name: other.name })
  await row.getByText('1 request turned away').waitFor()
  await look('settings')
  await row.getByRole('button', { name: `Let it ask again: ${other.name}` }).press('Enter')
  await row.getByRole('button').waitFor({ state: 'detached' })
})

test('a request of a business that may read already says what it adds, takes away and prolongs', async () => {
  const relation = await story.allow(ada, shop, {
    answers: { until: new Date(Date.now() + 9 * day).toISOString(), reads: 50 },
  })
  ;({ grantId } = relation)
  await story.read(relation)
  const pending = await ask(
    shop,
    accessRequest({
      items: [
        {
          purpose: orders,
          fields: ['profile.name', 'contact.phone'],
          why: 'To call about a parcel.',
          required: true,
        },
        { purpose: 'dpv:ServicePersonalisation', fields: ['sizes.shoe'], why: 'To fit.', required: false },
      ],
      recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
      retention: 'P2Y',
    }),
  )
  await page.goto(pending.url.href)
  const note = page.getByRole('region', { name: 'What would change' })
  await note.getByText('Adds').waitFor()
  const changes = ['Phone', 'so that stops', 'Asks for longer', 'no limit to how often', 'Parcel Service']
  for (const change of changes) await note.getByText(change).first().waitFor()
  expect(await page.getByText('Allowed now').count()).toBe(1)
  expect(await page.getByText('New', { exact: true }).count()).toBe(2)
  await look('amendment', { andPhone: true })
})

test('a permission is narrowed at once and widened after one more look, by keyboard alone', async () => {
  await page.goto(vault(`/relationships/${grantId}`))
  await page.getByText('Active, as of').first().waitFor()
  await press('link', 'Change')
  await page.getByRole('heading', { name: 'Change what Corner Shop can read' }).waitFor()
  await page.getByRole('checkbox', { name: /Allergies/ }).press(' ')
  await page.getByText('It can no longer read Allergies').waitFor()
  await look('change', { andPhone: true })
  await press('button', 'Save')
  await page.getByText('Earlier terms').waitFor()
  await press('link', 'Change')
  await page.getByRole('checkbox', { name: /Allergies/ }).press(' ')
  await press('button', 'Save')
  await page.getByText('This gives more than before').waitFor()
  await page.getByRole('alertdialog').getByText('It can also read Allergies').waitFor()
  await press('button', 'Allow this')
  await page.getByText('Earlier terms').waitFor()
  const { earlier } = expectOk(await ada.browser.get(`/api/grants/${grantId}`)).body as GrantView
  expect(earlier).toHaveLength(2)
})

test('withdrawing asks for deletion only when ticked, in no more steps than allowing, and what comes of it is tracked', async () => {
  await page.goto(vault(`/relationships/${grantId}`))
  await page.getByRole('button', { name: 'Withdraw from Corner Shop' }).press('Enter')
  const dialog = page.getByRole('alertdialog')
  const box = dialog.getByRole('checkbox', { name: /delete what it holds/ })
  expect(await box.isChecked()).toBe(false)
  await box.press(' ')
  await look('withdraw')
  await dialog.getByRole('button', { name: 'Withdraw', exact: true }).press('Enter')
  await page.getByText(/It has until .* to confirm/).waitFor()
  await look('deletion')

  const { gatewayUrl } = story.world.config
  const jws = await new SignJWT({ grant_id: grantId, kind: 'deletion' })
    .setProtectedHeader({ alg: 'ES256', kid: shop.kid, typ: 'reach-acknowledgement+jwt' })
    .setIssuer(shop.clientId)
    .setAudience(gatewayUrl)
    .setIssuedAt()
    .sign(shop.keys.privateKey)
  const path = `/v1/grants/${grantId}/acknowledgement`
  expect((await story.call(shop, await batchToken(shop), path, { jws })).status).toBe(200)
  await page.reload()
  await page.getByText(/^Corner Shop confirmed on .* deleted what it held\.$/).waitFor()
})

test('a link leads to a request that is allowed only with the code that the business shows', async () => {
  const reply = await postForm(shop, 'device/auth', {
    scope: 'openid',
    authorization_details: JSON.stringify([accessRequest()]),
  })
  const link = (await reply.json()) as { user_code: string; verification_uri_complete: string }
  await page.goto(link.verification_uri_complete)
  await page.getByRole('heading', { name: 'A request by link or QR code' }).waitFor()
  await look('link')
  await press('button', 'Look at the request')
  await page.getByText('Is this your request?').waitFor()
  await press('button', 'Allow')
  await page.getByText('Type the code that the business shows you.').waitFor()
  await page.getByLabel(/Code that/).fill('BCDF-BCDF')
  await page.getByText('This is not the code of this request.').waitFor()
  await look('code', { andPhone: true })
  await page.getByLabel(/Code that/).fill(link.user_code.toLowerCase().replace('-', ' '))
  await page.getByText('The code is right.').waitFor()
  await press('button', 'Allow')
  await press('button', 'Allow this')
  await page.getByRole('heading', { name: /Your code for/ }).waitFor()
  expect(await page.locator('output').textContent()).toMatch(/^\d{6}$/)
  await look('pickup')
})

test('a business is blocked from its own page, which ends what it may read', async () => {
  const other = await story.shop()
  const relation = await story.allow(ada, other)
  await page.goto(vault(`/relationships/${relation.grantId}`))
  await page.getByRole('button', { name: `Block ${other.name}` }).press('Enter')
  await page.getByRole('alertdialog').waitFor()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Block', exact: true }).press('Enter')
  await page.getByText(/^You have blocked/).waitFor()
  await page
    .getByText(/^Withdrawn/)
    .first()
    .waitFor()
  // The button is gone with what it was about: the keyboard goes on from there, and not from the top.
  await page.locator('h2:focus').filter({ hasText: 'The business' }).waitFor()
  const view = (await openRequest({ url: vault('') }, ada.browser, await ask(other))).view
  expect(view.turnedAway).toMatchObject({ reason: 'blocked' })
})

test('a permission that a newer one replaced is nowhere called withdrawn, and leads to the newer one', async () => {
  const other = await story.shop()
  const first = await story.allow(ada, other)
  const second = await story.allow(ada, other)
  await page.goto(vault('/relationships'))
  const card = page.getByRole('article', { name: other.name }).filter({ hasText: /Replaced on/ })
  await card.getByRole('link', { name: 'See the newer permission' }).waitFor()
  await look('relationships-replaced', { andPhone: true })
  await card.getByRole('link', { name: other.name, exact: true }).press('Enter')
  await page.getByText('A newer permission took the place of this one').waitFor()
  await page.getByText(`A newer permission for ${other.name} took the place of an earlier one`).waitFor()
  expect(await page.locator('main').textContent()).not.toMatch(/withdr/i)
  await look('relationship-replaced', { andPhone: true })
  await press('link', 'See the newer permission')
  await page.waitForURL(vault(`/relationships/${second.grantId}`))
  await page.getByText('Active, as of').first().waitFor()
  expect(second.grantId).not.toBe(first.grantId)
})

test('no page ran into an error, broke its own rules or asked anybody else', () => {
  expect(faults).toEqual([])
})

/** By keyboard: the focus must get there, and the key must do it. */
async function press(role: 'button' | 'link', name: string): Promise<void> {
  await page.getByRole(role, { name, exact: true }).press('Enter')
}
