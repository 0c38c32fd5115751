const units = [
  ['Y', 366],
  ['M', 31],
  ['W', 7],
  ['D', 1],
] as const

/**
 * The most days an ISO 8601 duration of years, months, weeks and days can be, such as 92 for P3M less a day
 * or two. `undefined` for anything else: each unit at most once, in this order.
 */
export function mostDays(duration: string): number | undefined {
  const found = /^P(?=[0-9])(?:([0-9]{1,3})Y)?(?:([0-9]{1,3})M)?(?:([0-9]{1,3})W)?(?:([0-9]{1,3})D)?$/.exec(
    duration,
  )
  if (found === null) return undefined
  return units.reduce((sum, [, days], position) => sum + days * Number(found[position + 1] ?? 0), 0)
}

/** The duration in words: `P1Y6M` is "1 year and 6 months". */
export function durationInWords(duration: string): string {
  const names = { Y: 'year', M: 'month', W: 'week', D: 'day' }
  const parts = [...duration.matchAll(/([0-9]+)([YMWD])/g)].map(([, amount, unit]) => {
    const count = Number(amount)
    return `${count} ${names[unit as keyof typeof names]}${count === 1 ? '' : 's'}`
  })
  return parts.length < 2 ? (parts[0] ?? duration) : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}
