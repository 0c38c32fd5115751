import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Committed, Ledger } from '#core/ledger/ledger.ts'

/** `undefined`: something else changed first. */
export async function tryCommit(ledger: Ledger, parts: Commit): Promise<Committed | undefined> {
  try {
    return await ledger.commit(parts)
  } catch (error) {
    if (error instanceof CommitRefused) return undefined
    throw error
  }
}
