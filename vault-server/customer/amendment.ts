import { differenceOf, mergedTerms } from '#core/domain/change.ts'
import type { Scope } from '#core/domain/change.ts'
import { mostDays } from '#core/domain/durations.ts'
import { hasEnded, liveness, withdraw } from '#core/domain/grant.ts'
import { formatTime } from '#core/domain/times.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { grantEntry } from '#core/records/entries.ts'
import { readLiveGrants } from '#core/records/grants.ts'
import type { GrantChange } from '#core/records/grants.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import type { AccessRequest, AmendedField, Amendment, Grant } from '#schemas/types.gen.ts'
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
  const earlier = (await earlierGrants(reader, request, now)).map(({ value }) => value)
  const before = mergedTerms(earlier)
  if (before === undefined) return undefined
  const { added, removed, longer } = differenceOf(before, request)
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
    longer,
    keptLonger: (mostDays(request.retention) ?? 0) > keptBefore,
    recipientsAdded: request.recipients.map(({ name }) => name).filter((name) => !known.has(name)),
  }
}

/** The ends of what an allowed request takes the place of, and what is told of them in the same commit. */
export async function replacedBy(
  reader: LedgerReader,
  request: Asking,
  { at, webId }: { at: number; webId: string },
): Promise<{ replaced: readonly GrantChange[]; told: CommitParts }> {
  const earlier = await earlierGrants(reader, request, at)
  const replaced = earlier.map((stored) => ({ stored, next: withdraw(stored.value, at) }))
  const told = replaced.map(({ next }) =>
    combine(vendorEvent({ type: 'grant.withdrawn', grant: next, at }), {
      entries: [grantEntry(next, { type: 'withdrawn' }, { who: webId })],
    }),
  )
  return { replaced, told: combine(...told) }
}

/** What has not ended, of this customer at this business. */
async function earlierGrants(
  reader: LedgerReader,
  { accountId, vendorId }: { accountId: string; vendorId: string },
  now: number,
): Promise<readonly Stored<Grant>[]> {
  const { grants } = await readLiveGrants(reader, accountId)
  return grants.filter(
    ({ value }) => value.vendorId === vendorId && !hasEnded(value) && liveness(value, now) !== 'expired',
  )
}

function viewScope({ purpose, field }: Scope): AmendedField {
  return { field, title: fieldTitle(field), purpose, purposeTitle: purposeTitle(purpose) }
}
