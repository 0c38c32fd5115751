import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { commitUntilItHolds } from './access.ts'
import { changeAccount, readAccount } from './accounts.ts'
import { asFound, combine, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** Client credentials that a customer made at her pod's own sign-in server, for Reach alone. */
export interface PodCredentials {
  readonly v: 1
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Unix ms. */
  readonly createdAt: number
}

const key = (accountId: string) => `pod-credentials/${accountId}`

/** Sealed under the customer's key: forgetting her forgets them. */
export function keepPodCredentials(
  found: Stored<PodCredentials> | undefined,
  accountId: string,
  credentials: PodCredentials,
): CommitParts {
  return {
    checks: [asFound(key(accountId), found)],
    writes: [put(key(accountId), credentials, { customer: accountId })],
  }
}

export function readPodCredentials(
  reader: LedgerReader,
  accountId: string,
): Promise<Stored<PodCredentials> | undefined> {
  return read<PodCredentials>(reader, key(accountId))
}

/** From here on Reach comes to this pod as its agent again. */
export async function forgetCredentials(ledger: Ledger, accountId: string): Promise<void> {
  await commitUntilItHolds(ledger, async () => {
    const account = await readAccount(ledger, accountId)
    const found = await readPodCredentials(ledger, accountId)
    if (account === undefined || (found === undefined && account.value.actingAs === undefined))
      return undefined
    return combine(
      changeAccount(account, { actingAs: undefined }),
      found === undefined ? {} : { checks: [unchanged(found)], writes: [remove(found.key)] },
    )
  })
}

/** The same, when the whole customer is forgotten. */
export function dropCredentials(accountId: string): CommitParts {
  return { writes: [remove(key(accountId))] }
}
