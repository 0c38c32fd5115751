import { Router } from 'express'
import type { Request, Response } from 'express'
import { turnAway } from '#core/domain/boundary.ts'
import type { TurnAway } from '#core/domain/boundary.ts'
import { latestUntil, suggestedUntil } from '#core/domain/decision.ts'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { newSecret } from '#core/ledger/leaf.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readAccount, staying } from '#core/records/accounts.ts'
import { listBoundaries } from '#core/records/boundaries.ts'
import { requestEntry } from '#core/records/entries.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { findByCode } from '#core/records/request-ways.ts'
import { claimRequest, listAccountRequests, readRequest } from '#core/records/requests.ts'
import type { AccessRequest, OpenRequests, Redirect, RequestView } from '#schemas/types.gen.ts'
import type { Asked, Exchange, Interactions } from '../oauth/interactions.ts'
import { amendmentOf } from './amendment.ts'
import { viewTurnedAway } from './boundaries.ts'
import { plainCode } from '../oauth/received.ts'
import { sameOriginOnly } from './csrf.ts'
import type { Decide } from './decision.ts'
import { limitPer } from './limits.ts'
import { expectRefusal, leaveTurnedAway, turnedAwayBy } from './turned-away.ts'
import { valuesToday, viewItems } from './values-today.ts'
import type { Preview } from './values-today.ts'
import { viewVendor } from './views.ts'

/** Who is signed in with this request, if anybody. */
export type CustomerOf = (request: Request) => Promise<{ readonly accountId: string } | undefined>

interface RequestParts {
  readonly ledger: Ledger
  readonly names: Names
  readonly interactions: Interactions
  readonly preview: Preview
  /** Unix ms. */
  readonly now: () => number
}

/**
 * `POST /consent/:uid/open`, `/decision` and `/leave`, and `GET /api/requests`. The first three lie under the
 * interaction's own address, since that is the path of its cookie; `decide` makes the one commit of a
 * decision.
 */
export function requestRoutes(
  parts: RequestParts,
  { decide, customerOf, vaultUrl }: { decide: Decide; customerOf: CustomerOf; vaultUrl: string },
): { readonly consent: Router; readonly api: Router } {
  const parseNothing = parser('api/nothing.json')
  const parseDecision = parser('api/decision.json')
  const parseLink = parser('api/open-link.json')
  const signedIn = async (request: Request) => {
    const customer = await customerOf(request)
    if (customer === undefined) throw new DomainError('not-signed-in', 'Sign in first')
    return customer
  }

  const consent = Router({ strict: true, caseSensitive: true })
  const guards = [sameOriginOnly({ origin: new URL(vaultUrl).origin }), jsonBody()]
  consent.post('/consent/:uid/open', guards, async (request: Request, response: Response) => {
    const { accountId } = await signedIn(request)
    parseNothing(request.body)
    response.json(await openRequest(parts, [request, response], { uid: uidOf(request), accountId }))
  })
  consent.post('/consent/:uid/decision', guards, async (request: Request, response: Response) => {
    const { accountId } = await signedIn(request)
    const decision = parseDecision(request.body)
    response.json(await decide([request, response], { uid: uidOf(request), accountId, decision }))
  })

  consent.post('/consent/:uid/leave', guards, async (request: Request, response: Response) => {
    const { accountId } = await signedIn(request)
    parseNothing(request.body)
    const asked = await findRequest(parts.interactions, [request, response], uidOf(request))
    response.json(await leaveTurnedAway(parts, { asked, accountId }))
  })

  const api = Router({ strict: true, caseSensitive: true })
  api.get('/requests', async (request, response) => {
    const { accountId } = await signedIn(request)
    response.json(await openRequests(parts, accountId))
  })
  const tries = limitPer({ points: 20, seconds: 60 })
  api.post('/link', jsonBody(), async (request, response) => {
    const { accountId } = await signedIn(request)
    const { code } = parseLink(request.body)
    await tries(accountId)
    const requestId = await openLink(parts, { code, accountId })
    response.json({ location: vaultUrl + pageOf(requestId) } satisfies Redirect)
  })
  return { consent, api }
}

