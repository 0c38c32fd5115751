/** The log tells of its own keys: one entry for each change, also for one that was made just before a crash. */
import { writeFact } from '#core/domain/facts.ts'
import { openKeyChange } from '#core/ledger/log-keys.ts'
import { CommitRefused, type Ledger } from '#core/ledger/ledger.ts'
import { absent, part, put } from './parts.ts'

/** By the id of the new key, which no later one has. */
const changeKey = (vkey: string) => `log-key/${part(vkey.split('+')[1] ?? '')}`

/** Records every change of the log's key that has no entry yet. */
export async function recordKeyChanges(ledger: Ledger): Promise<void> {
  for (const { to, until } of ledger.log.keyChanges.map(openKeyChange)) {
    const key = changeKey(to)
    if ((await ledger.get(key)) !== undefined) continue
    try {
      await ledger.commit({
        checks: [absent(key)],
        writes: [put(key, { v: 1, until })],
        entries: [
          {
            claims: ({ time }) => ({ ops: writeFact({ type: 'log-key-changed', time, logKey: to, until }) }),
          },
        ],
      })
    } catch (error) {
      // Another process was faster.
      if (!(error instanceof CommitRefused)) throw error
    }
  }
}
