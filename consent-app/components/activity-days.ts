import type { ActivityItem } from '#schemas/types.gen.ts'
import { localDay } from './until-options.ts'

/** What the log has once for each permission, and befell all of them in one moment. */
const ofAll = ['access-lost', 'access-restored', 'category-lost', 'category-restored']

/** What happened, each time with its entries: of several that say the same of one moment it is told once. The order stays. */
export function byEvent(items: readonly ActivityItem[]): readonly (readonly ActivityItem[])[] {
  const eventOf = ({ type, time, index }: ActivityItem) =>
    ofAll.includes(type) ? `${type} ${time}` : String(index)
  return [...Map.groupBy(items, eventOf).values()]
}

/** Groups entries, newest first, by the day they fall on where the reader is. The order stays. */
export function byDay(
  items: readonly ActivityItem[],
): { readonly day: string; readonly items: readonly ActivityItem[] }[] {
  const days = Map.groupBy(items, ({ time }) => localDay(Date.parse(time)))
  return [...days].map(([day, entries]) => ({ day, items: entries }))
}
