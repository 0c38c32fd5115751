import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Committed, Ledger } from '#core/ledger/ledger.ts'
import type { CommitParts } from '#core/records/parts.ts'

/** Reads, decides and commits until nothing changes in between. */
export async function commitAgain(
  ledger: Ledger,
  make: () => Promise<CommitParts | undefined>,
): Promise<Committed | undefined> {
  for (;;) {
    const parts: Commit | undefined = await make()
    if (parts === undefined) return undefined
    try {
      return await ledger.commit(parts)
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error
    }
  }
}
