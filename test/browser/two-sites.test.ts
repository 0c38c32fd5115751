/**
 * Two real sites in a real Chromium: the vault on localhost, and a hostile page on 127.0.0.1 that the customer comes to while
 * she is signed in. Whatever it sends, frames or opens, nothing of hers changes and nothing is read.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import type { GrantView, Me } from '../../schemas/types.gen.ts'
import { ask } from '../business.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Relation } from '../story.ts'
import { launchChromium } from './chromium.ts'

let story: Story
let browser: Browser
let page: Page
let site: Server
let elsewhere: string
let ada: Customer
let relation: Relation
const vault = (path: string): string => story.world.config.vaultUrl + path

beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  browser = await launchChromium()
  ada = await story.customer()
  relation = await story.allow(ada, await story.shop())
  site = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>Elsewhere</title><body></body>')
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  elsewhere = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
  const context = await browser.newContext()
  const url = vault('').replace(/^http:/, 'https:')
  const session = { name: '__Host-reach-session', value: ada.browser.cookie('session') ?? '', url }
  await context.addCookies([{ ...session, secure: true, httpOnly: true, sameSite: 'Lax' }])
  page = await context.newPage()
})

afterAll(async () => {
  await browser?.close()
  site?.close()
  await story?.[Symbol.asyncDispose]()
})

/** A new tab on the other site, in the browser in which she is signed in. */
async function goElsewhere(): Promise<Page> {
  const tab = await page.context().newPage()
  await page.close()
  await tab.goto(elsewhere)
  return tab
}

/** Addresses that would end something of hers. */
const targets = () => [
  `/api/grants/${relation.grantId}/withdraw`,
  '/api/grants/withdraw',
  '/api/pod/disconnect',
  `/api/businesses/${relation.shop.vendorId}/block`,
  '/api/sign-out',
  '/api/leave',
]

async function expectUntouched(): Promise<void> {
  expect((await ada.browser.get('/api/me')).body).toMatchObject({ signedIn: true, podAccess: 'open' })
  const grant = expectOk(await ada.browser.get(`/api/grants/${relation.grantId}`)).body as GrantView
  expect(grant.state).toBe('active')
}

test('what a script of another site sends with her cookies changes nothing, and it reads no reply', async () => {
  // She is signed in: the session that is attacked is one.
  await page.goto(vault('/'))
  await page.getByRole('heading', { level: 1 }).waitFor()
  expect((await page.evaluate(() => fetch('api/me').then((reply) => reply.json()))) as Me).toMatchObject({
    signedIn: true,
  })
  page = await goElsewhere()
  const outcomes = await page.evaluate(
    async (urls) => {
      const tell = (sent: Promise<Response>) =>
        sent.then(
          async (reply) => (reply.type === 'opaque' ? 'unread' : `read ${await reply.text()}`),
          () => 'refused',
        )
      const json = { 'content-type': 'application/json' }
      return await Promise.all(
        urls.flatMap((url) => [
          tell(fetch(url, { method: 'POST', body: '{}', headers: json, credentials: 'include' })),
          tell(fetch(url, { method: 'POST', body: '{}', credentials: 'include', mode: 'no-cors' })),
          tell(fetch(url, { credentials: 'include', mode: 'no-cors' })),
          tell(fetch(url, { credentials: 'include' })),
        ]),
      )
    },
    [...targets(), '/api/me', '/api/activity', '/'].map(vault),
  )
  expect(outcomes.filter((outcome) => outcome.startsWith('read'))).toEqual([])
  await expectUntouched()
})

test('a form of another site that is sent for her changes nothing', async () => {
  for (const target of targets()) {
    page = await goElsewhere()
    const answered = page.waitForResponse((response) => response.url() === vault(target))
    await page.evaluate((action) => {
      const form = document.createElement('form')
      Object.assign(form, { method: 'post', action, enctype: 'text/plain' })
      document.body.append(form)
      form.submit()
    }, vault(target))
    expect((await answered).status()).toBeGreaterThanOrEqual(400)
  }
  await expectUntouched()
})

test('no page of the vault shows in a frame, nor can one that was opened be reached', async () => {
  const pending = await ask(relation.shop)
  const request = (
    await ada.browser.jar.follow(pending.url, ({ pathname }) => pathname.startsWith('/consent/'))
  ).url
  for (const target of [vault('/'), vault('/relationships'), request.href]) {
    page = await goElsewhere()
    const found = await page.evaluate(async (src) => {
      const frame = document.createElement('iframe')
      frame.src = src
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }))
      document.body.append(frame)
      await loaded
      return { inside: frame.contentDocument === null }
    }, target)
    // The browser's own error page stands there, on an origin of its own.
    expect(found).toEqual({ inside: true })
    const [, frame] = page.frames()
    expect(await frame?.locator('#app').count()).toBe(0)
  }
  const popup = page.waitForEvent('popup')
  await page.evaluate((url) => void Object.assign(globalThis, { opened: window.open(url) }), vault('/'))
  const opened = await popup
  await opened.getByRole('heading', { level: 1 }).waitFor()
  // Neither has the other (Cross-Origin-Opener-Policy).
  expect(await opened.evaluate(() => window.opener === null)).toBe(true)
  expect(await page.evaluate(() => (globalThis as { opened?: Window }).opened?.closed)).toBe(true)
  await opened.close()
  await expectUntouched()
})

test('pictures, scripts, styles and streams of the vault are nothing to another site', async () => {
  page = await goElsewhere()
  const outcomes = await page.evaluate(async (base) => {
    const load = (tag: 'img' | 'script' | 'link', path: string) =>
      new Promise<string>((resolve) => {
        const one = document.createElement(tag)
        one.addEventListener('load', () => resolve(`loaded ${path}`))
        one.addEventListener('error', () => resolve('refused'))
        if (one instanceof HTMLLinkElement) Object.assign(one, { rel: 'stylesheet', href: base + path })
        else Object.assign(one, { src: base + path })
        document.body.append(one)
      })
    const stream = new Promise<string>((resolve) => {
      const events = new EventSource(`${base}/api/events`, { withCredentials: true })
      events.addEventListener('open', () => resolve('opened'))
      events.addEventListener('error', () => resolve('refused'))
    })
    return await Promise.all([
      load('img', '/images/reach.svg'),
      load('script', '/api/me'),
      load('script', '/service-worker.js'),
      load('link', '/api/me'),
      stream,
    ])
  }, vault(''))
  expect(new Set(outcomes)).toEqual(new Set(['refused']))
})
