import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  allow,
  block,
  coolOff,
  deny,
  letAsk,
  noBoundary,
  noteTurnedAway,
  turnAway,
} from '../../core/domain/boundary.ts'
import { fields } from '../../core/domain/catalogue.ts'
import { purposes } from '../../core/domain/purposes.ts'
import { day, now, someItems } from '../arbitraries.ts'

const start = noBoundary('a'.repeat(22), 'v'.repeat(22))
const scopes = (items: readonly { purpose: string; fields: readonly string[] }[]) =>
  new Set(items.flatMap(({ purpose, fields }) => fields.map((field) => `${purpose} ${field}`)))

/** What happens between one customer and one business, in order of time. */
const story = fc
  .array(
    fc.record({
      act: fc.constantFrom('deny', 'allow', 'block', 'let-ask', 'note'),
      items: someItems,
      at: fc.integer({ min: 0, max: 90 * day }),
    }),
    { maxLength: 8 },
  )
  .map((acts) => acts.toSorted((one, other) => one.at - other.at))

describe('what a customer does not want to be asked', () => {
  test('is turned away exactly while it is blocked or refused within the cool-off', () => {
    fc.assert(
      fc.property(story, someItems, fc.integer({ min: 0, max: 40 * day }), (acts, items, later) => {
        let boundary = start
        const refused = new Map<string, number>()
        let isBlocked = false
        for (const { act, items: about, at } of acts) {
          if (act === 'deny') {
            boundary = deny(boundary, { items: about }, now + at)
            for (const scope of scopes(about)) refused.set(scope, at)
          } else if (act === 'allow') {
            boundary = allow(boundary, { items: about })
            for (const scope of scopes(about)) refused.delete(scope)
          } else if (act === 'block') {
            boundary = block(boundary, now + at)
            isBlocked = true
          } else if (act === 'let-ask') {
            boundary = letAsk(boundary)
            refused.clear()
            isBlocked = false
          } else boundary = noteTurnedAway(boundary, 'blocked', now + at)
        }
        const asked = (acts.at(-1)?.at ?? 0) + later
        const met = [...scopes(items)].flatMap((scope) => {
          const at = refused.get(scope)
          return at !== undefined && asked < at + coolOff ? [at] : []
        })
        const turned = turnAway(boundary, { items }, now + asked)
        if (isBlocked) expect(turned?.reason).toBe('blocked')
        else if (met.length === 0) expect(turned).toBeUndefined()
        else
          expect(turned).toEqual({
            reason: 'cool-off',
            since: now + Math.max(...met),
            until: now + Math.max(...met) + coolOff,
          })
        expect(boundary.turnedAway.length).toBeLessThanOrEqual(20)
      }),
      { numRuns: 1000 },
    )
  })

  test('never stands against the same fields for another purpose, nor without any decision', () => {
    fc.assert(
      fc.property(someItems, (items) => {
        const refused = deny(start, { items }, now)
        const elsewhere = items.map((item) => ({ ...item, purpose: `${item.purpose}X` }))
        expect(turnAway(refused, { items: elsewhere }, now)).toBeUndefined()
        expect(turnAway(refused, { items }, now)).toMatchObject({ reason: 'cool-off' })
        expect(turnAway(refused, { items }, now + coolOff)).toBeUndefined()
        expect(turnAway(undefined, { items }, now)).toBeUndefined()
      }),
    )
  })

  test('is not forgotten over whatever else is refused', () => {
    const first = { items: [{ purpose: 'dpv:DirectMarketing', fields: ['contact.email'] }] }
    const ids = fields.map(({ id }) => id)
    const all = purposes.reduce(
      (boundary, { id: purpose }) =>
        purpose === 'dpv:DirectMarketing'
          ? boundary
          : deny(boundary, { items: [{ purpose, fields: ids }] }, now + 1),
      deny(start, first, now),
    )
    expect(all.denials.length).toBeGreaterThan(500)
    expect(turnAway(all, first, now + 2)).toMatchObject({ reason: 'cool-off', since: now })
  })

  test('changes nothing when said again', () => {
    const blocked = block(start, now)
    expect(block(blocked, now + 1)).toBe(blocked)
    expect(letAsk(start)).toBe(start)
    expect(allow(start, { items: [{ purpose: 'dpv:CustomerCare', fields: ['profile.name'] }] })).toBe(start)
  })
})
