/** One day in ms. */
export const day = 86_400_000

/** No grant lasts longer than this from the moment it is decided. */
export const longestGrant = 365 * day

/** What a decision suggests when more was asked. */
export const suggestedGrant = 90 * day

/**
 * Unix ms of an RFC 3339 date-time; `undefined` for anything else, also for a day that no calendar has. Leap
 * seconds are not accepted, parts of a millisecond are cut.
 */
export function parseTime(text: string): number | undefined {
  const found = rfc3339.exec(text)
  if (found === null) return undefined
  const [, year, month, date] = found.map(Number)
  if (date === undefined || month === undefined || year === undefined) return undefined
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const time = Date.parse(text.toUpperCase())
  return date > lastDay || Number.isNaN(time) || time < 0 ? undefined : time
}

const rfc3339 =
  /^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$/

/** RFC 3339 in UTC with milliseconds, as every reply has it. */
export function formatTime(time: number): string {
  return new Date(time).toISOString()
}
