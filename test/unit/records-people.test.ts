import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CommitRefused } from '#core/ledger/ledger.ts'
import {
  changeAccount,
  changePodAccess,
  createAccount,
  findAccount,
  readAccount,
  readCustomerStanding,
} from '#core/records/accounts.ts'
import { podLoginStorage } from '#core/records/pod-logins.ts'
import { keepReceipt, readReceipt } from '#core/records/receipts.ts'
import {
  claimRequest,
  decideRequest,
  listAccountRequests,
  listVendorRequests,
  readRequest,
  receiveRequest,
} from '#core/records/requests.ts'
import {
  beginSignIn,
  completeSignIn,
  endSession,
  extendSession,
  openSession,
  readSession,
  readSignIn,
} from '#core/records/sessions.ts'
import { endTokens, isTokenMarked, revokeToken } from '#core/records/token-marks.ts'
import {
  admitVendor,
  findVendor,
  listVendors,
  peekVendor,
  readVendor,
  readVendorStanding,
  registerVendor,
  reinstateVendor,
  suspendVendor,
  unregisterVendor,
} from '#core/records/vendors.ts'
import type { AccessRequest } from '#schemas/types.gen.ts'
import { anId, aSecret, begin, openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

const day = 86_400_000

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

async function must<Value>(value: Promise<Value | undefined>): Promise<Value> {
  const found = await value
  if (found === undefined) throw new Error('not there')
  return found
}

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

describe('accounts', () => {
  test('are found by id and by WebID, one account for a WebID', async () => {
    const { ledger, names } = world
    const account = await world.customer()
    expect((await must(findAccount(ledger, names, account.webId))).value).toEqual(account)
    expect(await findAccount(ledger, names, `${account.webId}x`)).toBeUndefined()
    expect(await readAccount(ledger, anId())).toBeUndefined()
    const twin = createAccount(names, { ...account, accountId: anId() })
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
    await ledger.commit(changePodAccess(standing, 'open'))
    await expect(ledger.commit(changePodAccess(standing, 'lost'))).rejects.toBeInstanceOf(CommitRefused)
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
})

async function claimed(accountId: string, vendorId: string, change: Partial<AccessRequest> = {}) {
  const { ledger } = world
  const asked = request(vendorId, change)
  await ledger.commit(receiveRequest(asked))
  const stored = await must(readRequest(ledger, asked.requestId))
  await ledger.commit(claimRequest(stored, { accountId, secret: aSecret() }))
  return asked
}

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

describe('businesses', () => {
  test('are admitted once, register once, and are found by their client', async () => {
    const { ledger } = world
    const vendorId = anId()
    const vendor = { v: 1 as const, vendorId, name: 'Acme', admittedAt: world.now() }
    await ledger.commit(admitVendor(vendor))
    await expect(ledger.commit(admitVendor(vendor))).rejects.toBeInstanceOf(CommitRefused)
    expect((await must(readVendorStanding(ledger, vendorId))).value.state).toBe('admitted')
    const [stored, standing] = [
      await must(readVendor(ledger, vendorId)),
      await must(readVendorStanding(ledger, vendorId)),
    ]
    const clientId = anId()
    const twice = [registerVendor(stored, standing, clientId), registerVendor(stored, standing, anId())]
    const verdicts = await ledger.commitEach(twice)
    expect(verdicts.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
    expect((await must(findVendor(ledger, clientId))).value).toEqual({ ...vendor, clientId })
    expect(peekVendor(ledger, clientId)?.value.vendorId ?? vendorId).toBe(vendorId)
    const [now, active] = [
      await must(readVendor(ledger, vendorId)),
      await must(readVendorStanding(ledger, vendorId)),
    ]
    expect(active.value.state).toBe('active')
    expect(() => registerVendor(now, active, anId())).toThrow(expect.objectContaining({ code: 'conflict' }))
    for (const hostile of ['', '../vendor', '\ud800', 'x'.repeat(9000)]) {
      expect(await findVendor(ledger, hostile)).toBeUndefined()
    }
  })

  test('come back from a suspension as what they were', async () => {
    const { ledger } = world
    const registered = await world.business()
    const waiting = { v: 1 as const, vendorId: anId(), name: 'New', admittedAt: world.now() }
    await ledger.commit(admitVendor(waiting))
    for (const [vendorId, state] of [
      [registered.vendorId, 'active'],
      [waiting.vendorId, 'admitted'],
    ] as const) {
      await ledger.commit(suspendVendor(await must(readVendorStanding(ledger, vendorId))))
      const suspended = await must(readVendorStanding(ledger, vendorId))
      expect(suspended.value.state).toBe('suspended')
      await ledger.commit(reinstateVendor(await must(readVendor(ledger, vendorId)), suspended))
      expect((await must(readVendorStanding(ledger, vendorId))).value.state).toBe(state)
    }
  })

  test('that gave their client back release nothing until they have registered again', async () => {
    const { ledger } = world
    const { vendorId, clientId } = await world.business()
    const both = async () =>
      [await must(readVendor(ledger, vendorId)), await must(readVendorStanding(ledger, vendorId))] as const
    await ledger.commit(unregisterVendor(...(await both())))
    expect(await findVendor(ledger, clientId)).toBeUndefined()
    const [vendor, standing] = await both()
    expect([standing.value.state, vendor.value.clientId]).toEqual(['admitted', undefined])
    const next = anId()
    await ledger.commit(registerVendor(vendor, standing, next))
    expect((await must(findVendor(ledger, next))).value.vendorId).toBe(vendorId)
    await ledger.commit(suspendVendor((await both())[1]))
    await ledger.commit(unregisterVendor(...(await both())))
    expect((await both())[1].value.state).toBe('suspended')
  })

  test('are listed in pages', async () => {
    await using own = await openRecordsWorld()
    const ids = [await own.business(), await own.business(), await own.business()]
      .map((one) => one.vendorId)
      .toSorted()
    const first = await listVendors(own.ledger, { limit: 2 })
    const last = first.at(-1)?.value.vendorId
    if (last === undefined) throw new Error('a page')
    const rest = await listVendors(own.ledger, { limit: 2, after: last })
    expect([...first, ...rest].map((row) => row.value.vendorId)).toEqual(ids)
  })
})

describe('sessions and sign-ins', () => {
  test('are found by an id that the database does not hold, until they end', async () => {
    await using own = await openRecordsWorld()
    const { ledger, names, clock } = own
    const id = aSecret()
    const session = { v: 1 as const, accountId: anId(), createdAt: clock.time, expiresAt: clock.time + 1_000 }
    await ledger.commit(openSession(names, id, session))
    await expect(ledger.commit(openSession(names, id, session))).rejects.toBeInstanceOf(CommitRefused)
    expect((await must(readSession(ledger, names, id))).value).toEqual(session)
    for (const row of await ledger.list('session/')) expect(row.key).not.toContain(id)
    await ledger.commit(extendSession(await must(readSession(ledger, names, id)), clock.time + 5_000))
    clock.time += 4_999
    expect(await readSession(ledger, names, id)).toBeDefined()
    clock.time += 1
    expect(await readSession(ledger, names, id)).toBeUndefined()
    const other = aSecret()
    await ledger.commit(openSession(names, other, { ...session, expiresAt: clock.time + 1_000 }))
    await ledger.commit(endSession(await must(readSession(ledger, names, other))))
    expect(await readSession(ledger, names, other)).toBeUndefined()
  })

  test('complete once', async () => {
    const { ledger, names, now } = world
    const id = aSecret()
    const signIn = {
      v: 1 as const,
      podLogin: anId(),
      issuer: 'https://i.example/',
      returnTo: '/',
      createdAt: now(),
      expiresAt: now() + 1_000,
    }
    await ledger.commit(beginSignIn(names, id, signIn))
    const stored = await must(readSignIn(ledger, names, id))
    const twice = await ledger.commitEach([completeSignIn(stored), completeSignIn(stored)])
    expect(twice.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
    expect(await readSignIn(ledger, names, id)).toBeUndefined()
  })
})

describe('the storage of a pod login', () => {
  test('keeps, deletes and sweeps its own namespace only, and holds no name in its keys', async () => {
    await using own = await openRecordsWorld()
    const { ledger, names, now, clock } = own
    const [one, other] = ['login-1', 'login-1x'].map((login) =>
      podLoginStorage({ ledger, names, now }, login, 60_000),
    )
    if (one === undefined || other === undefined) throw new Error('two logins')
    const key = 'issuerConfig:https://alice.pods.example/'
    await one.set(key, '{"issuer":1}')
    await one.set('solidClientAuthenticationUser:abc', 'two')
    await other.set(key, 'theirs')
    expect(await one.get(key)).toBe('{"issuer":1}')
    await one.set(key, 'new')
    expect(await one.get(key)).toBe('new')
    for (const row of await ledger.list('pod-login/')) expect(row.key).not.toMatch(/alice|login-1|issuer/)
    await one.delete(key)
    expect(await one.get(key)).toBeUndefined()
    expect(await one.get('solidClientAuthenticationUser:abc')).toBe('two')
    await one.clear()
    await one.clear()
    expect(await one.get('solidClientAuthenticationUser:abc')).toBeUndefined()
    expect(await other.get(key)).toBe('theirs')
    clock.time += 60_001
    expect(await other.get(key)).toBeUndefined()
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

describe('marks on tokens', () => {
  test('make the tokens of a grant bad, or one token alone, as long as any of them can live', async () => {
    await using own = await openRecordsWorld()
    const { ledger, clock, now } = own
    const [grantId, jti] = [anId(), anId()]
    await ledger.commit(endTokens(grantId, now()))
    await ledger.commit(revokeToken(jti, now() + 300_000))
    expect(await isTokenMarked(ledger, { jti: anId(), grantId })).toBe(true)
    expect(await isTokenMarked(ledger, { jti })).toBe(true)
    expect(await isTokenMarked(ledger, { jti: anId(), grantId: anId() })).toBe(false)
    expect(await isTokenMarked(ledger, { jti: '../x' })).toBe(false)
    clock.time += 300_000
    expect(await isTokenMarked(ledger, { jti: anId(), grantId })).toBe(true)
    expect(await isTokenMarked(ledger, { jti })).toBe(true)
    clock.time += 200_000
    expect(await isTokenMarked(ledger, { jti, grantId })).toBe(false)
  })
})
