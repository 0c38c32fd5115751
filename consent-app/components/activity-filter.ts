/** What the address of the activity asks for, and back: so it can be kept, shared with oneself, and gone back to. */
import { activityKinds } from '#core/domain/activity.ts'
import type { ActivityFilter } from '#core/domain/activity.ts'
import { localDay } from './until-options.ts'

export const filterNames = ['q', 'business', 'kind', 'field', 'from', 'to'] as const
export type FilterName = (typeof filterNames)[number]
/** As it stands in the address and in the form: days are those of the reader, and `to` is the last that counts. */
export type FilterDraft = Readonly<Partial<Record<FilterName, string>>>

const forms: Readonly<Record<FilterName, (value: string) => boolean>> = {
  q: (value) => value.trim() !== '' && value.length <= 100,
  business: (value) => /^[A-Za-z0-9_-]{16,64}$/.test(value),
  kind: (value) => activityKinds.some((kind) => kind === value),
  field: (value) => /^[a-z][a-z-]{0,31}(\.[a-z][A-Za-z0-9]{0,31})?$/.test(value),
  from: isDay,
  to: isDay,
}

/** Whatever somebody wrote into an address: what could not be asked for does not limit. */
export function readFilter(parameters: URLSearchParams): FilterDraft {
  const draft = Object.fromEntries(
    filterNames.flatMap((name) => {
      const value = parameters.get(name) ?? ''
      return forms[name](value) ? [[name, value]] : []
    }),
  ) as FilterDraft
  const { from, to, ...rest } = draft
  return from !== undefined && to !== undefined && from > to ? { ...rest, from } : draft
}

/** As the vault is asked. */
export function askedFor({ from, to, ...rest }: FilterDraft): ActivityFilter {
  return {
    ...(rest as ActivityFilter),
    ...(from === undefined ? {} : { from: new Date(`${from}T00:00`).toISOString() }),
    ...(to === undefined ? {} : { to: dayAfter(to).toISOString() }),
  }
}

function dayAfter(day: string): Date {
  const next = new Date(`${day}T00:00`)
  next.setDate(next.getDate() + 1)
  return next
}

/** A day of the calendar since there were computers, so that no sum with it leaves what a date can be. */
function isDay(value: string): boolean {
  if (!/^(19[7-9]|2\d\d)\d-\d\d-\d\d$/.test(value)) return false
  const time = Date.parse(`${value}T00:00`)
  return !Number.isNaN(time) && time >= 0 && localDay(time) === value
}
