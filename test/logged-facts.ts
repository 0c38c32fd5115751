import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import type { LoggedFact } from '#core/domain/replay.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { checkLog } from './check-log.ts'

/**
 * Every entry of a log with its facts, in order, from the threads that the rows name. The public tree is
 * verified on the way and says how many there must be: throws when one is missing.
 */
export async function loggedFacts(ledger: Ledger): Promise<LoggedFact[]> {
  const { checkpoint } = await checkLog(ledger.log)
  const grants = await ledger.list<{ id: string }>('grant-of-vendor/', { limit: 100_000 })
  const vendors = await ledger.list<{ vendorId: string }>('vendor/', { limit: 1_000 })
  // Not the accounts: those of erased customers cannot be read.
  const standings = await ledger.list('customer-standing/', { limit: 1_000 })
  const threads = [
    ...grants.map(({ value }) => value.id),
    ...vendors.map(({ value }) => value.vendorId),
    ...standings.map(({ key }) => key.slice('customer-standing/'.length)),
  ]
  const found = new Map<number, Fact>()
  for (const thread of threads)
    for (const { index, ops } of await ledger.history(thread, { limit: 100_000 }))
      found.set(index, readFact(ops))
  if (found.size !== checkpoint.size)
    throw new Error(`the log has ${checkpoint.size} entries, the threads have ${found.size}`)
  return [...found].map(([index, fact]) => ({ index, fact })).toSorted((a, b) => a.index - b.index)
}
