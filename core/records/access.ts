import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { changePodAccess, readCustomerStanding } from './accounts.ts'
import { accountEntry, grantEntry } from './entries.ts'
import { readLiveGrants } from './grants.ts'
import { combine } from './parts.ts'
import type { CommitParts } from './parts.ts'

/**
 * Reach has lost the pod, or was shut out: the commit that ends every release of this customer's data and
 * says so in the log, once for each grant it hits. `undefined` when that is recorded already, or there was
 * never any access.
 */
export async function loseAccess(reader: LedgerReader, accountId: string): Promise<CommitParts | undefined> {
  const standing = await readCustomerStanding(reader, accountId)
  if (standing?.value.podAccess !== 'open') return undefined
  return combine(changePodAccess(standing, 'lost'), await told(reader, accountId, 'access-lost'))
}

/**
 * Commits that Reach has lost the pod, wherever that was noticed and however often. Gives whether it was
 * news. A grant that comes or goes meanwhile does not get around it: the commit is made anew until it holds.
 */
export async function recordLostAccess(ledger: Ledger, accountId: string): Promise<boolean> {
  for (;;) {
    const parts = await loseAccess(ledger, accountId)
    if (parts === undefined) return false
    try {
      await ledger.commit(parts)
      return true
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error
    }
  }
}

/**
 * Reach sees the pod as it should: for the first time, or again. `undefined` when that is recorded already.
 */
export async function gainAccess(reader: LedgerReader, accountId: string): Promise<CommitParts | undefined> {
  const standing = await readCustomerStanding(reader, accountId)
  if (standing === undefined || standing.value.podAccess === 'open') return undefined
  const opened = changePodAccess(standing, 'open')
  if (standing.value.podAccess === 'none') return opened
  return combine(opened, await told(reader, accountId, 'access-restored'))
}

async function told(
  reader: LedgerReader,
  accountId: string,
  type: 'access-lost' | 'access-restored',
): Promise<CommitParts> {
  const { grants, complete } = await readLiveGrants(reader, accountId)
  const entries = grants.map((grant) => grantEntry(grant.value, { type }))
  return { ...complete, entries: entries.length === 0 ? [accountEntry(accountId, type)] : entries }
}
