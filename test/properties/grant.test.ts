import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DomainError } from '../../core/domain/errors.ts'
import {
  chooseGrant,
  endPassed,
  endsAt,
  givesWay,
  hasEnded,
  liveness,
  pause,
  redeem,
  releasable,
  resume,
  withdraw,
} from '../../core/domain/grant.ts'
import { standingRefusal } from '../../core/domain/standing.ts'
import type { Grant } from '../../schemas/types.gen.ts'
import { aGrant, aPurpose, day, now, someFields } from '../arbitraries.ts'

const acts = { redeem, pause, resume, withdraw } as const
type Act = keyof typeof acts | 'sweep'

/** What a grant does when somebody acts on it at some time; an act that is refused changes nothing. */
function act(grant: Grant, name: Act, at: number): Grant {
  if (name === 'sweep') return endPassed(grant, at)?.grant ?? grant
  try {
    return acts[name](grant, at)
  } catch (error) {
    if (error instanceof DomainError && error.code === 'conflict') return grant
    throw error
  }
}

/** Acts in order of time, around the ends of a grant. */
const history = fc
  .tuple(
    aGrant.map((grant) => ({ ...grant, redeemed: false })),
    fc.array(
      fc.tuple(
        fc.constantFrom<Act>('redeem', 'pause', 'resume', 'withdraw', 'sweep'),
        fc.oneof(fc.integer({ min: 0, max: 1_200_000 }), fc.integer({ min: 0, max: 400 * day })),
      ),
      { maxLength: 12 },
    ),
  )
  .map(([grant, moves]) => ({
    grant,
    moves: moves
      .toSorted(([, one], [, other]) => one - other)
      .map(([name, after]) => [name, now + after] as const),
  }))

