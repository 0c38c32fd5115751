import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { changeStanding, readCustomerStanding } from './accounts.ts'
import { accountEntry, grantEntry } from './entries.ts'
import { readLiveGrants } from './grants.ts'
import { lookAgain } from './lost-pods.ts'
import { combine } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import type { CustomerStanding } from '#schemas/types.gen.ts'

/**
 * Reach has lost the pod, or was shut out by the customer here (`closedHere`): the commit that ends every release of
 * this customer's data and says so in the log, once for each grant it hits. `undefined` when that is recorded
 * already, or there was never any access.
 */
export async function loseAccess(
  reader: LedgerReader,
  accountId: string,
  { closedHere = false }: { closedHere?: boolean } = {},
): Promise<CommitParts | undefined> {
  const standing = await readCustomerStanding(reader, accountId)
  if (standing === undefined || standing.value.podAccess === 'none') return undefined
  const wasLost = standing.value.podAccess === 'lost'
  if (wasLost && (!closedHere || standing.value.closedHere === true)) return undefined
  const lost = changeStanding(standing, { podAccess: 'lost', ...(closedHere ? { closedHere } : {}) })
  if (wasLost) return lost
  return combine(
    lost,
    await told(reader, accountId, { type: 'access-lost' }),
    // What another app took away another app may give back; what was shut here is opened here.
    closedHere ? {} : await lookAgain(reader, accountId),
  )
}

/**
 * Commits that Reach has lost the pod, wherever that was noticed and however often. Gives whether it was
 * news. A grant that comes or goes meanwhile does not get around it: the commit is made anew until it holds.
 */
export async function recordLostAccess(
  ledger: Ledger,
  accountId: string,
  options: { closedHere?: boolean } = {},
): Promise<boolean> {
  return await commitUntilItHolds(ledger, () => loseAccess(ledger, accountId, options))
}

/** The same for one category whose resource is shut while the rest is open. */
export async function recordLostCategory(
  ledger: Ledger,
  accountId: string,
  category: string,
): Promise<boolean> {
  return await commitUntilItHolds(ledger, async () => {
    const standing = await readCustomerStanding(ledger, accountId)
    const { podAccess, lostCategories = [] } = standing?.value ?? {}
    if (standing === undefined || podAccess !== 'open' || lostCategories.includes(category)) return undefined
    return combine(
      changeStanding(standing, { lostCategories: [...lostCategories, category] }),
      await told(ledger, accountId, { type: 'category-lost', category }),
      await lookAgain(ledger, accountId),
    )
  })
}

/**
 * Reach sees the pod as it should: for the first time, or again; as the customer stood when `found` was read, if she was
 * looked at before. `undefined` when that is recorded already.
 */
export async function gainAccess(
  reader: LedgerReader,
  accountId: string,
  found?: Stored<CustomerStanding>,
): Promise<CommitParts | undefined> {
  const standing = found ?? (await readCustomerStanding(reader, accountId))
  if (standing === undefined || standing.value.podAccess === 'open') return undefined
  const opened = changeStanding(standing, { podAccess: 'open', closedHere: undefined })
  if (standing.value.podAccess === 'none') return opened
  return combine(opened, await told(reader, accountId, { type: 'access-restored' }))
}

/** One category is open again; the others that were lost stay so. `undefined` when it was not lost. */
export async function gainCategory(
  reader: LedgerReader,
  accountId: string,
  category: string,
): Promise<CommitParts | undefined> {
  const standing = await readCustomerStanding(reader, accountId)
  const lost = standing?.value.lostCategories ?? []
  if (standing === undefined || !lost.includes(category)) return undefined
  const left = lost.filter((one) => one !== category)
  return combine(
    changeStanding(standing, { lostCategories: left.length === 0 ? undefined : left }),
    await told(reader, accountId, { type: 'category-restored', category }),
  )
}

/** Gives whether there was something to commit. */
export async function commitUntilItHolds(
  ledger: Ledger,
  make: () => Promise<CommitParts | undefined>,
): Promise<boolean> {
  for (;;) {
    const parts = await make()
    if (parts === undefined) return false
    try {
      await ledger.commit(parts)
      return true
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error
    }
  }
}

type Told =
  | { readonly type: 'access-lost' | 'access-restored' }
  | { readonly type: 'category-lost' | 'category-restored'; readonly category: string }

async function told(reader: LedgerReader, accountId: string, fact: Told): Promise<CommitParts> {
  const { grants, complete } = await readLiveGrants(reader, accountId)
  const covered = grants.filter(
    ({ value: { items } }) =>
      !('category' in fact) ||
      items.some(({ fields }) => fields.some((field) => field.startsWith(`${fact.category}.`))),
  )
  const entries = covered.map((grant) => grantEntry(grant.value, fact))
  return { ...complete, entries: entries.length === 0 ? [accountEntry(accountId, fact)] : entries }
}
