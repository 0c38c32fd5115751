/** The same pages in another language or at 200 %: what is longer, what runs the other way, what has no room. */
import type { MessageId } from '../../consent-app/messages/locale.ts'
import { ask } from '../business.ts'
import { Walker, settled } from '../browser/every-page.ts'
import type { Walk } from '../browser/every-page.ts'
import { aPerson } from './stage.ts'
import type { Stage } from './stage.ts'

export const playArabic = async (stage: Stage): Promise<void> =>
  walk(await stage.open({ language: 'ar' }), stage)
export const playGerman = async (stage: Stage): Promise<void> =>
  walk(await stage.open({ language: 'de' }), stage)
export const playZoomed = async (stage: Stage): Promise<void> =>
  walk(await stage.open({ zoomed: true }), stage)

async function walk(visit: Walk, { people, story }: Stage): Promise<void> {
  const { page, look, say } = visit
  const at = new Walker(visit)
  const loaded = (id: MessageId) => page.getByText(say(id), { exact: true }).first().waitFor()
  await at.go('/')
  await loaded('create.act')
  await look('welcome')
  await at.signInAs(people.ada.browser)
  await at.go((await ask(await story.shop())).url.href)
  await at.button('decision.allow').waitFor()
  await page.getByRole('checkbox').first().press(' ')
  await look('request')
  await at.press('decision.allow')
  await page.getByRole('alertdialog').waitFor()
  await look('request-confirm')
  await at.press('confirm.yes')
  await at.text('outcome.allowed.title').waitFor()
  await look('receipt')
  await at.go('/')
  await loaded('home.who')
  await settled(visit)
  await look('home')
  await at.go('/data')
  await page.locator('h3 button').first().waitFor()
  await look('data')
  for (const path of ['/relationships', `/relationships/${people.grantId}`]) {
    await at.go(path)
    await settled(visit)
    await look(path === '/relationships' ? 'relationships' : 'relationship')
  }
  await page
    .locator('main')
    .getByRole('button')
    .filter({ hasText: say('withdraw.act') })
    .first()
    .click()
  await page.getByRole('alertdialog').waitFor()
  await look('withdraw')
  await at.go('/activity')
  await settled(visit)
  await page
    .getByRole('button', { name: say('verify.open') })
    .first()
    .click()
  await at.text('verify.ok.title').waitFor()
  await look('activity')
  await at.go('/settings')
  await settled(visit)
  await look('settings')
  // Leaving takes a sign-in of the last minutes.
  await at.signInAs((await story.customer(aPerson)).browser)
  await at.go('/settings')
  await at.press('leave.begin')
  await page.getByRole('alertdialog').waitFor()
  await look('leave')
}
