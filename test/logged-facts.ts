import { readFact } from '#core/domain/facts.ts'
import type { LoggedFact } from '#core/domain/replay.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { checkLog } from './check-log.ts'

/** Every entry of a log with its facts, in order; the public tree is verified on the way and says how many there must be. */
export async function loggedFacts(ledger: Ledger): Promise<LoggedFact[]> {
  const { checkpoint } = await checkLog(ledger.log)
  const opened = await ledger.openings(0, checkpoint.size)
  if (opened.length !== checkpoint.size)
    throw new Error(`the log has ${checkpoint.size} entries, ${opened.length} can be opened`)
  return opened.map(({ index, ops }) => ({ index, fact: readFact(ops) }))
}