describe('a grant', () => {
  test('is live exactly while redeemed in time, not paused, not withdrawn and not past its end', () => {
    let live = 0
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 400 * day }), ({ grant, moves }, after) => {
        const asked = now + after
        let state = grant
        // The same story told in the simplest words, beside the state machine.
        const story = { redeemed: false, paused: false, over: false }
        for (const [name, at] of moves.filter(([, time]) => time <= asked)) {
          const passed = at > (story.redeemed ? grant.until : Math.min(grant.until, grant.redeemBy))
          if (name === 'redeem' && !passed && !story.over) story.redeemed = true
          if (name === 'pause' && !passed && !story.over) story.paused = true
          if (name === 'resume' && !passed && !story.over) story.paused = false
          if (name === 'withdraw' || passed) story.over = true
          state = act(state, name, at)
        }
        const expected = story.redeemed && !story.paused && !story.over && asked <= grant.until
        if (expected) live += 1
        expect(liveness(state, asked) === 'live').toBe(expected)
      }),
      { numRuns: 2000 },
    )
    expect(live).toBeGreaterThan(20)
  })

  test('never comes back once it has ended, and never changes what was granted', () => {
    fc.assert(
      fc.property(history, ({ grant, moves }) => {
        let state = grant
        for (const [name, at] of moves) {
          const next = act(state, name, at)
          if (hasEnded(state)) expect(next).toEqual(state)
          const { state: _, redeemed, endedAt, ...terms } = next
          const { state: __, redeemed: before, endedAt: ___, ...same } = grant
          expect(terms).toEqual(same)
          expect(endedAt === undefined).toBe(!hasEnded(next))
          expect(redeemed || !before).toBe(true)
          state = next
        }
      }),
      { numRuns: 500 },
    )
  })

  test('can always be withdrawn, at once and for good', () => {
    fc.assert(
      fc.property(history, fc.nat(400 * day), ({ grant, moves }, after) => {
        const before = moves.reduce((state, [name, at]) => act(state, name, at), grant)
        const gone = withdraw(before, now + after)
        expect(hasEnded(gone)).toBe(true)
        expect(liveness(gone, now)).not.toBe('live')
        if (!hasEnded(before)) expect([gone.state, gone.endedAt]).toEqual(['withdrawn', now + after])
      }),
    )
  })

  test('is recorded as ended when its end has passed and not one moment before', () => {
    fc.assert(
      fc.property(aGrant, (grant) => {
        const end = endsAt(grant)
        expect(end).toBe(grant.redeemed ? grant.until : Math.min(grant.until, grant.redeemBy))
        expect(endPassed(grant, end)).toBeUndefined()
        expect(liveness(grant, end)).toBe(grant.redeemed ? 'live' : 'unredeemed')
        expect(liveness(grant, end + 1)).toBe('expired')
        expect(endPassed(grant, end + 1)?.type).toBe(grant.redeemed ? 'expired' : 'unredeemed')
        expect(endPassed(withdraw(grant, now), end + 1)).toBeUndefined()
        expect(() =>
          redeem({ ...grant, redeemed: false }, Math.min(grant.until, grant.redeemBy) + 1),
        ).toThrow(DomainError)
        expect(() => redeem({ ...grant, redeemed: true }, now)).toThrow(DomainError)
      }),
    )
  })

  test('releases asked fields for its exact purposes, in the order asked', () => {
    fc.assert(
      fc.property(aGrant, aPurpose, someFields, (grant, purpose, asked) => {
        const given = releasable(grant, purpose, asked)
        const granted = new Set(
          grant.items.filter((item) => item.purpose === purpose).flatMap((item) => item.fields),
        )
        expect(given).toEqual(asked.filter((field) => granted.has(field)))
        expect(releasable(grant, `${purpose}X`, asked)).toEqual([])
        expect(releasable(grant, 'dpv:Purpose', asked)).toEqual([])
        expect(releasable(grant, purpose.slice(0, -1), asked)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('one of several grants of a subject', () => {
  // Few fields and purposes, so that grants overlap and tie.
  const few = ['profile.name', 'contact.email', 'contact.phone', 'sizes.shoe']
  const twoPurposes = ['dpv:CustomerCare', 'dpv:DirectMarketing']
  const anItem = fc.record({
    id: fc.constant('item-1'),
    purpose: fc.constantFrom(...twoPurposes),
    fields: fc.subarray(few, { minLength: 1 }),
  })
  const some = fc.array(
    fc
      .record({
        grant: aGrant,
        items: fc.array(anItem, { minLength: 1, maxLength: 2 }),
        state: fc.constantFrom<Grant['state']>(
          'active',
          'active',
          'active',
          'paused',
          'withdrawn',
          'expired',
        ),
        until: fc.constantFrom(now + day, now + 2 * day),
        validFrom: fc.constantFrom(now - day, now),
      })
      .map(({ grant, ...change }) => ({ value: { ...grant, ...change } })),
    { maxLength: 6 },
  )
  const order = ({ value }: { value: Grant }, fields: readonly string[]) =>
    [fields.length, value.until, value.validFrom].map((part) => String(part).padStart(15, '0')).join() +
    value.grantId

  test('is live, covers most of what is asked, then lasts longest, then is newest, whatever their order', () => {
    let found = 0
    fc.assert(
      fc.property(
        some,
        fc.constantFrom(...twoPurposes),
        fc.subarray(few, { minLength: 1 }),
        (grants, purpose, fields) => {
          const choice = chooseGrant(grants, { purpose, fields }, now)
          const covering = grants
            .filter((grant) => liveness(grant.value, now) === 'live')
            .map((grant) => releasable(grant.value, purpose, fields).length)
          const most = Math.max(0, ...covering)
          if (most === 0) expect('refused' in choice).toBe(true)
          else {
            if ('refused' in choice) throw new Error('a live grant was not found')
            found += 1
            expect(liveness(choice.held.value, now)).toBe('live')
            expect(choice.fields).toEqual(releasable(choice.held.value, purpose, fields))
            expect(choice.fields).toHaveLength(most)
            const live = grants.filter((grant) => liveness(grant.value, now) === 'live')
            const ranks = live.map((grant) => order(grant, releasable(grant.value, purpose, fields)))
            expect(order(choice.held, choice.fields)).toBe(ranks.toSorted().at(-1))
          }
          expect(chooseGrant(grants.toReversed(), { purpose, fields }, now)).toEqual(choice)
        },
      ),
      { numRuns: 1000 },
    )
    expect(found).toBeGreaterThan(200)
  })

  test('is refused for the reason that came nearest', () => {
    const [grant] = fc.sample(aGrant, 1)
    if (grant === undefined) throw new Error('no sample')
    const live = {
      ...grant,
      redeemed: true,
      items: [{ id: 'a', purpose: 'dpv:CustomerCare', fields: ['profile.name'] }],
    }
    const paused = { ...live, state: 'paused' as const }
    const withdrawn = { ...live, state: 'withdrawn' as const }
    const ask = { purpose: 'dpv:DirectMarketing', fields: ['profile.name'] }
    const reason = (...grants: Grant[]) =>
      chooseGrant(
        grants.map((value) => ({ value })),
        ask,
        now,
      )
    expect(reason()).toEqual({ refused: 'withdrawn' })
    expect(reason(withdrawn, { ...live, redeemed: false })).toEqual({ refused: 'unredeemed' })
    expect(reason(paused, withdrawn)).toEqual({ refused: 'paused' })
    expect(reason(withdrawn, live, paused)).toEqual({ refused: 'not-granted' })
  })
})

describe('standing', () => {
  test('lets data out only with an open pod and an active business', () => {
    const accesses = [undefined, 'none', 'open', 'lost'] as const
    const states = [undefined, 'admitted', 'active', 'suspended'] as const
    const allowed = accesses.flatMap((podAccess) =>
      states
        .filter(
          (state) =>
            standingRefusal(
              podAccess === undefined ? undefined : { v: 1, podAccess },
              state === undefined ? undefined : { v: 1, state },
            ) === undefined,
        )
        .map((state) => [podAccess, state]),
    )
    expect(allowed).toEqual([['open', 'active']])
    expect(standingRefusal({ v: 1, podAccess: 'lost' }, { v: 1, state: 'active' })).toBe('access-lost')
    expect(standingRefusal({ v: 1, podAccess: 'open' }, { v: 1, state: 'suspended' })).toBe('suspended')
  })
})

describe('several grants of one customer at one business', () => {
  /** Decisions at any time, also by a clock that goes back, and redemptions in any order. */
  const story = fc.array(
    fc.oneof(
      fc.record({ act: fc.constant('decide' as const), at: fc.nat({ max: 5 }) }),
      fc.record({ act: fc.constant('redeem' as const), which: fc.nat({ max: 9 }) }),
    ),
    { maxLength: 20 },
  )

  test('go on one at a time, and the one decided last is never ended by one decided before', () => {
    let ended = 0
    fc.assert(
      fc.property(aGrant, story, (like, moves) => {
        let grants: Grant[] = []
        for (const move of moves) {
          if (move.act === 'decide') {
            const validFrom = now + move.at
            const grantId = `grant-${grants.length}`
            grants.push({ ...like, grantId, validFrom, state: 'active', redeemed: false })
            continue
          }
          const grant = grants[move.which]
          if (grant === undefined || grant.redeemed || hasEnded(grant)) continue
          const waiting = grants.filter((one) => !one.redeemed && !hasEnded(one))
          grants = grants.map((one) => {
            if (one === grant) return { ...one, redeemed: true }
            return givesWay(one, grant) ? withdraw(one, now) : one
          })
          ended += 1
          expect(grants.filter((one) => one.redeemed && !hasEnded(one))).toHaveLength(1)
          for (const { grantId, validFrom } of waiting)
            if (validFrom > grant.validFrom)
              expect(grants.find((one) => one.grantId === grantId)).toMatchObject({ state: 'active' })
        }
      }),
      { numRuns: 500 },
    )
    expect(ended).toBeGreaterThan(100)
  })
})