function uidOf(request: Request): string {
  return String(request.params['uid'])
}

/**
 * The request that `uid` leads to from this browser. The same answer for whatever is not this browser's or not there.
 */
export async function findRequest(
  interactions: Interactions,
  exchange: Exchange,
  uid: string,
): Promise<Asked> {
  const found = await interactions.find(exchange, uid)
  if (found === undefined) throw new DomainError('not-found', 'This request was begun in another browser')
  return found
}

/**
 * Shows the request with today's exact values. The browser that the business sent makes it this customer's for good;
 * anybody else who opens it, at the same time or later, gets `not-found`. Its customer finds it on her list, too. What
 * she has decided not to be asked is shown as turned away.
 */
async function openRequest(
  parts: RequestParts,
  exchange: Exchange,
  { uid, accountId }: { uid: string; accountId: string },
): Promise<RequestView> {
  const asked = await findRequest(parts.interactions, exchange, uid)
  const request = asked.isSent
    ? await claim(parts, asked.requestId, accountId)
    : await ownRequest(parts.ledger, asked.requestId, accountId)
  const turnedAway = await turnedAwayBy(parts.ledger, request, parts.now())
  if (turnedAway !== undefined) await expectRefusal(parts, request)
  return viewRequest(parts, request, { asked, turnedAway: turnedAway?.reason ?? request.turnedAway })
}

async function ownRequest(ledger: Ledger, requestId: string, accountId: string): Promise<ClaimedRequest> {
  const stored = await readRequest(ledger, requestId)
  if (stored?.value.accountId !== accountId) throw new DomainError('not-found', 'There is no such request')
  return { ...stored.value, accountId }
}

/**
 * A link or QR code makes its request this customer's for good, if she is the first: where she decides on it. Unknown,
 * used and ended codes are one answer, `not-found`.
 */
async function openLink(
  parts: RequestParts,
  { code, accountId }: { code: string; accountId: string },
): Promise<string> {
  const requestId = await findByCode({ reader: parts.ledger, names: parts.names }, plainCode(code))
  if (requestId === undefined) throw new DomainError('not-found', 'There is no request with this code')
  await claim(parts, requestId, accountId)
  return requestId
}

/** Where a request is decided, without the cookie of an interaction. */
const pageOf = (requestId: string) => `/consent/${requestId}`

/** Where the browser goes back to; the way of a request that was put off has been gone when it is on the list. */
export function returnOf({ status, returnTo }: AccessRequest, { isSent }: Asked): string | undefined {
  return status === 'open' || (status === 'later' && !isSent) ? undefined : returnTo
}

type ClaimedRequest = AccessRequest & { readonly accountId: string }

