import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pause, redeem, resume, withdraw } from '#core/domain/grant.ts'
import { readFact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import { loseAccess, openAccess, recordLostAccess } from '#core/records/access.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import { disclosureOf } from '#core/records/disclosures.ts'
import type { Released, ReleaseBasis } from '#core/records/disclosures.ts'
import { recordEnds } from '#core/records/ends.ts'
import { accountEntry, grantEntry, vendorEntry } from '#core/records/entries.ts'
import {
  changeGrant,
  createGrant,
  findSubjectGrants,
  listAccountGrants,
  listPassedGrants,
  listVendorGrants,
  peekSubjectGrants,
  readLiveGrants,
  seqKey,
} from '#core/records/grants.ts'
import { dropOAuthGrant, findGrantId, pointOAuthGrant } from '#core/records/oauth-grants.ts'
import { oauthModelKey } from '#core/records/oauth-models.ts'
import { combine, put } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { readVendorStanding, reinstateVendor, readVendor, suspendVendor } from '#core/records/vendors.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { anId, openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const rows = () => ({ reader: world.ledger, names: world.names })
const ids = (grants: readonly Stored<Grant>[]) => grants.map((grant) => grant.value.grantId)
const found = async ({ vendorId, subject }: Grant) => ids(await findSubjectGrants(rows(), vendorId, subject))

async function change(
  stored: Stored<Grant>,
  next: Grant,
  type: 'withdrawn' | 'paused' | 'resumed' | 'redeemed',
) {
  const parts = await changeGrant(rows(), stored, next)
  return world.ledger.commit(combine(parts, { entries: [grantEntry(stored.value, { type })] }))
}

async function basisOf(grant: Grant) {
  const [stored, customer, vendor] = await Promise.all([
    world.reread(grant.grantId),
    readCustomerStanding(world.ledger, grant.accountId),
    readVendorStanding(world.ledger, grant.vendorId),
  ])
  if (customer === undefined || vendor === undefined) throw new Error('no standing')
  return { grant: stored, customer, vendor }
}

const nobody = { who: '', data: '{}' }
const disclosed = (basis: ReleaseBasis, personal: Released = nobody) =>
  disclosureOf(basis.grant.value, 'dpv:CustomerCare', ['profile.name'])(basis, personal)

async function refusal(run: Promise<unknown>): Promise<string> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof CommitRefused ? error.reason : `not refused: ${String(error)}`
}

