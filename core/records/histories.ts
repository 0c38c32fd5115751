/** Which entries of the log tell of a grant, and which of a customer. Whoever asks decides before who may know. */
import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { HistoryItem, LedgerReader, LogReader } from '#core/ledger/ledger.ts'
import { listGrantIds, seqKey } from './grants.ts'

interface Page {
  /** Entries below this index. */
  readonly before?: number | undefined
  readonly limit?: number
}

/** Newest first: what became of the grant, and each disclosure under it. */
export function grantHistory(
  reader: LedgerReader,
  grantId: string,
  { before = Infinity, limit = Infinity }: Page = {},
): Promise<HistoryItem[]> {
  return reader.history(grantId, { counters: [seqKey(grantId)], before, limit })
}

/**
 * Newest first: what became of the customer, her requests and grants, and each disclosure. A disclosure stands in the index of its
 * grant alone, so that it costs one row; those of all her grants are merged here.
 */
export async function accountHistory(
  ledger: LedgerReader & { readonly log: Pick<LogReader, 'newest'> },
  accountId: string,
  { before = Infinity, limit = Infinity }: Page = {},
): Promise<HistoryItem[]> {
  // Before the grants are listed: a disclosure below this end is of a grant that is among them.
  const end = sizeOf(await ledger.log.newest())
  const counters = (await listGrantIds(ledger, accountId)).map(seqKey)
  return ledger.history(accountId, { counters, before: Math.min(before, end), limit })
}
