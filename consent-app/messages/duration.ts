export interface Duration {
  readonly years: number
  readonly months: number
  readonly weeks: number
  readonly days: number
}

/** Reads an ISO 8601 duration of years, months, weeks and days, such as P90D; what it does not know counts as none. */
export function parseDuration(iso: string): Duration {
  const unit = (letter: string) => Number(new RegExp(`(\\d+)${letter}`).exec(iso)?.[1] ?? 0)
  return { years: unit('Y'), months: unit('M'), weeks: unit('W'), days: unit('D') }
}
