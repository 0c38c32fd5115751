import { day } from '#core/domain/times.ts'
import type { GrantView, VendorView } from '#schemas/types.gen.ts'

/** Days before its end from which a grant is shown as ending soon. */
export const soonDays = 7

/** Can data leave under it, now or once it is picked up, resumed or given more reads? */
export function isLive(grant: Pick<GrantView, 'state'>): boolean {
  return grant.state !== 'withdrawn' && grant.state !== 'expired'
}

/** Can data leave under it right now? */
export function isReadable({ state, vendor }: Pick<GrantView, 'state' | 'vendor'>): boolean {
  return state === 'active' && !vendor.suspended
}

/**
 * Its state for the eye: a withdrawal is the customer's; a newer grant may take its place, a business may give it back, and one
 * whose records are lost stops.
 * `isShut`: Reach cannot read the pod, and so nobody can read anything.
 */
export function howItStands(
  { state, endedBy, replacedBy }: Pick<GrantView, 'state' | 'endedBy' | 'replacedBy'>,
  isShut: boolean,
): GrantView['state'] | 'replaced' | 'relinquished' | 'lost' | 'shut' {
  if (replacedBy !== undefined) return 'replaced'
  if (endedBy === 'recovery') return 'lost'
  if (state === 'active' && isShut) return 'shut'
  return endedBy === 'business' ? 'relinquished' : state
}

/** Whether it ends by itself within the next days; `now` in Unix ms. */
export function endsSoon(grant: Pick<GrantView, 'state' | 'until'>, now: number): boolean {
  return isLive(grant) && Date.parse(grant.until) - now < soonDays * day
}

/** The fields of a grant, each once, with their titles. */
export function fieldsOf(grant: Pick<GrantView, 'items'>): { field: string; title: string }[] {
  const fields = grant.items.flatMap((item) => item.fields)
  return fields.filter(({ field }, index) => fields.findIndex((other) => other.field === field) === index)
}

export interface SightRow {
  readonly vendor: VendorView
  readonly grants: readonly GrantView[]
  /** Titles of what the business can read now, by category. */
  readonly titles: ReadonlyMap<string, readonly string[]>
  readonly reads: number
}

/** Who can see what: one row per business with a grant under which data can leave right now. */
export function sightOf(grants: readonly GrantView[]): SightRow[] {
  const active = grants.filter(isReadable)
  const byVendor = Map.groupBy(active, ({ vendor }) => vendor.vendorId)
  return [...byVendor.values()].flatMap((held) => {
    const vendor = held[0]?.vendor
    if (vendor === undefined) return []
    const fields = held.flatMap(fieldsOf)
    const titles = new Map<string, string[]>()
    for (const { field, title } of fields) {
      const category = field.slice(0, field.indexOf('.'))
      const known = titles.get(category) ?? []
      if (!known.includes(title)) titles.set(category, [...known, title])
    }
    const reads = held.reduce((sum, grant) => sum + grant.reads, 0)
    return [{ vendor, grants: held, titles, reads }]
  })
}

/** How many different fields anybody can read now. */
export function visibleFields(grants: readonly GrantView[]): number {
  const active = grants.filter(isReadable)
  return new Set(active.flatMap((grant) => fieldsOf(grant).map(({ field }) => field))).size
}

/** Live before past; the live ones by their end, the past ones newest first. */
export function splitGrants(grants: readonly GrantView[]): { live: GrantView[]; past: GrantView[] } {
  const ended = (grant: GrantView) => Date.parse(grant.endedAt ?? grant.until)
  return {
    live: grants.filter(isLive).toSorted((a, b) => Date.parse(a.until) - Date.parse(b.until)),
    past: grants.filter((grant) => !isLive(grant)).toSorted((a, b) => ended(b) - ended(a)),
  }
}
