import { DomainError } from '#core/domain/errors.ts'
import type { Account, CustomerStanding } from '#schemas/types.gen.ts'
import type { Check, LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, asFound, combine, peek, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

const accountKey = (accountId: string) => `account/${accountId}`
const webIdKey = (names: Names, webId: string) => `account-of-webid/${names.hidden('webid', webId)}`
const standingKey = (accountId: string) => `customer-standing/${accountId}`

/**
 * A new customer whose pod Reach cannot see yet. Refused (`changed`) when the WebID has an account already. `isFree`: of
 * `freeWebId`, where there may be an index of somebody who was forgotten.
 */
export function createAccount(
  names: Names,
  account: Account,
  isFree: Check = absent(webIdKey(names, account.webId)),
): CommitParts {
  const { accountId, webId } = account
  const standing: CustomerStanding = { v: 1, podAccess: 'none' }
  return {
    checks: [absent(accountKey(accountId)), isFree, absent(standingKey(accountId))],
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

/**
 * Holds as long as nobody has an account under this WebID. A copy of the database from before an erasure has its index again, while
 * what it leads to opens no more: who was forgotten may come back all the same.
 */
export async function freeWebId(
  { reader, names }: { reader: LedgerReader; names: Names },
  webId: string,
): Promise<Check> {
  const key = webIdKey(names, webId)
  const pointer = await read<{ id: string }>(reader, key)
  const isLeft = pointer !== undefined && (await readAccount(reader, pointer.value.id)) === undefined
  return asFound(key, isLeft ? pointer : undefined)
}

/** Issuer, storage, container, language, or as whom Reach comes there; `undefined` takes a member out. */
export function changeAccount(
  stored: Stored<Account>,
  change: Partial<Pick<Account, 'issuer' | 'podUrl' | 'container' | 'language'>> & {
    actingAs?: string | undefined
  },
): CommitParts {
  const members = Object.entries({ ...stored.value, ...change }).filter(([, value]) => value !== undefined)
  return {
    checks: [unchanged(stored)],
    writes: [put(stored.key, Object.fromEntries(members), { customer: stored.value.accountId })],
  }
}

/**
 * The same customer with another WebID and another pod; everything that hangs on the account stays. Refused
 * (`changed`) when the new WebID has an account of its own.
 */
export async function moveAccount(
  { reader, names }: { reader: LedgerReader; names: Names },
  stored: Stored<Account>,
  to: Pick<Account, 'webId' | 'issuer' | 'podUrl' | 'container'>,
): Promise<CommitParts> {
  const { accountId, webId, actingAs: _, ...kept } = stored.value
  const moved: CommitParts = {
    checks: [unchanged(stored)],
    writes: [put(stored.key, { ...kept, ...to, accountId }, { customer: accountId })],
  }
  if (webId === to.webId) return moved
  const before = await read<{ id: string }>(reader, webIdKey(names, webId))
  if (before === undefined) throw new Error('an account without its index')
  return combine(moved, {
    checks: [unchanged(before), await freeWebId({ reader, names }, to.webId)],
    writes: [remove(before.key), put(webIdKey(names, to.webId), { id: accountId })],
  })
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

/**
 * Ends (or begins) releases of this customer's data with the commit it is part of; `undefined` takes a member out. Refuses
 * `not-signed-in` once she is leaving: for her they have ended.
 */
export function changeStanding(
  standing: Stored<CustomerStanding>,
  change: { readonly [Member in keyof CustomerStanding]?: CustomerStanding[Member] | undefined },
): CommitParts {
  if (standing.value.leaving === true) throw gone()
  const members = Object.entries({ ...standing.value, ...change }).filter(([, value]) => value !== undefined)
  return { checks: [unchanged(standing)], writes: [put(standing.key, Object.fromEntries(members))] }
}

/**
 * A customer leaves: from this commit on nothing of hers is released, nobody is signed in as her, and her WebID, should it
 * come back, is somebody new. Refuses `not-found`, also once it has begun.
 */
export async function leave(
  { reader, names }: { reader: LedgerReader; names: Names },
  accountId: string,
): Promise<CommitParts> {
  const [account, standing] = await Promise.all([
    readAccount(reader, accountId),
    readCustomerStanding(reader, accountId),
  ])
  const pointer = account && (await read<{ id: string }>(reader, webIdKey(names, account.value.webId)))
  if (account === undefined || standing === undefined || standing.value.leaving || pointer === undefined)
    throw new DomainError('not-found', 'There is no such customer.')
  const left: CustomerStanding = { v: 1, podAccess: 'none', leaving: true }
  return {
    checks: [account, standing, pointer].map(unchanged),
    writes: [remove(pointer.key), put(standing.key, left)],
  }
}

/**
 * Part of a commit that writes a new row of a customer's: it is made before she leaves, or not at all, so that the erasure finds
 * every row there will ever be. Refuses `not-signed-in` once she is leaving.
 */
export async function staying(reader: LedgerReader, accountId: string): Promise<CommitParts> {
  const standing = await readCustomerStanding(reader, accountId)
  if (standing === undefined || standing.value.leaving === true) throw gone()
  return { checks: [unchanged(standing)] }
}

const gone = () => new DomainError('not-signed-in', 'You are no customer here any more')

/** The last of her rows. */
export function forgetAccount(standing: Stored<CustomerStanding>, accountId: string): CommitParts {
  return {
    checks: [unchanged(standing)],
    writes: [remove(standing.key), remove(accountKey(accountId))],
  }
}

/** In the order of their ids; rows of customers who are leaving included. */
export function listAccounts(
  reader: LedgerReader,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<Stored<Account>[]> {
  return reader.list<Account>(accountKey(''), {
    limit,
    ...(after === undefined ? {} : { after: accountKey(after) }),
  })
}
