/**
 * A walk over the pages of a customer in any language: what is pressed is found by the id of its text. `look` is called at
 * every stop with its name.
 */
import type { Locator, Page } from '@playwright/test'
import { day } from '#core/domain/times.ts'
import type { MessageId } from '../../consent-app/messages/locale.ts'
import { accessRequest, ask, postForm } from '../business.ts'
import { decide, openPage as openRequest } from '../consent.ts'
import { expectOk } from '../story.ts'
import type { Customer, Shop, Story } from '../story.ts'
import type { VaultBrowser } from '../vault.ts'

const device = 'urn:ietf:params:oauth:grant-type:device_code'
const orders = 'dpv:CustomerOrderManagement'

export interface Walk {
  readonly story: Story
  readonly page: Page
  /** A text without arguments, as the page shows it. */
  readonly say: (id: MessageId) => string
  readonly look: (stop: string) => Promise<void>
}

export class Walker {
  readonly #walk: Walk
  constructor(walk: Walk) {
    this.#walk = walk
  }

  async go(path: string): Promise<void> {
    const { page, story } = this.#walk
    await page.goto(path.startsWith('http') ? path : story.world.config.vaultUrl + path)
    await this.heading().waitFor()
  }

  heading(): Locator {
    return this.#walk.page.getByRole('heading', { level: 1 })
  }

