import { differenceOf, mergedTerms } from '#core/domain/change.ts'
import type { Scope } from '#core/domain/change.ts'
import { mostDays } from '#core/domain/durations.ts'
import { formatTime } from '#core/domain/times.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { grantsBetween } from '#core/records/grants.ts'
import type { AccessRequest, AmendedField, Amendment } from '#schemas/types.gen.ts'
import { fieldTitle, purposeTitle } from './views.ts'

type Asking = Pick<AccessRequest, 'vendorId' | 'items' | 'until' | 'retention' | 'recipients'> & {
  readonly accountId: string
}

/** What a request of a business would change of what this customer allows it already; nothing when she allows nothing. */
export async function amendmentOf(
  reader: LedgerReader,
  request: Asking,
  now: number,
): Promise<Amendment | undefined> {
  const earlier = (await grantsBetween(reader, request, now)).map(({ value }) => value)
  const before = mergedTerms(earlier)
  if (before === undefined) return undefined
  const { added, removed } = differenceOf(before, request)
  const isAdded = new Set(added.map(({ purpose, field }) => `${purpose} ${field}`))
  const asked = request.items.flatMap(({ purpose, fields }) => fields.map((field) => ({ purpose, field })))
  const keptBefore = Math.max(...earlier.map(({ retention }) => mostDays(retention) ?? 0))
  const known = new Set(earlier.flatMap(({ recipients }) => recipients.map(({ name }) => name)))
  return {
    grants: earlier.map(({ grantId }) => grantId),
    since: formatTime(Math.min(...earlier.map(({ validFrom }) => validFrom))),
    until: formatTime(before.until),
    added: added.map(viewScope),
    kept: asked.filter(({ purpose, field }) => !isAdded.has(`${purpose} ${field}`)).map(viewScope),
    removed: removed.map(viewScope),
    ...(before.reads === undefined ? {} : { reads: before.reads }),
    keptLonger: (mostDays(request.retention) ?? 0) > keptBefore,
    recipientsAdded: request.recipients.map(({ name }) => name).filter((name) => !known.has(name)),
  }
}

function viewScope({ purpose, field }: Scope): AmendedField {
  return { field, title: fieldTitle(field), purpose, purposeTitle: purposeTitle(purpose) }
}
