import type { Account, CustomerStanding } from '#schemas/types.gen.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, peek, put, read, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

const accountKey = (accountId: string) => `account/${accountId}`
const webIdKey = (names: Names, webId: string) => `account-of-webid/${names.hidden('webid', webId)}`
const standingKey = (accountId: string) => `customer-standing/${accountId}`

/**
 * A new customer whose pod Reach cannot see yet. Refused (`changed`) when the WebID has an account already.
 */
export function createAccount(names: Names, account: Account): CommitParts {
  const { accountId, webId } = account
  const standing: CustomerStanding = { v: 1, podAccess: 'none' }
  return {
    checks: [absent(accountKey(accountId)), absent(webIdKey(names, webId)), absent(standingKey(accountId))],
    writes: [
      put(accountKey(accountId), account, { customer: accountId }),
      put(webIdKey(names, webId), { id: accountId }),
      put(standingKey(accountId), standing),
    ],
  }
}

export function readAccount(reader: LedgerReader, accountId: string): Promise<Stored<Account> | undefined> {
  return read<Account>(reader, accountKey(accountId))
}

/** Without I/O, for the hot path; says nothing when the row is not at hand. */
export function peekAccount(reader: LedgerReader, accountId: string): Stored<Account> | undefined {
  return peek<Account>(reader, accountKey(accountId))
}

export async function findAccount(
  reader: LedgerReader,
  names: Names,
  webId: string,
): Promise<Stored<Account> | undefined> {
  const pointer = await reader.get<{ id: string }>(webIdKey(names, webId))
  return pointer === undefined ? undefined : readAccount(reader, pointer.value.id)
}

/** Issuer, storage or container may change; who it is may not. */
export function changeAccount(
  stored: Stored<Account>,
  change: Partial<Pick<Account, 'issuer' | 'podUrl' | 'container'>>,
): CommitParts {
  return {
    checks: [unchanged(stored)],
    writes: [put(stored.key, { ...stored.value, ...change }, { customer: stored.value.accountId })],
  }
}

export function readCustomerStanding(
  reader: LedgerReader,
  accountId: string,
): Promise<Stored<CustomerStanding> | undefined> {
  return read<CustomerStanding>(reader, standingKey(accountId))
}

export function peekCustomerStanding(
  reader: LedgerReader,
  accountId: string,
): Stored<CustomerStanding> | undefined {
  return peek<CustomerStanding>(reader, standingKey(accountId))
}

/** Ends (or begins) every release of this customer's data with the commit it is part of. */
export function changePodAccess(
  standing: Stored<CustomerStanding>,
  podAccess: CustomerStanding['podAccess'],
): CommitParts {
  return { checks: [unchanged(standing)], writes: [put(standing.key, { ...standing.value, podAccess })] }
}
