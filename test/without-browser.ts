/** Customers who answer where no browser of the business waits: from their list, a question (CIBA), a link (RFC 8628). */
import { liveness } from '#core/domain/grant.ts'
import type { Liveness } from '#core/domain/grant.ts'
import { readGrant } from '#core/records/grants.ts'
import type { Decision, OpenRequests, RequestView } from '../schemas/types.gen.ts'
import { BrowserJar } from './browser-jar.ts'
import { ask, redeem } from './business.ts'
import type { Business, Tokens } from './business.ts'
import { decideAt } from './oauth-vault.ts'
import type { Customer, OAuthVault } from './oauth-vault.ts'

export const ciba = 'urn:openid:params:grant-type:ciba'
export const device = 'urn:ietf:params:oauth:grant-type:device_code'
export const polling = { grant_types: ['authorization_code', 'refresh_token', ciba, device] }

/** Headers of a page on which this customer is signed in. */
export const as = (customer: Customer) => ({ 'x-test-customer': customer.accountId })

/** The same person in another browser of hers. */
export const elsewhere = (customer: Customer): Customer => ({ ...customer, browser: new BrowserJar() })

/** An answer that names nothing. */
export const answer =
  (decision: Decision['decision']) =>
  ({ accountId, requestHash }: RequestView): Decision => ({ accountId, requestHash, decision })

export async function json<Body>(reply: Response | Promise<Response>): Promise<Body> {
  return (await (await reply).json()) as Body
}

/** What waits for this customer. */
export async function listOf(vault: OAuthVault, customer: Customer): Promise<OpenRequests['requests']> {
  const reply = fetch(`${vault.vaultUrl}/api/requests`, { headers: as(customer) })
  return (await json<OpenRequests>(reply)).requests
}

export const pageOf = (vault: OAuthVault, path: string): URL => new URL(vault.vaultUrl + path)

/** The page of the newest request that waits for her. */
export async function firstPage(vault: OAuthVault, customer: Customer): Promise<URL> {
  return pageOf(vault, String((await listOf(vault, customer))[0]?.page))
}

export async function stateOf(vault: OAuthVault, grantId: string | undefined): Promise<Liveness | undefined> {
  const grant = await readGrant(vault.ledger, String(grantId))
  return grant === undefined ? undefined : liveness(grant.value, Date.now())
}

/** A customer whom the business knows, since she once allowed something. */
export async function known(vault: OAuthVault, customer: Customer, business: Business): Promise<Tokens> {
  const pending = await ask(business)
  const { callback } = await decideAt(vault, customer, pending.url)
  return redeem(business, callback, pending)
}
