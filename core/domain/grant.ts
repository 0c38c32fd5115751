import type { AccessRequest, Grant, GrantedItem } from '#schemas/types.gen.ts'
import { DomainError } from './errors.ts'

/** How long a business has to redeem its code; a grant that nobody redeems ends then. In ms. */
export const redeemWithin = 10 * 60_000

/** What a decision adds to a request to make a grant of it. Ids and secret are random, made by the caller. */
export interface GrantOrigin {
  readonly grantId: string
  readonly accountId: string
  readonly subject: string
  readonly receiptId: string
  readonly secret: string
  readonly noticeHash: string
  readonly items: readonly GrantedItem[]
  /** Unix ms, inclusive. */
  readonly until: number
  /** At most so many reads in all. */
  readonly reads?: number
}

/** A grant as it begins: active, and not redeemed, so nothing leaves under it yet. */
export function newGrant(
  request: Pick<AccessRequest, 'requestId' | 'vendorId' | 'clientId' | 'retention' | 'recipients'>,
  origin: GrantOrigin,
  now: number,
): Grant {
  return {
    v: 1,
    grantId: origin.grantId,
    accountId: origin.accountId,
    vendorId: request.vendorId,
    clientId: request.clientId,
    subject: origin.subject,
    requestId: request.requestId,
    items: origin.items.map((item) => ({ id: item.id, purpose: item.purpose, fields: [...item.fields] })),
    retention: request.retention,
    recipients: request.recipients,
    validFrom: now,
    until: origin.until,
    ...(origin.reads === undefined ? {} : { reads: origin.reads }),
    state: 'active',
    redeemed: false,
    redeemBy: now + redeemWithin,
    noticeHash: origin.noticeHash,
    receiptId: origin.receiptId,
    secret: origin.secret,
  }
}

export function hasEnded(grant: Grant): boolean {
  return grant.state === 'withdrawn' || grant.state === 'expired'
}

/** Unix ms of the last moment of a grant that is left alone. */
export function endsAt(grant: Grant): number {
  return grant.redeemed ? grant.until : Math.min(grant.until, grant.redeemBy)
}

export type Liveness = 'live' | 'unredeemed' | 'paused' | 'withdrawn' | 'expired'

/**
 * What a grant is at this moment; nothing leaves unless it is `live`. A passed end counts before anybody
 * recorded it.
 */
export function liveness(grant: Grant, now: number): Liveness {
  if (grant.state === 'withdrawn') return 'withdrawn'
  if (grant.state === 'expired' || now > endsAt(grant)) return 'expired'
  if (!grant.redeemed) return 'unredeemed'
  return grant.state === 'paused' ? 'paused' : 'live'
}

/** The business has redeemed its code. Refuses (`conflict`) what has ended or was redeemed before. */
export function redeem(grant: Grant, now: number): Grant {
  assertGoingOn(grant, now)
  if (grant.redeemed) throw new DomainError('conflict', 'This permission was picked up before.')
  return { ...grant, redeemed: true }
}

/**
 * Whether `other`, of the same customer at the same business, ends when `grant` is redeemed: her last decision holds, and from
 * then on. Whatever the clocks say, no two that are redeemed go on together.
 */
export function givesWay(other: Grant, grant: Grant): boolean {
  if (other.grantId === grant.grantId) return false
  return other.redeemed || other.validFrom <= grant.validFrom
}

/** Pausing what is paused changes nothing; what has ended cannot be paused (`conflict`). */
export function pause(grant: Grant, now: number): Grant {
  assertGoingOn(grant, now)
  return grant.state === 'paused' ? grant : { ...grant, state: 'paused' }
}

/** Resuming what is active changes nothing; what has ended cannot come back (`conflict`). */
export function resume(grant: Grant, now: number): Grant {
  assertGoingOn(grant, now)
  return grant.state === 'active' ? grant : { ...grant, state: 'active' }
}

