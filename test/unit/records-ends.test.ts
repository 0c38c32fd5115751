import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withdraw } from '#core/domain/grant.ts'
import { readFact } from '#core/domain/facts.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import { loseAccess, gainAccess, recordLostAccess } from '#core/records/access.ts'
import { recordEnds } from '#core/records/ends.ts'
import { accountEntry } from '#core/records/entries.ts'
import { changeGrant, findSubjectGrants, listPassedGrants, readLiveGrants } from '#core/records/grants.ts'
import type { Stored } from '#core/records/parts.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { anId, openRecordsWorld, refusalOf } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const rows = () => ({ reader: world.ledger, names: world.names })
const ids = (grants: readonly Stored<Grant>[]) => grants.map((grant) => grant.value.grantId)

describe('lost access', () => {
  test('is one commit that names every grant it hits, and comes once', async () => {
    const account = await world.customer()
    const grants = [
      await world.grant(account, await world.business()),
      await world.grant(account, await world.business(), { redeemed: false }),
      await world.grant(account, await world.business()),
    ]
    const [, , third] = grants
    if (third === undefined) throw new Error('three grants')
    await world.turn(third, withdraw(third.value, world.now()), 'withdrawn')
    const lost = await loseAccess(world.ledger, account.accountId)
    const { entries } = await world.ledger.commit(lost ?? {})
    expect(entries).toHaveLength(2)
    expect(await loseAccess(world.ledger, account.accountId)).toBeUndefined()
    for (const grant of grants.slice(0, 2)) {
      expect((await world.story(grant.value.grantId)).at(-1)?.type).toBe('access-lost')
    }
    expect((await world.story(third.value.grantId)).at(-1)?.type).toBe('withdrawn')
    const back = await world.ledger.commit((await gainAccess(world.ledger, account.accountId)) ?? {})
    expect(back.entries).toHaveLength(2)
    expect(await gainAccess(world.ledger, account.accountId)).toBeUndefined()
  })

  test('of a customer without grants is told to the customer alone', async () => {
    const account = await world.customer()
    const { entries } = await world.ledger.commit((await loseAccess(world.ledger, account.accountId)) ?? {})
    expect(entries).toHaveLength(1)
    const [item] = await world.ledger.history(account.accountId)
    expect(readFact(item?.ops ?? '')).toEqual({ type: 'access-lost', time: world.now() })
    expect(accountEntry(account.accountId, { type: 'access-lost' }).threads).toEqual([account.accountId])
    expect(await loseAccess(world.ledger, anId())).toBeUndefined()
  })

  test('is refused when a grant came in between, so that none is left out', async () => {
    const [account, vendor] = [await world.customer(), await world.business()]
    const seen = await loseAccess(world.ledger, account.accountId)
    await world.grant(account, vendor)
    expect(await refusalOf(world.ledger.commit(seen ?? {}))).toBe('changed')
  })
})

describe('lost access noticed in many places at once', () => {
  test('is recorded once, whatever else is decided meanwhile', async () => {
    const [account, vendor] = [await world.customer(), await world.business()]
    const grant = await world.grant(account, vendor)
    const change = changeGrant(rows(), grant, withdraw(grant.value, world.now())).then((parts) =>
      world.ledger.commit(parts),
    )
    const news = await Promise.all([1, 2, 3, 4].map(() => recordLostAccess(world.ledger, account.accountId)))
    await change.catch((error: unknown) => expect(error).toBeInstanceOf(CommitRefused))
    expect(news.filter((isNews) => isNews)).toHaveLength(1)
    expect((await world.basis(grant.value.grantId)).customer.value.podAccess).toBe('lost')
    expect(await recordLostAccess(world.ledger, account.accountId)).toBe(false)
    expect(await recordLostAccess(world.ledger, anId())).toBe(false)
  })
})

describe('ends that have passed', () => {
  test('are recorded once, as expired or unredeemed, in state and log, also many of one customer', async () => {
    await using own = await openRecordsWorld()
    const { ledger, names, clock, now } = own
    const [account, vendor] = [await own.customer(), await own.business()]
    const live = await own.grant(account, vendor)
    const unredeemed = await own.grant(account, vendor, { redeemed: false })
    const short = await Promise.all(
      [1, 2, 3].map(async (days) =>
        own.grant(await own.customer(), vendor, { until: now() + days * 60_000 }),
      ),
    )
    const subject = live.value.subject
    const twins = [
      await own.grant(account, vendor, { until: now() + 5_000, subject }),
      await own.grant(account, vendor, { until: now() + 6_000, subject }),
    ]
    expect((await listPassedGrants(ledger, now(), 10)).grants).toEqual([])
    clock.time += 5_000
    expect(await recordEnds({ ledger, names, now })).toBe(0)
    clock.time += 1
    expect(await recordEnds({ ledger, names, now })).toBe(1)
    clock.time = live.value.validFrom + 601_000
    expect((await listPassedGrants(ledger, now(), 3)).grants).toHaveLength(3)
    expect(await recordEnds({ ledger, names, now }, 2)).toBe(5)
    expect(await recordEnds({ ledger, names, now })).toBe(0)
    expect((await own.story(unredeemed.value.grantId)).at(-1)?.type).toBe('unredeemed')
    for (const grant of [...short, ...twins]) {
      expect((await own.story(grant.value.grantId)).map((item) => item.type)).toEqual([
        'granted',
        'redeemed',
        'expired',
      ])
      expect((await own.reread(grant.value.grantId)).value).toMatchObject({
        state: 'expired',
        endedAt: expect.any(Number),
      })
    }
    expect(ids(await findSubjectGrants({ reader: ledger, names }, vendor.vendorId, subject))).toEqual(
      ids([live]),
    )
    expect(ids((await readLiveGrants(ledger, account.accountId)).grants)).toEqual(ids([live]))
  })

  test('are recorded by one of several that sweep at once', async () => {
    await using own = await openRecordsWorld()
    const { ledger, names, clock, now } = own
    const grant = await own.grant(await own.customer(), await own.business(), { until: now() + 1_000 })
    clock.time += 1_001
    const counts = await Promise.all([1, 2, 3].map(() => recordEnds({ ledger, names, now })))
    expect(counts.toSorted()).toEqual([0, 0, 1])
    expect((await own.story(grant.value.grantId)).map((item) => item.type)).toEqual([
      'granted',
      'redeemed',
      'expired',
    ])
  })

  test('of a customer who was forgotten do not stand in the way of others', async () => {
    await using own = await openRecordsWorld()
    const { ledger, names, clock, now, keys } = own
    const vendor = await own.business()
    const [gone, stays] = [await own.customer(), await own.customer()]
    await own.grant(gone, vendor, { until: now() + 1_000 })
    const grant = await own.grant(stays, vendor, { until: now() + 2_000 })
    await keys.destroyCustomerKey(gone.accountId)
    clock.time += 10_000
    expect(await recordEnds({ ledger, names, now }, 1)).toBe(1)
    expect((await listPassedGrants(ledger, now(), 10)).gone.writes).toEqual([])
    expect((await own.reread(grant.value.grantId)).value.state).toBe('expired')
  })
})
