import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../core/domain/facts.ts'
import { Replay, replay } from '../../core/domain/replay.ts'
import type { FindingCode } from '../../core/domain/replay.ts'

const vendor = 'vendor-vendor-vendor-1'
const grant = 'grant-grant-grant-gr-1'
const notice = 'n'.repeat(43)
const start = 1_800_000_000_000
const until = start + 1_000_000
const items = [{ purpose: 'dpv:CustomerCare', fields: ['profile.name', 'contact.email'] }]
const about = { vendor, grant }

const request = 'request-request-reque-1'
const asked: Fact = { type: 'requested', time: start, vendor, request, items, until: until + 1_000 }
const admitted: Fact = { type: 'vendor-admitted', time: start, vendor }
const granted: Fact = {
  type: 'granted',
  time: start + 10,
  ...about,
  request,
  items,
  until,
  redeemBy: start + 600_000,
  notice,
}
const redeemed: Fact = { type: 'redeemed', time: start + 20, ...about }
const disclosed = (seq: number, time = start + 100, change: object = {}): Fact => ({
  type: 'disclosed',
  time,
  ...about,
  purpose: 'dpv:CustomerCare',
  fields: ['profile.name'],
  seq,
  until,
  notice,
  ...change,
})
const turn = (
  type: 'paused' | 'resumed' | 'withdrawn' | 'relinquished' | 'expired' | 'unredeemed',
  time = start + 50,
): Fact => ({
  type,
  time,
  ...about,
})

/** Findings of a log whose grant was asked for. */
const found = (...facts: Fact[]): [number, FindingCode][] => foundIn(-1, asked, ...facts)

const foundIn = (first: number, ...facts: Fact[]): [number, FindingCode][] =>
  replay(facts.map((fact, index) => ({ index: first + index, fact }))).map(({ index, code }) => [index, code])

