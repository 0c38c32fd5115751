import { Router } from 'express'
import type { Request } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { closeAccess, mayControl, openAccess, probe } from '#core/pods/access.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { gainAccess, recordLostAccess } from '#core/records/access.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import type { Account, Probe } from '#schemas/types.gen.ts'
import type { PodLogins } from './pod-login.ts'
import { customerOf } from './session.ts'

export interface PodConnectionParts {
  readonly ledger: Ledger
  readonly podLogins: PodLogins
  /** Reach's agent, and a fetch as nobody in particular; both guarded. */
  readonly agent: { readonly webId: string; readonly fetch: PodFetch }
  readonly anyone: PodFetch
  /** Unix ms. */
  readonly now: () => number
}

/**
 * What Reach's agent may see of the pod: `POST /pod/connect` opens `vrm/` for it, `/pod/disconnect` shuts it out,
 * `/pod/probe` only looks. All answer what the agent can really do, found out by trying.
 */
export function podConnectionRoutes(parts: PodConnectionParts): Router {
  const { ledger } = parts
  const parseNothing = parser('api/nothing.json')
  const router = Router()
  for (const [path, act] of [
    ['/pod/connect', connect],
    ['/pod/disconnect', disconnect],
    ['/pod/probe', look],
  ] as const) {
    router.post(path, jsonBody(), async (request, response) => {
      parseNothing(request.body)
      const { accountId } = customerOf(request)
      const account = await readAccount(ledger, accountId)
      if (account === undefined) throw new Error('a session without an account')
      response.json(await act(parts, account.value, () => fetchAsCustomer(parts, request)))
    })
  }
  return router
}

type Act = (
  parts: PodConnectionParts,
  account: Account,
  fetchAsCustomer: () => Promise<PodFetch>,
) => Promise<Probe>

/**
 * Writing the access documents in the customer's own session also proves that the pod is hers: a profile may name
 * anybody's storage, and the agent may see it already, for its real owner.
 */
const connect: Act = async (parts, account, fetchAsCustomer) => {
  const { ledger, agent } = parts
  const { accountId, container, webId } = account
  // On the ground of how it stands before: access that is lost again while this is under way stays lost.
  const opened = await gainAccess(ledger, accountId)
  await openAccess(await fetchAsCustomer(), { container, owner: webId, agent: agent.webId })
  const seen = await probeAs(parts, account, 'open')
  if (!seen.ok) return await checked(parts, account, seen)
  if (opened !== undefined) await ledger.commit(opened)
  return seen
}

/** No release from the commit on, whatever the pod says to the rest of it. */
const disconnect: Act = async (parts, account, fetchAsCustomer) => {
  const { ledger, agent } = parts
  const { accountId, container, webId } = account
  await recordLostAccess(ledger, accountId)
  await assertHers(parts, account, fetchAsCustomer)
  await closeAccess(await fetchAsCustomer(), { container, owner: webId, agent: agent.webId })
  return await probeAs(parts, account, 'closed')
}

const look: Act = async (parts, account, fetchAsCustomer) => {
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
  { agent, anyone, now }: PodConnectionParts,
  account: Account,
  expect: 'open' | 'closed',
): Promise<Probe> {
  return probe({ agent: agent.fetch, anyone }, account, expect, now)
}

/** Reach that cannot see the container has lost access, also when it is the customer's look that shows it. */
async function checked({ ledger }: PodConnectionParts, account: Account, seen: Probe): Promise<Probe> {
  const blind = seen.findings.some(
    ({ resource, expected, seen: found }) => resource === account.container && expected && !found,
  )
  if (blind) await recordLostAccess(ledger, account.accountId)
  return seen
}

async function fetchAsCustomer({ podLogins }: PodConnectionParts, request: Request): Promise<PodFetch> {
  const { podLogin } = customerOf(request)
  if (podLogin === undefined)
    throw new DomainError('not-signed-in', 'Sign in at your pod to change who sees it')
  return await podLogins.fetchOf(podLogin)
}
