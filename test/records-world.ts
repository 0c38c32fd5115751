/** A real ledger in a temporary folder, a clock to turn, and a customer and a business in it. */
import { randomBytes } from 'node:crypto'
import { newGrant, redeem } from '#core/domain/grant.ts'
import { readFact } from '#core/domain/facts.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { gainAccess } from '#core/records/access.ts'
import { createAccount, readCustomerStanding } from '#core/records/accounts.ts'
import type { ReleaseBasis } from '#core/records/disclosures.ts'
import { grantEntry, requestEntry, vendorEntry } from '#core/records/entries.ts'
import { changeGrant, createGrant, readGrant } from '#core/records/grants.ts'
import { grantHistory } from '#core/records/histories.ts'
import { createNames } from '#core/records/names.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { admitVendor, readVendor, readVendorStanding, registerVendor } from '#core/records/vendors.ts'
import type { Account, Grant, Vendor } from '../schemas/types.gen.ts'
import { ledgerFolders, openIn } from './level-ledger.ts'
import type { LedgerFolders } from './level-ledger.ts'

export const begin = Date.parse('2026-11-22T12:00:00Z')
export const anId = (): string => randomBytes(16).toString('base64url')
export const aSecret = (): string => randomBytes(32).toString('base64url')

/** What has to be there. */
export async function must<Value>(value: Promise<Value | undefined>): Promise<Value> {
  const found = await value
  if (found === undefined) throw new Error('not there')
  return found
}

/** Why the ledger refused a commit. */
export async function refusalOf(commit: Promise<unknown>): Promise<string> {
  const error: unknown = await commit.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof CommitRefused ? error.reason : `not refused: ${String(error)}`
}

export interface RecordsWorld extends AsyncDisposable {
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly names: Names
  /** Unix ms; turn it as you like. */
  readonly clock: { time: number }
  readonly now: () => number
  /** A customer with an open pod. */
  customer(): Promise<Account>
  /** An admitted and registered business. */
  business(): Promise<Vendor & { clientId: string }>
  /** A grant of the customer to the business, as it is after the code was redeemed unless told otherwise. */
  grant(account: Account, vendor: Vendor, change?: Partial<Grant>): Promise<Stored<Grant>>
  /** The grant as it stands now. */
  reread(grantId: string): Promise<Stored<Grant>>
  /** Commits the next state of a grant with its entry. */
  turn(
    stored: Stored<Grant>,
    next: Grant,
    type: 'redeemed' | 'paused' | 'resumed' | 'withdrawn',
  ): Promise<void>
  /** What a disclosure under this grant would rely on now. */
  basis(grantId: string): Promise<ReleaseBasis>
  /** Opened facts of a thread, oldest first. */
  story(thread: string): Promise<{ index: number; type: string }[]>
}

/** In a place of its own that goes with it, or in one that stays. */
export async function openRecordsWorld(place?: LedgerFolders): Promise<RecordsWorld> {
  await using stack = new AsyncDisposableStack()
  const clock = { time: begin }
  const now = (): number => clock.time
  const folders = place ?? stack.use(await ledgerFolders())
  const { ledger, keys } = await openIn(folders, { now })
  stack.use(ledger)
  const names = createNames(await keys.secret('names'))
  const rows = { reader: ledger, names }
  const owned = stack.move()
  return {
    ledger,
    keys,
    names,
    clock,
    now,
    async customer() {
      const accountId = anId()
      const pod = `https://pods.example/${accountId}/`
      const account: Account = {
        v: 1,
        accountId,
        webId: `${pod}profile/card#me`,
        issuer: 'https://pods.example/',
        podUrl: pod,
        container: `${pod}vrm/`,
        createdAt: now(),
      }
      await ledger.commit(createAccount(names, account))
      await ledger.commit((await gainAccess(ledger, accountId)) ?? {})
      return account
    },
    async business() {
      const vendorId = anId()
      const vendor: Vendor = { v: 1, vendorId, name: 'Acme', admittedAt: now() }
      const entries = [vendorEntry({ type: 'vendor-admitted', vendor: vendorId })]
      await ledger.commit(combine(admitVendor(vendor), { entries }))
      const clientId = anId()
      const standing = await must(readVendorStanding(ledger, vendorId))
      await ledger.commit(registerVendor(await must(readVendor(ledger, vendorId)), standing, clientId))
      return { ...vendor, clientId }
    },
    async grant(account, vendor, change = {}) {
      const { redeemed = true, ...rest } = change
      const request = {
        requestId: anId(),
        vendorId: vendor.vendorId,
        clientId: 'client',
        retention: 'P30D',
        recipients: [],
      }
      const origin = {
        grantId: anId(),
        accountId: account.accountId,
        subject: aSecret(),
        receiptId: anId(),
        secret: aSecret(),
        noticeHash: aSecret(),
        items: [{ id: 'item-1', purpose: 'dpv:CustomerCare', fields: ['profile.name', 'contact.email'] }],
        until: now() + 90 * 86_400_000,
      }
      const grant: Grant = { ...newGrant(request, origin, now()), ...rest }
      const { items, until, redeemBy, noticeHash: notice, requestId } = grant
      const standing = await must(readCustomerStanding(ledger, account.accountId))
      const parts: CommitParts = await createGrant({ reader: ledger }, grant, standing)
      const granted = grantEntry(grant, {
        type: 'granted',
        request: requestId,
        items,
        until,
        redeemBy,
        notice,
      })
      const asked = requestEntry(grant, { type: 'requested', items, until })
      await ledger.commit(combine(parts, { entries: [asked, granted] }))
      if (redeemed) {
        const stored = await must(readGrant(ledger, grant.grantId))
        const next = await changeGrant(rows, stored, redeem(stored.value, now()))
        await ledger.commit(combine(next, { entries: [grantEntry(grant, { type: 'redeemed' })] }))
      }
      return must(readGrant(ledger, grant.grantId))
    },
    async turn(stored, next, type) {
      const parts = await changeGrant(rows, stored, next)
      await ledger.commit(combine(parts, { entries: [grantEntry(stored.value, { type })] }))
    },
    async basis(grantId) {
      const grant = await must(readGrant(ledger, grantId))
      const customer = await must(readCustomerStanding(ledger, grant.value.accountId))
      return { grant, customer, vendor: await must(readVendorStanding(ledger, grant.value.vendorId)) }
    },
    reread: (grantId) => must(readGrant(ledger, grantId)),
    async story(thread) {
      const items = await grantHistory(ledger, thread)
      return items.toReversed().map(({ index, ops }) => ({ index, type: readFact(ops).type }))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