describe('replaying a log', () => {
  test('finds nothing in one that is as it should be', () => {
    const log = [
      admitted,
      granted,
      redeemed,
      disclosed(1),
      disclosed(2, until, { fields: ['contact.email', 'profile.name'] }),
      turn('expired', until + 1),
    ]
    expect(found(...log)).toEqual([])
    expect(found()).toEqual([])
  })

  const cases: [string, FindingCode, Fact[]][] = [
    ['before the grant', 'grant-unknown', [admitted, disclosed(1, start + 5), granted]],
    ['without a grant', 'grant-unknown', [admitted, disclosed(1)]],
    ['before its redemption', 'not-redeemed', [admitted, granted, disclosed(1, start + 15), redeemed]],
    [
      'to another business',
      'other-business',
      [admitted, granted, redeemed, disclosed(1, start + 100, { vendor: 'w'.repeat(22) })],
    ],
    [
      'while the business was suspended',
      'business-suspended',
      [admitted, granted, redeemed, { type: 'vendor-suspended', time: start + 50, vendor }, disclosed(1)],
    ],
    [
      'while the business had no keys',
      'business-without-keys',
      [admitted, granted, redeemed, { type: 'vendor-keys-revoked', time: start + 50, vendor }, disclosed(1)],
    ],
    [
      'after the business was removed',
      'business-removed',
      [admitted, granted, redeemed, { type: 'vendor-removed', time: start + 50, vendor }, disclosed(1)],
    ],
    ['after it was given up', 'withdrawn', [admitted, granted, redeemed, turn('relinquished'), disclosed(1)]],
    [
      'for another purpose',
      'not-granted',
      [admitted, granted, redeemed, disclosed(1, start + 100, { purpose: 'dpv:DirectMarketing' })],
    ],
    [
      'of another field',
      'not-granted',
      [admitted, granted, redeemed, disclosed(1, start + 100, { fields: ['profile.name', 'contact.phone'] })],
    ],
    [
      'of a category that was shut',
      'access-lost',
      [
        admitted,
        granted,
        redeemed,
        { type: 'category-lost', time: start + 50, ...about, category: 'profile' },
        disclosed(1),
      ],
    ],
    ['while paused', 'paused', [admitted, granted, redeemed, turn('paused'), disclosed(1)]],
    ['after the withdrawal', 'withdrawn', [admitted, granted, redeemed, turn('withdrawn'), disclosed(1)]],
    [
      'after the withdrawal, though resumed',
      'withdrawn',
      [admitted, granted, redeemed, turn('withdrawn'), turn('resumed'), disclosed(1)],
    ],
    ['after its end', 'expired', [admitted, granted, redeemed, disclosed(1, until + 1)]],
    ['after its end was recorded', 'expired', [admitted, granted, redeemed, turn('expired'), disclosed(1)]],
    ['after nobody redeemed it', 'expired', [admitted, granted, redeemed, turn('unredeemed'), disclosed(1)]],
    [
      'after the pod was lost',
      'access-lost',
      [admitted, granted, redeemed, { type: 'access-lost', time: start + 50, ...about }, disclosed(1)],
    ],
    ['with a number left out', 'seq-gap', [admitted, granted, redeemed, disclosed(1), disclosed(3)]],
    ['with a number twice', 'seq-gap', [admitted, granted, redeemed, disclosed(1), disclosed(1)]],
    ['that does not begin at one', 'seq-gap', [admitted, granted, redeemed, disclosed(2)]],
    [
      'under another end than granted',
      'other-terms',
      [admitted, granted, redeemed, disclosed(1, start + 100, { until: until + 1 })],
    ],
    [
      'under another notice than shown',
      'other-terms',
      [admitted, granted, redeemed, disclosed(1, start + 100, { notice: 'm'.repeat(43) })],
    ],
    ['with time going back', 'time-goes-back', [admitted, granted, redeemed, disclosed(1, start + 19)]],
    [
      'after a change took the field out',
      'not-granted',
      [
        admitted,
        granted,
        redeemed,
        {
          type: 'changed',
          time: start + 50,
          ...about,
          items: [{ purpose: 'dpv:CustomerCare', fields: ['contact.email'] }],
          until,
          notice,
        },
        disclosed(1),
      ],
    ],
    [
      'beyond the number of reads that was granted',
      'over-budget',
      [admitted, { ...granted, reads: 1 }, redeemed, disclosed(1), disclosed(2)],
    ],
    [
      'beyond the number of reads that a change left',
      'over-budget',
      [
        admitted,
        granted,
        redeemed,
        disclosed(1),
        { type: 'changed', time: start + 100, ...about, items, until, reads: 1, notice },
        disclosed(2),
      ],
    ],
    [
      'after a change brought the end forward',
      'expired',
      [
        admitted,
        granted,
        redeemed,
        { type: 'changed', time: start + 50, ...about, items, until: start + 60, notice },
        disclosed(1, start + 100, { until: start + 60 }),
      ],
    ],
  ]
  test.each(cases)('finds a disclosure %s: %s', (_, code, log) => {
    const index = log.findLastIndex((fact) => fact.type === 'disclosed')
    expect(found(...log)).toEqual([[index, code]])
  })

  test('finds what else cannot be', () => {
    expect(found(admitted, granted, granted)).toEqual([
      [2, 'request-answered'],
      [2, 'granted-twice'],
    ])
    expect(found(admitted, granted, turn('withdrawn'), redeemed)).toEqual(
      [
        [3, 'withdrawn'],
        [3, 'time-goes-back'],
      ].toReversed(),
    )
    expect(found(admitted, granted, { ...redeemed, time: start + 600_001 })).toEqual([[2, 'redeemed-late']])
    const changed: Fact = { type: 'changed', time: until + 1, ...about, items, until: until + 9, notice }
    expect(found(admitted, granted, redeemed, changed)).toEqual([[3, 'expired']])
    expect(found(turn('withdrawn'))).toEqual([[0, 'grant-unknown']])
  })

  test('finds a grant, and a change, beyond what was asked', () => {
    const more = [{ purpose: 'dpv:CustomerCare', fields: ['profile.name', 'contact.phone'] }]
    const other = [{ purpose: 'dpv:DirectMarketing', fields: ['profile.name'] }]
    expect(foundIn(0, admitted, granted)).toEqual([[1, 'request-unknown']])
    expect(found(admitted, { ...granted, items: more })).toEqual([[1, 'beyond-request']])
    expect(found(admitted, { ...granted, items: other })).toEqual([[1, 'beyond-request']])
    expect(found(admitted, { ...granted, until: until + 1_001 })).toEqual([[1, 'beyond-request']])
    expect(foundIn(-1, { ...asked, vendor: 'w'.repeat(22) }, admitted, granted)).toEqual([
      [1, 'beyond-request'],
    ])
    const changed: Fact = { type: 'changed', time: start + 50, ...about, items: more, until, notice }
    expect(found(admitted, granted, redeemed, changed)).toEqual([[3, 'beyond-request']])
    expect(found(admitted, granted, redeemed, { ...changed, items, until: until + 1_000 })).toEqual([])
    // Nor by asking more under the same name later.
    const again: Fact = { ...asked, time: start + 40, items: more }
    expect(found(admitted, granted, redeemed, again, changed)).toEqual([[4, 'beyond-request']])
  })

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
    const answer = (type: 'refused' | 'deferred', time = start + 5): Fact => ({
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

  test('names every release of a stretch of numbers that is told a second time', () => {
    const log = [admitted, { ...granted, reads: 2 }, redeemed, disclosed(1), disclosed(2)]
    expect(found(...log, disclosed(1), disclosed(2))).toEqual([
      [5, 'seq-gap'],
      [5, 'over-budget'],
      [6, 'seq-gap'],
      [6, 'over-budget'],
    ])
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

  test('ends with a recovered log what its lost part names, and lets alone what it does not', () => {
    const recovered = (first: number): Fact => ({
      type: 'log-recovered',
      time: start + 150,
      first,
      end: 4,
    })
    const before = [admitted, granted, redeemed, disclosed(1)]
    // The newest entry that names the grant is number 3.
    expect(found(...before, recovered(3), disclosed(2, start + 200))).toEqual([[5, 'withdrawn']])
    expect(found(...before, recovered(4), disclosed(2, start + 200))).toEqual([])
  })

  test('tells how every grant stands at a moment', () => {
    const standing = (at: number, ...facts: Fact[]) => {
      const log = new Replay()
      for (const [index, fact] of [asked, admitted, granted, ...facts].entries()) log.see({ index, fact })
      return [...log.grants(at)].map(({ state, index, since, disclosed: reads }) => [
        state,
        index,
        since - start,
        reads,
      ])
    }
    expect(standing(start + 10)).toEqual([['unredeemed', 2, 10, 0]])
    expect(standing(start + 600_001)).toEqual([['expired', 2, 600_000, 0]])
    expect(standing(start + 60, redeemed)).toEqual([['active', 3, 20, 0]])
    expect(standing(start + 200, redeemed, disclosed(1))).toEqual([['active', 3, 20, 1]])
    expect(standing(start + 60, redeemed, turn('paused'))).toEqual([['paused', 4, 50, 0]])
    expect(standing(until + 1, redeemed)).toEqual([['expired', 3, 1_000_000, 0]])
    expect(standing(start + 60, redeemed, turn('withdrawn'), turn('paused'))).toEqual([
      ['withdrawn', 4, 50, 0],
    ])
    const lost: Fact = { type: 'access-lost', time: start + 55, ...about }
    expect(standing(start + 60, redeemed, turn('paused'), lost)).toEqual([['access-lost', 5, 55, 0]])
  })

  test('lets data flow again after a pause, a suspension or a loss that is over', () => {
    const over: [Fact, Fact][] = [
      [turn('paused'), turn('resumed')],
      [
        { type: 'vendor-suspended', time: start + 50, vendor },
        { type: 'vendor-reinstated', time: start + 60, vendor },
      ],
      [
        { type: 'vendor-keys-revoked', time: start + 50, vendor },
        { type: 'vendor-keys-changed', time: start + 60, vendor },
      ],
      [
        { type: 'access-lost', time: start + 50, ...about },
        { type: 'access-restored', time: start + 60, ...about },
      ],
    ]
    for (const [begin, end] of over)
      expect(found(admitted, granted, redeemed, begin, end, disclosed(1))).toEqual([])
  })

  test('finds a disclosure exactly when something stood against it, whatever happened before', () => {
    type Step =
      | 'redeemed'
      | 'paused'
      | 'resumed'
      | 'withdrawn'
      | 'lost'
      | 'restored'
      | 'suspended'
      | 'reinstated'
      | 'read'
    const steps: Record<Exclude<Step, 'read'>, Fact> = {
      redeemed: { type: 'redeemed', time: start + 20, ...about },
      paused: turn('paused', start + 20),
      resumed: turn('resumed', start + 20),
      withdrawn: turn('withdrawn', start + 20),
      lost: { type: 'access-lost', time: start + 20, ...about },
      restored: { type: 'access-restored', time: start + 20, ...about },
      suspended: { type: 'vendor-suspended', time: start + 20, vendor },
      reinstated: { type: 'vendor-reinstated', time: start + 20, vendor },
    }
    const step = fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(steps) as Exclude<Step, 'read'>[])) },
      { weight: 2, arbitrary: fc.constant('read' as const) },
    )
    let good = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (moves) => {
        const stands = new Set<string>(['redeemed'])
        const log: Fact[] = [admitted, granted]
        const wrong: number[] = []
        let seq = 0
        for (const move of moves) {
          if (move === 'read') {
            if (stands.size > 0) wrong.push(log.length)
            else good += 1
            seq += 1
            log.push(disclosed(seq, start + 20))
          } else {
            if (move === 'redeemed' && stands.has('withdrawn')) wrong.push(log.length)
            log.push(steps[move])
          }
          if (move === 'redeemed') stands.delete('redeemed')
          if (move === 'paused' || move === 'lost' || move === 'suspended' || move === 'withdrawn')
            stands.add(move)
          if (move === 'resumed') stands.delete('paused')
          if (move === 'restored') stands.delete('lost')
          if (move === 'reinstated') stands.delete('suspended')
        }
        expect([...new Set(found(...log).map(([index]) => index))]).toEqual(wrong)
      }),
      { numRuns: 1000 },
    )
    expect(good).toBeGreaterThan(100)
  })
})
