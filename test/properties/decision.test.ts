import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answersText, decide, latestUntil, suggestedUntil } from '../../core/domain/decision.ts'
import type { Answers } from '../../core/domain/decision.ts'
import { DomainError } from '../../core/domain/errors.ts'
import { newGrant, redeem, releasable } from '../../core/domain/grant.ts'
import { aField, anId, answersTo, aPurpose, aRequest, day, now, someFields } from '../arbitraries.ts'
import type { AccessRequest } from '../../schemas/types.gen.ts'

const answered = aRequest.chain((request) => answersTo(request).map((answers) => ({ request, answers })))

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof DomainError) return error.code
    throw error
  }
}

/** Whether the rules of promise 3 say that these answers make a grant, told from the answers alone. */
function shouldBe(
  request: AccessRequest,
  { items = [] }: Answers,
): 'allowed' | 'nothing-selected' | 'required-item-refused' {
  const chosen = new Map(items.map((item) => [item.id, item.fields.length]))
  if ([...chosen.values()].every((count) => count === 0)) return 'nothing-selected'
  const whole = request.items
    .filter((item) => item.required)
    .every((item) => chosen.get(item.id) === item.fields.length)
  return whole ? 'allowed' : 'required-item-refused'
}

describe('a decision', () => {
  test('grants exactly what was ticked, never more than was asked, and only with every required item whole', () => {
    const seen = { allowed: 0, 'nothing-selected': 0, 'required-item-refused': 0 }
    fc.assert(
      fc.property(answered, ({ request, answers }) => {
        const expected = shouldBe(request, answers)
        seen[expected] += 1
        const code = codeOf(() => decide(request, answers, now))
        expect(code).toBe(expected === 'allowed' ? undefined : expected)
        if (expected !== 'allowed') return
        const outcome = decide(request, answers, now)
        if (outcome.status !== 'allowed') throw new Error('not allowed')
        expect(outcome.until).toBe(answers.until)
        for (const item of outcome.items) {
          const asked = request.items.find((one) => one.id === item.id)
          expect(asked?.purpose).toBe(item.purpose)
          expect(asked?.fields).toEqual(expect.arrayContaining(item.fields))
          const ticked = answers.items?.find((one) => one.id === item.id)?.fields
          expect(new Set(item.fields)).toEqual(new Set(ticked))
        }
        const ticks = answers.items?.filter((item) => item.fields.length > 0).map((item) => item.id)
        expect(new Set(outcome.items.map((item) => item.id))).toEqual(new Set(ticks))
      }),
      { numRuns: 500 },
    )
    // A property whose cases never happen would be green for ever.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(10)
  })

  test('narrowing never widens: whatever can be read under the narrower answers can be read under the wider', () => {
    const optional = answered.map(({ request, answers }) => ({
      request: { ...request, items: request.items.map((item) => ({ ...item, required: false })) },
      answers,
    }))
    const narrowed = optional.chain(({ request, answers }) =>
      fc.tuple(...(answers.items ?? []).map((item) => fc.subarray([...item.fields]))).map((cuts) => ({
        request,
        wide: answers,
        narrow: {
          ...answers,
          items: (answers.items ?? []).map((item, index) => ({ id: item.id, fields: cuts[index] ?? [] })),
        },
      })),
    )
    fc.assert(
      fc.property(narrowed, aPurpose, someFields, ({ request, wide, narrow }, purpose, asked) => {
        if (shouldBe(request, narrow) !== 'allowed') return
        const [wider, narrower] = [decide(request, wide, now), decide(request, narrow, now)]
        if (wider.status !== 'allowed' || narrower.status !== 'allowed') throw new Error('not allowed')
        const more = releasable({ items: [...wider.items] }, purpose, asked)
        const less = releasable({ items: [...narrower.items] }, purpose, asked)
        expect(more).toEqual(expect.arrayContaining([...less]))
        expect(releasable(request, purpose, asked)).toEqual(expect.arrayContaining([...more]))
      }),
      { numRuns: 500 },
    )
  })

  test('refuses a field, an item or a second answer that was not asked', () => {
    fc.assert(
      fc.property(answered, aField, anId(), ({ request, answers }, field, unknownId) => {
        const [first] = request.items
        if (first === undefined) throw new Error('no item')
        const others = (answers.items ?? []).filter((item) => item.id !== first.id)
        const whole = { id: first.id, fields: first.fields }
        const wrong = [
          [...others, whole, { id: unknownId, fields: [field] }],
          [...others, whole, whole],
          ...(first.fields.includes(field)
            ? []
            : [[...others, { id: first.id, fields: [...first.fields, field] }]]),
        ]
        for (const items of wrong)
          expect(codeOf(() => decide(request, { ...answers, items }, now))).toBe('invalid-input')
      }),
    )
  })

  test('ends in the future, no later than asked and than 365 days from the decision', () => {
    const whole = (request: AccessRequest, until: number | undefined): Answers => ({
      decision: 'allow',
      items: request.items.map(({ id, fields }) => ({ id, fields })),
      ...(until === undefined ? {} : { until }),
    })
    fc.assert(
      fc.property(aRequest, fc.integer({ min: -10, max: 400 * day }), (request, after) => {
        const until = now + after
        const expected = until > now && until <= request.until ? undefined : 'invalid-input'
        expect(codeOf(() => decide(request, whole(request, until), now))).toBe(expected)
        expect(codeOf(() => decide(request, whole(request, undefined), now))).toBe('invalid-input')
        expect(codeOf(() => decide(request, whole(request, now + 0.5), now))).toBe('invalid-input')
      }),
    )
    const [old] = fc.sample(aRequest, 1)
    if (old === undefined) throw new Error('no sample')
    const far = { ...old, until: now + 400 * day }
    expect(codeOf(() => decide(far, whole(far, now + 365 * day), now))).toBeUndefined()
    expect(codeOf(() => decide(far, whole(far, now + 365 * day + 1), now))).toBe('invalid-input')
    expect(latestUntil(far, now)).toBe(now + 365 * day)
  })

  test('suggests the shorter of what was asked and 90 days', () => {
    fc.assert(
      fc.property(aRequest, (request) => {
        expect(suggestedUntil(request, now)).toBe(Math.min(request.until, now + 90 * day))
      }),
    )
  })

  test('can be no or later without a word more, and only once', () => {
    fc.assert(
      fc.property(aRequest, (request) => {
        expect(decide(request, { decision: 'deny' }, now)).toEqual({ status: 'refused' })
        expect(decide(request, { decision: 'later' }, now)).toEqual({ status: 'later' })
        for (const status of ['allowed', 'refused'] as const) {
          expect(codeOf(() => decide({ ...request, status }, { decision: 'deny' }, now))).toBe(
            'request-decided',
          )
        }
        const late = request.expiresAt + 1
        expect(codeOf(() => decide(request, { decision: 'deny' }, late))).toBe('request-expired')
        expect(codeOf(() => decide({ ...request, until: now }, { decision: 'deny' }, now))).toBe(
          'request-expired',
        )
      }),
    )
  })

  test('is the same decision however the answers are ordered, and another one when anything in it differs', () => {
    fc.assert(
      fc.property(answered, ({ answers }) => {
        const turned = {
          ...answers,
          items: (answers.items ?? [])
            .toReversed()
            .map((item) => ({ ...item, fields: item.fields.toReversed() })),
        }
        expect(answersText(turned)).toBe(answersText(answers))
        const empty = { ...answers, items: [...(answers.items ?? []), { id: 'item-99', fields: [] }] }
        expect(answersText(empty)).toBe(answersText(answers))
        expect(answersText({ ...answers, until: (answers.until ?? 0) + 1 })).not.toBe(answersText(answers))
        const more = {
          ...answers,
          items: [...(answers.items ?? []), { id: 'item-99', fields: ['profile.name'] }],
        }
        expect(answersText(more)).not.toBe(answersText(answers))
        expect(answersText({ decision: 'deny' })).not.toBe(answersText({ decision: 'later' }))
      }),
    )
  })

  test('releases under its grant what was decided and nothing else', () => {
    fc.assert(
      fc.property(
        answered,
        aPurpose,
        someFields,
        anId(43),
        ({ request, answers }, purpose, asked, secret) => {
          if (shouldBe(request, answers) !== 'allowed') return
          const outcome = decide(request, answers, now)
          if (outcome.status !== 'allowed') throw new Error('not allowed')
          const origin = {
            grantId: 'g'.repeat(22),
            accountId: 'a'.repeat(22),
            subject: 's'.repeat(43),
            receiptId: 'r'.repeat(22),
          }
          const grant = redeem(
            newGrant(request, { ...origin, ...outcome, secret, noticeHash: secret }, now),
            now,
          )
          const ticked = (field: string) =>
            request.items.some(
              (item) =>
                item.purpose === purpose &&
                (answers.items?.find((one) => one.id === item.id)?.fields.includes(field) ?? false),
            )
          expect(releasable(grant, purpose, asked)).toEqual(asked.filter(ticked))
        },
      ),
      { numRuns: 300 },
    )
  })
})
