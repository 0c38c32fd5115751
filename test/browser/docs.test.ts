/** The description of the gateway at `/docs` in a real Chromium, under a path as the tour has it. */
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operations } from '../../vendor-gateway/operations.ts'
import { TestGateway } from '../gateway.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let gateway: TestGateway
let browser: Browser

beforeAll(async () => {
  gateway = await TestGateway.open({ gatewayPath: '/tour' })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await gateway?.[Symbol.asyncDispose]()
})

test('shows every operation, sends nothing, and asks nobody else', async () => {
  const { page, faults } = await openPage(browser, { allowed: [gateway.origin] })
  const missing: string[] = []
  page.on('response', (response) => void (response.status() >= 400 && missing.push(response.url())))
  await page.goto(`${gateway.url}/docs?url=https://elsewhere.example/openapi.json`)
  await page.getByRole('heading', { name: 'Reach vendor gateway' }).waitFor()
  expect(page.url()).toBe(`${gateway.url}/docs/`)

  const shown = page.locator('.opblock')
  const paths = await shown.locator('.opblock-summary-path').allTextContents()
  expect(paths.map((path) => path.replaceAll('\u200B', '')).toSorted()).toEqual(
    Object.values(operations)
      .map(({ path }) => path)
      .toSorted(),
  )
  const { summary, description } = operations.readSubject
  await page.getByRole('button', { name: summary }).first().click()
  await page.getByText(description.slice(0, 60)).waitFor()
  await page.getByText('subject-unavailable').first().waitFor()
  for (const name of [/Try it out/, /Authorize/, /Execute/])
    expect(await page.getByRole('button', { name }).count()).toBe(0)
  await lookAt(page, 'docs')
  await page.getByText('Register your keys').waitFor()
  expect(missing).toEqual([])
  expect(faults).toEqual([])
})

test('is dark for whoever likes it so, and fits a phone', async () => {
  const viewport = { width: 390, height: 844 }
  const { page, faults } = await openPage(browser, {
    allowed: [gateway.origin],
    viewport,
    colorScheme: 'dark',
  })
  await page.goto(`${gateway.url}/docs/`)
  await page.getByRole('button', { name: operations.readSubject.summary }).first().click()
  await page.getByText('subject-unavailable').first().waitFor()
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  expect(wide).toBe(screen)
  await lookAt(page, 'docs-dark-phone')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.locator('html:not(.dark-mode)').waitFor()
  expect(faults).toEqual([])
})

test('takes its description from nowhere else, whatever its address says', async () => {
  const { page, faults } = await openPage(browser, { allowed: [gateway.origin] })
  const other = 'https://elsewhere.example/x.json'
  await page.goto(`${gateway.url}/docs/?url=${other}&configUrl=${other}&urls.primaryName=x`)
  await page.getByRole('heading', { name: 'Reach vendor gateway' }).waitFor()
  expect(faults).toEqual([])
})
