import { randomBytes } from 'node:crypto'
import { newGrant, redeem } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import { gainAccess } from '#core/records/access.ts'
import { createAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { grantEntry, requestEntry, vendorEntry } from '#core/records/entries.ts'
import { changeGrant, createGrant, readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { admitVendor, readVendor, readVendorStanding, registerVendor } from '#core/records/vendors.ts'
import type { Account, Grant, GrantedItem } from '#schemas/types.gen.ts'

export interface House {
  readonly ledger: Ledger
  readonly names: Names
  readonly now: () => number
}

export const randomId = () => randomBytes(16).toString('base64url')
const day = 86_400_000
const commitsAtOnce = 500

/** Admits and registers a business: what the operator and the authorization server do. */
export async function addVendor({ ledger, now }: House, clientId: string): Promise<string> {
  const vendorId = randomId()
  const vendor = { v: 1, vendorId, name: `Business ${clientId}`, admittedAt: now() } as const
  const entries = [vendorEntry({ type: 'vendor-admitted', vendor: vendorId })]
  await ledger.commit(combine(admitVendor(vendor), { entries }))
  const stored = await readVendor(ledger, vendorId)
  const standing = await readVendorStanding(ledger, vendorId)
  if (stored === undefined || standing === undefined) throw new Error('the business is not there')
  await ledger.commit(registerVendor(stored, standing, clientId))
  return vendorId
}

/** Makes customers whose pods give Reach access: what signing in, connecting and probing do. */
export async function addCustomers(
  { ledger, names, now }: House,
  people: readonly { webId: string; container: string }[],
): Promise<Account[]> {
  const accounts = people.map(({ webId, container }): Account => {
    const { origin } = new URL(webId)
    return {
      v: 1,
      accountId: randomId(),
      webId,
      issuer: origin,
      podUrl: `${origin}/`,
      container,
      createdAt: now(),
    }
  })
  await commitAll(ledger, accounts, async (account) => createAccount(names, account))
  await commitAll(ledger, accounts, async ({ accountId }) => (await gainAccess(ledger, accountId)) ?? {})
  return accounts
}

/** One grant per account to one business: what deciding and, unless `redeems` is false, redeeming do. */
export async function addGrants(
  house: House,
  accounts: readonly Pick<Account, 'accountId'>[],
  to: {
    vendorId: string
    clientId: string
    items: readonly GrantedItem[]
    until?: number
    redeems?: boolean
  },
): Promise<Grant[]> {
  const { ledger, names, now } = house
  const request = { ...to, retention: 'P30D', recipients: [] }
  const grants = accounts.map(({ accountId }): Grant => {
    const secret = randomBytes(32).toString('base64url')
    const origin = {
      grantId: randomId(),
      accountId,
      subject: randomBytes(32).toString('base64url'),
      receiptId: randomId(),
      secret,
      noticeHash: randomBytes(32).toString('base64url'),
      items: to.items,
      until: to.until ?? now() + 30 * day,
    }
    return newGrant({ ...request, requestId: randomId() }, origin, now())
  })
  await commitAll(ledger, grants, async (grant) => {
    const { items, until, redeemBy, noticeHash: notice, requestId } = grant
    const fact = { type: 'granted', request: requestId, items, until, redeemBy, notice } as const
    const asked = requestEntry(grant, { type: 'requested', items, until })
    const standing = await needed(readCustomerStanding(ledger, grant.accountId))
    const created = await createGrant({ reader: ledger }, grant, standing)
    return combine(created, { entries: [asked, grantEntry(grant, fact)] })
  })
  if (to.redeems === false) return grants
  await commitAll(ledger, grants, async ({ grantId }) => {
    const stored = await needed(readGrant(ledger, grantId))
    const entries = [grantEntry(stored.value, { type: 'redeemed' })]
    return combine(await changeGrant({ reader: ledger, names }, stored, redeem(stored.value, now())), {
      entries,
    })
  })
  return Promise.all(grants.map(async ({ grantId }) => (await needed(readGrant(ledger, grantId))).value))
}

async function needed<Value>(reading: Promise<Stored<Value> | undefined>): Promise<Stored<Value>> {
  const stored = await reading
  if (stored === undefined) throw new Error('a row is not there')
  return stored
}

async function commitAll<Item>(
  ledger: Ledger,
  items: readonly Item[],
  make: (item: Item) => Promise<Commit>,
): Promise<void> {
  for (let at = 0; at < items.length; at += commitsAtOnce) {
    const commits = await Promise.all(items.slice(at, at + commitsAtOnce).map(make))
    const refused = (await ledger.commitEach(commits)).find((one) => one instanceof CommitRefused)
    if (refused !== undefined) throw refused
  }
}
