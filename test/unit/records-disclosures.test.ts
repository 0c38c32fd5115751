import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pause, redeem, resume, withdraw } from '#core/domain/grant.ts'
import { readFact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import type { HistoryItem } from '#core/ledger/ledger.ts'
import { loseAccess, gainAccess } from '#core/records/access.ts'
import { disclosureOf } from '#core/records/disclosures.ts'
import type { Released, ReleaseBasis } from '#core/records/disclosures.ts'
import { vendorEntry } from '#core/records/entries.ts'
import { changeGrant, seqKey } from '#core/records/grants.ts'
import { accountHistory, grantHistory } from '#core/records/histories.ts'
import { combine } from '#core/records/parts.ts'
import { reinstateVendor, readVendor, suspendVendor } from '#core/records/vendors.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { loggedFacts } from '../logged-facts.ts'
import { openRecordsWorld, refusalOf } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

let world: RecordsWorld
beforeAll(async () => {
  world = await openRecordsWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const rows = () => ({ reader: world.ledger, names: world.names })

const nobody = { who: '', data: '{}' }
const disclosed = (basis: ReleaseBasis, personal: Released = nobody) =>
  disclosureOf(basis.grant.value, 'dpv:CustomerCare', ['profile.name'])(basis, personal)

describe('a disclosure', () => {
  test('is numbered, under the terms of its grant, and provable from the salts of its entry', async () => {
    const grant = await world.grant(await world.customer(), await world.business())
    const personal = { who: 'https://alice.example/#me', data: '{"profile.name":"Alice"}' }
    for (const seq of [1, 2, 3]) {
      const committed = await world.ledger.commit(disclosed(await world.basis(grant.value.grantId), personal))
      expect(committed.counts).toEqual([seq])
      expect(committed.entries[0]?.salts.data).toHaveLength(22)
    }
    expect(await world.ledger.count(seqKey(grant.value.grantId))).toBe(3)
    const [last] = await grantHistory(world.ledger, grant.value.grantId, { limit: 1 })
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

  test('is told in the history of its grant and of its customer, each once and in order, and to nobody else', async () => {
    const { ledger } = world
    const customer = await world.customer()
    const grants = [
      await world.grant(customer, await world.business()),
      await world.grant(customer, await world.business()),
      await world.grant(await world.customer(), await world.business()),
    ].map(({ value }) => value)
    const told = new Map<string, number[]>(grants.map(({ grantId }) => [grantId, []]))
    // More than one run of each, by turns.
    for (let n = 0; n < 105; n++) {
      const { grantId = '' } = grants[n % 3] ?? {}
      const { entries } = await ledger.commit(disclosed(await world.basis(grantId)))
      told.get(grantId)?.unshift(entries[0]?.index ?? -1)
    }
    const [one, other, strange] = grants.map(({ grantId }) => told.get(grantId) ?? [])
    const disclosures = (items: readonly HistoryItem[]) =>
      items.filter(({ ops }) => readFact(ops).type === 'disclosed').map(({ index }) => index)
    expect(disclosures(await grantHistory(ledger, grants[2]?.grantId ?? ''))).toEqual(strange)
    const own = [...(one ?? []), ...(other ?? [])].toSorted((a, b) => b - a)
    const found: HistoryItem[] = []
    for (let before: number | undefined; ; before = found.at(-1)?.index) {
      const page = await accountHistory(ledger, customer.accountId, { before, limit: 7 })
      if (page.length === 0) break
      found.push(...page)
    }
    expect(disclosures(found)).toEqual(own)
    expect(new Set(found.map(({ index }) => index)).size).toBe(found.length)
    expect(found.map(({ ops }) => readFact(ops).type)).toContain('granted')
  })

  test('is refused once anything it relied on has changed', async () => {
    const { ledger, now } = world
    const grant = await world.grant(await world.customer(), await world.business())
    const { grantId, accountId, vendorId } = grant.value
    /** Verdict on a disclosure that was decided just before something else was committed. */
    const after = async (between: () => Promise<unknown>): Promise<string> => {
      const commit = disclosed(await world.basis(grant.value.grantId))
      await between()
      return refusalOf(ledger.commit(commit))
    }
    const suspend = async () => {
      const { vendor } = await world.basis(grant.value.grantId)
      const entries = [vendorEntry({ type: 'vendor-suspended', vendor: vendorId })]
      await ledger.commit(combine(suspendVendor(vendor), { entries }))
    }
    const reinstate = async () => {
      const vendor = await readVendor(ledger, vendorId)
      if (vendor === undefined) throw new Error('no vendor')
      const entries = [vendorEntry({ type: 'vendor-reinstated', vendor: vendorId })]
      await ledger.commit(
        combine(reinstateVendor(vendor, (await world.basis(grant.value.grantId)).vendor), { entries }),
      )
    }
    expect(await after(suspend)).toBe('changed')
    await reinstate()
    expect(await after(async () => ledger.commit((await loseAccess(ledger, accountId)) ?? {}))).toBe(
      'changed',
    )
    await ledger.commit((await gainAccess(ledger, accountId)) ?? {})
    const turn = async (act: typeof pause, type: 'paused' | 'resumed' | 'withdrawn') => {
      const stored = await world.reread(grantId)
      await world.turn(stored, act(stored.value, now()), type)
    }
    expect(await after(() => turn(pause, 'paused'))).toBe('changed')
    await turn(resume, 'resumed')
    expect(await after(() => turn(withdraw, 'withdrawn'))).toBe('changed')
  })

  test('and the redemption of its grant happen up to the very end and not after it, by the time of the ledger', async () => {
    const grant = await world.grant(await world.customer(), await world.business())
    const waiting = await world.grant(await world.customer(), await world.business(), { redeemed: false })
    const pickUp = await changeGrant(rows(), waiting, redeem(waiting.value, world.now()))
    const edge = disclosed(await world.basis(grant.value.grantId))
    world.clock.time = waiting.value.redeemBy + 1
    expect(await refusalOf(world.ledger.commit(pickUp))).toBe('too-late')
    world.clock.time = grant.value.until
    expect((await world.ledger.commit(edge)).time).toBe(grant.value.until)
    world.clock.time += 1
    expect(await refusalOf(world.ledger.commit(edge))).toBe('too-late')
  })

  test('cannot even be put together where nothing may leave', async () => {
    const basis = await world.basis(
      (await world.grant(await world.customer(), await world.business())).value.grantId,
    )
    const stranger = await world.basis(
      (await world.grant(await world.customer(), await world.business())).value.grantId,
    )
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

describe('the log of all this', () => {
  test('replays without a finding', async () => {
    const log = await loggedFacts(world.ledger)
    expect(log.filter(({ fact }) => fact.type === 'disclosed')).not.toHaveLength(0)
    expect(replay(log)).toEqual([])
  })
})
