import { Router } from 'express'
import { block, letAsk, silentUntil, turnAway } from '#core/domain/boundary.ts'
import { DomainError } from '#core/domain/errors.ts'
import { hasEnded } from '#core/domain/grant.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { staying } from '#core/records/accounts.ts'
import { boundaryEntry, boundaryOf, listBoundaries, readBoundary } from '#core/records/boundaries.ts'
import { readLiveGrants } from '#core/records/grants.ts'
import { combine } from '#core/records/parts.ts'
import { readVendor } from '#core/records/vendors.ts'
import type { AccessRequest, Boundaries, Boundary, BoundaryView, RequestView } from '#schemas/types.gen.ts'
import { actOnGrant } from './grants.ts'
import type { GrantParts } from './grants.ts'
import { customerOf } from './session.ts'
import { fieldTitle, purposeTitle, viewVendor } from './views.ts'

type OfBusiness = { vendorId: string }
type Act = 'block' | 'let-ask'

const acts = {
  block: { change: block, type: 'blocked' },
  'let-ask': { change: letAsk, type: 'unblocked' },
} as const

/**
 * Which businesses cannot ask the customer, or not for everything: `GET /boundaries`, and `POST
 * /businesses/:vendorId/{block,let-ask}`. Blocking ends what the business may read as well.
 */
export function boundaryRoutes(parts: GrantParts): Router {
  const { ledger, now } = parts
  const parseNothing = parser('api/nothing.json')
  const router = Router()

  router.get('/boundaries', async (request, response) => {
    const { accountId } = customerOf(request)
    response.json(await viewBoundaries(ledger, accountId, now()))
  })

  for (const act of Object.keys(acts) as Act[]) {
    router.post<OfBusiness>(`/businesses/:vendorId/${act}`, jsonBody(), async (request, response) => {
      const { accountId } = customerOf(request)
      parseNothing(request.body)
      const { vendorId } = request.params
      await setBoundary(parts, { accountId, vendorId, act })
      if (act === 'block') await endAll(parts, { accountId, vendorId })
      response.json(await viewBoundaries(ledger, accountId, now()))
    })
  }
  return router
}

/** Blocks a business, or lets it ask again. The same again changes nothing. Refuses with `not-found`. */
async function setBoundary(
  { ledger, now }: GrantParts,
  { accountId, vendorId, act }: { accountId: string; vendorId: string; act: Act },
): Promise<void> {
  const { change, type } = acts[act]
  for (let attempt = 1; ; attempt++) {
    if ((await readVendor(ledger, vendorId)) === undefined)
      throw new DomainError('not-found', 'There is no such business')
    const { boundary, set } = await boundaryOf(ledger, accountId, vendorId)
    const next = change(boundary, now())
    if (next === boundary) return
    try {
      const told = { entries: [boundaryEntry({ accountId, vendorId }, type)] }
      await ledger.commit(combine(set(next), told, await staying(ledger, accountId)))
      return
    } catch (error) {
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

/**
 * Nothing new can be allowed to a blocked business, so what is found after the block is all there is. Each ends by a
 * withdrawal of its own; broken off half way, blocking again ends the rest.
 */
async function endAll(
  parts: GrantParts,
  { accountId, vendorId }: { accountId: string; vendorId: string },
): Promise<void> {
  const { grants } = await readLiveGrants(parts.ledger, accountId)
  for (const { value } of grants)
    if (value.vendorId === vendorId && !hasEnded(value))
      await actOnGrant({ accountId, grantId: value.grantId, act: 'withdraw' }, parts)
}

export async function viewBoundaries(
  reader: LedgerReader,
  accountId: string,
  now: number,
): Promise<Boundaries> {
  const rows = await listBoundaries(reader, accountId)
  const told = rows.map(({ value }) => value).filter((value) => saysAnything(value, now))
  return { businesses: await Promise.all(told.map((boundary) => viewBoundary(reader, boundary, now))) }
}

function saysAnything({ blockedAt, denials, turnedAway }: Boundary, now: number): boolean {
  return blockedAt !== undefined || turnedAway.length > 0 || denials.some(({ until }) => now < until)
}

async function viewBoundary(reader: LedgerReader, boundary: Boundary, now: number): Promise<BoundaryView> {
  const running = boundary.denials.filter(({ until }) => now < until)
  const byPurpose = Map.groupBy(running, ({ purpose }) => purpose)
  const nothingUntil = silentUntil(boundary) ?? 0
  return {
    vendor: await viewVendor(reader, boundary.vendorId),
    ...(boundary.blockedAt === undefined ? {} : { blockedAt: formatTime(boundary.blockedAt) }),
    ...(now < nothingUntil ? { nothingUntil: formatTime(nothingUntil) } : {}),
    denied: [...byPurpose].map(([purpose, denials]) => ({
      purpose,
      purposeTitle: purposeTitle(purpose),
      fields: denials.map(({ field }) => ({ field, title: fieldTitle(field) })),
      until: formatTime(Math.max(...denials.map(({ until }) => until))),
    })),
    turnedAway: boundary.turnedAway.map(({ at, reason }) => ({ at: formatTime(at), reason })),
  }
}

/** Why a request was turned away; with the end of the cool-off while it still runs. */
export async function viewTurnedAway(
  reader: LedgerReader,
  { accountId, vendorId, items, turnedAway: reason = 'blocked' }: AccessRequest & { accountId: string },
  now: number,
): Promise<NonNullable<RequestView['turnedAway']>> {
  const boundary = await readBoundary(reader, accountId, vendorId)
  const turned = turnAway(boundary?.value, { items }, now)
  if (turned === undefined) return { reason }
  const until = turned.reason === 'cool-off' ? { until: formatTime(turned.until) } : {}
  return { reason, since: formatTime(turned.since), ...until }
}
