import { Router } from 'express'
import type { Request } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { closeAccess } from '#core/pods/access.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import { beginErasure } from '#core/records/erasure.ts'
import { readLiveGrants } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import { readPodMove } from '#core/records/pod-moves.ts'
import { withdrawAll } from '#core/records/withdrawals.ts'
import type { Account, Left, LeaveView, WithdrawnAll } from '#schemas/types.gen.ts'
import type { ReachPods } from '../pods/reach-pods.ts'
import { accountOfCustomer, fetchAsCustomer } from './pod-connection.ts'
import type { PodLogins } from './pod-login.ts'
import { customerOf } from './session.ts'
import type { Sessions } from './session.ts'
import { viewVendor } from './views.ts'

/** Who leaves has signed in within this time: a browser that was left open is not enough. */
export const recentMs = 15 * 60_000
const attempts = 5

export interface LeaveParts {
  readonly ledger: Ledger
  readonly names: Names
  readonly sessions: Sessions
  readonly podLogins: PodLogins
  readonly pods: ReachPods
  /** Of the embedded pods, in whichever process they run. */
  readonly podOrigins: readonly string[]
  /** Unix ms. */
  readonly now: () => number
}

/**
 * `GET /leave`, what it would mean; `POST /leave`, for good; `POST /grants/withdraw`, everything that she allows and nothing
 * else. `changed` runs after a commit that jobs wait in.
 */
export function leaveRoutes(parts: LeaveParts, { changed }: { changed: () => void }): Router {
  const { ledger, now } = parts
  const parseLeave = parser('api/leave.json')
  const parseWithdraw = parser('api/withdraw.json')
  const router = Router()

  router.get('/leave', async (request, response) => {
    const account = await accountOfCustomer(ledger, request)
    response.json(await viewLeave(parts, request, account))
  })

  router.post('/leave', jsonBody(), async (request, response) => {
    const wish = parseLeave(request.body)
    const account = await accountOfCustomer(ledger, request)
    if (!isRecent(request, now()))
      throw new DomainError('sign-in-too-old', 'Sign in once more: this cannot be undone')
    if (wish.deletePod && !isPodHere(parts, account))
      throw new DomainError('conflict', 'Your pod is not one of this Reach, which cannot delete it')
    // What a passkey opens ends before the pod.
    if (wish.deletePod && customerOf(request).podLogin === undefined)
      throw new DomainError('not-signed-in', 'Sign in at your pod to delete it')
    const podAccess = wish.deletePod ? 'deleted' : await closePod(parts, request, account)
    const { askDeletion, deletePod } = wish
    const erasure = referenceFor(parts, request)
    await begin(parts, request, { accountId: account.accountId, erasure, askDeletion, deletePod })
    parts.pods.forget(account.accountId)
    await parts.sessions.end(request, response)
    changed()
    response.status(202).json({ erasure, podAccess } satisfies Left)
  })

  router.post('/grants/withdraw', jsonBody(), async (request, response) => {
    const { askDeletion = false } = parseWithdraw(request.body)
    const { accountId, webId } = await accountOfCustomer(ledger, request)
    const withdrawn = await withdrawAll(parts, { accountId, webId, askDeletion })
    response.json({ withdrawn } satisfies WithdrawnAll)
  })
  return router
}

async function viewLeave(parts: LeaveParts, request: Request, account: Account): Promise<LeaveView> {
  const { ledger, now } = parts
  const { grants } = await readLiveGrants(ledger, account.accountId)
  const ids = [...new Set(grants.map(({ value }) => value.vendorId))]
  const vendors = await Promise.all(ids.map((id) => viewVendor(ledger, id)))
  return {
    liveGrants: grants.length,
    businesses: vendors.map(({ name }) => name).toSorted(),
    pod: isPodHere(parts, account) ? 'here' : 'elsewhere',
    signedInAt: formatTime(customerOf(request).signedInAt),
    recentEnough: isRecent(request, now()),
    erasure: referenceFor(parts, request),
  }
}

/**
 * Under which the log would tell of an erasure by this session: told before, since the reply may be lost and there is nobody left to
 * ask for it. Begins with a letter, since it is typed as an argument.
 */
function referenceFor({ names }: LeaveParts, request: Request): string {
  return `e${names.hidden('erasure', customerOf(request).session).slice(0, 21)}`
}

function isRecent(request: Request, now: number): boolean {
  return now - customerOf(request).signedInAt <= recentMs
}

/**
 * A profile may name anybody's storage as its own: only a pod that was made with the very WebID that signed in here is hers to
 * delete.
 */
export function isPodHere(
  { podOrigins }: Pick<LeaveParts, 'podOrigins'>,
  { webId, podUrl }: Pick<Account, 'webId' | 'podUrl'>,
): boolean {
  return podOrigins.includes(new URL(podUrl).origin) && webId === `${podUrl}profile/card#me`
}

/** Takes Reach out of the access lists of a pod that stays. The erasure does not wait for a pod that does not answer. */
async function closePod(parts: LeaveParts, request: Request, account: Account): Promise<Left['podAccess']> {
  const closed = await Promise.all([
    isDone(closeOwn(parts, request, account)),
    isDone(closeOtherEnd(parts, account.accountId)),
  ])
  return closed.every(Boolean) ? 'closed' : 'not-closed'
}

function isDone(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof DomainError)) throw error
      return false
    },
  )
}

async function closeOwn(
  parts: LeaveParts,
  request: Request,
  { accountId, container, webId, actingAs }: Account,
): Promise<void> {
  const standing = await readCustomerStanding(parts.ledger, accountId)
  if (standing?.value.podAccess === 'none') return
  const fetch = await fetchAsCustomer(parts, request)
  for (const agent of new Set([parts.pods.agent.webId, actingAs ?? parts.pods.agent.webId]))
    if (agent !== webId) await closeAccess(fetch, { container, owner: webId, agent })
}

/** Of a move that is not finished: Reach was let into the new pod already, or is in the old one still. */
async function closeOtherEnd({ ledger, podLogins, pods }: LeaveParts, accountId: string): Promise<void> {
  const move = (await readPodMove(ledger, accountId))?.value
  if (move === undefined) return
  const { from, to, fromLogin, toLogin } = move
  const [end, login] = move.state === 'copying' ? [to, toLogin] : [from, fromLogin]
  const { container, webId: owner } = end
  await closeAccess(await podLogins.fetchOf(login), { container, owner, agent: pods.agent.webId })
}

async function begin(
  { ledger, names, sessions, now }: LeaveParts,
  request: Request,
  wish: { accountId: string; erasure: string; askDeletion: boolean; deletePod: boolean },
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { parts } = await beginErasure({ reader: ledger, names }, { ...wish, cause: 'own-act' }, now())
    try {
      await ledger.commit(combine(parts, await sessions.holding(request)))
      return
    } catch (error) {
      if (!(error instanceof CommitRefused) || attempt === attempts) throw error
    }
  }
}
