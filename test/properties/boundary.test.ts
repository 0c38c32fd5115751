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
  refusalTime,
  turnAway,
} from '../../core/domain/boundary.ts'
import { fields, findField, sourcesOf } from '../../core/domain/catalogue.ts'
import { purposes } from '../../core/domain/purposes.ts'
import { day, now, someItems } from '../arbitraries.ts'

const start = noBoundary('a'.repeat(22), 'v'.repeat(22))
const scopes = (items: readonly { purpose: string; fields: readonly string[] }[]) =>
  new Set(items.flatMap(({ purpose, fields }) => fields.map((field) => `${purpose} ${field}`)))

/** Whether a refused scope comes out when these items are answered, by what the catalogue says each field is made of. */
const isTold = (scope: string, items: readonly { purpose: string; fields: readonly string[] }[]): boolean => {
  const [purpose, refused = ''] = scope.split(' ')
  const tells = (asked: string) => {
    const field = findField(asked)
    return field?.kind === 'derived' && field.hides
      ? false
      : sourcesOf(refused).some((one) => sourcesOf(asked).includes(one))
  }
  return items.some(
    (item) => item.purpose === purpose && item.fields.some((asked) => asked === refused || tells(asked)),
  )
}

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
        let inARow: number[] = []
        let isBlocked = false
        for (const { act, items: about, at } of acts) {
          if (act === 'deny') {
            boundary = deny(boundary, { items: about }, now + at)
            for (const scope of scopes(about)) refused.set(scope, at)
            inARow.push(at)
          } else if (act === 'allow') {
            boundary = allow(boundary, { items: about })
            for (const scope of scopes(about)) refused.delete(scope)
            inARow = []
          } else if (act === 'block') {
            boundary = block(boundary, now + at)
            isBlocked = true
          } else if (act === 'let-ask') {
            boundary = letAsk(boundary)
            refused.clear()
            inARow = []
            isBlocked = false
          } else boundary = noteTurnedAway(boundary, 'blocked', now + at)
        }
        const asked = (acts.at(-1)?.at ?? 0) + later
        const met = [...refused].filter(([scope]) => isTold(scope, items)).map(([, at]) => [at, at])
        const [third, , last] = inARow.slice(-3)
        if (third !== undefined && last !== undefined) met.push([last, third])
        const running = met.filter(([, from = 0]) => asked < from + coolOff)
        const turned = turnAway(boundary, { items }, now + asked)
        if (isBlocked) expect(turned?.reason).toBe('blocked')
        else if (running.length === 0) expect(turned).toBeUndefined()
        else
          expect(turned).toEqual({
            reason: 'cool-off',
            since: now + Math.max(...running.map(([at = 0]) => at)),
            until: now + Math.max(...running.map(([, from = 0]) => from)) + coolOff,
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

  test('comes back neither by adding, leaving out nor exchanging, nor by asking for what tells more', () => {
    const purpose = 'dpv:AgeVerification'
    const refused = deny(start, { items: [{ purpose, fields: ['profile.ageOver18', 'contact.email'] }] }, now)
    const verdict = (...asked: string[]) =>
      turnAway(refused, { items: [{ purpose, fields: asked }] }, now)?.reason
    expect(verdict('profile.ageOver18')).toBe('cool-off')
    expect(verdict('contact.email', 'contact.phone')).toBe('cool-off')
    expect(verdict('profile.birthDate')).toBe('cool-off')
    // Another question: what tells neither.
    expect(verdict('contact.phone')).toBeUndefined()
    expect(verdict('profile.ageOver21')).toBeUndefined()
    const source = deny(start, { items: [{ purpose, fields: ['profile.birthDate'] }] }, now)
    expect(turnAway(source, { items: [{ purpose, fields: ['profile.ageOver18'] }] }, now)).toBeUndefined()
  })

  test('three new questions refused in a row are the last in the cool-off; what is allowed begins anew', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...fields.map(({ id }) => id)), { minLength: 4, maxLength: 9 }),
        fc.nat(3),
        ([fourth = '', ...others], allowed) => {
          const about = (field: string) => ({ items: [{ purpose: 'dpv:CustomerCare', fields: [field] }] })
          let boundary = start
          others.forEach((field, turn) => {
            if (turn === allowed) boundary = allow(boundary, about('profile.name'))
            boundary = deny(boundary, about(field), now + turn)
          })
          const inARow = others.length - (allowed < others.length ? allowed : 0)
          const elsewhere = { items: [{ purpose: 'dpv:Nothing', fields: [fourth] }] }
          expect(turnAway(boundary, elsewhere, now + day) === undefined).toBe(inARow < 3)
          expect(turnAway(boundary, elsewhere, now + others.length - 3 + coolOff)).toBeUndefined()
        },
      ),
    )
  })

  test('is refused as late as a person may, however little time a business gives', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.constantFrom('production' as const, 'development' as const),
        (random, mode) => {
          const waitOf = (part: number) => refusalTime({ now, random: part, mode }) - now
          const waits = waitOf(random)
          expect(waits).toBeLessThanOrEqual(mode === 'production' ? 30 * 60_000 : 10_000)
          expect(waits).toBeGreaterThanOrEqual(mode === 'production' ? 15_000 : 1_000)
          if (random > 0.01 && random < 0.99) expect(waitOf(random + 0.01)).toBeGreaterThan(waits)
        },
      ),
    )
    // Within the shortest time that a question may be given, three of four are answered by nobody.
    const inTime = Array.from({ length: 1_000 }, (_, i) =>
      refusalTime({ now, random: i / 1_000, mode: 'production' }),
    ).filter((time) => time <= now + 60_000)
    expect(inTime.length).toBeLessThan(300)
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
    expect(turnAway({ ...all, refusals: [] }, first, now + 2)).toMatchObject({
      reason: 'cool-off',
      since: now,
    })
  })

  test('changes nothing when said again', () => {
    const blocked = block(start, now)
    expect(block(blocked, now + 1)).toBe(blocked)
    expect(letAsk(start)).toBe(start)
    expect(allow(start, { items: [{ purpose: 'dpv:CustomerCare', fields: ['profile.name'] }] })).toBe(start)
  })
})
