import { CommitRefused } from './ledger.ts'
import type { Commit, Committed, Ledger } from './ledger.ts'

const mostAttempts = 5

/** Commits what `make` gives, made anew when something else changed first, such as a worker: `attempts` times at most. */
export async function commitAnew<Result>(
  ledger: Ledger,
  make: () => Promise<{ parts: Commit; result: Result }>,
  attempts = mostAttempts,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const { parts, result } = await make()
    try {
      await ledger.commit(parts)
      return result
    } catch (error) {
      if (!(error instanceof CommitRefused) || attempt === attempts) throw error
    }
  }
}

/** `undefined`: something else changed first. */
export async function tryCommit(ledger: Ledger, parts: Commit): Promise<Committed | undefined> {
  try {
    return await ledger.commit(parts)
  } catch (error) {
    if (error instanceof CommitRefused) return undefined
    throw error
  }
}
