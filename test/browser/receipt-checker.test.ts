/** The page that checks receipts, opened from a file by a real browser with its network off. */
import { generateKeyPairSync } from 'node:crypto'
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from '@playwright/test'
import { strFromU8, unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { createCosigner } from '#core/ledger/cosignature.ts'
import { dialects } from '#core/domain/dialects/dialects.ts'
import type { DecisionResult } from '#schemas/types.gen.ts'
import ar from '../../consent-app/checker/words/ar.json' with { type: 'json' }
import de from '../../consent-app/checker/words/de.json' with { type: 'json' }
import en from '../../consent-app/checker/words/en.json' with { type: 'json' }
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { decide } from '../consent.ts'
import { expectOk, Story } from '../story.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let story: Story
let browser: Browser
let folder: string
let page: Page
let faults: string[]
let fetchAs: (path: string, init?: RequestInit) => Promise<Response>
const receipts: { id: string; payload: object }[] = []
const words = { en, de, ar }
const file = (name: string) => join(folder, name)

/** As a customer saves them: the page, a receipt and its proof, those of a refusal, and the keys. */
beforeAll(async () => {
  await buildConsentApp()
  story = await Story.open()
  folder = await mkdtemp(join(tmpdir(), 'reach-test-checker-'))
  const ada = await story.customer()
  const { receiptId } = await story.allow(ada, await story.shop())
  const asked = await story.ask(ada, await story.shop())
  const refused = expectOk(await decide(ada.browser, asked, { decision: 'deny', items: [] }))
  fetchAs = (path, init) => ada.browser.jar.go(story.world.config.vaultUrl + path, init)
  const fetched = async (path: string) => {
    const reply = await fetchAs(path)
    if (!reply.ok) throw new Error(`${path}: ${reply.status}`)
    return reply
  }
  const checker = await fetched('/receipt-checker.html')
  await writeFile(file('check.html'), await checker.text())
  for (const [name, id] of [
    ['given', receiptId],
    ['refused', (refused.body as DecisionResult).receipt?.receiptId ?? ''],
  ] as const) {
    const { jws, payload } = (await (await fetched(`/api/receipts/${id}`)).json()) as {
      jws: string
      payload: object
    }
    await writeFile(file(`${name}.jws`), jws)
    await writeFile(file(`${name}.tlog-proof`), await (await fetched(`/api/receipts/${id}/proof`)).text())
    receipts.push({ id, payload })
  }
  await writeFile(file('keys.json'), await (await fetched('/api/receipts/keys')).text())
  await writeFile(file('vkey'), `${story.world.reach.ledger.log.vkey}\n`)
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await story?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function open(options: Partial<Parameters<typeof openPage>[1]> = {}, name = 'check.html') {
  ;({ page, faults } = await openPage(browser, { allowed: ['null'], ...options }))
  await page.context().setOffline(true)
  await page.goto(pathToFileURL(file(name)).href)
}
async function close() {
  expect(faults).toEqual([])
  await page.context().close()
}
const give = (...names: string[]) => page.locator('#input').setInputFiles(names.map(file))
const verdict = () => page.locator('#verdict')
const states = () =>
  page.locator('#steps li').evaluateAll((steps) => steps.map((step) => step.getAttribute('data-state')))

test('the vault hands out the page as a file, and each dialect of a receipt that has a word for it', async () => {
  const checker = await fetchAs('/receipt-checker.html')
  expect(checker.headers.get('content-disposition')).toContain('attachment')
  for (const { id, payload } of receipts)
    for (const [dialect, { write, mediaType, extension }] of Object.entries(dialects)) {
      const reply = await fetchAs(`/api/receipts/${id}/as/${dialect}`)
      const expected = write(payload)
      if (expected === undefined) expect([dialect, reply.status]).toEqual([dialect, 404])
      else {
        expect(await reply.json()).toEqual(expected)
        expect(reply.headers.get('content-type')).toContain(mediaType)
        expect(reply.headers.get('content-disposition')).toContain(`reach-receipt-${id}.${extension}`)
      }
    }
  const id = receipts[0]?.id ?? ''
  expect((await fetchAs(`/api/receipts/${id}/as/latin`)).status).toBe(404)
  expect((await fetch(`${story.world.config.vaultUrl}/api/receipts/${id}/as/kantara`)).status).toBe(401)
})

test('an export holds the page beside the receipts, with the keys of this vault', async () => {
  const { vaultUrl } = story.world.config
  const headers = {
    origin: new URL(vaultUrl).origin,
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/json',
  }
  const reply = await fetchAs('/api/export', { method: 'POST', headers, body: '{}' })
  const files = unzipSync(new Uint8Array(await reply.arrayBuffer()))
  const kept = strFromU8(files['receipts/check.html'] ?? new Uint8Array())
  const [, origin = ''] = /id="origin">(.*?)<\/script>/s.exec(kept) ?? []
  expect(JSON.parse(origin)).toMatchObject({ vault: vaultUrl, vkey: story.world.reach.ledger.log.vkey })
})

describe('with the network off, from a file', () => {
  test.each([
    ['en', 'desktop', 'light'],
    ['de', 'phone', 'dark'],
    ['ar', 'phone', 'light'],
  ] as const)('a receipt is checked in %s, on a %s, %s', async (locale, size, colorScheme) => {
    const viewport = size === 'phone' ? { width: 390, height: 844 } : { width: 1280, height: 900 }
    await open({ locale, viewport, colorScheme })
    const said = words[locale]
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(locale)
    expect(await page.evaluate(() => document.documentElement.dir)).toBe(locale === 'ar' ? 'rtl' : 'ltr')
    await expect(verdict().textContent()).resolves.toBe(said['wait.receipt'])
    await give('given.jws', 'given.tlog-proof')
    await page.getByText(said['verdict.genuine'], { exact: true }).waitFor()
    expect(await states()).toEqual(Array.from({ length: 6 }, () => 'held'))
    await lookAt(page, `checker-${locale}-${size}-${colorScheme}`)
    await page.getByLabel(said.language).selectOption('en')
    await page.getByText(en['verdict.genuine'], { exact: true }).waitFor()
    await close()
  })

  test('a refusal is checked as well', async () => {
    await open()
    await give('refused.tlog-proof', 'refused.jws')
    await page.getByText(en['verdict.genuine'], { exact: true }).waitFor()
    await page.getByText(en['says.refused-all']).waitFor()
    await close()
  })

  test('by keyboard alone', async () => {
    await open()
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('language')
    await page.keyboard.press('Tab')
    const chosen = page.waitForEvent('filechooser')
    await page.keyboard.press('Space')
    await (await chosen).setFiles([file('given.jws'), file('given.tlog-proof')])
    await page.getByText(en['verdict.genuine'], { exact: true }).waitFor()
    await close()
  })

  test('dropped anywhere in the place for it', async () => {
    await open()
    const texts = await Promise.all(
      ['given.jws', 'given.tlog-proof'].map(async (name) => [name, await readFile(file(name), 'utf8')]),
    )
    await page.evaluate((all) => {
      const data = new DataTransfer()
      for (const [name = '', text = ''] of all) data.items.add(new File([text], name))
      document
        .getElementById('drop')
        ?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }))
    }, texts)
    await page.getByText(en['verdict.genuine'], { exact: true }).waitFor()
    await close()
  })
})

