import type { Boundary } from '#schemas/types.gen.ts'
import { day } from './times.ts'

/** How long a business may not ask again for what was refused. In ms. */
export const coolOff = 30 * day

/** More than there are fields and purposes, each with each: or a business could ask until an earlier refusal is forgotten. */
const mostDenials = 5_000
const mostTurnedAway = 20

interface Asked {
  readonly items: readonly { readonly purpose: string; readonly fields: readonly string[] }[]
}

/** Why a request does not reach the customer. */
export type TurnAway =
  | { readonly reason: 'blocked'; readonly since: number }
  | { readonly reason: 'cool-off'; readonly since: number; readonly until: number }

export function noBoundary(accountId: string, vendorId: string): Boundary {
  return { v: 1, accountId, vendorId, denials: [], turnedAway: [] }
}

/**
 * Whether the customer has decided already that this is not to be asked: the business is blocked, or the request asks
 * for a field for a purpose that she refused it inside the cool-off. One such field is enough, or a business could ask
 * again by adding another; for another purpose the same field is another question.
 */
export function turnAway(boundary: Boundary | undefined, request: Asked, now: number): TurnAway | undefined {
  if (boundary === undefined) return undefined
  if (boundary.blockedAt !== undefined) return { reason: 'blocked', since: boundary.blockedAt }
  const asked = new Set(scopesOf(request).map(keyOf))
  const met = boundary.denials.filter((denial) => now < denial.until && asked.has(keyOf(denial)))
  if (met.length === 0) return undefined
  return {
    reason: 'cool-off',
    since: Math.max(...met.map(({ at }) => at)),
    until: Math.max(...met.map(({ until }) => until)),
  }
}

/** The customer refused all that was asked: from now on its cool-off runs. */
export function deny(boundary: Boundary, request: Asked, now: number): Boundary {
  const fresh = scopesOf(request).map((scope) => ({ ...scope, at: now, until: now + coolOff }))
  const again = new Set(fresh.map(keyOf))
  const others = boundary.denials.filter((denial) => now < denial.until && !again.has(keyOf(denial)))
  return { ...boundary, denials: [...fresh, ...others].slice(0, mostDenials) }
}

/** What she allows after all is no longer refused. The same boundary when nothing changes. */
export function allow(boundary: Boundary, granted: Asked): Boundary {
  const given = new Set(scopesOf(granted).map(keyOf))
  const denials = boundary.denials.filter((denial) => !given.has(keyOf(denial)))
  return denials.length === boundary.denials.length ? boundary : { ...boundary, denials }
}

/** Notes that a request did not reach her. */
export function noteTurnedAway(boundary: Boundary, reason: TurnAway['reason'], now: number): Boundary {
  return { ...boundary, turnedAway: [{ at: now, reason }, ...boundary.turnedAway].slice(0, mostTurnedAway) }
}

/** The same boundary when nothing changes. */
export function block(boundary: Boundary, now: number): Boundary {
  return boundary.blockedAt === undefined ? { ...boundary, blockedAt: now } : boundary
}

/** Ends a block and every cool-off: the business may ask anything again. */
export function letAsk(boundary: Boundary): Boundary {
  if (boundary.blockedAt === undefined && boundary.denials.length === 0) return boundary
  const { blockedAt: _, ...others } = boundary
  return { ...others, denials: [] }
}

function scopesOf({ items }: Asked): { purpose: string; field: string }[] {
  return items.flatMap(({ purpose, fields }) => fields.map((field) => ({ purpose, field })))
}

const keyOf = ({ purpose, field }: { purpose: string; field: string }) => `${purpose} ${field}`
