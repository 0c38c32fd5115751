import { endPassed } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { grantEntry } from './entries.ts'
import { changeGrant, listPassedGrants } from './grants.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { Stored } from './parts.ts'

/** Grants looked at in one sweep; the next goes on where this one ended. */
const mostPerSweep = 200

/**
 * Records the ends that have passed (`expired`, `unredeemed`) in state and log, and gives their number. Nothing waits for
 * it: a release checks the end itself. Whatever changed meanwhile is left to the next sweep.
 */
export async function recordEnds(
  { ledger, names, now }: { ledger: Ledger; names: Names; now: () => number },
  limit = mostPerSweep,
): Promise<number> {
  const { grants: passed, gone } = await listPassedGrants(ledger, now(), limit)
  if ((gone.writes ?? []).length > 0) await ledger.commit(gone)
  const byAccount = Map.groupBy(passed, (grant) => grant.value.accountId)
  // Grants of one customer share a row and go one after the other; those of different customers share a group.
  const counts = await Promise.all(
    [...byAccount.values()].map(async (grants) => {
      let count = 0
      for (const grant of grants) if (await recordEnd({ ledger, names }, grant, now())) count += 1
      return count
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

async function recordEnd(
  { ledger, names }: { ledger: Ledger; names: Names },
  stored: Stored<Grant>,
  now: number,
): Promise<boolean> {
  const end = endPassed(stored.value, now)
  if (end === undefined) return false
  try {
    const change = await changeGrant({ reader: ledger, names }, stored, end.grant)
    await ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: end.type })] }))
    return true
  } catch (error) {
    if (error instanceof CommitRefused) return false
    throw error
  }
}
