/** What goes wrong and what the pages say then: nobody answers, a session ends, time runs out. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { day } from '#core/domain/times.ts'
import { ask } from '../business.ts'
import { addAuthenticator } from '../browser/chromium.ts'
import { Walker, settled } from '../browser/every-page.ts'
import { decide } from '../consent.ts'
import { expectOk } from '../story.ts'
import type { Story } from '../story.ts'
import { aPerson } from './stage.ts'
import type { Stage } from './stage.ts'

/** Reach does not answer, a page whose files are gone, and a session that ended in the midst of typing. */
export async function playAway({ open, story }: Stage): Promise<void> {
  const walk = await open({ expected: /dynamically imported module/ })
  const { page, look } = walk
  const at = new Walker(walk)
  const ada = await story.customer(aPerson)
  await at.signInAs(ada.browser)
  await at.go('/')
  await settled(walk)
  await page.route('**/api/**', (route) => route.abort())
  await page.getByRole('link', { name: 'Relationships', exact: true }).click()
  await page.getByText(walk.say('offline.no-answer')).waitFor()
  await look('no-answer')
  await page.goto(story.world.config.vaultUrl)
  await page.getByRole('heading').or(page.getByRole('alert')).first().waitFor()
  await look('no-answer-at-first')
  await page.unroute('**/api/**')

  await at.go('/')
  await settled(walk)
  await page.route(/assets\/activity.*\.js/, (route) => route.abort())
  await page.getByRole('link', { name: 'Activity', exact: true }).click()
  await at.text('crash.title').waitFor()
  await look('crash')
  await page.unroute(/assets\/activity.*\.js/)

  await at.go('/data')
  const name = page.getByRole('region', { name: 'Profile', exact: true }).getByLabel('Name', { exact: true })
  await name.waitFor()
  await page.context().clearCookies()
  await name.fill('Ada Byron')
  await name.press('Enter')
  await at
    .text('session-ended.title')
    .or(page.getByText('Your pod asks you to sign in again'))
    .first()
    .waitFor()
  await look('session-ended')
  await at.go('/signed-in-again')
  await look('signed-in-again')
  await at.go('/left')
  await look('left-by-link')
}

/** An answer that waits for the network, and one that comes too late. */
export async function playWaiting({ open, story }: Stage): Promise<void> {
  const walk = await open({ serviceWorker: true })
  const { page, look } = walk
  const at = new Walker(walk)
  const ada = await story.customer(aPerson)
  const context = page.context()
  page.on('dialog', (dialog) => void dialog.accept())
  await at.signInAs(ada.browser)
  await at.go('/')
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await at.go((await ask(await story.shop())).url.href)
  await at.button('decision.deny').waitFor()
  await context.setOffline(true)
  await page.getByText('This will wait, and take effect only when it is sent.').waitFor()
  await look('request')
  await at.press('decision.deny')
  await at.text('waiting.answer.title').waitFor()
  await look('answer-waits')
  await context.setOffline(false)
  await at.text('outcome.refused.title').waitFor()

  const other = await story.shop()
  await at.go((await ask(other)).url.href)
  await at.button('decision.allow').waitFor()
  await page.getByRole('checkbox').first().press(' ')
  await context.setOffline(true)
  await at.press('decision.allow')
  await at.press('confirm.yes')
  await page.getByText('gets nothing by it').waitFor()
  expectOk(await ada.browser.post(`/api/businesses/${other.vendorId}/block`))
  await context.setOffline(false)
  await page.getByText('It came too late, and is not in effect.').waitFor()
  await look('too-late')
}

/** Two months on: what nobody used, what ends, who is late, who was suspended. A ledger's time does not go back: plays last. */
export async function playTime({ open, story }: Stage): Promise<void> {
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  const { clock, operator } = story.world
  const ada = await story.customer(aPerson)
  await addAuthenticator(page)
  await at.signInAs(ada.browser)
  await at.go('/settings')
  await at.press('passkeys.make')
  await at.text('passkey.made').waitFor()

  const until = new Date(Date.now() + 64 * day).toISOString()
  await story.read(await story.allow(ada, await story.shop()))
  await story.allow(ada, await story.shop())
  const ending = await story.allow(ada, await story.shop(), { answers: { until } })
  await story.read(ending)
  const old = await story.allow(ada, await story.shop())
  expectOk(await ada.browser.post(`/api/grants/${old.grantId}/withdraw`, { askDeletion: true }))
  const suspended = await story.shop()
  await story.read(await story.allow(ada, suspended))
  const put = await story.ask(ada, await story.shop())
  expectOk(await decide(ada.browser, put, { decision: 'later' }))
  await at.go((await ask(await story.shop())).url.href)
  await at.button('decision.allow').waitFor()
  await page.getByRole('checkbox').first().press(' ')
  clock.ahead = 61 * 60_000
  await at.press('decision.allow')
  await at.press('confirm.yes')
  await page.getByText(walk.say('problem.request-expired')).first().waitFor()
  await look('request-too-late')

  clock.ahead = 61 * day
  await operator.suspend(suspended.vendorId)
  await at.go('/')
  await at.press('passkey.act')
  await at.text('home.attention').waitFor()
  await settled(walk)
  await look('home')
  await at.go('/relationships')
  await settled(walk)
  await look('relationships')
}

/** The newest message in the folder, without its folded lines. */
export async function lastMail({ world }: Story): Promise<string> {
  const { mail } = world.config
  const folder = mail?.kind === 'folder' ? mail.folder : ''
  const name = (await readdir(folder)).sort().at(-1) ?? ''
  return (await readFile(join(folder, name), 'utf8'))
    .replaceAll('=\r\n', '')
    .replaceAll('=\n', '')
    .replaceAll('=3D', '=')
}
