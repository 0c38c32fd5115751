import { Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Stored } from '#core/records/parts.ts'
import { endSession, listSessions } from '#core/records/sessions.ts'
import type { Session } from '#core/records/sessions.ts'
import type { Sessions, SessionView } from '#schemas/types.gen.ts'
import type { PodLogins } from './pod-login.ts'
import { customerOf, idleMs } from './session.ts'

/**
 * Where the customer is signed in: `GET /sessions`, `POST /sessions/:session/end`, and `POST /sessions/end-others`. The one that
 * asks is ended by signing out.
 */
export function sessionRoutes({
  ledger,
  podLogins,
  now,
}: {
  ledger: Ledger
  podLogins: Pick<PodLogins, 'end'>
  /** Unix ms. */
  now: () => number
}): Router {
  const parseNothing = parser('api/nothing.json')
  const router = Router()

  const end = async (session: Stored<Session>): Promise<void> => {
    await ledger.commit(endSession(session))
    if (session.value.podLogin !== undefined) await podLogins.end(session.value.podLogin)
  }

  router.get('/sessions', async (request, response) => {
    const customer = customerOf(request)
    const found = await listSessions(ledger, customer.accountId)
    const views = found.map(({ value }) => viewSession(value, customer.session, now()))
    const order = (view: SessionView) => (view.current ? '~' : view.usedAt)
    response.json({
      sessions: views.toSorted((one, other) => (order(one) < order(other) ? 1 : -1)),
    } satisfies Sessions)
  })

  router.post('/sessions/end-others', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const { accountId, session } = customerOf(request)
    for (const one of await listSessions(ledger, accountId)) if (one.value.ref !== session) await end(one)
    response.status(204).end()
  })

  router.post<{ session: string }>('/sessions/:session/end', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const { accountId, session } = customerOf(request)
    const found = (await listSessions(ledger, accountId)).find(
      ({ value }) => value.ref === request.params.session,
    )
    if (found === undefined) throw new DomainError('not-found', 'There is no such session of yours')
    if (found.value.ref === session) throw new DomainError('conflict', 'To end this session, sign out')
    await end(found)
    response.status(204).end()
  })
  return router
}

function viewSession(
  { ref, device, createdAt, expiresAt }: Session,
  current: string,
  now: number,
): SessionView {
  // The end moves with the use, at most once an hour.
  const usedAt = Math.min(Math.max(createdAt, expiresAt - idleMs), now)
  return {
    session: ref,
    current: ref === current,
    ...device,
    signedInAt: formatTime(createdAt),
    usedAt: formatTime(usedAt),
    endsAt: formatTime(expiresAt),
  }
}
