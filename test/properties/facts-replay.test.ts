import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../core/domain/facts.ts'
import { Replay } from '../../core/domain/replay.ts'
import type { FindingCode } from '../../core/domain/replay.ts'
import {
  about,
  admitted,
  asked,
  disclosed,
  found,
  foundIn,
  granted,
  items,
  notice,
  redeemed,
  start,
  until,
  vendor,
} from '../replayed-facts.ts'

const turn = (
  type: 'paused' | 'resumed' | 'withdrawn' | 'relinquished' | 'expired' | 'unredeemed',
  time = start + 50,
): Fact => ({
  type,
  time,
  ...about,
})

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

  test('names every release of a stretch of numbers that is told a second time', () => {
    const log = [admitted, { ...granted, reads: 2 }, redeemed, disclosed(1), disclosed(2)]
    expect(found(...log, disclosed(1), disclosed(2))).toEqual([
      [5, 'seq-gap'],
      [5, 'over-budget'],
      [6, 'seq-gap'],
      [6, 'over-budget'],
    ])
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
