import { findField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Json, LedgerReader } from '#core/ledger/ledger.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import type { FieldView, RequestedItem, RequestItemView, RequestView } from '#schemas/types.gen.ts'
import { purposePhrase, purposeTitle } from './views.ts'

/**
 * Today's values of these fields, as they would leave; a field without a value is missing. Refuses as pods
 * do.
 */
export type Preview = (accountId: string, fieldIds: readonly string[]) => Promise<ReadonlyMap<string, Json>>

/** What a customer decides on: her values as they are today, or why they cannot be shown. */
export interface Today {
  /** Absent where values are not shown at all. */
  readonly values?: ReadonlyMap<string, Json>
  /** Then nothing can be allowed. */
  readonly unavailable: Unavailable | undefined
}

type Unavailable = NonNullable<RequestView['valuesUnavailable']>
const reasons: readonly Unavailable[] = [
  'pod-not-connected',
  'pod-access-lost',
  'pod-unreachable',
  'pod-unreadable',
]

/** Today's values of all fields of these items. */
export async function valuesToday(
  { ledger, preview }: { ledger: LedgerReader; preview: Preview },
  { accountId, items }: { accountId: string; items: readonly Pick<RequestedItem, 'fields'>[] },
): Promise<Today> {
  const standing = await readCustomerStanding(ledger, accountId)
  if (standing?.value.podAccess !== 'open') {
    return { unavailable: standing?.value.podAccess === 'lost' ? 'pod-access-lost' : 'pod-not-connected' }
  }
  try {
    const fields = [...new Set(items.flatMap((item) => item.fields))]
    return { values: await preview(accountId, fields), unavailable: undefined }
  } catch (error) {
    const reason = error instanceof DomainError ? reasons.find((one) => one === error.code) : undefined
    if (reason === undefined) throw error
    return { unavailable: reason }
  }
}

/** Items of a request with today's values in them. */
export function viewItems(items: readonly RequestedItem[], { values }: Today): RequestItemView[] {
  return items.map(({ id, purpose, why, required, fields }) => ({
    id,
    purpose,
    purposeTitle: purposeTitle(purpose),
    purposePhrase: purposePhrase(purpose),
    why,
    required,
    fields: fields.map((field) => viewField(field, values)),
  }))
}

function viewField(id: string, values: ReadonlyMap<string, Json> | undefined): FieldView {
  const field = findField(id)
  if (field === undefined) throw new Error('a request names a field that the catalogue has lost')
  const value = values?.get(id)
  const derived = field.kind === 'derived'
  return {
    field: id,
    title: field.title,
    description: field.description,
    sensitivity: field.sensitivity,
    derived,
    ...(derived ? { from: [...field.from], rule: field.rule } : {}),
    ...(value === undefined ? {} : { value: value as NonNullable<FieldView['value']> }),
    ...(values === undefined || value !== undefined ? {} : { missing: true }),
  }
}
