import { Router } from 'express'
import type { Request } from 'express'
import { categories } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { closeAccess, openAccess, repairAccess } from '#core/pods/access.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { mayControl, placesElsewhere, probe } from '#core/pods/probe.ts'
import { resourceOf } from '#core/pods/vocabulary.ts'
import {
  commitUntilItHolds,
  gainAccess,
  gainCategory,
  recordLostAccess,
  recordLostCategory,
} from '#core/records/access.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { forgetCredentials } from '#core/records/pod-credentials.ts'
import type { Account, Probe } from '#schemas/types.gen.ts'
import type { ReachPods } from '../pods/reach-pods.ts'
import type { PodLogins } from './pod-login.ts'
import { customerOf } from './session.ts'

export interface PodConnectionParts {
  readonly ledger: Ledger
  readonly podLogins: PodLogins
  readonly pods: ReachPods
  /** Unix ms. */
  readonly now: () => number
}

/**
 * What Reach may see of the pod: `POST /pod/connect` opens `vrm/` for it, `/pod/repair` puts right what is too wide or too
 * narrow, `/pod/disconnect` shuts it out, `/pod/probe` only looks. All answer what Reach can really do, found out by
 * trying.
 */
export function podConnectionRoutes(parts: PodConnectionParts): Router {
  const { ledger } = parts
  const parseNothing = parser('api/nothing.json')
  const router = Router()
  for (const [path, act] of [
    ['/pod/connect', connect],
    ['/pod/repair', repair],
    ['/pod/disconnect', disconnect],
    ['/pod/probe', look],
  ] as const) {
    router.post(path, jsonBody(), async (request, response) => {
      parseNothing(request.body)
      const account = await accountOfCustomer(ledger, request)
      response.json(await act(parts, account, () => fetchAsCustomer(parts, request)))
    })
  }
  return router
}

export async function accountOfCustomer(ledger: Ledger, request: Request): Promise<Account> {
  const account = await readAccount(ledger, customerOf(request).accountId)
  if (account === undefined) throw new Error('a session without an account')
  return account.value
}

type Act = (
  parts: PodConnectionParts,
  account: Account,
  fetchAsCustomer: () => Promise<PodFetch>,
) => Promise<Probe>

export const connect: Act = (parts, account, fetchAsCustomer) =>
  open(parts, account, async (parties) => openAccess(await fetchAsCustomer(), parties))

const repair: Act = (parts, account, fetchAsCustomer) =>
  open(parts, account, async (parties) =>
    repairAccess(await fetchAsCustomer(), { ...parties, elsewhere: placesElsewhere(account) }),
  )

/**
 * Writing the access documents in the customer's own session also proves that the pod is hers: a profile may name
 * anybody's storage, and the agent may see it already, for its real owner.
 */
async function open(
  parts: PodConnectionParts,
  { accountId }: Account,
  write: (parties: { container: string; owner: string; agent: string }) => Promise<void>,
): Promise<Probe> {
  const { ledger, pods } = parts
  const stored = await readAccount(ledger, accountId)
  if (stored === undefined) throw new DomainError('not-signed-in', 'You are no customer here any more')
  const account = stored.value
  const { container, webId, actingAs } = account
  // On the ground of how it stands before: access that is lost again while this is under way stays lost.
  const opened = await gainAccess(ledger, accountId)
  await write({ container, owner: webId, agent: actingAs ?? pods.agent.webId })
  const seen = await probeAs(parts, account, 'open')
  if (!seen.ok) return await checked(parts, account, seen)
  // Of this folder and no other: one that was chosen meanwhile may be somebody else's, who let the agent in long ago.
  const proven = { checks: [unchanged(stored)] }
  if (opened !== undefined) await commitUnlessOpen(ledger, accountId, combine(proven, opened))
  const lost = (await readCustomerStanding(ledger, accountId))?.value.lostCategories ?? []
  for (const category of lost)
    await commitUntilItHolds(ledger, () => gainCategory(ledger, accountId, category))
  return seen
}

/** Whoever looks at lost pods may have seen first what was just opened: that is as good. */
async function commitUnlessOpen(ledger: Ledger, accountId: string, opened: CommitParts): Promise<void> {
  try {
    await ledger.commit(opened)
  } catch (error) {
    const standing = await readCustomerStanding(ledger, accountId)
    if (!(error instanceof CommitRefused) || standing?.value.podAccess !== 'open') throw error
  }
}

/** No release from the commit on, whatever the pod says to the rest of it. */
const disconnect: Act = async (parts, account, fetchAsCustomer) => {
  const { ledger, pods } = parts
  const { accountId, container, webId, actingAs } = account
  await recordLostAccess(ledger, accountId, { closedHere: true })
  pods.forget(accountId)
  await assertHers(parts, account, fetchAsCustomer)
  const fetch = await fetchAsCustomer()
  const parties = { container, owner: webId }
  await closeAccess(fetch, { ...parties, agent: pods.agent.webId })
  if (actingAs === undefined) return await probeAs(parts, account, 'closed')
  if (actingAs !== webId) await closeAccess(fetch, { ...parties, agent: actingAs })
  await forgetCredentials(ledger, accountId)
  const { actingAs: _, ...asAgent } = account
  return await probeAs(parts, asAgent, 'closed')
}

export const look: Act = async (parts, account, fetchAsCustomer) => {
  await assertHers(parts, account, fetchAsCustomer)
  const standing = await readCustomerStanding(parts.ledger, account.accountId)
  const expected = standing?.value.podAccess === 'open' ? 'open' : 'closed'
  return await checked(parts, account, await probeAs(parts, account, expected))
}

/**
 * A profile may name anybody's storage. Until a pod was connected, what the agent sees there is told only to who controls
 * it: it would tell others whether its owner is a customer here.
 */
async function assertHers(
  { ledger }: PodConnectionParts,
  { accountId, podUrl }: Account,
  fetchAsCustomer: () => Promise<PodFetch>,
): Promise<void> {
  const standing = await readCustomerStanding(ledger, accountId)
  if (standing?.value.podAccess !== 'none') return
  if (!(await mayControl(await fetchAsCustomer(), podUrl)))
    throw new DomainError('pod-access-lost', 'The pod that your profile names does not obey you')
}

function probeAs(
  { pods, now }: PodConnectionParts,
  account: Account,
  expect: 'open' | 'closed',
): Promise<Probe> {
  const agent: PodFetch = (url, init) => pods.agent.fetch(url, init, account)
  return probe({ agent, anyone: pods.anyone }, account, expect, now)
}

/** Reach that cannot see the container has lost access, also when it is the customer's look that shows it. */
async function checked({ ledger }: PodConnectionParts, account: Account, seen: Probe): Promise<Probe> {
  const { accountId, container } = account
  const missing = new Set(
    seen.findings.filter(({ expected, seen: found }) => expected && !found).map(({ resource }) => resource),
  )
  if (missing.has(container)) await recordLostAccess(ledger, accountId)
  else
    for (const { id } of categories)
      if (missing.has(resourceOf(container, id))) await recordLostCategory(ledger, accountId, id)
  return seen
}

export async function fetchAsCustomer(
  { podLogins }: Pick<PodConnectionParts, 'podLogins'>,
  request: Request,
): Promise<PodFetch> {
  const { podLogin } = customerOf(request)
  if (podLogin === undefined)
    throw new DomainError('not-signed-in', 'Sign in at your pod to change who sees it')
  return await podLogins.fetchOf(podLogin)
}
