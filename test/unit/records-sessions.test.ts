import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOutbound } from '#core/http/outbound.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { podLoginStorage } from '#core/records/pod-logins.ts'
import {
  beginSignIn,
  completeSignIn,
  endSession,
  listSessions,
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
  removeVendor,
  revokeVendorKeys,
  reinstateVendor,
  suspendVendor,
} from '#core/records/vendors.ts'
import { guardOidc } from '../../vault-server/customer/guarded-oidc.ts'
import { createPodLogins } from '../../vault-server/customer/pod-login.ts'
import { startHostileIssuer } from '../hostile-issuer.ts'
import { aSecret, anId, must, openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

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

  test('that left release nothing for good, and their client is nobody', async () => {
    const { ledger } = world
    const { vendorId, clientId } = await world.business()
    const both = async () =>
      [await must(readVendor(ledger, vendorId)), await must(readVendorStanding(ledger, vendorId))] as const
    await ledger.commit(removeVendor(...(await both())))
    expect(await findVendor(ledger, clientId)).toBeUndefined()
    const [vendor, standing] = await both()
    expect([standing.value.state, vendor.value.clientId]).toEqual(['removed', undefined])
    expect(() => registerVendor(vendor, standing, anId())).toThrow(
      expect.objectContaining({ code: 'conflict' }),
    )
  })

  test('whose keys were taken away register new ones for the same client only', async () => {
    const { ledger } = world
    const { vendorId, clientId } = await world.business()
    const both = async () =>
      [await must(readVendor(ledger, vendorId)), await must(readVendorStanding(ledger, vendorId))] as const
    for (const epoch of [1, 2]) {
      await ledger.commit(revokeVendorKeys(...(await both()), 'a'.repeat(43)))
      const [vendor, standing] = await both()
      expect([standing.value.state, vendor.value.keyEpoch]).toEqual(['admitted', epoch])
      expect(() => registerVendor(vendor, standing, anId())).toThrow(
        expect.objectContaining({ code: 'conflict' }),
      )
      await ledger.commit(registerVendor(vendor, standing, clientId))
      expect((await both())[1].value.state).toBe('active')
      expect((await must(findVendor(ledger, clientId))).value).toMatchObject({ vendorId, keyEpoch: epoch })
    }
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
    const session = {
      v: 1 as const,
      accountId: anId(),
      ref: anId(),
      device: { browser: 'firefox', system: 'linux' } as const,
      createdAt: clock.time,
      expiresAt: clock.time + 1_000,
    }
    const listed = async () => (await listSessions(ledger, session.accountId)).map(({ value }) => value)
    await ledger.commit(openSession(names, id, session))
    await expect(ledger.commit(openSession(names, id, session))).rejects.toBeInstanceOf(CommitRefused)
    expect((await must(readSession(ledger, names, id))).value).toEqual(session)
    for (const row of await ledger.list('session/')) expect(row.key).not.toContain(id)
    expect(await listed()).toEqual([session])
    await ledger.commit(extendSession(await must(readSession(ledger, names, id)), clock.time + 5_000))
    clock.time += 4_999
    expect(await readSession(ledger, names, id)).toBeDefined()
    expect(await listed()).toHaveLength(1)
    clock.time += 1
    expect(await readSession(ledger, names, id)).toBeUndefined()
    expect(await listed()).toEqual([])
    const other = aSecret()
    await ledger.commit(openSession(names, other, { ...session, expiresAt: clock.time + 1_000 }))
    await ledger.commit(endSession(await must(readSession(ledger, names, other))))
    expect(await readSession(ledger, names, other)).toBeUndefined()
    expect(await ledger.list('session-of-account/')).toEqual([])
  })

  test('complete once', async () => {
    const { ledger, names, now } = world
    const id = aSecret()
    const signIn = {
      v: 1 as const,
      podLogin: anId(),
      issuer: 'https://i.example/',
      state: 's',
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

describe('a login at the issuer of a pod', () => {
  test('is renewed by one process at a time, since its refresh token is good for one use', async () => {
    await using own = await openRecordsWorld()
    await using issuer = await startHostileIssuer()
    await using outbound = createOutbound({ allow: [issuer.url] })
    const { ledger, names, now, clock } = own
    const fetch: PodFetch = (url, init) => outbound.fetch(url, init)
    const vault = () =>
      createPodLogins({
        clientId: 'https://vault.example/client',
        redirectUrl: 'https://vault.example/back',
        storageOf: (podLogin) => podLoginStorage({ ledger, names, now }, podLogin, 3_600_000),
        oidc: guardOidc({ allow: [issuer.url], fetch }),
        fetch,
        streams: fetch,
        now,
      })
    const vaults = [vault(), vault(), vault()] as const
    const at = new URL(await vaults[0].begin('login-1', issuer.url))
    await vaults[0].complete('login-1', `?code=any&state=${at.searchParams.get('state')}`)
    for (let round = 0; round < 3; round++) {
      clock.time += 600_000
      await Promise.all(vaults.map((one) => one.fetchOf('login-1')))
    }
    expect(issuer.refused).toBe(0)
  })

  test('is taken up by another when who renewed it is gone', async () => {
    await using own = await openRecordsWorld()
    const { ledger, names, now, clock } = own
    const storage = podLoginStorage({ ledger, names, now }, 'login-1', 60_000)
    const left = Promise.withResolvers<void>()
    const gone = storage.alone(() => left.promise)
    await storage.get('any')
    clock.time += 30_001
    expect(await storage.alone(async () => 'done')).toBe('done')
    left.resolve()
    await gone
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
