import { Router } from 'express'
import { fits } from '#core/domain/activity.ts'
import type { ActivityFilter } from '#core/domain/activity.ts'
import { DomainError } from '#core/domain/errors.ts'
import { parseTime } from '#core/domain/times.ts'
import { languageOf } from '#core/http/language.ts'
import { parser } from '#core/http/validate.ts'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { HistoryItem, Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { grantHistory } from '#core/records/histories.ts'
import type { Activity, ActivityItem, ActivityQuery } from '#schemas/types.gen.ts'
import { toldOf } from '../audit/covering.ts'
import type { Told } from '../audit/covering.ts'
import { FactsReader } from '../audit/facts-reader.ts'
import { activityViewer } from './activity-view.ts'
import { readOwnGrant } from './grants.ts'
import { customerOf } from './session.ts'

const usualLimit = 30
const atOnce = 100
/** A search that finds little ends after so many times `atOnce` entries and says how far it looked. */
const mostRounds = 10

interface Page {
  readonly before?: number
  readonly limit: number
}
type Tell = (page: Page) => Promise<Told>
type View = (entries: readonly HistoryItem[]) => Promise<ActivityItem[]>

/**
 * `GET /activity` by `api/activity-query.json`: the customer's entries of the log with the looks of auditors at them, or the
 * entries of one grant of hers, newest first, in plain words. A search looks at a bounded number of entries for one page.
 */
export function activityRoutes({ ledger }: { ledger: Ledger }): Router {
  const router = Router()
  const facts = new FactsReader(ledger)
  router.get('/activity', async (request, response) => {
    const { accountId } = customerOf(request)
    const { grant, before, limit = usualLimit, ...filter } = readQuery(request.query)
    if (grant !== undefined) await readOwnGrant(ledger, accountId, grant)
    const tell: Tell = (page) =>
      grant === undefined ? toldOf(ledger, accountId, page) : pageOf(ledger, grant, page)
    const view = activityViewer(ledger, languageOf(request))
    const page = { ...(before !== undefined && { before }), limit }
    if (Object.keys(filter).length === 0) {
      const { items, ...more } = await tell(page)
      response.json({ items: await view(items), ...more } satisfies Activity)
    } else {
      const end = await endOf(facts, ledger, filter, before)
      response.json(await search(tell, view, filter, { ...page, ...(end !== undefined && { before: end }) }))
    }
  })
  return router
}

async function pageOf(reader: LedgerReader, grantId: string, { before, limit }: Page): Promise<Told> {
  const found = await grantHistory(reader, grantId, { before, limit: limit + 1 })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, ...(found.length > limit && last !== undefined && { next: last.index }) }
}

async function search(
  tell: Tell,
  view: View,
  filter: ActivityFilter,
  { before, limit }: Page,
): Promise<Activity> {
  const items: ActivityItem[] = []
  const looked: { entries: number; back?: string } = { entries: 0 }
  let next = before
  for (let round = 0; round < mostRounds; round++) {
    const told = await tell({ ...(next !== undefined && { before: next }), limit: atOnce })
    for (const item of await view(told.items)) {
      if (filter.from !== undefined && Date.parse(item.time) < Date.parse(filter.from))
        return { items, looked }
      const isFound = fits(item, filter)
      if (isFound && items.length === limit) return { items, looked, ...(next !== undefined && { next }) }
      if (isFound) items.push(item)
      looked.entries++
      looked.back = item.time
      next = item.index
    }
    if (told.next === undefined) return { items, looked }
    next = told.next
  }
  return { items, looked, ...(next !== undefined && { next }) }
}

/** Where a search begins: what is newer than its end is not looked at one by one. */
async function endOf(
  facts: FactsReader,
  ledger: Ledger,
  { to }: ActivityFilter,
  before: number | undefined,
): Promise<number | undefined> {
  if (to === undefined) return before
  const end = await facts.firstSince(Date.parse(to), sizeOf(await ledger.log.newest()))
  return Math.min(before ?? end, end)
}

const parseQuery = parser('api/activity-query.json')

/** Whole numbers come as text; whatever else stands there is refused by the schema. */
function readQuery(query: object): ActivityQuery {
  const asked = parseQuery(
    Object.fromEntries(
      Object.entries(query).map(([name, value]) => [
        name,
        /^(before|limit)$/.test(name) && /^(0|[1-9][0-9]{0,15})$/.test(String(value)) ? Number(value) : value,
      ]),
    ),
  )
  const [from = 0, to = Infinity] = [timeOf('/from', asked.from), timeOf('/to', asked.to)]
  if (from >= to) throw invalid('/to', 'must be later than from')
  return asked
}

/** Unix ms. A moment that no clock shows, such as a leap second, has the form as well. */
function timeOf(pointer: string, text: string | undefined): number | undefined {
  const time = text === undefined ? undefined : parseTime(text)
  if (text !== undefined && time === undefined) throw invalid(pointer, 'is no RFC 3339 date and time')
  return time
}

function invalid(pointer: string, detail: string): DomainError {
  return new DomainError('invalid-input', 'The query is not valid', { violations: [{ pointer, detail }] })
}
