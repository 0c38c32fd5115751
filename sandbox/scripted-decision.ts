import { DomainError } from '#core/domain/errors.ts'
import type {
  Decision,
  DecisionResult,
  OpenRequests,
  Redirect,
  RequestView,
  SandboxDecision,
  SandboxOutcome,
} from '#schemas/types.gen.ts'
import type { SampleBrowser } from './sample-customer.ts'

/**
 * Answers one request on its decision page: that of the address a business sends browsers to, or one that waits in the
 * customer's inbox. `location` is where her browser ends, such as the business's redirect URI with its code.
 */
export async function answerRequest(
  browser: SampleBrowser,
  { vaultUrl, script }: { vaultUrl: string; script: SandboxDecision },
): Promise<SandboxOutcome> {
  if ((script.url === undefined) === (script.requestId === undefined))
    throw new DomainError('invalid-input', 'Which request is it?', {
      violations: [{ pointer: '', detail: 'needs url or requestId, and not both' }],
    })
  const page =
    script.url === undefined
      ? await pageInInbox(browser, script.requestId)
      : await pageAt(browser, { vaultUrl, url: script.url })
  const view = await browser.call<RequestView>('POST', `${page}/open`, {})
  const { status, returnTo, grantId, pickupCode } = await decide(browser, page, { view, script })
  const location = returnTo === undefined ? undefined : (await browser.visit(returnTo)).href
  return {
    status,
    requestId: view.requestId,
    ...(grantId === undefined ? {} : { grantId }),
    ...(location === undefined ? {} : { location }),
    ...(pickupCode === undefined ? {} : { pickupCode }),
  }
}

/** What was refused is not asked again for a while: the page of such a request only leads back. */
async function decide(
  browser: SampleBrowser,
  page: string,
  { view, script }: { view: RequestView; script: SandboxDecision },
): Promise<Omit<DecisionResult, 'receipt'>> {
  if (view.turnedAway !== undefined) return browser.call('POST', `${page}/leave`, {})
  return browser.call('POST', `${page}/decision`, decisionOf(view, script.answer))
}

async function pageInInbox(browser: SampleBrowser, requestId: string | undefined): Promise<string> {
  const { requests } = await browser.call<OpenRequests>('GET', '/api/requests')
  const request = requests.find((waiting) => waiting.requestId === requestId)
  if (request === undefined) throw new DomainError('not-found', 'No such request waits for this customer.')
  return request.page
}

/** Her browser goes nowhere but to the vault: whatever else is given here is never asked. */
async function pageAt(
  browser: SampleBrowser,
  { vaultUrl, url }: { vaultUrl: string; url: string },
): Promise<string> {
  const start = URL.parse(url)
  if (start === null || !start.href.startsWith(`${vaultUrl}/`))
    throw new DomainError('invalid-input', 'The address is not one of the sandbox', {
      violations: [{ pointer: '/url', detail: `must begin with ${vaultUrl}/` }],
    })
  const code = start.href.startsWith(`${vaultUrl}/link?`) ? start.searchParams.get('code') : null
  const page =
    code === null
      ? await browser.visit(start.href)
      : new URL((await browser.call<Redirect>('POST', '/api/link', { code })).location, vaultUrl)
  const path = page.href.startsWith(`${vaultUrl}/consent/`) ? page.pathname : undefined
  if (path === undefined)
    throw new DomainError(
      'conflict',
      'The address leads to no decision page: a pushed request is good once, for a minute, and prompt=none has none.',
    )
  return path.slice(new URL(vaultUrl).pathname.replace(/\/$/, '').length)
}

function decisionOf(view: RequestView, answer: SandboxDecision['answer']): Decision {
  const { accountId, requestHash, latestUntil: until, matchingCode } = view
  const shown = { accountId, requestHash }
  if (answer === 'deny' || answer === 'later') return { ...shown, decision: answer }
  const items = view.items
    .filter(({ required }) => answer === 'allow-all' || required)
    .map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) }))
  const code = matchingCode === undefined ? {} : { matchingCode }
  return { ...shown, decision: 'allow', items, until, ...code }
}
