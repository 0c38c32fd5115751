import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CommitRefused } from '#core/ledger/ledger.ts'
import {
  changeAccount,
  changeStanding,
  createAccount,
  findAccount,
  freeWebId,
  moveAccount,
  readAccount,
  readCustomerStanding,
} from '#core/records/accounts.ts'
import { keepReceipt, readReceipt } from '#core/records/receipts.ts'
import {
  claimRequest,
  decideRequest,
  listAccountRequests,
  listVendorRequests,
  readRequest,
  receiveRequest,
} from '#core/records/requests.ts'
import type { AccessRequest } from '#schemas/types.gen.ts'
import { aSecret, anId, begin, must, openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

const day = 86_400_000

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

function request(vendorId: string, change: Partial<AccessRequest> = {}): AccessRequest {
  return {
    v: 1,
    requestId: anId(),
    vendorId,
    clientId: 'client',
    receivedAt: world.now(),
    expiresAt: world.now() + 3_600_000,
    requestHash: aSecret(),
    items: [
      {
        id: 'item-1',
        purpose: 'dpv:CustomerCare',
        fields: ['profile.name'],
        why: 'To greet you',
        required: true,
      },
    ],
    retention: 'P30D',
    recipients: [],
    until: world.now() + day,
    status: 'open',
    ...change,
  }
}

async function claimed(accountId: string, vendorId: string, change: Partial<AccessRequest> = {}) {
  const { ledger } = world
  const asked = request(vendorId, change)
  await ledger.commit(receiveRequest(asked))
  const stored = await must(readRequest(ledger, asked.requestId))
  await ledger.commit(claimRequest(stored, { accountId, secret: aSecret() }))
  return asked
}

describe('accounts', () => {
  test('are found by id and by WebID, one account for a WebID', async () => {
    const { ledger, names } = world
    const account = await world.customer()
    expect((await must(findAccount(ledger, names, account.webId))).value).toEqual(account)
    expect(await findAccount(ledger, names, `${account.webId}x`)).toBeUndefined()
    expect(await readAccount(ledger, anId())).toBeUndefined()
    const isFree = await freeWebId({ reader: ledger, names }, account.webId)
    const twin = createAccount(names, { ...account, accountId: anId() }, isFree)
    await expect(ledger.commit(twin)).rejects.toBeInstanceOf(CommitRefused)
    const same = createAccount(names, { ...account, webId: 'https://other.example/#me' })
    await expect(ledger.commit(same)).rejects.toBeInstanceOf(CommitRefused)
  })

  test('begin without access to the pod, and change only as they were read', async () => {
    const { ledger, names } = world
    const account = { ...(await world.customer()), accountId: anId(), webId: `https://x.example/${anId()}` }
    await ledger.commit(createAccount(names, account))
    const standing = await must(readCustomerStanding(ledger, account.accountId))
    expect(standing.value).toEqual({ v: 1, podAccess: 'none' })
    await ledger.commit(changeStanding(standing, { podAccess: 'open' }))
    await expect(ledger.commit(changeStanding(standing, { podAccess: 'lost' }))).rejects.toBeInstanceOf(
      CommitRefused,
    )
    const stored = await must(readAccount(ledger, account.accountId))
    await ledger.commit(changeAccount(stored, { container: 'https://x.example/vrm/' }))
    expect((await must(readAccount(ledger, account.accountId))).value).toEqual({
      ...account,
      container: 'https://x.example/vrm/',
    })
    await expect(ledger.commit(changeAccount(stored, {}))).rejects.toBeInstanceOf(CommitRefused)
  })

  test('are gone with the customer’s key, and so is whatever else is sealed under it', async () => {
    const { ledger, keys } = world
    const account = await world.customer()
    const vendor = await world.business()
    const { grantId, receiptId } = (await world.grant(account, vendor)).value
    const { requestId } = await claimed(account.accountId, vendor.vendorId)
    const receipt = {
      v: 1 as const,
      receiptId,
      accountId: account.accountId,
      requestId,
      grantId,
      issuedAt: 1,
      jws: 'a.b.c',
    }
    await ledger.commit(keepReceipt(receipt))
    expect(await readReceipt(ledger, receiptId)).toBeDefined()
    await keys.destroyCustomerKey(account.accountId)
    expect(await readAccount(ledger, account.accountId)).toBeUndefined()
    expect(await readReceipt(ledger, receiptId)).toBeUndefined()
    expect(await readRequest(ledger, requestId)).toBeUndefined()
    await expect(world.reread(grantId)).rejects.toThrow('not there')
    expect((await listAccountRequests(ledger, account.accountId, { limit: 5 })).rows).toEqual([])
  })

  test('whose key is gone and whose rows a copy brought back keep nobody from coming back as somebody new', async () => {
    const { ledger, keys, names } = world
    const { accountId, ...person } = await world.customer()
    const moving = await world.customer()
    await keys.destroyCustomerKey(accountId)
    const again = { ...person, accountId: anId() }
    const isFree = await freeWebId({ reader: ledger, names }, person.webId)
    const move = await moveAccount(
      { reader: ledger, names },
      await must(readAccount(ledger, moving.accountId)),
      person,
    )
    await ledger.commit(createAccount(names, again, isFree))
    expect((await must(findAccount(ledger, names, person.webId))).value).toEqual(again)
    // Of two who would have it, the second is refused, whichever way it comes.
    const other = createAccount(names, { ...person, accountId: anId() }, isFree)
    for (const late of [other, move]) await expect(ledger.commit(late)).rejects.toBeInstanceOf(CommitRefused)
  })
})

describe('requests', () => {
  test('belong to the first customer who opens them, for good', async () => {
    const { ledger } = world
    const [one, other] = [await world.customer(), await world.customer()]
    const asked = request((await world.business()).vendorId)
    await ledger.commit(receiveRequest(asked))
    const stored = await must(readRequest(ledger, asked.requestId))
    const claims = [one, other].map(({ accountId }) => claimRequest(stored, { accountId, secret: aSecret() }))
    const verdicts = await ledger.commitEach(claims)
    expect(verdicts.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
    const after = await must(readRequest(ledger, asked.requestId))
    expect(after.value).toMatchObject({ ...asked, accountId: one.accountId })
    expect(claimRequest(after, { accountId: one.accountId, secret: aSecret() })).toEqual({})
    expect(() => claimRequest(after, { accountId: other.accountId, secret: aSecret() })).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    )
  })

  test('are decided by the customer who opened them, on what was read', async () => {
    const { ledger } = world
    const account = await world.customer()
    const vendor = await world.business()
    const fresh = request(vendor.vendorId)
    await ledger.commit(receiveRequest(fresh))
    const unclaimed = await must(readRequest(ledger, fresh.requestId))
    expect(() => decideRequest(unclaimed, { status: 'refused', decidedAt: 1 })).toThrow(/opened it/)
    const asked = await claimed(account.accountId, vendor.vendorId)
    const stored = await must(readRequest(ledger, asked.requestId))
    const outcome = {
      status: 'allowed' as const,
      decidedAt: world.now(),
      answersHash: aSecret(),
      grantId: anId(),
    }
    await ledger.commit(decideRequest(stored, outcome))
    expect((await must(readRequest(ledger, asked.requestId))).value).toEqual({ ...stored.value, ...outcome })
    const again = decideRequest(stored, { status: 'refused', decidedAt: world.now() })
    await expect(ledger.commit(again)).rejects.toBeInstanceOf(CommitRefused)
  })

  test('are listed newest first for their customer and for their business, and for nobody else', async () => {
    const { ledger } = world
    const [account, vendor] = [await world.customer(), await world.business()]
    const ids: string[] = []
    for (const age of [3, 1, 2]) {
      const asked = await claimed(account.accountId, vendor.vendorId, { receivedAt: begin - age * day })
      ids[age] = asked.requestId
    }
    const first = await listAccountRequests(ledger, account.accountId, { limit: 2 })
    expect(first.rows.map((row) => row.value.requestId)).toEqual([ids[1], ids[2]])
    const rest = await listAccountRequests(ledger, account.accountId, { limit: 2, after: first.next })
    expect(rest.rows.map((row) => row.value.requestId)).toEqual([ids[3]])
    expect(rest.next).toBeUndefined()
    const sold = await listVendorRequests(ledger, vendor.vendorId, { limit: 10 })
    expect(sold.rows.map((row) => row.value.requestId)).toEqual([ids[1], ids[2], ids[3]])
    expect((await listVendorRequests(ledger, anId(), { limit: 10 })).rows).toEqual([])
    expect((await listAccountRequests(ledger, anId(), { limit: 10 })).rows).toEqual([])
  })

  test('that nobody opened go away by themselves; those that were opened stay', async () => {
    await using own = await openRecordsWorld()
    const { ledger, clock } = own
    const [account, vendor] = [await own.customer(), await own.business()]
    const [lost, kept] = [request(vendor.vendorId), request(vendor.vendorId)]
    await ledger.commit(receiveRequest(lost))
    await ledger.commit(receiveRequest(kept))
    const stored = await must(readRequest(ledger, kept.requestId))
    await ledger.commit(claimRequest(stored, { accountId: account.accountId, secret: aSecret() }))
    clock.time = lost.expiresAt + 6 * day
    expect((await listVendorRequests(ledger, vendor.vendorId, { limit: 5 })).rows).toHaveLength(2)
    clock.time = lost.expiresAt + 8 * day
    expect(await readRequest(ledger, lost.requestId)).toBeUndefined()
    expect(await readRequest(ledger, kept.requestId)).toBeDefined()
    const left = await listVendorRequests(ledger, vendor.vendorId, { limit: 5 })
    expect(left.rows.map((row) => row.value.requestId)).toEqual([kept.requestId])
  })
})

describe('receipts', () => {
  test('never change', async () => {
    const { ledger } = world
    const account = await world.customer()
    const receipt = {
      v: 1 as const,
      receiptId: anId(),
      accountId: account.accountId,
      requestId: anId(),
      issuedAt: 1,
      jws: 'a.b.c',
    }
    await ledger.commit(keepReceipt(receipt))
    await expect(ledger.commit(keepReceipt({ ...receipt, jws: 'd.e.f' }))).rejects.toBeInstanceOf(
      CommitRefused,
    )
    expect((await must(readReceipt(ledger, receipt.receiptId))).value).toEqual(receipt)
    expect(await readReceipt(ledger, '../receipt')).toBeUndefined()
  })
})
