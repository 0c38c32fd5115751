import { Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { readFact } from '#core/domain/facts.ts'
import type { Fact, FactOf } from '#core/domain/facts.ts'
import { formatTime } from '#core/domain/times.ts'
import type { HistoryItem, LedgerReader } from '#core/ledger/ledger.ts'
import type { Activity, ActivityItem, VendorView } from '#schemas/types.gen.ts'
import { toldOf } from '../audit/covering.ts'
import type { Told } from '../audit/covering.ts'
import { readOwnGrant } from './grants.ts'
import { customerOf } from './session.ts'
import { fieldTitle, purposeTitle, viewVendor } from './views.ts'

const usualLimit = 30
const maxLimit = 100

/**
 * `GET /activity?before=<index>&limit=<n>&grant=<id>`: the customer's entries of the log with the looks of auditors at them, or
 * the entries of one grant of hers, newest first, in plain words.
 */
export function activityRoutes({ reader }: { reader: LedgerReader }): Router {
  const router = Router()
  router.get('/activity', async (request, response) => {
    const { accountId } = customerOf(request)
    const { grant, ...asked } = request.query
    const { before, limit = usualLimit } = readPage(asked)
    const page = { ...(before === undefined ? {} : { before }), limit }
    const { items, ...more } =
      grant === undefined
        ? await toldOf(reader, accountId, page)
        : await pageOf(reader, await ownThread(reader, accountId, grant), page)
    response.json({ items: await viewEntries(reader, items), ...more } satisfies Activity)
  })
  return router
}

async function pageOf(
  reader: LedgerReader,
  thread: string,
  { before, limit }: { before?: number; limit: number },
): Promise<Told> {
  const found = await reader.history(thread, { ...(before !== undefined && { before }), limit: limit + 1 })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, ...(found.length > limit && last !== undefined && { next: last.index }) }
}

/** The thread of a grant; `not-found` for one of anybody else. */
async function ownThread(reader: LedgerReader, accountId: string, grantId: unknown): Promise<string> {
  if (typeof grantId !== 'string') throw invalid('grant', 'must be one id')
  return (await readOwnGrant(reader, accountId, grantId)).value.grantId
}

function readPage(query: object): { before?: number; limit?: number } {
  const page: { before?: number; limit?: number } = {}
  for (const [name, value] of Object.entries(query)) {
    if (name !== 'before' && name !== 'limit') throw invalid('', 'has a parameter that is not known')
    const number = Number(value)
    const valid = /^(0|[1-9][0-9]{0,15})$/.test(value) && Number.isSafeInteger(number)
    if (!valid) throw invalid(name, 'must be a whole number')
    if (name === 'limit' && (number < 1 || number > maxLimit)) throw invalid(name, `must be 1 to ${maxLimit}`)
    page[name] = number
  }
  return page
}

function invalid(pointer: string, detail: string): DomainError {
  return new DomainError('invalid-input', 'The query is not valid', { violations: [{ pointer, detail }] })
}

async function viewEntries(reader: LedgerReader, entries: readonly HistoryItem[]): Promise<ActivityItem[]> {
  const vendors = new Map<string, Promise<VendorView>>()
  const vendorOf = (id: string) => {
    const known = vendors.get(id) ?? viewVendor(reader, id)
    vendors.set(id, known)
    return known
  }
  return await Promise.all(
    entries.map(async ({ index, ops }) => {
      const fact = readFact(ops)
      const vendor = 'vendor' in fact && fact.vendor !== undefined ? await vendorOf(fact.vendor) : undefined
      return { index, ...viewFact(fact), ...(vendor === undefined ? {} : { vendor }) }
    }),
  )
}

function viewFact(fact: Fact): Omit<ActivityItem, 'index' | 'vendor'> {
  const items = 'items' in fact ? fact.items : 'fields' in fact ? [fact] : []
  const purposes = [...new Set(items.map(({ purpose }) => purpose))]
  const [purpose] = purposes
  const fields = [...new Set(items.flatMap((item) => item.fields))]
  return {
    type: fact.type,
    time: formatTime(fact.time),
    ...('grant' in fact && fact.grant !== undefined ? { grantId: fact.grant } : {}),
    ...('request' in fact ? { requestId: fact.request } : {}),
    ...(purpose === undefined || purposes.length > 1 ? {} : { purpose, purposeTitle: purposeTitle(purpose) }),
    ...(fields.length === 0 ? {} : { fields: fields.map((field) => ({ field, title: fieldTitle(field) })) }),
    ...('seq' in fact ? { seq: fact.seq } : {}),
    ...(fact.type === 'acknowledged' ? { acknowledged: fact.kind } : {}),
    ...('until' in fact ? { until: formatTime(fact.until) } : {}),
    ...(fact.type === 'audited' ? { audit: viewAudit(fact) } : {}),
  }
}

function viewAudit({ auditor, because, first, end }: FactOf<'audited'>) {
  return { auditor, because, first, last: end - 1 }
}
