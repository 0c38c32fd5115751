/** What is hashed and sealed for an entry, whatever came before it. */
import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LEAF_BYTES, SLOTS, newSecret, openOps, opens, saltOf, sealOps } from '#core/ledger/leaf.ts'

const sha256 = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()

const part = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', ':', 'a', 'a:', 'ab', '\ud800'),
  fc
    .tuple(fc.constantFrom('a', 'é', '字', ':', '\ud800'), fc.integer({ min: 0, max: 4200 }))
    .map(([character, times]) => character.repeat(times)),
)
const asked = fc.record({
  secret: part,
  slot: fc.constantFrom(...SLOTS),
  index: fc.nat(),
  salt: fc.string({ unit: 'binary', minLength: 22, maxLength: 22 }).map((text) => text.slice(0, 22)),
  value: part,
})

test('salts and digests are those of their joined parts, in any order of parts, lengths and scripts', () => {
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 20 }), (all) => {
      for (const { secret, slot, index, salt, value } of all) {
        const expected = sha256(`${secret}:${slot}:${index}`).toString('base64url').slice(0, 22)
        expect(saltOf(secret, slot, index)).toBe(expected)
        const leaf = Buffer.alloc(LEAF_BYTES, 1)
        sha256(`${slot}:${salt}:${value}`).copy(leaf, 1 + 32 * SLOTS.indexOf(slot))
        expect(opens(leaf, slot, salt, value)).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

test('a box opens to its lines, deflated or not, and not with any bit changed', () => {
  const key = { name: 'o1', key: createSecretKey(randomBytes(32)), secret: newSecret() }
  const alike = Array.from({ length: 300 }, (_, i) => `{"字":${i},"more":"${'x'.repeat(120)}"}`)
  expect(sealOps(key, 'reach.test/log', 7, alike).length).toBeLessThan(alike.join().length / 5)
  for (const ops of [['{"a":"ü"}', '', '\ud800'], alike]) {
    const box = sealOps(key, 'reach.test/log', 7, ops)
    expect(openOps(key, 'reach.test/log', 7, box)).toEqual(ops.map((line) => line.toWellFormed()))
    for (let at = 0; at < box.length; at++)
      for (let other = 1; other < 256; other = at === 0 ? other + 1 : 2 * other) {
        const changed = Buffer.from(box)
        changed[at] = (changed[at] ?? 0) ^ other
        expect(() => openOps(key, 'reach.test/log', 7, changed), `byte ${at}`).toThrow()
      }
  }
})
