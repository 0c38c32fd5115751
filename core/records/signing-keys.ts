/** The log tells of the keys that sign what the vault gives out: one entry for each change. */
import { writeFact } from '#core/domain/facts.ts'
import type { FactOf } from '#core/domain/facts.ts'
import { CommitRefused, type Ledger } from '#core/ledger/ledger.ts'
import { absent, part, put } from './parts.ts'

type Change = Omit<FactOf<'signing-key-changed'>, 'type' | 'time'>

/** Records a change that has no entry yet. */
export async function recordSigningKey(ledger: Ledger, { use, kid, from }: Change): Promise<void> {
  const key = `signing-key/${part(kid)}`
  if ((await ledger.get(key)) !== undefined) return
  try {
    await ledger.commit({
      checks: [absent(key)],
      writes: [put(key, { v: 1, use, from })],
      entries: [
        {
          claims: ({ time }) => ({ ops: writeFact({ type: 'signing-key-changed', time, use, kid, from }) }),
        },
      ],
    })
  } catch (error) {
    // Another process was faster.
    if (!(error instanceof CommitRefused)) throw error
  }
}
