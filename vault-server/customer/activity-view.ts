import { findFieldIn } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { readFact } from '#core/domain/facts.ts'
import type { Fact, FactOf, RefusalCounts } from '#core/domain/facts.ts'
import { findPurpose } from '#core/domain/purposes.ts'
import { formatTime } from '#core/domain/times.ts'
import { LedgerDamaged, type HistoryItem, type LedgerReader } from '#core/ledger/ledger.ts'
import { readGrant } from '#core/records/grants.ts'
import type { ActivityItem, VendorView } from '#schemas/types.gen.ts'
import { viewVendor } from './views.ts'

/** Shows entries in the words of one language; a business is read once, however many are about it. */
export function activityViewer(
  reader: LedgerReader,
  language: Language,
): (entries: readonly HistoryItem[]) => Promise<ActivityItem[]> {
  const vendors = new Map<string, Promise<VendorView>>()
  const vendorOf = (id: string) => {
    const known = vendors.get(id) ?? viewVendor(reader, id)
    vendors.set(id, known)
    return known
  }
  return (entries) =>
    Promise.all(
      entries.map(async ({ index, ops }) => {
        const fact = readFact(ops)
        const vendor = 'vendor' in fact && fact.vendor !== undefined ? await vendorOf(fact.vendor) : undefined
        const replacedBy = fact.type === 'withdrawn' ? await replacementOf(reader, fact.grant) : undefined
        return {
          index,
          ...viewFact(fact, language),
          ...(vendor === undefined ? {} : { vendor }),
          ...(replacedBy === undefined ? {} : { replacedBy }),
        }
      }),
    )
}

/** Of a grant whose row is damaged nobody can tell; what happened under it is shown all the same. */
async function replacementOf(reader: LedgerReader, grantId: string): Promise<string | undefined> {
  try {
    return (await readGrant(reader, grantId))?.value.replacedBy
  } catch (error) {
    if (error instanceof LedgerDamaged) return undefined
    throw error
  }
}

function viewFact(fact: Fact, language: Language): Omit<ActivityItem, 'index' | 'vendor'> {
  const items = 'items' in fact ? fact.items : 'fields' in fact ? [fact] : []
  const purposes = [...new Set(items.map(({ purpose }) => purpose))]
  const [purpose] = purposes
  const fields = [...new Set(items.flatMap((item) => item.fields))]
  return {
    type: fact.type,
    time: formatTime(fact.time),
    ...('grant' in fact && fact.grant !== undefined ? { grantId: fact.grant } : {}),
    ...('request' in fact ? { requestId: fact.request } : {}),
    ...(purpose === undefined || purposes.length > 1
      ? {}
      : { purpose, purposeTitle: findPurpose(purpose, language)?.title ?? purpose }),
    ...(fields.length === 0
      ? {}
      : { fields: fields.map((field) => ({ field, title: findFieldIn(language, field)?.title ?? field })) }),
    ...('category' in fact ? { category: fact.category } : {}),
    ...(fact.type === 'disclosures-refused' ? { refused: viewRefused(fact.from, fact.counts) } : {}),
    ...('seq' in fact ? { seq: fact.seq } : {}),
    ...(fact.type === 'acknowledged' ? { acknowledged: fact.kind } : {}),
    ...('until' in fact ? { until: formatTime(fact.until) } : {}),
    ...(fact.type === 'audited' ? { audit: viewAudit(fact) } : {}),
  }
}

function viewRefused(from: number, counts: RefusalCounts) {
  const count = Object.values(counts).reduce((sum, one) => sum + one, 0)
  return { count, from: formatTime(from), reasons: Object.keys(counts) }
}

function viewAudit({ auditor, because, first, end }: FactOf<'audited'>) {
  return { auditor, because, first, last: end - 1 }
}