/** A file with one character in it changed for another of its kind. */
async function forge(name: string, change: (text: string) => string): Promise<string> {
  const text = await readFile(file(name), 'utf8')
  const forged = change(text)
  expect(forged).not.toBe(text)
  await writeFile(file(`forged-${name}`), forged)
  return `forged-${name}`
}
const other = (character: string | undefined) => (character === 'A' ? 'B' : 'A')
const swapAt = (text: string, at: number) => text.slice(0, at) + other(text[at]) + text.slice(at + 1)

test.each<[what: string, name: string, change: (text: string) => string, failed: (keyof typeof en)[]]>([
  [
    'one letter of what was decided',
    'given.jws',
    (jws) => {
      const [head = '', body = '', signature = ''] = jws.split('.')
      const text = Buffer.from(body, 'base64url').toString().replace('dpv:Required', 'dpv:Optional')
      return [head, Buffer.from(text).toString('base64url'), signature].join('.')
    },
    ['signature.failed', 'entry.failed'],
  ],
  [
    'one byte of the signature',
    'given.jws',
    (jws) => swapAt(jws, jws.lastIndexOf('.') + 10),
    ['signature.failed', 'entry.failed'],
  ],
  ['a second form of the same text', 'given.jws', (jws) => jws.replace('.', '.IA'), ['form.failed']],
  [
    'one hash of the path',
    'given.tlog-proof',
    (proof) => proof.replace(/^(index \d+\n)(.)/m, (_, index: string, first) => index + other(first)),
    ['place.failed'],
  ],
  [
    'another place',
    'given.tlog-proof',
    (proof) => proof.replace(/^index (\d+)$/m, (_, index) => `index ${Number(index) - 1}`),
    ['place.failed'],
  ],
  [
    'the root under the signature',
    'given.tlog-proof',
    (proof) => proof.replace(/^(\d+\n)(.)(?=.{42}=\n\n)/m, (_, size: string, first) => size + other(first)),
    ['head.failed'],
  ],
])('%s changed is told, and which step fails', async (_what, name, change, failed) => {
  await open()
  const forged = await forge(name, change)
  const names = ['given.jws', 'given.tlog-proof'].map((one) => (one === name ? forged : one))
  await give(...names)
  await page.getByText(en['verdict.forged'], { exact: true }).waitFor()
  const told = await page.locator('#steps li[data-state="failed"]').allTextContents()
  expect(told.length).toBeGreaterThanOrEqual(failed.length)
  for (const id of failed)
    expect(told.some((text) => text.includes(en[id].replace(/\s*\{.*/, '')))).toBe(true)
  await page
    .getByText(en['says.unproven'])
    .or(page.locator('#says[hidden]'))
    .first()
    .waitFor({ state: 'attached' })
  if (failed.includes('head.failed')) await lookAt(page, 'checker-forged')
  // What is whole again is believed again.
  await give('given.jws', 'given.tlog-proof')
  await page.getByText(en['verdict.genuine'], { exact: true }).waitFor()
  await close()
})

test('files that do not belong together are told apart', async () => {
  await open()
  await give('given.jws', 'refused.tlog-proof')
  await page.getByText(en['entry.failed']).waitFor()
  expect(await states()).toEqual(['held', 'held', 'held', 'held', 'held', 'failed'])
  await close()
})

test('what is missing is said to be missing, and nothing is called genuine without it', async () => {
  const bare = (await readFile(file('check.html'), 'utf8')).replace(
    /(id="origin">)[^<]*(?=<)/,
    (_, head: string) => `${head}null`,
  )
  await writeFile(file('bare.html'), bare)
  await open({}, 'bare.html')
  await give('given.jws')
  await page.getByText(en['verdict.unsettled'], { exact: true }).waitFor()
  await give('given.tlog-proof')
  await page.getByText(en['log.held']).waitFor()
  expect(await states()).toEqual(['held', 'open', 'held', 'open', 'open', 'held'])
  await page.getByText(en['keys.none']).waitFor()
  await give('vkey')
  await page.getByText(en['keys.given']).waitFor()
  expect(await states()).toEqual(['held', 'open', 'held', 'held', 'held', 'held'])
  await lookAt(page, 'checker-unsettled')
  await give('keys.json')
  await page.getByText(en['verdict.given'], { exact: true }).waitFor()
  await page.getByText(en['keys.given']).waitFor()
  await lookAt(page, 'checker-given')
  await close()
  // The very keys that came with the page are no others, wherever they come from.
  await open()
  await give('given.jws', 'given.tlog-proof', 'keys.json', 'vkey')
  await page.getByText(en['verdict.genuine'], { exact: true }).waitFor()
  await close()
})

test('keys that changed make no forgery of a receipt, and the keys as they are served settle it', async () => {
  const { vkey } = story.world.reach.ledger.log
  const origin = vkey.split('+')[0] ?? ''
  const later = createLogSigner(origin, generateKeyPairSync('ed25519').privateKey).vkey
  const now = await readFile(file('check.html'), 'utf8')
  const changed = now.replace(vkey, later).replace(/(?<="kid":")[\w-]+(?=")/, 'another')
  await writeFile(file('later.html'), changed)
  await open({}, 'later.html')
  await give('given.jws', 'given.tlog-proof')
  await page.getByText(en['verdict.unsettled'], { exact: true }).waitFor()
  expect(await states()).toEqual(['held', 'open', 'held', 'open', 'open', 'held'])
  await give('keys.json')
  await page.getByText(en['signature.held']).waitFor()
  expect(await states()).toEqual(['held', 'held', 'held', 'open', 'open', 'held'])
  const second = createCosigner(origin, generateKeyPairSync('ml-dsa-44').privateKey).vkey
  await writeFile(file('served-vkey'), `${later}\n${vkey}\n${second}\n`)
  await give('served-vkey')
  await page.getByText(en['verdict.given'], { exact: true }).waitFor()
  await writeFile(file('policy'), `log ${second}\nlog ${vkey}\nquorum none\n`)
  await give('vkey', 'policy')
  await page.getByText(en['verdict.given'], { exact: true }).waitFor()
  await close()
})

test('a file that is none of these, or huge, or hostile, is left aside and runs nothing', async () => {
  await open()
  await writeFile(file('huge.jws'), 'a'.repeat(300_000))
  await writeFile(file('<img src=x onerror=alert(1)>.html'), '<script>document.title = "taken"</script>')
  await writeFile(file('deep.json'), `${'['.repeat(60_000)}${']'.repeat(60_000)}`)
  await give('huge.jws', '<img src=x onerror=alert(1)>.html', 'deep.json')
  await page.getByText(en['kind.large']).waitFor()
  expect(await page.locator('#files li').count()).toBe(3)
  expect(await page.locator('#files img').count()).toBe(0)
  expect(await page.title()).toContain(en.title)
  expect(await verdict().textContent()).toBe(en['wait.receipt'])
  await close()
})

test('the page may load nothing and run no script but its own', async () => {
  const text = await readFile(file('check.html'), 'utf8')
  expect(text).toMatch(/content="default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-/)
  expect(text).not.toMatch(/(?:src|href)=|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|sendBeacon/)
  await writeFile(
    file('injected.html'),
    text.replace('</main>', '<script>document.title="taken"</script></main>'),
  )
  const opened = await openPage(browser, { allowed: ['null'] })
  await opened.page.goto(pathToFileURL(file('injected.html')).href)
  expect(await opened.page.title()).toContain(en.title)
  expect(opened.faults.join()).toMatch(/Content Security Policy/)
  await opened.page.context().close()
})