/** Withdrawing always succeeds; what has ended already stays as it ended. */
export function withdraw(grant: Grant, now: number): Grant {
  return hasEnded(grant) ? grant : { ...grant, state: 'withdrawn', endedAt: now }
}

/** The customer's later decision holds, and is redeemed now; what has ended already stays as it ended. */
export function giveWay(grant: Grant, to: Pick<Grant, 'grantId'>, now: number): Grant {
  return hasEnded(grant) ? grant : { ...withdraw(grant, now), replacedBy: to.grantId }
}

/** The business gives the grant up; what has ended already stays as it ended. */
export function relinquish(grant: Grant, now: number): Grant {
  return hasEnded(grant) ? grant : { ...grant, state: 'withdrawn', endedAt: now, endedBy: 'business' }
}

/** What became of it is lost, so it stops; what has ended already stays as it ended. */
export function endLost(grant: Grant, now: number): Grant {
  return hasEnded(grant) ? grant : { ...grant, state: 'withdrawn', endedAt: now, endedBy: 'recovery' }
}

/**
 * Records an end that has passed, and how it is called in the log; `undefined` when there is nothing to
 * record.
 */
export function endPassed(
  grant: Grant,
  now: number,
): { grant: Grant; type: 'expired' | 'unredeemed' } | undefined {
  if (hasEnded(grant) || now <= endsAt(grant)) return undefined
  return {
    grant: { ...grant, state: 'expired', endedAt: now },
    type: grant.redeemed ? 'expired' : 'unredeemed',
  }
}

/** Refuses (`conflict`) what has ended. */
export function assertGoingOn(grant: Grant, now: number): void {
  if (hasEnded(grant) || now > endsAt(grant)) throw new DomainError('conflict', 'This permission has ended.')
}

/**
 * The asked fields that this grant allows for exactly this purpose, in the order asked; the very list when it allows
 * all of them. A wider or narrower purpose of the vocabulary is another purpose.
 */
export function releasable(
  grant: Pick<Grant, 'items'>,
  purpose: string,
  fields: readonly string[],
): readonly string[] {
  const items = grant.items.filter((item) => item.purpose === purpose)
  const isAllowed = (field: string) => items.some((item) => item.fields.includes(field))
  return fields.every(isAllowed) ? fields : fields.filter(isAllowed)
}

/** Why nothing can leave; for counting, never told to a business as it stands. */
export type GrantRefusal = Exclude<Liveness, 'live'> | 'not-granted'

/**
 * The grant among those of one subject under which to release: live, and covering most of what is asked; then
 * the one that lasts longest, then the newest. `refused` says how near the nearest came.
 */
export function chooseGrant<Held extends { readonly value: Grant }>(
  grants: readonly Held[],
  asked: { readonly purpose: string; readonly fields: readonly string[] },
  now: number,
): { readonly held: Held; readonly fields: readonly string[] } | { readonly refused: GrantRefusal } {
  let best: { held: Held; fields: readonly string[] } | undefined
  let refused: GrantRefusal = 'withdrawn'
  for (const held of grants) {
    const state = liveness(held.value, now)
    const fields = state === 'live' ? releasable(held.value, asked.purpose, asked.fields) : []
    if (fields.length > 0) {
      if (best === undefined || isBetter({ held, fields }, best)) best = { held, fields }
    } else {
      const reason = state === 'live' ? 'not-granted' : state
      if (nearness.indexOf(reason) > nearness.indexOf(refused)) refused = reason
    }
  }
  return best ?? { refused }
}

const nearness: readonly GrantRefusal[] = ['withdrawn', 'expired', 'unredeemed', 'paused', 'not-granted']

function isBetter(
  one: { held: { readonly value: Grant }; fields: readonly string[] },
  other: { held: { readonly value: Grant }; fields: readonly string[] },
): boolean {
  const [a, b] = [one.held.value, other.held.value]
  const order = one.fields.length - other.fields.length || a.until - b.until || a.validFrom - b.validFrom
  return order === 0 ? a.grantId > b.grantId : order > 0
}
