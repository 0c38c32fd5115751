import type { DecidedItem, FieldView, RequestView } from '#schemas/types.gen.ts'

/** What is ticked of the optional fields: `<item id> <field>`; one field may stand in several items. */
export type Ticks = ReadonlySet<string>

export function tickOf(itemId: string, field: string): string {
  return `${itemId} ${field}`
}

export function withTick(ticks: Ticks, tick: string, on: boolean): Ticks {
  const next = new Set(ticks)
  if (on) next.add(tick)
  else next.delete(tick)
  return next
}

/** The part of a request that an Allow would grant: required items whole, of optional ones what is ticked. */
export function chosenItems(items: RequestView['items'], ticks: Ticks): RequestView['items'] {
  return items
    .map((item) => ({
      ...item,
      fields: item.fields.filter(({ field }) => item.required || ticks.has(tickOf(item.id, field))),
    }))
    .filter(({ fields }) => fields.length > 0)
}

export function decidedItems(items: RequestView['items'], ticks: Ticks): DecidedItem[] {
  return chosenItems(items, ticks).map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) }))
}

/** Each field once, in the order of the request. */
export function chosenFields(items: RequestView['items'], ticks: Ticks): FieldView[] {
  const fields = chosenItems(items, ticks).flatMap((item) => item.fields)
  return fields.filter(({ field }, index) => fields.findIndex((other) => other.field === field) === index)
}

/** The data of a reply as the business would get it today: only what has a value. */
export function replyData(fields: readonly FieldView[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.filter(({ value }) => value !== undefined).map(({ field, value }) => [field, value]),
  )
}
