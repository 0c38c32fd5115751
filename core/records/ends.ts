import { endPassed } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { grantEntry } from './entries.ts'
import { changeGrant, listPassedGrants } from './grants.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { Stored } from './parts.ts'
import { vendorEvent } from './vendor-events.ts'

/** Grants looked at together. */
const mostAtOnce = 200

interface EndsPorts {
  readonly ledger: Ledger
  readonly names: Names
  readonly now: () => number
}

/**
 * Records the ends that have passed (`expired`, `unredeemed`) in state and log, and gives their number.
 * Nothing waits for it: a release checks the end itself. Whatever changed meanwhile is left to the next
 * sweep.
 */
export async function recordEnds(ports: EndsPorts, atOnce = mostAtOnce): Promise<number> {
  let total = 0
  for (;;) {
    const { ended, cleared } = await sweep(ports, atOnce)
    total += ended
    if (ended + cleared === 0) return total
  }
}

async function sweep(
  { ledger, names, now }: EndsPorts,
  limit: number,
): Promise<{ ended: number; cleared: number }> {
  const { grants, gone } = await listPassedGrants(ledger, now(), limit)
  const cleared = gone.writes?.length ?? 0
  if (cleared > 0) await ledger.commit(gone)
  // Grants of one customer share a row and go one after the other; those of different customers share a
  // group.
  const byAccount = Map.groupBy(grants, (grant) => grant.value.accountId)
  const counts = await Promise.all(
    [...byAccount.values()].map(async (own) => {
      let count = 0
      for (const grant of own) if (await recordEnd({ ledger, names }, grant, now())) count += 1
      return count
    }),
  )
  return { ended: counts.reduce((sum, count) => sum + count, 0), cleared }
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
    const told = vendorEvent({ type: 'grant.expired', grant: end.grant, at: now })
    await ledger.commit(combine(change, told, { entries: [grantEntry(stored.value, { type: end.type })] }))
    return true
  } catch (error) {
    if (error instanceof CommitRefused) return false
    throw error
  }
}
