import { DomainError } from '#core/domain/errors.ts'
import type { Json, LedgerReader } from '#core/ledger/ledger.ts'
import type { PodReader } from '#core/pods/pod.ts'
import { readAccount } from '#core/records/accounts.ts'
import type { Preview } from './values-today.ts'

/**
 * Today's values as a business would receive them: read by the reader that releases read by, so that what is
 * shown is what would leave. A field without a value is missing. Refuses with `pod-access-lost` (recorded
 * then), `pod-unreachable` or `pod-unreadable`. To be asked only while the customer's pod is open to Reach.
 */
export function previewOf({ reader, pods }: { reader: LedgerReader; pods: PodReader }): Preview {
  return async (accountId, fieldIds) => {
    const account = await readAccount(reader, accountId)
    if (account === undefined) throw new DomainError('pod-not-connected', 'There is no pod')
    const { fragments } = pods.peek(account.value, fieldIds) ?? (await pods.read(account.value, fieldIds))
    return new Map([...fragments].map(([field, text]) => [field, JSON.parse(text) as Json]))
  }
}
