/** Who asks and how: a proven business with its sign, several requests at once, questions, links and codes, and a block. */
import { accessRequest, ask, postForm } from '../business.ts'
import { decide } from '../consent.ts'
import { Walker, settled } from '../browser/every-page.ts'
import { expectOk } from '../story.ts'
import { polling } from '../without-browser.ts'
import { drawLogo } from './proven-site.ts'
import { aPerson } from './stage.ts'
import type { Stage } from './stage.ts'

/** A business that is who it says, from its request to what it may read. */
export async function playProven({ open, story, site }: Stage): Promise<void> {
  const grace = await story.customer(aPerson)
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  const bakery = await site.admit(story, { name: 'Harbour Bakery', logo: await drawLogo(page) })
  await at.signInAs(grace.browser)
  await at.go((await ask(bakery)).url.href)
  await at.button('decision.allow').waitFor()
  await page.locator('main img').first().waitFor()
  await look('request')
  await at.press('business.who')
  for (const box of await page.getByRole('checkbox').all()) await box.press(' ')
  await page.locator('summary').first().click()
  await at.button('decision.deny').focus()
  await page.keyboard.press('Shift+Tab')
  await look('request-ticked')
  await at.press('decision.allow')
  await page.getByRole('alertdialog').waitFor()
  await look('summary')
  await at.press('confirm.yes')
  await at.text('outcome.allowed.title').waitFor()
  await page.locator('summary').first().click()
  await look('receipt')
  await page.emulateMedia({ media: 'print' })
  await look('receipt-printed')
  await page.emulateMedia({ media: 'screen' })
  const relation = await story.allow(grace, bakery)
  await story.read(relation)
  await story.read(relation, { fields: ['diet.diet'], purpose: 'dpv:ServicePersonalisation' })
  await story.read(await story.allow(grace, await story.shop()))
  await at.go('/')
  await settled(walk)
  await look('home')
  await at.go('/relationships')
  await settled(walk)
  await look('relationships')
  const replaced = page.getByRole('article').filter({ hasText: walk.say('relationship.newer') })
  await replaced.first().getByRole('heading').getByRole('link').click()
  await at.text('relationship.newer').waitFor()
  await settled(walk)
  await look('relationship-replaced')
  await at.go(`/relationships/${relation.grantId}`)
  await settled(walk)
  await look('relationship')
  await page.emulateMedia({ media: 'print' })
  await look('relationship-printed')
  await page.emulateMedia({ media: 'screen' })
  await story.act(grace, relation, 'pause')
  await at.go(`/relationships/${relation.grantId}`)
  await at.button('relationship.resume').waitFor()
  await look('relationship-paused')
  expectOk(await grace.browser.post(`/api/grants/${relation.grantId}/withdraw`, { askDeletion: true }))
  await at.go(`/relationships/${relation.grantId}`)
  await at.button('relationship.resume').waitFor({ state: 'detached' })
  await settled(walk)
  await look('relationship-ended')
}

/** What waits for an answer, each on its own way, and what came of it. */
export async function playInbox({ open, story, site }: Stage): Promise<void> {
  const grace = await story.customer(aPerson)
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  const bakery = await site.admit(story, { name: 'Harbour Bakery', logo: await drawLogo(page) })
  const shop = await story.shop(polling)
  const later = await story.ask(grace, await story.shop())
  expectOk(await decide(grace.browser, later, { decision: 'later' }))
  await story.ask(grace, bakery)
  const { subject } = await story.allow(grace, shop)
  const details = JSON.stringify([accessRequest()])
  await postForm(shop, 'backchannel', {
    scope: 'openid',
    login_hint: subject,
    binding_message: 'TABLE-7',
    authorization_details: details,
  })
  const reply = await postForm(bakery, 'device/auth', { scope: 'openid', authorization_details: details })
  const link = (await reply.json()) as { verification_uri_complete: string; user_code: string }
  await at.signInAs(grace.browser)
  await at.go('/link')
  await at.press('link.act')
  await at.text('link.code.missing').waitFor()
  await look('link-empty')
  await at.go(link.verification_uri_complete)
  await at.press('link.act')
  await at.text('code.link.title').waitFor()
  await page.getByLabel(/Code that/).fill('BCDF-BCDF')
  await at.text('code.wrong').waitFor()
  await look('code-wrong')
  await at.go('/')
  await settled(walk)
  await look('home')
  await page
    .getByRole('listitem')
    .filter({ hasText: shop.name })
    .getByRole('link', { name: walk.say('home.request.act') })
    .first()
    .click()
  await at.text('code.ciba.title').waitFor()
  await look('question')
  await page.goBack()
  await at.go(link.verification_uri_complete)
  await at.press('link.act')
  await page.getByLabel(/Code that/).fill(link.user_code)
  await at.text('code.right').waitFor()
  await look('code-right')
  await at.press('decision.allow')
  await at.press('confirm.yes')
  await page.getByRole('heading', { name: /Your code for/ }).waitFor()
  await look('pickup')

  expectOk(await grace.browser.post(`/api/businesses/${bakery.vendorId}/block`))
  await at.go((await ask(bakery)).url.href)
  await at.text('turned-away.title').waitFor()
  await look('turned-away-blocked')
  await at.go('/relationships')
  await settled(walk)
  await look('relationships-blocked')
}