  button(id: MessageId, within: Page | Locator = this.#walk.page): Locator {
    return within.getByRole('button', { name: this.#walk.say(id), exact: true }).first()
  }

  async press(id: MessageId, within?: Page | Locator): Promise<void> {
    await this.button(id, within).click()
  }

  text(id: MessageId): Locator {
    return this.#walk.page.getByText(this.#walk.say(id), { exact: true }).first()
  }

  /** Who is signed in from here on. */
  async signInAs(browser: VaultBrowser): Promise<void> {
    const { page, story } = this.#walk
    // Chromium takes a Secure cookie by an address that is; the cookie itself knows no port.
    const url = story.world.config.vaultUrl.replace(/^http:/, 'https:')
    const session = { name: '__Host-reach-session', value: browser.cookie('session') ?? '', url }
    await page.context().addCookies([{ ...session, secure: true, httpOnly: true, sameSite: 'Lax' }])
  }
}

/** Signed out, and on the way in. */
export async function walkIn(walk: Walk): Promise<void> {
  const { story, look } = walk
  const at = new Walker(walk)
  await at.go('/')
  await look('welcome')
  await at.press('create.act')
  await at.text('create.password.wrong').waitFor()
  await at.press('sign-in.act')
  await at.text('sign-in.issuer.wrong').waitFor()
  await look('welcome-wrong')
  await at.go('/link')
  await look('welcome-request')
  await at.go('/verify')
  await look('verify-empty')
  await at.go('/signed-in?error=access_denied&state=none')
  await at.text('signed-in.failed').waitFor()
  await look('signed-in-failed')

  const browser = story.browser()
  const podName = `walk-${Date.now()}`
  const person = { podName, email: `${podName}@example.org`, password: 'a long way to go' }
  expectOk(await browser.post('/api/vaults', person))
  await at.signInAs(browser)
  await at.go('/')
  await at.button('connect.act').waitFor()
  await look('connect')
  await at.press('connect.act')
  await at.text('connect.done').waitFor()
  await look('connected')
  for (const path of ['/', '/relationships', '/activity', '/settings', '/data', '/nowhere']) {
    await at.go(path)
    await settled(walk)
    await look(path === '/' ? 'empty-home' : `empty${path.replace('/', '-')}`)
  }
}

/** Nothing is on its way any more. */
export async function settled({ page, say }: Walk): Promise<void> {
  await page.getByText(say('app.loading'), { exact: true }).first().waitFor({ state: 'detached' })
  await page.locator('[data-busy=true]').first().waitFor({ state: 'detached' })
}

export interface Cast {
  readonly ada: Customer
  readonly shop: Shop
  readonly grantId: string
}

/** Somebody with a life: permissions of every kind, and what came of them. */
export async function cast(story: Story): Promise<Cast> {
  const ada = await story.customer({
    profile: { name: 'Ada Lovelace', birthDate: '1990-12-10', languages: ['en', 'de'] },
    diet: { diet: ['VeganDiet'], allergies: ['walnuts'] },
    sizes: { shoe: { size: '39', system: 'EU' } },
  })
  const [shop, paused, gone, denied, blocked] = await Promise.all([
    story.shop({ grant_types: ['authorization_code', 'refresh_token', 'client_credentials', device] }),
    story.shop(),
    story.shop(),
    story.shop(),
    story.shop(),
  ])
  const relation = await story.allow(ada, shop, { answers: { reads: 3 } })
  await story.read(relation)
  await story.read(relation, { purpose: 'dpv:AgeVerification' })
  const { grantId } = relation
  const until = new Date(Date.now() + 5 * day).toISOString()
  const items = [{ id: 'name', fields: ['profile.name'] }]
  expectOk(await ada.browser.post(`/api/grants/${grantId}/change`, { items, until, reads: 2 }))
  const pause = await story.allow(ada, paused)
  await story.act(ada, pause, 'pause')
  const old = await story.allow(ada, gone)
  expectOk(await ada.browser.post(`/api/grants/${old.grantId}/withdraw`, { askDeletion: true }))
  const refused = await story.ask(ada, denied)
  expectOk(await decide(ada.browser, refused, { decision: 'deny' }))
  await openRequest({ url: story.world.config.vaultUrl }, ada.browser, await ask(denied))
  await story.allow(ada, blocked)
  expectOk(await ada.browser.post(`/api/businesses/${blocked.vendorId}/block`))
  const later = await story.ask(ada, gone)
  expectOk(await decide(ada.browser, later, { decision: 'later' }))
  return { ada, shop, grantId }
}

/** The decision page and what comes of it. */
export async function walkRequest(walk: Walk, { ada, shop }: Cast): Promise<void> {
  const { page, story, look } = walk
  const at = new Walker(walk)
  await at.signInAs(ada.browser)
  const other = await story.shop()
  await at.go((await ask(other, answersToo())).url.href)
  await at.button('decision.allow').waitFor()
  await look('request')
  await at.press('business.who')
  await at.press('reads.limit')
  await page.getByRole('checkbox').first().press(' ')
  await look('request-open')
  await at.press('decision.allow')
  await page.getByRole('alertdialog').waitFor()
  await look('request-confirm')
  await at.press('confirm.yes')
  await at.text('outcome.allowed.title').waitFor()
  await look('request-allowed')

  await at.go((await ask(await story.shop())).url.href)
  await at.press('decision.later')
  await at.text('outcome.later.title').waitFor()
  await look('request-later')
  const denied = await story.shop()
  await at.go((await ask(denied)).url.href)
  await at.press('decision.deny')
  await at.text('outcome.refused.title').waitFor()
  await look('request-denied')
  await at.go((await ask(denied)).url.href)
  await at.text('turned-away.title').waitFor()
  await look('request-turned-away')

  const more = accessRequest({
    items: [
      { purpose: orders, fields: ['profile.name', 'contact.phone'], why: 'To call you.', required: true },
      { purpose: 'dpv:ServicePersonalisation', fields: ['sizes.shoe'], why: 'To fit.', required: false },
    ],
    recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
    retention: 'P2Y',
  })
  await at.go((await ask(shop, more)).url.href)
  await at.text('amends.title').waitFor()
  await look('request-amends')

  const reply = await postForm(shop, 'device/auth', {
    scope: 'openid',
    authorization_details: JSON.stringify([accessRequest()]),
  })
  const link = (await reply.json()) as { verification_uri_complete: string; user_code: string }
  await at.go(link.verification_uri_complete)
  await look('link')
  await at.press('link.act')
  await at.text('code.link.title').waitFor()
  await at.press('decision.allow')
  await look('request-code')
  await at.go('/consent/nothing-here-at-all')
  await at.text('request.gone.title').waitFor()
  await look('request-gone')
}

function answersToo(): ReturnType<typeof accessRequest> {
  const { items, ...others } = accessRequest()
  return {
    ...others,
    items: [
      ...items,
      {
        id: 'age',
        purpose: 'dpv:AgeVerification',
        fields: ['profile.ageOver18'],
        why: 'To sell wine.',
        required: false,
      },
    ],
  }
}

/** Home, data, relationships, activity and settings. */
export async function walkHome(walk: Walk, { ada, grantId }: Cast): Promise<void> {
  const { page, look } = walk
  const at = new Walker(walk)
  await at.signInAs(ada.browser)
  await at.go('/')
  await settled(walk)
  await look('home')
  await at.go('/data')
  await settled(walk)
  const folded = page.locator('h3 button[aria-expanded=false]')
  while ((await folded.count()) > 0) await folded.first().click()
  await look('data')
  await at.go('/relationships')
  await settled(walk)
  await look('relationships')
  await at.go(`/relationships/${grantId}`)
  await settled(walk)
  await look('relationship')
  await at.go(`/relationships/${grantId}/change`)
  await page.getByRole('checkbox').nth(1).press(' ')
  await look('change')
  await at.press('change.save')
  await page.getByRole('alertdialog').waitFor()
  await look('change-confirm')
  await at.go(`/relationships/${grantId}`)
  await settled(walk)
  await page
    .locator('main')
    .getByRole('button')
    .filter({ hasText: walk.say('withdraw.act') })
    .first()
    .click()
  await page.getByRole('alertdialog').waitFor()
  await look('withdraw')
  await at.go('/activity')
  await settled(walk)
  await page
    .getByRole('button', { name: walk.say('verify.open') })
    .first()
    .click()
  await at.text('verify.ok.title').waitFor()
  await look('activity')
  await at.go('/settings')
  await settled(walk)
  await at.press('settings.probe')
  await at.text('probe.ok.title').waitFor()
  await look('settings')
  for (const act of ['settings.disconnect', 'withdraw-all.act', 'leave.begin'] as const) {
    await at.press(act)
    await page.getByRole('alertdialog').waitFor()
    await look(`settings-${act}`)
    await page.keyboard.press('Escape')
    await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  }
  await page.route(/\/api\/grants/, (route) => route.abort())
  await at.go('/relationships')
  await at.text('problem.offline').waitFor()
  await look('problem')
  await page.unroute(/\/api\/grants/)
}
