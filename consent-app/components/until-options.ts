import { day } from '#core/domain/times.ts'
import type { RequestView } from '#schemas/types.gen.ts'

export interface UntilOption {
  readonly name: 'week' | 'month' | 'suggested' | 'current' | 'asked'
  /** RFC 3339. */
  readonly until: string
}

/** What can be chosen of: `suggestedUntil` is chosen at the beginning. */
export type Ends = Pick<RequestView, 'asOf' | 'until' | 'latestUntil' | 'suggestedUntil'>

/**
 * The ends offered at a click, earliest first; each lies after the request was shown and not after the latest end
 * that can be chosen. They depend on the request alone, so sending an answer twice sends the same answer.
 */
export function untilOptions(request: Ends, first: 'suggested' | 'current' = 'suggested'): UntilOption[] {
  const start = Date.parse(request.asOf)
  const latest = Date.parse(request.latestUntil)
  const suggested = Date.parse(request.suggestedUntil)
  const asked = Date.parse(request.until)
  const options: UntilOption[] = [{ name: first, until: request.suggestedUntil }]
  for (const [name, days] of [
    ['week', 7],
    ['month', 30],
  ] as const) {
    const end = start + days * day
    if (end < suggested - day) options.push({ name, until: new Date(end).toISOString() })
  }
  if (asked > suggested && asked <= latest) options.push({ name: 'asked', until: request.until })
  return options.toSorted((a, b) => Date.parse(a.until) - Date.parse(b.until))
}

/** `YYYY-MM-DD` of a time in the reader's own time zone, as a date input takes it. */
export function localDay(time: number): string {
  const date = new Date(time)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** The first and last day that can be picked: tomorrow, and the day of the latest end. */
export function dayBounds(request: Pick<RequestView, 'asOf' | 'latestUntil'>): {
  first: string
  last: string
} {
  return {
    first: localDay(Date.parse(request.asOf) + day),
    last: localDay(Date.parse(request.latestUntil)),
  }
}

/** The end of the picked day where the reader is, or the latest end when that comes first. Undefined: out of bounds. */
export function endOfDay(
  picked: string,
  request: Pick<RequestView, 'asOf' | 'latestUntil'>,
): string | undefined {
  const { first, last } = dayBounds(request)
  if (!/^\d{4}-\d{2}-\d{2}$/.test(picked) || picked < first || picked > last) return undefined
  const end = Date.parse(`${picked}T23:59:59`)
  if (Number.isNaN(end)) return undefined
  return new Date(Math.min(end, Date.parse(request.latestUntil))).toISOString()
}
