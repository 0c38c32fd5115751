import type { ActivityItem } from '#schemas/types.gen.ts'
import { localDay } from './until-options.ts'

/** Groups entries, newest first, by the day they fall on where the reader is. The order stays. */
export function byDay(
  items: readonly ActivityItem[],
): { readonly day: string; readonly items: readonly ActivityItem[] }[] {
  const days = Map.groupBy(items, ({ time }) => localDay(Date.parse(time)))
  return [...days].map(([day, entries]) => ({ day, items: entries }))
}
