import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { StoredReceipt } from '#schemas/types.gen.ts'
import { absent, part, put, read, remove } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

const receiptKey = (receiptId: string) => `receipt/${part(receiptId)}`

/** Keeps a receipt for ever; there is no way to change one. */
export function keepReceipt(receipt: StoredReceipt): CommitParts {
  return {
    checks: [absent(receiptKey(receipt.receiptId))],
    writes: [put(receiptKey(receipt.receiptId), receipt, { customer: receipt.accountId })],
  }
}

export function readReceipt(
  reader: LedgerReader,
  receiptId: string,
): Promise<Stored<StoredReceipt> | undefined> {
  return read<StoredReceipt>(reader, receiptKey(receiptId))
}

/** Ours alone: the customer's is in her pod. */
export function forgetReceipts(receiptIds: readonly string[]): CommitParts {
  return { writes: [...new Set(receiptIds)].map((id) => remove(receiptKey(id))) }
}
