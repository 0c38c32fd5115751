import { Router } from 'express'
import { readFact } from '#core/domain/facts.ts'
import type { FactOf } from '#core/domain/facts.ts'
import { formatTime } from '#core/domain/times.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { listAccountGrants, listEarlier } from '#core/records/grants.ts'
import { accountHistory } from '#core/records/histories.ts'
import type { FieldsLeft } from '#schemas/types.gen.ts'
import { customerOf } from './session.ts'
import { viewVendor } from './views.ts'

const page = 100
/** Entries that are looked through for a field that has not left for long. */
const mostEntries = 2_000

/** `GET /fields/left`: when each field, or an answer worked out from one, last left, and to whom, by the log alone. */
export function fieldsLeftRoutes({ ledger }: { ledger: Ledger }): Router {
  const router = Router()
  router.get('/fields/left', async (request, response) => {
    response.json(await fieldsLeft(ledger, customerOf(request).accountId))
  })
  return router
}

async function fieldsLeft(ledger: Ledger, accountId: string): Promise<FieldsLeft> {
  const wanted = await everGranted(ledger, accountId)
  const found = new Map<string, FactOf<'disclosed'>>()
  let before: number | undefined
  let since: number | undefined
  for (let seen = 0; found.size < wanted.size;) {
    if (seen >= mostEntries) break
    const entries = await accountHistory(ledger, accountId, { before, limit: page })
    for (const { ops } of entries) {
      const fact = readFact(ops)
      since = fact.time
      if (fact.type !== 'disclosed') continue
      for (const field of fact.fields) if (!found.has(field)) found.set(field, fact)
    }
    seen += entries.length
    before = entries.at(-1)?.index
    if (entries.length < page) {
      since = undefined
      break
    }
  }
  const vendors = new Map<string, Promise<string>>()
  const nameOf = (vendorId: string) => {
    const known = vendors.get(vendorId) ?? viewVendor(ledger, vendorId).then(({ name }) => name)
    vendors.set(vendorId, known)
    return known
  }
  const left = await Promise.all(
    [...found].map(async ([field, { time, vendor, grant }]) => ({
      field,
      time: formatTime(time),
      business: await nameOf(vendor),
      grantId: grant,
    })),
  )
  const isWhole = since === undefined || found.size >= wanted.size
  return { left, ...(isWhole ? {} : { since: formatTime(since ?? 0) }) }
}

/** Nothing else can have left: fields of all permissions, past ones and earlier terms included. */
async function everGranted(reader: LedgerReader, accountId: string): Promise<ReadonlySet<string>> {
  const fields = new Set<string>()
  for (let after: string | undefined; ;) {
    const { rows, next } = await listAccountGrants(reader, accountId, { after, limit: page })
    for (const { value } of rows) {
      const terms = [value, ...(await listEarlier(reader, value.grantId))]
      for (const { items } of terms)
        for (const item of items) for (const field of item.fields) fields.add(field)
    }
    if (next === undefined) return fields
    after = next
  }
}
