import type { Language } from './category-file.ts'
import { noticeWords } from './notice-words.ts'

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
export function durationInWords(duration: string, language: Language = 'en'): string {
  const { units: names, and } = noticeWords[language]
  const parts = [...duration.matchAll(/([0-9]+)([YMWD])/g)].map(([, amount, unit]) =>
    names[unit as keyof typeof names](Number(amount)),
  )
  return parts.length === 0 ? duration : and(parts)
}
