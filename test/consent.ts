/** A customer's way through a request of a business, over the vault's own pages. */
import type { Decision, DecisionResult, Probe, RequestView } from '../schemas/types.gen.ts'
import { ask, redeem } from './business.ts'
import type { Business, PendingRequest, Tokens } from './business.ts'
import type { Answer, VaultBrowser } from './vault.ts'

/** Opens the pod for Reach's agent and fills in what the sample request asks for. */
export async function connectPod(browser: VaultBrowser): Promise<void> {
  const connected = await browser.post('/api/pod/connect')
  if (!(connected.body as Probe).ok) throw new Error(`not connected: ${JSON.stringify(connected.body)}`)
  for (const [category, values] of [
    ['profile', { name: 'Alma Quist' }],
    ['diet', { diet: ['VeganDiet'], allergies: ['peanut'] }],
  ] as const) {
    const saved = await browser.put(`/api/categories/${category}`, { etag: null, values })
    if (saved.status !== 200) throw new Error(`not saved: ${JSON.stringify(saved.body)}`)
  }
}

export interface OpenedPage {
  readonly path: string
  readonly view: RequestView
}

/** From the business to the decision page. */
export async function openPage(
  vault: { readonly url: string },
  browser: VaultBrowser,
  pending: PendingRequest,
): Promise<OpenedPage> {
  const { url } = await browser.jar.follow(pending.url, ({ pathname }) => pathname.startsWith('/consent/'))
  const path = url.pathname
  const opened = await browser.post(`${path}/open`)
  if (opened.status !== 200) throw new Error(`not shown: ${opened.status} ${JSON.stringify(opened.body)}`)
  return { path, view: opened.body as RequestView }
}

/** Everything that was asked, until the suggested end; `overrides` replace parts of the answer. */
export function decide(
  browser: VaultBrowser,
  { path, view }: OpenedPage,
  overrides: Partial<Decision> = {},
): Promise<Answer> {
  const { accountId, requestHash, suggestedUntil: until } = view
  const items = view.items.map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) }))
  const decision: Decision = { accountId, requestHash, decision: 'allow', items, until, ...overrides }
  return browser.post(`${path}/decision`, decision)
}

export interface Allowed {
  readonly grantId: string
  readonly receiptId: string
  readonly tokens: Tokens
}

/** The customer allows all of the sample request, and the business redeems its code. */
export async function allowAll(
  vault: { readonly url: string },
  browser: VaultBrowser,
  business: Business,
): Promise<Allowed> {
  const pending = await ask(business)
  const decided = await decide(browser, await openPage(vault, browser, pending))
  if (decided.status !== 200)
    throw new Error(`not decided: ${decided.status} ${JSON.stringify(decided.body)}`)
  const { returnTo, grantId, receipt } = decided.body as DecisionResult
  const { origin } = new URL(vault.url)
  const { url: callback } = await browser.jar.follow(String(returnTo), (next) => next.origin !== origin)
  const tokens = await redeem(business, callback, pending)
  return { grantId: String(grantId), receiptId: String(receipt?.receiptId), tokens }
}
