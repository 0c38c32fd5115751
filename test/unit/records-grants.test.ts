import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pause, redeem, resume, withdraw } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import { loseAccess } from '#core/records/access.ts'
import {
  changeGrant,
  createGrant,
  findSubjectGrants,
  listAccountGrants,
  listVendorGrants,
  peekSubjectGrants,
  readLiveGrants,
} from '#core/records/grants.ts'
import { dropOAuthGrant, findGrantId, pointOAuthGrant } from '#core/records/oauth-grants.ts'
import { oauthModelKey } from '#core/records/oauth-models.ts'
import { combine, put } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { redeemGrant } from '#core/records/redemption.ts'
import { anId, openRecordsWorld, refusalOf } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const rows = () => ({ reader: world.ledger, names: world.names })
const ids = (grants: readonly Stored<Grant>[]) => grants.map((grant) => grant.value.grantId)
const found = async ({ vendorId, subject }: Grant) => ids(await findSubjectGrants(rows(), vendorId, subject))

describe('a grant in the ledger', () => {
  test('is found by its business only once it was redeemed, and no longer once it has ended', async () => {
    const [account, vendor] = [await world.customer(), await world.business()]
    const stored = await world.grant(account, vendor, { redeemed: false })
    const { grantId } = stored.value
    expect(await found(stored.value)).toEqual([])
    expect((await listVendorGrants(world.ledger, vendor.vendorId, { limit: 10 })).rows).toEqual([])
    expect(ids((await readLiveGrants(world.ledger, account.accountId)).grants)).toEqual([grantId])

    await world.turn(stored, redeem(stored.value, world.now()), 'redeemed')
    expect(await found(stored.value)).toEqual([grantId])
    expect(ids((await listVendorGrants(world.ledger, vendor.vendorId, { limit: 10 })).rows)).toEqual([
      grantId,
    ])

    const redeemed = await world.reread(grantId)
    await world.turn(redeemed, pause(redeemed.value, world.now()), 'paused')
    expect(await found(stored.value)).toEqual([grantId])
    const paused = await world.reread(grantId)
    await world.turn(paused, resume(paused.value, world.now()), 'resumed')

    const active = await world.reread(grantId)
    await world.turn(active, withdraw(active.value, world.now()), 'withdrawn')
    expect(await found(stored.value)).toEqual([])
    expect((await readLiveGrants(world.ledger, account.accountId)).grants).toEqual([])
    expect(ids((await listAccountGrants(world.ledger, account.accountId, { limit: 10 })).rows)).toEqual([
      grantId,
    ])
    expect(ids((await listVendorGrants(world.ledger, vendor.vendorId, { limit: 10 })).rows)).toEqual([
      grantId,
    ])
    expect((await world.story(grantId)).map((item) => item.type)).toEqual([
      'granted',
      'redeemed',
      'paused',
      'resumed',
      'withdrawn',
    ])
    expect((await world.story(account.accountId)).map((item) => item.type)).toContain('withdrawn')
  })

  test('takes the place of an earlier one in the commit of its redemption; of two at once, the last decision holds', async () => {
    const [account, vendor, other] = [await world.customer(), await world.business(), await world.business()]
    const subject = 's'.repeat(43)
    const elsewhere = await world.grant(account, other, { subject })
    const first = await world.grant(account, vendor, { subject })
    const validFrom = first.value.validFrom + 1
    const second = await world.grant(account, vendor, { subject, redeemed: false, validFrom })
    const third = await world.grant(account, vendor, { subject, redeemed: false, validFrom: validFrom + 1 })
    expect(await found(first.value)).toEqual(ids([first]))
    const parts = await Promise.all([second, third].map((stored) => redeemGrant(rows(), stored, world.now())))
    const outcomes = await Promise.allSettled(parts.map((part) => world.ledger.commit(part)))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(await found(first.value)).toEqual(ids([second]))
    await world.ledger.commit(await redeemGrant(rows(), third, world.now()))
    expect(await found(first.value)).toEqual(ids([third]))
    expect(await found(elsewhere.value)).toEqual(ids([elsewhere]))
    expect(ids((await readLiveGrants(world.ledger, account.accountId)).grants).toSorted()).toEqual(
      ids([elsewhere, third]).toSorted(),
    )
    await expect(
      world.reread(second.value.grantId).then((late) => redeemGrant(rows(), late, world.now())),
    ).rejects.toMatchObject({ code: 'conflict' })
    expect((await world.story(first.value.grantId)).at(-1)?.type).toBe('withdrawn')
  })

  test('is one of several of a subject, and each comes and goes alone', async () => {
    const [account, vendor, other] = [await world.customer(), await world.business(), await world.business()]
    const subject = 's'.repeat(43)
    const first = await world.grant(account, vendor, { subject })
    const second = await world.grant(account, vendor, { subject })
    await world.grant(account, other, { subject })
    expect(await found(first.value)).toEqual(ids([first, second]))
    const peeked = peekSubjectGrants(rows(), vendor.vendorId, subject)
    if (peeked !== undefined) expect(ids(peeked.grants)).toEqual(ids([first, second]))
    await world.turn(first, withdraw(first.value, world.now()), 'withdrawn')
    expect(await found(first.value)).toEqual(ids([second]))
    for (const wrong of [`${subject}x`, subject.slice(1), '', '/', 'x'.repeat(5000), '\ud800']) {
      expect(await findSubjectGrants(rows(), vendor.vendorId, wrong)).toEqual([])
    }
    expect(await findSubjectGrants(rows(), anId(), subject)).toEqual([])
  })

  test('changes for one of two that saw the same state', async () => {
    const grant = await world.grant(await world.customer(), await world.business())
    const both = await Promise.all([
      changeGrant(rows(), grant, pause(grant.value, world.now())),
      changeGrant(rows(), grant, withdraw(grant.value, world.now())),
    ])
    const verdicts = await world.ledger.commitEach(both)
    expect(verdicts.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
    expect((await world.reread(grant.value.grantId)).value.state).toBe('paused')
    expect(await found(grant.value)).toEqual([grant.value.grantId])
  })

  test('takes every OAuth Grant that points to it along when it ends, and outlives each of them', async () => {
    const grant = await world.grant(await world.customer(), await world.business())
    const { grantId } = grant.value
    const [one, two] = [anId(), anId()]
    for (const id of [one, two]) {
      const saved = { writes: [put(oauthModelKey('Grant', id), { jti: id })] }
      await world.ledger.commit(combine(await pointOAuthGrant(world.ledger, id, grantId), saved))
      expect(await findGrantId(world.ledger, id)).toBe(grantId)
    }
    await world.ledger.commit(await dropOAuthGrant(world.ledger, one))
    expect(await findGrantId(world.ledger, one)).toBeUndefined()
    expect(await world.ledger.get(oauthModelKey('Grant', one))).toBeUndefined()
    expect((await world.reread(grantId)).value.state).toBe('active')
    expect(await findGrantId(world.ledger, two)).toBe(grantId)

    // Somebody points one more OAuth Grant to it between the reading and the commit of its end: refused, then
    // all go.
    const stale = await changeGrant(rows(), grant, withdraw(grant.value, world.now()))
    const late = anId()
    await world.ledger.commit(await pointOAuthGrant(world.ledger, late, grantId))
    expect(await refusalOf(world.ledger.commit(stale))).toBe('changed')
    await world.ledger.commit(await changeGrant(rows(), grant, withdraw(grant.value, world.now())))
    for (const id of [two, late]) {
      expect(await findGrantId(world.ledger, id)).toBeUndefined()
      expect(await world.ledger.get(oauthModelKey('Grant', id))).toBeUndefined()
    }
    await world.ledger.commit(await dropOAuthGrant(world.ledger, anId()))
  })

  test('is given only while the pod is open, and not behind the back of its loss', async () => {
    const [account, vendor] = [await world.customer(), await world.business()]
    const before = await world.grant(account, vendor)
    const { grant: stored, customer } = await world.basis(before.value.grantId)
    const fresh: Grant = { ...stored.value, grantId: anId(), redeemed: false }
    const late = await createGrant(rows(), fresh, customer)
    await world.ledger.commit((await loseAccess(world.ledger, account.accountId)) ?? {})
    expect(await refusalOf(world.ledger.commit(late))).toBe('changed')
    const { customer: lost } = await world.basis(before.value.grantId)
    await expect(createGrant(rows(), fresh, lost)).rejects.toMatchObject({ code: 'pod-not-connected' })
  })
})

describe('grants of one customer', () => {
  test('come and go at the same moment without one being forgotten', async () => {
    const account = await world.customer()
    const [one, other] = [await world.business(), await world.business()]
    const first = await world.grant(account, one)
    const second = await world.grant(account, other)
    const live = async () => ids((await readLiveGrants(world.ledger, account.accountId)).grants)
    const { grant, customer } = await world.basis(first.value.grantId)
    const fresh = [anId(), anId()].map((grantId): Grant => ({ ...grant.value, grantId, redeemed: false }))
    const created = await Promise.all(fresh.map((next) => createGrant(rows(), next, customer)))
    const verdicts = await world.ledger.commitEach(created)
    expect(verdicts.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
    expect(await live()).toEqual([...ids([first, second]), fresh[0]?.grantId])
    const ended = await Promise.all(
      [first, second].map((stored) => changeGrant(rows(), stored, withdraw(stored.value, world.now()))),
    )
    const ends = await world.ledger.commitEach(ended)
    expect(ends.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
    expect(await live()).toEqual([second.value.grantId, fresh[0]?.grantId])
  })
})
