import type { Boundary } from '#schemas/types.gen.ts'
import { fields, findField } from './catalogue.ts'
import { day } from './times.ts'

/** How long a business may not ask again for what was refused. In ms. */
export const coolOff = 30 * day

/** So many requests refused inside the cool-off, with nothing allowed in between, and nothing more may be asked in it. */
const mostRefusals = 3

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

/**
 * What is turned away is refused as late as a person may refuse it, since a business that is answered at once would know
 * that nobody looked. In ms; in development an engineer waits.
 */
const refusalTimes = {
  production: { soonest: 15_000, latest: 30 * 60_000 },
  development: { soonest: 1_000, latest: 10_000 },
} as const

/**
 * When a request that is turned away is refused, Unix ms: every doubling of the wait is equally likely, and half of them
 * come within three minutes. However little time the business gives: what ends before is answered by nobody, or a minute
 * would be enough to learn that no person answers. `random`: from 0 to 1.
 */
export function refusalTime({
  now,
  random,
  mode,
}: {
  now: number
  random: number
  mode: keyof typeof refusalTimes
}): number {
  const { soonest, latest } = refusalTimes[mode]
  return now + Math.floor(soonest * (latest / soonest) ** random)
}

export function noBoundary(accountId: string, vendorId: string): Boundary {
  return { v: 1, accountId, vendorId, denials: [], turnedAway: [] }
}

/**
 * Whether the customer has decided already that this is not to be asked: the business is blocked; or the request asks,
 * required or not, for a field for a purpose that she refused it inside the cool-off, or for one that tells it (who
 * refused to say that she is of age is not asked for her birth date); or it is the fourth try inside the cool-off. One
 * such field is enough, or a business could ask again by adding others or leaving some out. For another purpose the same
 * field is another question, and so is a field that tells less; how often it may be put is what the last rule is for.
 */
export function turnAway(boundary: Boundary | undefined, request: Asked, now: number): TurnAway | undefined {
  if (boundary === undefined) return undefined
  if (boundary.blockedAt !== undefined) return { reason: 'blocked', since: boundary.blockedAt }
  const told = scopesOf(request).flatMap(({ purpose, field }) =>
    toldBy(field).map((one) => keyOf({ purpose, field: one })),
  )
  const asked = new Set(told)
  const met: { at: number; until: number }[] = boundary.denials.filter((denial) => asked.has(keyOf(denial)))
  const [newest = 0] = boundary.refusals ?? []
  const until = silentUntil(boundary)
  if (until !== undefined) met.push({ at: newest, until })
  const running = met.filter(({ until }) => now < until)
  if (running.length === 0) return undefined
  return {
    reason: 'cool-off',
    since: Math.max(...running.map(({ at }) => at)),
    until: Math.max(...running.map(({ until }) => until)),
  }
}

/** After so many refusals in a row the business may ask nothing before this, Unix ms; it may have passed. */
export function silentUntil({ refusals }: Pick<Boundary, 'refusals'>): number | undefined {
  const first = refusals?.[mostRefusals - 1]
  return first === undefined ? undefined : first + coolOff
}

/** The customer refused all that was asked: from now on its cool-off runs. */
export function deny(boundary: Boundary, request: Asked, now: number): Boundary {
  const fresh = scopesOf(request).map((scope) => ({ ...scope, at: now, until: now + coolOff }))
  const again = new Set(fresh.map(keyOf))
  const others = boundary.denials.filter((denial) => now < denial.until && !again.has(keyOf(denial)))
  const refusals = [now, ...(boundary.refusals ?? [])].slice(0, mostRefusals)
  return { ...boundary, denials: [...fresh, ...others].slice(0, mostDenials), refusals }
}

/** What she allows after all is no longer refused. The same boundary when nothing changes. */
export function allow(boundary: Boundary, granted: Asked): Boundary {
  const given = new Set(scopesOf(granted).map(keyOf))
  const denials = boundary.denials.filter((denial) => !given.has(keyOf(denial)))
  const { refusals, ...others } = boundary
  if (refusals === undefined && denials.length === boundary.denials.length) return boundary
  return { ...others, denials }
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
  const { blockedAt, refusals, ...others } = boundary
  if (blockedAt === undefined && refusals === undefined && others.denials.length === 0) return boundary
  return { ...others, denials: [] }
}

/** A field and all that can be worked out from it; a size in another system tells as much as the one it is made of. */
function toldBy(id: string): readonly string[] {
  const field = findField(id)
  const known = field?.kind === 'derived' && !field.hides ? field.from : [id]
  const derived = fields.filter(
    (one) => one.kind === 'derived' && one.from.some((from) => known.includes(from)),
  )
  return [id, ...known, ...derived.map((one) => one.id)]
}

function scopesOf({ items }: Asked): { purpose: string; field: string }[] {
  return items.flatMap(({ purpose, fields }) => fields.map((field) => ({ purpose, field })))
}

const keyOf = ({ purpose, field }: { purpose: string; field: string }) => `${purpose} ${field}`
