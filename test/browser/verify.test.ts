/** The log checked by a real browser: on the activity page, by a link on a stranger's, and when the log lies. */
import { generateKeyPairSync } from 'node:crypto'
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { logOperator } from '../../vault-server/operator/log.ts'
import { Story } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let story: Story
let browser: Browser
let page: Page
let faults: string[]
const vault = (path: string): string => story.world.config.vaultUrl + path

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  const customer = await story.customer()
  const relation = await story.allow(customer, await story.shop())
  for (let read = 0; read < 3; read++) await story.read(relation)
  ;({ page, faults } = await openPage(browser, { allowed: [story.world.config.vaultUrl] }))
  const cookies = customer.browser.jar.cookies.filter(({ name }) => name.startsWith('__Host-'))
  await page
    .context()
    .addCookies(
      cookies.map(({ name, value }) => ({ name, value, domain: 'localhost', path: '/', secure: true })),
    )
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
})

const numbers = (on: Page) => on.getByRole('button', { name: /check it in this browser/ })
const verified = (on: Page) => on.getByText('Verified by this browser')

test('each of her entries verifies, whatever happened in it', async () => {
  await page.goto(vault('/activity'))
  await numbers(page).first().waitFor()
  const count = await numbers(page).count()
  expect(count).toBeGreaterThanOrEqual(6)
  for (let n = 0; n < count; n++) {
    const entry = numbers(page).nth(n)
    await entry.click()
    await verified(page).waitFor()
    if (n === 1) await lookAt(page, 'verify-1-entry')
    await entry.click()
    await verified(page).waitFor({ state: 'detached' })
  }
  await numbers(page).first().click()
  await page.getByText(/It continues the log of .* that this browser verified on/).waitFor()
})

test('a link shows it to a stranger, who needs no account, and tells no value', async () => {
  await page.reload()
  await numbers(page).first().click()
  await verified(page).waitFor()
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy link to this proof' }).click()
  await page.getByText('The link is in the clipboard.').waitFor()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  expect(link.startsWith(vault('/verify#'))).toBe(true)
  const shared = Buffer.from(new URL(link).hash.slice(1), 'base64url').toString()
  for (const secret of story.secrets) expect(shared).not.toContain(secret)

  const stranger = await openPage(browser, {
    allowed: [story.world.config.vaultUrl],
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
  })
  await stranger.page.goto(link)
  await verified(stranger.page).waitFor()
  await stranger.page.getByText('A business read data of a customer').waitFor()
  await stranger.page.getByText('No. 3 under this permission').waitFor()
  // Its own names for things are for who asks for them.
  const own = stranger.page.getByText('"type": "disclosed"')
  expect(await own.isVisible()).toBe(false)
  await stranger.page.getByText('The entry letter by letter, for experts').click()
  await own.waitFor()
  await lookAt(stranger.page, 'verify-2-stranger')
  const forged = shared.replace('\\"seq\\":3', '\\"seq\\":2')
  expect(forged).not.toBe(shared)
  await stranger.page.goto(vault('/verify#') + Buffer.from(forged).toString('base64url'))
  await stranger.page.getByText('This did not verify').waitFor()
  await stranger.page.goto(vault('/verify#abc'))
  await stranger.page.getByText('There is no proof in this address').waitFor()
  expect(stranger.faults).toEqual([])
  await stranger.page.context().close()
})

test('one forged byte in the tiles, and the page says that it failed', async () => {
  // A hash beside the way from the newest entry to the root, and the newest entry itself.
  for (const [path, at] of [
    ['tile/0/', 5],
    ['tile/entries/', -1],
  ] as const) {
    await page.route(`**/log/${path}**`, async (route) => {
      const reply = await route.fetch()
      const body = await reply.body()
      const byte = at < 0 ? body.length + at : at
      body[byte] = (body[byte] ?? 0) ^ 1
      await route.fulfill({ response: reply, body })
    })
    await page.goto(vault('/activity'))
    await numbers(page).first().click()
    await page.getByText('This did not verify').waitFor()
    await page.getByText('The entry does not stand at this place of the public log').waitFor()
    if (path === 'tile/0/') await lookAt(page, 'verify-3-forged')
    await page.unrouteAll()
  }
})

test('the log gets a new key: this browser goes along, and not with one that nobody vouches for', async () => {
  const link = await page.evaluate(() => navigator.clipboard.readText())
  const { keys, ledger } = story.world.reach
  const stranger = createLogSigner(ledger.log.origin, generateKeyPairSync('ed25519').privateKey)
  await page.route('**/log/vkey', (route) => route.fulfill({ body: `${stranger.vkey}\n` }))
  await page.goto(vault('/activity'))
  await numbers(page).first().click()
  // A log on this machine may be another one each time; its checkpoints still have to be signed by the key it names.
  await page.getByText('This did not verify').waitFor()
  await page.unrouteAll()

  await logOperator({ ledger, keys, now: Date.now }).rotateKey(0)
  await page.goto(vault('/activity'))
  await numbers(page).first().click()
  await verified(page).waitFor()
  await page.getByText(/It continues the log of .* that this browser verified on/).waitFor()
  // Signed by the old key alone, and seen by somebody who never knew it.
  const other = await openPage(browser, { allowed: [story.world.config.vaultUrl] })
  await other.page.goto(link)
  await verified(other.page).waitFor()
  expect(other.faults).toEqual([])
  await other.page.context().close()
})

test('a log with another past than this browser knows is caught', async () => {
  // As if the log had been rewritten since: the browser knows another tree of two entries, signed by the same key.
  const { keys, ledger } = story.world.reach
  const signer = createLogSigner(ledger.log.origin, keys.logKey)
  const forged = signer.sign({ size: 2, root: Buffer.alloc(32, 7) })
  await page.evaluate((note) => {
    const name = `reach.log ${new URL(document.baseURI).pathname}`
    const kept = JSON.parse(localStorage.getItem(name) ?? '{}')
    localStorage.setItem(name, JSON.stringify({ ...kept, note }))
  }, forged)
  await page.goto(vault('/activity'))
  await numbers(page).first().click()
  await page.getByText('The log was changed since this browser verified it').waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Keep the evidence' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('reach-evidence.json')
  expect(faults).toEqual([])
})
