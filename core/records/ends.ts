import { endPassed } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { grantEntry } from './entries.ts'
import type { GrantFact } from './entries.ts'
import { changeGrant, listPassedGrants } from './grants.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
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
  const ended = await endEach({ ledger, names, now }, grants, endOf)
  return { ended, cleared }
}

function endOf(grant: Grant, now: number): End | undefined {
  const end = endPassed(grant, now)
  if (end === undefined) return undefined
  const told = vendorEvent({ type: 'grant.expired', grant: end.grant, at: now })
  return { grant: end.grant, fact: { type: end.type }, told }
}

/** How a grant ends: its last state, the entry that says so, and who is told in the same commit. */
interface End {
  readonly grant: Grant
  readonly fact: GrantFact
  readonly told?: CommitParts
}

/**
 * Ends each of these grants in a commit of its own, and gives how many it ended; what changed meanwhile, or needs no end, is
 * left as it is. Grants of one customer share a row and go one after the other; those of different customers share a group.
 */
export async function endEach(
  { ledger, names, now }: EndsPorts,
  grants: readonly Stored<Grant>[],
  ending: (grant: Grant, now: number) => End | undefined,
): Promise<number> {
  const end = async (stored: Stored<Grant>): Promise<boolean> => {
    const found = ending(stored.value, now())
    if (found === undefined) return false
    const { grant, fact, told = {} } = found
    try {
      const change = await changeGrant({ reader: ledger, names }, stored, grant)
      await ledger.commit(combine(change, told, { entries: [grantEntry(stored.value, fact)] }))
      return true
    } catch (error) {
      if (error instanceof CommitRefused) return false
      throw error
    }
  }
  const counts = await Promise.all(
    [...Map.groupBy(grants, (grant) => grant.value.accountId).values()].map(async (own) => {
      let count = 0
      for (const grant of own) if (await end(grant)) count += 1
      return count
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
