import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changeTerms, differenceOf, mergedTerms } from '../../core/domain/change.ts'
import type { Terms } from '../../core/domain/change.ts'
import { DomainError } from '../../core/domain/errors.ts'
import { newGrant, pause, redeem, releasable, withdraw } from '../../core/domain/grant.ts'
import type { AccessRequest, Grant } from '../../schemas/types.gen.ts'
import { aPurpose, aRequest, answersTo, day, now, someFields, someItems } from '../arbitraries.ts'

/** A redeemed grant of everything a request asks, the request, and terms that fit it. */
const aCase = aRequest.chain((request) =>
  fc.record({
    request: fc.constant(request),
    grant: fc.constant(redeem(newGrant(request, origin(request), now), now)),
    terms: termsFor(request),
    next: termsFor(request),
  }),
)

function origin(request: AccessRequest) {
  return {
    grantId: 'g'.repeat(22),
    accountId: 'a'.repeat(22),
    subject: 's'.repeat(43),
    receiptId: 'r'.repeat(22),
    secret: 'x'.repeat(43),
    noticeHash: 'n'.repeat(43),
    items: request.items,
    until: request.until,
  }
}

function termsFor(request: AccessRequest): fc.Arbitrary<Terms> {
  return fc
    .tuple(answersTo(request), fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }))
    .map(([{ items = [], until = request.until }, reads]) => ({
      items,
      until,
      ...(reads === undefined ? {} : { reads }),
    }))
}

const changed = { at: now, receiptId: 'q'.repeat(22), noticeHash: 'm'.repeat(43) }

/** The changed grant, or the code it was refused with. */
function tryChange(grant: Grant, request: AccessRequest, terms: Terms, at = now): Grant | string {
  try {
    return changeTerms(grant, request, terms, { ...changed, at })
  } catch (error) {
    if (error instanceof DomainError) return error.code
    throw error
  }
}

describe('changing the terms of a grant', () => {
  test('lets out what the terms say and the request asked, and nothing else, whatever came before', () => {
    fc.assert(
      fc.property(aCase, aPurpose, someFields, ({ request, grant, terms, next }, purpose, asked) => {
        const first = tryChange(grant, request, terms)
        const after = typeof first === 'string' ? first : tryChange(first, request, next)
        if (typeof after === 'string') {
          const isEmpty = [terms, next].some(({ items }) => items.every(({ fields }) => fields.length === 0))
          expect([after, isEmpty]).toEqual(['nothing-selected', true])
          return
        }
        const wanted = asked.filter((field) =>
          request.items.some(
            (item) =>
              item.purpose === purpose &&
              item.fields.includes(field) &&
              next.items.some(({ id, fields }) => id === item.id && fields.includes(field)),
          ),
        )
        expect(releasable(after, purpose, asked)).toEqual(wanted)
        expect(after.until).toBe(next.until)
        expect(after.until).toBeLessThanOrEqual(request.until)
        expect(after.reads).toBe(next.reads)
      }),
      { numRuns: 500 },
    )
  })

  test('keeps who, when and how it stands, and counts each version once', () => {
    fc.assert(
      fc.property(aCase, fc.boolean(), ({ request, grant, terms }, isPaused) => {
        const before = isPaused ? pause(grant, now) : grant
        const after = tryChange(before, request, terms)
        if (typeof after === 'string') return
        const { items: _i, until: _u, reads: _r, receiptId, noticeHash, changes, termsFrom, ...kept } = after
        const { items: _j, until: _v, receiptId: _q, noticeHash: _n, ...same } = before
        expect(kept).toEqual(same)
        if (after === before) return
        expect([receiptId, noticeHash, changes, termsFrom]).toEqual([
          changed.receiptId,
          changed.noticeHash,
          1,
          now,
        ])
        // The same terms again are no change, whatever was made up for one.
        expect(changeTerms(after, request, terms, { ...changed, receiptId: 'z'.repeat(22) })).toBe(after)
      }),
    )
  })

  test('is refused for what was not asked, for an end later than asked, for the past, and after the end', () => {
    fc.assert(
      fc.property(aCase, fc.integer({ min: 1, max: 400 * day }), ({ request, grant, terms }, more) => {
        const whole = { items: request.items, until: request.until }
        const foreign = { id: 'item-1', fields: ['accessibility.needs', 'profile.picture', 'sizes.top'] }
        if (!foreign.fields.every((field) => request.items[0]?.fields.includes(field)))
          expect(tryChange(grant, request, { ...whole, items: [foreign] })).toBe('invalid-input')
        expect(
          tryChange(grant, request, { ...whole, items: [{ id: 'other', fields: ['profile.name'] }] }),
        ).toBe('invalid-input')
        expect(tryChange(grant, request, { ...whole, until: request.until + more })).toBe('invalid-input')
        expect(tryChange(grant, request, { ...whole, until: now - more })).toBe('invalid-input')
        expect(tryChange(grant, request, { ...whole, reads: 0 })).toBe('invalid-input')
        expect(tryChange(grant, request, { ...whole, items: [] })).toBe('nothing-selected')
        expect(tryChange(withdraw(grant, now), request, terms)).toBe('conflict')
        expect(tryChange(grant, request, terms, grant.until + 1)).toBe('conflict')
      }),
    )
  })
})

describe('the difference between two sets of terms', () => {
  const someTerms = fc.record({
    items: someItems,
    until: fc.integer({ min: now, max: now + 400 * day }),
    reads: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  })
  const bare = ({
    reads,
    ...others
  }: {
    reads: number | undefined
    items: AccessRequest['items']
    until: number
  }) => ({
    ...others,
    ...(reads === undefined ? {} : { reads }),
  })

  test('is what takes one to the other, both ways round, and nothing for the same', () => {
    fc.assert(
      fc.property(someTerms.map(bare), someTerms.map(bare), (one, other) => {
        const there = differenceOf(one, other)
        const back = differenceOf(other, one)
        const sorted = (scopes: readonly { purpose: string; field: string }[]) =>
          scopes.map(({ purpose, field }) => `${purpose} ${field}`).toSorted()
        expect(sorted(there.added)).toEqual(sorted(back.removed))
        expect(sorted(there.removed)).toEqual(sorted(back.added))
        expect([there.longer, there.shorter]).toEqual([back.shorter, back.longer])
        for (const { purpose, field } of there.added) {
          expect(releasable(other, purpose, [field])).toEqual([field])
          expect(releasable(one, purpose, [field])).toEqual([])
        }
        expect(differenceOf(one, one)).toEqual({ added: [], removed: [], longer: false, shorter: false })
      }),
    )
  })

  test('of several grants counts what any of them allows', () => {
    expect(mergedTerms([])).toBeUndefined()
    fc.assert(
      fc.property(
        fc.array(someTerms.map(bare), { minLength: 1, maxLength: 3 }),
        aPurpose,
        someFields,
        (grants, purpose, asked) => {
          const merged = mergedTerms(grants)
          if (merged === undefined) throw new Error('nothing merged')
          expect(
            releasable(
              { items: merged.items.map((item) => ({ ...item, id: 'x', fields: [...item.fields] })) },
              purpose,
              asked,
            ),
          ).toEqual(
            asked.filter((field) => grants.some((one) => releasable(one, purpose, [field]).length > 0)),
          )
          expect(merged.until).toBe(Math.max(...grants.map(({ until }) => until)))
          expect(merged.reads === undefined).toBe(grants.some(({ reads }) => reads === undefined))
        },
      ),
    )
  })
})