describe('a grant in the ledger', () => {
  test('is found by its business only once it was redeemed, and no longer once it has ended', async () => {
    const [account, vendor] = [await world.customer(), await world.business()]
    const stored = await world.grant(account, vendor, { redeemed: false })
    const { grantId } = stored.value
    expect(await found(stored.value)).toEqual([])
    expect((await listVendorGrants(world.ledger, vendor.vendorId, { limit: 10 })).rows).toEqual([])
    expect(ids((await readLiveGrants(world.ledger, account.accountId)).grants)).toEqual([grantId])

    await change(stored, redeem(stored.value, world.now()), 'redeemed')
    expect(await found(stored.value)).toEqual([grantId])
    expect(ids((await listVendorGrants(world.ledger, vendor.vendorId, { limit: 10 })).rows)).toEqual([
      grantId,
    ])

    const redeemed = await world.reread(grantId)
    await change(redeemed, pause(redeemed.value, world.now()), 'paused')
    expect(await found(stored.value)).toEqual([grantId])
    const paused = await world.reread(grantId)
    await change(paused, resume(paused.value, world.now()), 'resumed')

    const active = await world.reread(grantId)
    await change(active, withdraw(active.value, world.now()), 'withdrawn')
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

  test('is one of several of a subject, and each comes and goes alone', async () => {
    const [account, vendor, other] = [await world.customer(), await world.business(), await world.business()]
    const subject = 's'.repeat(43)
    const first = await world.grant(account, vendor, { subject })
    const second = await world.grant(account, vendor, { subject })
    await world.grant(account, other, { subject })
    expect(await found(first.value)).toEqual(ids([first, second]))
    const peeked = peekSubjectGrants(rows(), vendor.vendorId, subject)
    if (peeked !== undefined) expect(ids(peeked)).toEqual(ids([first, second]))
    await change(first, withdraw(first.value, world.now()), 'withdrawn')
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

    // Somebody points one more OAuth Grant to it between the reading and the commit of its end: refused, then all go.
    const stale = await changeGrant(rows(), grant, withdraw(grant.value, world.now()))
    const late = anId()
    await world.ledger.commit(await pointOAuthGrant(world.ledger, late, grantId))
    expect(await refusal(world.ledger.commit(stale))).toBe('changed')
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
    const { grant: stored, customer } = await basisOf(before.value)
    const fresh: Grant = { ...stored.value, grantId: anId(), redeemed: false }
    const late = await createGrant(rows(), fresh, customer)
    await world.ledger.commit((await loseAccess(world.ledger, account.accountId)) ?? {})
    expect(await refusal(world.ledger.commit(late))).toBe('changed')
    const { customer: lost } = await basisOf(before.value)
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
    const { grant, customer } = await basisOf(first.value)
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
    await change(third, withdraw(third.value, world.now()), 'withdrawn')
    const lost = await loseAccess(world.ledger, account.accountId)
    const { entries } = await world.ledger.commit(lost ?? {})
    expect(entries).toHaveLength(2)
    expect(await loseAccess(world.ledger, account.accountId)).toBeUndefined()
    for (const grant of grants.slice(0, 2)) {
      expect((await world.story(grant.value.grantId)).at(-1)?.type).toBe('access-lost')
    }
    expect((await world.story(third.value.grantId)).at(-1)?.type).toBe('withdrawn')
    const back = await world.ledger.commit((await openAccess(world.ledger, account.accountId)) ?? {})
    expect(back.entries).toHaveLength(2)
    expect(await openAccess(world.ledger, account.accountId)).toBeUndefined()
  })

  test('of a customer without grants is told to the customer alone', async () => {
    const account = await world.customer()
    const { entries } = await world.ledger.commit((await loseAccess(world.ledger, account.accountId)) ?? {})
    expect(entries).toHaveLength(1)
    const [item] = await world.ledger.history(account.accountId)
    expect(readFact(item?.ops ?? '')).toEqual({ type: 'access-lost', time: world.now() })
    expect(accountEntry(account.accountId, 'access-lost').threads).toEqual([account.accountId])
    expect(await loseAccess(world.ledger, anId())).toBeUndefined()
  })

  test('is refused when a grant came in between, so that none is left out', async () => {
    const [account, vendor] = [await world.customer(), await world.business()]
    const seen = await loseAccess(world.ledger, account.accountId)
    await world.grant(account, vendor)
    expect(await refusal(world.ledger.commit(seen ?? {}))).toBe('changed')
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
    expect((await basisOf(grant.value)).customer.value.podAccess).toBe('lost')
    expect(await recordLostAccess(world.ledger, account.accountId)).toBe(false)
    expect(await recordLostAccess(world.ledger, anId())).toBe(false)
  })
})

describe('a disclosure', () => {
  test('is numbered, under the terms of its grant, and provable from the salts of its entry', async () => {
    const grant = await world.grant(await world.customer(), await world.business())
    const personal = { who: 'https://alice.example/#me', data: '{"profile.name":"Alice"}' }
    for (const seq of [1, 2, 3]) {
      const committed = await world.ledger.commit(disclosed(await basisOf(grant.value), personal))
      expect(committed.counts).toEqual([seq])
      expect(committed.entries[0]?.salts.data).toHaveLength(22)
    }
    expect(await world.ledger.count(seqKey(grant.value.grantId))).toBe(3)
    const [last] = await world.ledger.history(grant.value.grantId, { limit: 1 })
    expect(readFact(last?.ops ?? '')).toEqual({
      type: 'disclosed',
      time: world.now(),
      vendor: grant.value.vendorId,
      grant: grant.value.grantId,
      purpose: 'dpv:CustomerCare',
      fields: ['profile.name'],
      seq: 3,
      until: grant.value.until,
      notice: grant.value.noticeHash,
    })
    expect(last?.ops).not.toMatch(/alice/i)
  })

  test('is refused once anything it relied on has changed', async () => {
    const { ledger, now } = world
    const grant = await world.grant(await world.customer(), await world.business())
    const { grantId, accountId, vendorId } = grant.value
    /** Verdict on a disclosure that was decided just before something else was committed. */
    const after = async (between: () => Promise<unknown>): Promise<string> => {
      const commit = disclosed(await basisOf(grant.value))
      await between()
      return refusal(ledger.commit(commit))
    }
    const suspend = async () => {
      const { vendor } = await basisOf(grant.value)
      const entries = [vendorEntry({ type: 'vendor-suspended', vendor: vendorId })]
      await ledger.commit(combine(suspendVendor(vendor), { entries }))
    }
    const reinstate = async () => {
      const vendor = await readVendor(ledger, vendorId)
      if (vendor === undefined) throw new Error('no vendor')
      const entries = [vendorEntry({ type: 'vendor-reinstated', vendor: vendorId })]
      await ledger.commit(combine(reinstateVendor(vendor, (await basisOf(grant.value)).vendor), { entries }))
    }
    expect(await after(suspend)).toBe('changed')
    await reinstate()
    expect(await after(async () => ledger.commit((await loseAccess(ledger, accountId)) ?? {}))).toBe(
      'changed',
    )
    await ledger.commit((await openAccess(ledger, accountId)) ?? {})
    const turn = async (act: typeof pause, type: 'paused' | 'resumed' | 'withdrawn') => {
      const stored = await world.reread(grantId)
      await change(stored, act(stored.value, now()), type)
    }
    expect(await after(() => turn(pause, 'paused'))).toBe('changed')
    await turn(resume, 'resumed')
    expect(await after(() => turn(withdraw, 'withdrawn'))).toBe('changed')
  })

  test('and the redemption of its grant happen up to the very end and not after it, by the time of the ledger', async () => {
    const grant = await world.grant(await world.customer(), await world.business())
    const waiting = await world.grant(await world.customer(), await world.business(), { redeemed: false })
    const pickUp = await changeGrant(rows(), waiting, redeem(waiting.value, world.now()))
    const edge = disclosed(await basisOf(grant.value))
    world.clock.time = waiting.value.redeemBy + 1
    expect(await refusal(world.ledger.commit(pickUp))).toBe('too-late')
    world.clock.time = grant.value.until
    expect((await world.ledger.commit(edge)).time).toBe(grant.value.until)
    world.clock.time += 1
    expect(await refusal(world.ledger.commit(edge))).toBe('too-late')
  })

  test('cannot even be put together where nothing may leave', async () => {
    const basis = await basisOf((await world.grant(await world.customer(), await world.business())).value)
    const stranger = await basisOf((await world.grant(await world.customer(), await world.business())).value)
    const { grant, customer, vendor } = basis
    const held = (change: Partial<Grant>) => ({
      ...basis,
      grant: { ...grant, value: { ...grant.value, ...change } },
    })
    expect(() => disclosed(basis)).not.toThrow()
    const wrong = [
      held({ redeemed: false }),
      held({ state: 'paused' }),
      held({ state: 'withdrawn' }),
      held({ state: 'expired' }),
      held({ items: [{ id: 'item-1', purpose: 'dpv:CustomerCare', fields: ['contact.email'] }] }),
      held({ items: [{ id: 'item-1', purpose: 'dpv:DirectMarketing', fields: ['profile.name'] }] }),
      { ...basis, customer: { ...customer, value: { v: 1 as const, podAccess: 'lost' as const } } },
      { ...basis, customer: { ...customer, value: { v: 1 as const, podAccess: 'none' as const } } },
      { ...basis, vendor: { ...vendor, value: { v: 1 as const, state: 'suspended' as const } } },
      { ...basis, vendor: { ...vendor, value: { v: 1 as const, state: 'admitted' as const } } },
    ]
    for (const one of wrong) expect(() => disclosed(one)).toThrow(/nothing leaves/)
    expect(() => disclosureOf(grant.value, 'dpv:CustomerCare', ['profile.name'])(stranger, nobody)).toThrow(
      /nothing leaves/,
    )
    expect(() => disclosureOf(grant.value, 'dpv:CustomerCare', [])).toThrow(/nothing leaves/)
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

describe('the log of all this', () => {
  test('replays without a finding', async () => {
    const { ledger } = world
    const threads = new Set<string>()
    const facts = new Map<number, string>()
    for (const row of await ledger.list<{ id?: string }>('grant-of-account/', { limit: 10_000 }))
      threads.add(row.value.id ?? '')
    for (const row of await ledger.list<{ vendorId: string }>('vendor/', { limit: 10_000 }))
      threads.add(row.value.vendorId)
    for (const thread of threads) {
      for (const { index, ops } of await ledger.history(thread, { limit: 1_000 })) facts.set(index, ops)
    }
    const log = [...facts]
      .toSorted(([one], [other]) => one - other)
      .map(([index, ops]) => ({ index, fact: readFact(ops) }))
    expect(log.filter(({ fact }) => fact.type === 'disclosed')).not.toHaveLength(0)
    expect(replay(log)).toEqual([])
  })
})