async function claim(
  { ledger, now }: RequestParts,
  requestId: string,
  accountId: string,
): Promise<ClaimedRequest> {
  for (let attempt = 1; ; attempt++) {
    const stored = await readRequest(ledger, requestId)
    if (stored === undefined) throw new DomainError('not-found', 'There is no such request')
    const secret = newSecret()
    const claimed = claimRequest(stored, { accountId, secret })
    if (claimed.writes === undefined) return { ...stored.value, accountId }
    if (now() > stored.value.expiresAt)
      throw new DomainError('request-expired', 'This request can no longer be answered')
    await refuseSuspended(ledger, stored)
    await refuseTooMany({ ledger, now }, accountId, stored.value.vendorId)
    const account = await readAccount(ledger, accountId)
    if (account === undefined) throw new DomainError('not-signed-in', 'Sign in first')
    const request = { ...stored.value, accountId, secret }
    const { items, until } = request
    const entry = requestEntry(request, { type: 'requested', items, until }, { who: account.value.webId })
    try {
      await ledger.commit(combine(claimed, { entries: [entry] }, await staying(ledger, accountId)))
      return request
    } catch (error) {
      // Somebody opened it at the same moment: look again whose it is now.
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

/** Requests of one business that may wait for one customer: more is no more to decide on, only more to look at. */
const mostWaiting = 20

async function refuseTooMany(
  parts: Pick<RequestParts, 'ledger' | 'now'>,
  accountId: string,
  vendorId: string,
): Promise<void> {
  const waiting = await waitingRequests(parts, accountId)
  if (waiting.filter((request) => request.vendorId === vendorId).length >= mostWaiting)
    throw new DomainError('rate-limited', 'Too many requests of this business wait for your answer', {
      retryAfter: 3600,
    })
}

async function refuseSuspended(ledger: Ledger, stored: Stored<AccessRequest>): Promise<void> {
  const { suspended } = await viewVendor(ledger, stored.value.vendorId)
  if (suspended) throw new DomainError('vendor-suspended', 'This business is suspended')
}

async function viewRequest(
  parts: RequestParts,
  request: ClaimedRequest,
  { asked, turnedAway: reason }: { asked: Asked; turnedAway: TurnAway['reason'] | undefined },
): Promise<RequestView> {
  const now = parts.now()
  const returnTo = returnOf(request, asked)
  const { redirectUri } = asked
  const isOpen = reason === undefined && (request.status === 'open' || request.status === 'later')
  const [vendor, today, amends, turnedAway] = await Promise.all([
    viewVendor(parts.ledger, request.vendorId),
    isOpen ? valuesToday(parts, request) : { unavailable: undefined },
    isOpen ? amendmentOf(parts.ledger, request, now) : undefined,
    reason === undefined ? undefined : viewTurnedAway(parts.ledger, { ...request, turnedAway: reason }, now),
  ])
  return {
    requestId: request.requestId,
    accountId: request.accountId,
    requestHash: request.requestHash,
    status: request.status,
    vendor,
    items: viewItems(request.items, today),
    retention: request.retention,
    recipients: request.recipients,
    until: formatTime(request.until),
    latestUntil: formatTime(latestUntil(request, now)),
    suggestedUntil: formatTime(suggestedUntil(request, now)),
    channel: request.channel ?? 'browser',
    ...(request.matchingCode === undefined ? {} : { matchingCode: request.matchingCode }),
    expiresAt: formatTime(request.expiresAt),
    ...(redirectUri === undefined ? {} : { returnHost: new URL(redirectUri).host }),
    asOf: formatTime(now),
    ...(amends === undefined ? {} : { amends }),
    ...(turnedAway === undefined ? {} : { turnedAway }),
    ...(today.unavailable === undefined ? {} : { valuesUnavailable: today.unavailable }),
    ...(returnTo === undefined ? {} : { returnTo }),
    ...(request.pickupCode === undefined ? {} : { pickupCode: request.pickupCode }),
  }
}

async function openRequests(parts: RequestParts, accountId: string): Promise<OpenRequests> {
  const { ledger, now } = parts
  const boundaries = new Map(
    (await listBoundaries(ledger, accountId)).map(({ value }) => [value.vendorId, value]),
  )
  // Who is blocked, or was refused the same not long ago, does not reach her by asking directly either.
  const shown = (await waitingRequests(parts, accountId)).filter(
    (request) => turnAway(boundaries.get(request.vendorId), request, now()) === undefined,
  )
  const requests = shown.map(async (request) => ({
    requestId: request.requestId,
    vendor: await viewVendor(ledger, request.vendorId),
    receivedAt: formatTime(request.receivedAt),
    status: request.status === 'later' ? ('later' as const) : ('open' as const),
    items: request.items.length,
    channel: request.channel ?? 'browser',
    ...(request.matchingCode === undefined ? {} : { matchingCode: request.matchingCode }),
    expiresAt: formatTime(request.expiresAt),
    page: pageOf(request.requestId),
  }))
  return { requests: await Promise.all(requests) }
}

/** Of the newest 100 of this customer, those that she can still answer. */
async function waitingRequests(
  { ledger, now }: Pick<RequestParts, 'ledger' | 'now'>,
  accountId: string,
): Promise<AccessRequest[]> {
  const { rows } = await listAccountRequests(ledger, accountId, { limit: 100 })
  const at = now()
  return rows
    .map(({ value }) => value)
    .filter(({ status, expiresAt }) => (status === 'open' || status === 'later') && at <= expiresAt)
}
