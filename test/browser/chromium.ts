/** A real Chromium for tests, and what is asked of every page it shows. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type CDPSession, type Page, chromium } from '@playwright/test'
import { expect } from 'vitest'
import { findChromium } from '../../scripts/chromium.ts'

const results = join(import.meta.dirname, '..', 'results')
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined)
    throw new Error('the browser tests need Chromium (or CHROMIUM=/path/of/one)')
  const quiet = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ]
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
  })
}

/** A page in a browser profile of its own that fails the test on anything a page must not do. */
export async function openPage(
  browser: Browser,
  options: {
    viewport?: { width: number; height: number }
    colorScheme?: 'light' | 'dark'
    /** The language that the browser prefers. */
    locale?: string
    /** With the app's service worker, which takes requests for its files from where a test could answer them. */
    serviceWorker?: boolean
    allowed: readonly string[]
  },
): Promise<{ page: Page; faults: string[] }> {
  const {
    viewport = { width: 1280, height: 900 },
    colorScheme = 'light',
    locale = 'en-GB',
    serviceWorker = false,
    allowed,
  } = options
  const context = await browser.newContext({
    viewport,
    colorScheme,
    reducedMotion: 'reduce',
    locale,
    serviceWorkers: serviceWorker ? 'allow' : 'block',
  })
  const page = await context.newPage()
  // Ends what hangs, on a busy machine, too.
  page.setDefaultTimeout(60_000)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    // A refused request is told to the page by its status; everything else on the console is a fault.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      faults.push(message.text())
  })
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (protocol !== 'data:' && !allowed.includes(origin)) faults.push(`request to ${origin}`)
  })
  return { page, faults }
}

/** A passkey's device in the browser, which says yes to whatever it is asked. */
export async function addAuthenticator(
  page: Page,
): Promise<{ devtools: CDPSession; authenticatorId: string }> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { devtools, authenticatorId }
}

/** Leaves a picture to be looked at, and holds the page to WCAG 2.2 AA as far as axe can tell. */
export async function lookAt(page: Page, name: string): Promise<void> {
  await mkdir(results, { recursive: true })
  // What is out of sight costs four times as much, and there nobody looks at it.
  const fullPage = process.env['CI'] === undefined
  await page.screenshot({ path: join(results, `${name}.png`), fullPage })
  expect((await violationsOf(page)).map((violation) => `${name}: ${violation}`)).toEqual([])
}

/** Of WCAG 2.2 AA, as far as axe can tell. */
export function violationsOf(page: Page): Promise<string[]> {
  return violationsBy(page, (axe) => axe.withTags(WCAG))
}

/** Of its colours alone. */
export function contrastOf(page: Page): Promise<string[]> {
  return violationsBy(page, (axe) => axe.withRules('color-contrast'))
}

async function violationsBy(page: Page, choose: (axe: AxeBuilder) => AxeBuilder): Promise<string[]> {
  const { violations } = await choose(await axeOn(page)).analyze()
  const found: string[] = []
  for (const { id, nodes } of violations)
    for (const { target } of nodes) {
      const selector = target.join(' ')
      if (id !== 'target-size' || (await isSmallInTheOpen(page, selector))) found.push(`${id} at ${selector}`)
    }
  return found
}

/** What a bar that stays in sight covers in part is no small target: it is judged in the middle of the view. */
async function isSmallInTheOpen(page: Page, selector: string): Promise<boolean> {
  await page.locator(selector).evaluate((target) => target.scrollIntoView({ block: 'center' }))
  const { violations } = await (await axeOn(page)).include(selector).withRules('target-size').analyze()
  return violations.length > 0
}

/**
 * Judges within the page itself and brings back what is wrong and nothing of what is right: else each look opens a second page
 * and reads axe three times. Only frames of other origins would be left out, and a page of ours has no frames at all.
 */
async function axeOn(page: Page): Promise<AxeBuilder> {
  expect(page.frames()).toHaveLength(1)
  const isThere = await page.evaluate(() => 'axe' in window)
  const axe = new AxeBuilder({ page, ...(isThere && { axeSource: 'void 0' }) })
  return axe.setLegacyMode().options({ resultTypes: ['violations'] })
}
