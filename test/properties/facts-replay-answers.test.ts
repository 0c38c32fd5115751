/** What a replay finds beside releases: answers, erasures, recoveries and looks that cannot be. */
import { describe, expect, test } from 'vitest'
import type { Fact, FactOf } from '../../core/domain/facts.ts'
import {
  admitted,
  disclosed,
  found,
  foundIn,
  grant,
  granted,
  notice,
  redeemed,
  request,
  start,
  vendor,
} from '../replayed-facts.ts'

describe('replaying a log', () => {
  test('finds a consent to a business that may not have any', () => {
    const stands = (type: 'vendor-suspended' | 'vendor-removed'): Fact => ({ type, time: start, vendor })
    expect(found(granted, redeemed, disclosed(1))).toEqual([
      [0, 'business-not-admitted'],
      [2, 'business-not-admitted'],
    ])
    expect(found(admitted, stands('vendor-suspended'), granted)).toEqual([[2, 'business-suspended']])
    expect(found(admitted, stands('vendor-removed'), admitted, granted)).toEqual([[3, 'business-removed']])
  })

  test('finds answers to what was not asked, or was answered before', () => {
    const answer = (
      type: 'refused' | 'deferred',
      time = start + 5,
    ): FactOf<'refused'> | FactOf<'deferred'> => ({
      type,
      time,
      vendor,
      request,
      notice,
    })
    const away: Fact = { type: 'turned-away', time: start + 5, vendor, request, reason: 'blocked' }
    const another: Fact = { ...granted, grant: 'grant-grant-grant-gr-2' }
    // Put off as often as she likes, then decided once; what is turned away she may never have seen.
    expect(found(admitted, answer('deferred'), answer('deferred'), granted)).toEqual([])
    expect(found(answer('deferred'), answer('refused'))).toEqual([])
    expect(found(answer('deferred'), away)).toEqual([])
    expect(foundIn(0, away)).toEqual([])
    for (const type of ['refused', 'deferred'] as const) {
      expect(foundIn(0, answer(type))).toEqual([[0, 'request-unknown']])
      expect(found({ ...answer(type), vendor: 'w'.repeat(22) })).toEqual([[0, 'other-business']])
    }
    expect(found({ ...away, vendor: 'w'.repeat(22) })).toEqual([[0, 'other-business']])
    expect(found(admitted, granted, another)).toEqual([[2, 'request-answered']])
    expect(found(admitted, answer('refused'), granted)).toEqual([[2, 'request-answered']])
    expect(found(admitted, away, granted)).toEqual([[2, 'request-answered']])
    for (const late of [answer('refused', start + 20), answer('deferred', start + 20)])
      expect(found(admitted, granted, late)).toEqual([[2, 'request-answered']])
    // A log that was got back has its answers and the state has not: what the lost part decided is decided again.
    const recovered = (first: number): Fact => ({ type: 'log-recovered', time: start + 10, first, end: 2 })
    expect(found(admitted, granted, recovered(1), another)).toEqual([])
    expect(found(admitted, granted, recovered(2), another)).toEqual([[3, 'request-answered']])
  })

  test('finds an end of an erasure that did not begin, and a recovery of what there was not', () => {
    const erasure = 'e'.repeat(22)
    const begun: Fact = { type: 'erasure-begun', time: start, erasure, cause: 'own-act' }
    const erased: Fact = { type: 'erased', time: start, erasure }
    // Twice is once: where the first was in a part that was lost, the job ends again.
    expect(found(begun, erased, erased)).toEqual([])
    expect(found(erased)).toEqual([[0, 'erasure-unknown']])
    expect(found({ ...begun, erasure: 'f'.repeat(22) }, erased)).toEqual([[1, 'erasure-unknown']])
    for (const [first, end] of [
      [2, 1],
      [0, 2],
      [7, 9],
    ] as const)
      expect(found(admitted, { type: 'log-recovered', time: start, first, end })).toEqual([[1, 'beyond-log']])
  })

  test('finds looks of auditors that nobody allowed', () => {
    const auditor = 'a'.repeat(22)
    const invited: Fact = { type: 'auditor-invited', time: start, auditor, expires: start + 100 }
    const joined: Fact = { type: 'auditor-joined', time: start, auditor }
    const look: Fact = {
      type: 'audited',
      time: start + 10,
      auditor,
      act: 'search',
      because: 'yearly review',
      first: 0,
      end: 0,
      count: 0,
    }
    const narrow = { ...invited, businesses: [vendor], since: 5, before: 50 }
    const inside = { ...look, businesses: [vendor], since: 5, before: 50 }
    expect(found(invited, joined, look)).toEqual([])
    expect(found(look)).toEqual([[0, 'auditor-unknown']])
    expect(found(invited, look)).toEqual([[1, 'auditor-not-allowed']])
    expect(found(invited, joined, { ...look, time: start + 101 })).toEqual([[2, 'auditor-not-allowed']])
    expect(found(invited, joined, { type: 'auditor-revoked', time: start, auditor }, look)).toEqual([
      [3, 'auditor-not-allowed'],
    ])
    expect(found(narrow, joined, inside)).toEqual([])
    for (const beyond of [
      { ...inside, businesses: [vendor, 'w'.repeat(22)] },
      { ...inside, since: 4 },
      { ...inside, before: 51 },
      look,
    ])
      expect(found(narrow, joined, beyond)).toEqual([[2, 'auditor-not-allowed']])
    // What an invitation hides may not be asked about.
    const hiding = { ...invited, shown: ['fields'] }
    expect(found(hiding, joined, look)).toEqual([])
    for (const about of [{ businesses: [vendor] }, { ofPurpose: 'dpv:CustomerCare' }, { ofGrant: grant }])
      expect(found(hiding, joined, { ...look, ...about })).toEqual([[2, 'auditor-not-allowed']])
    expect(found({ ...hiding, businesses: [vendor] }, joined, { ...look, businesses: [vendor] })).toEqual([])
    // Nor is a look hidden from the customers by saying that it was at less than it showed.
    expect(found(invited, joined, { ...look, end: 2, count: 2 })).toEqual([])
    for (const untrue of [{ end: 3 }, { count: 1 }, { end: 2, count: 3 }, { first: 2, end: 1 }])
      expect(found(invited, joined, { ...look, ...untrue })).toEqual([[2, 'beyond-log']])
  })
})
