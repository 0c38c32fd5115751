import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  buildLeaf,
  newSecret,
  openOps,
  opens,
  opsKeyName,
  saltOf,
  sealOps,
  type Slot,
} from '#core/ledger/leaf.ts'

/**
 * A second implementation, from the published text of the format and not from the code:
 *   salt(slot, n) = first 22 characters of base64url(SHA-256("<secret>:<slot>:<n>"))
 *   digest(slot)  = SHA-256("<slot>:<salt>:<value>")
 *   leaf          = 01 || ops || subject || who || data
 */
const sha256 = (text: string): Buffer => createHash('sha256').update(Buffer.from(text, 'utf8')).digest()
const saltFromText = (secret: string, slot: string, n: number): string =>
  sha256([secret, slot, `${n}`].join(':'))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .substring(0, 22)
const digestFromText = (slot: string, salt: string, value: string): Buffer =>
  sha256([slot, salt, value].join(':'))

const OPS_SECRET = newSecret()
const SECRET = newSecret()
const VALUES = {
  ops: '{"type":"disclosed","seq":3}',
  subject: 's-9',
  who: 'https://alice.example/#me',
  data: '{"n":"Zoë"}',
}

// Computed by a program of another language (Python's hashlib and base64).
const VECTOR =
  '01147becae5a8275d1a4ee06db4f8acba3f34ba6879160e3feb4865d02167e2efbf0b6c38657f93117d95d' +
  '32729fd17b96c3064240730bcce2276ff4942618de9945d7ea02a7d7b12df4c84ed70a90b0ff26728c06c3' +
  '9e4b25fabb991c40c5bbc11ea9fa3d3f617369c84831994e4dd2f553491d1894c46cee5ba3d90ebf8ad455'

describe('a leaf', () => {
  test('is what the text of the format says', () => {
    for (const index of [0, 1, 255, 4200, 2 ** 40]) {
      const { leaf, salts } = buildLeaf(index, { ...VALUES, secret: SECRET }, OPS_SECRET)
      const salt = (slot: string): string => saltFromText(slot === 'ops' ? OPS_SECRET : SECRET, slot, index)
      const expected = Buffer.concat([
        Buffer.of(1),
        ...(['ops', 'subject', 'who', 'data'] as const).map((slot) =>
          digestFromText(slot, salt(slot), VALUES[slot]),
        ),
      ])
      expect(leaf.toString('hex')).toBe(expected.toString('hex'))
      expect(leaf).toHaveLength(129)
      expect(salts).toEqual({ subject: salt('subject'), data: salt('data') })
      expect(salts.data).toHaveLength(22)
    }
  })

  test('is so for values of any length and script', () => {
    for (const length of [0, 1, 55, 64, 1_300, 1_323, 1_324, 1_325, 1_326, 1_400, 4_096, 350_000])
      for (const character of ['a', 'é', '字', '😀', '\ud800']) {
        const data = character.repeat(length)
        const { leaf, salts } = buildLeaf(3, { ops: '{}', data, secret: SECRET }, OPS_SECRET)
        expect(leaf.subarray(97).equals(digestFromText('data', salts.data, data))).toBe(true)
        expect(opens(leaf, 'data', salts.data, data)).toBe(true)
      }
  })

  test('has a fixed vector', () => {
    const { leaf, salts } = buildLeaf(7, { ops: '{}', data: 'd', secret: 'A'.repeat(43) }, 'B'.repeat(43))
    expect(salts).toEqual({
      subject: saltFromText('A'.repeat(43), 'subject', 7),
      data: saltFromText('A'.repeat(43), 'data', 7),
    })
    expect(leaf.toString('hex')).toBe(VECTOR)
  })

  test('opens for its value, slot and salt, and for nothing else', () => {
    const { leaf, salts } = buildLeaf(5, { ...VALUES, secret: SECRET }, OPS_SECRET)
    expect(opens(leaf, 'data', salts.data, VALUES.data)).toBe(true)
    expect(opens(leaf, 'who', saltOf(SECRET, 'who', 5), VALUES.who)).toBe(true)
    expect(opens(leaf, 'data', salts.data, `${VALUES.data} `)).toBe(false)
    expect(opens(leaf, 'data', salts.subject, VALUES.data)).toBe(false)
    expect(opens(leaf, 'subject', salts.data, VALUES.data)).toBe(false)
    expect(opens(leaf, 'who', saltOf(SECRET, 'who', 6), VALUES.who)).toBe(false)
    const [first = 0] = Buffer.from(salts.data)
    const likeIt = String.fromCharCode(first + 0x100) + salts.data.slice(1)
    expect(opens(leaf, 'data', likeIt, VALUES.data)).toBe(false)
    // A salt of another length could move the border between salt and value.
    const [before = '', after = ''] = VALUES.data.split(':')
    expect(opens(leaf, 'data', `${salts.data}:${before}`, after)).toBe(false)
    expect(opens(leaf.subarray(1), 'data', salts.data, VALUES.data)).toBe(false)
    expect(opens(Buffer.concat([Buffer.of(2), leaf.subarray(1)]), 'data', salts.data, VALUES.data)).toBe(
      false,
    )
    expect(opens(leaf, 'nothing' as Slot, salts.data, VALUES.data)).toBe(false)
  })

  test('equal events give leaves without an equal digest', () => {
    const digests = new Set<string>()
    for (let index = 0; index < 50; index++) {
      const { leaf } = buildLeaf(index, { ...VALUES, secret: SECRET }, OPS_SECRET)
      for (let at = 1; at < 129; at += 32) digests.add(leaf.toString('hex', at, at + 32))
    }
    expect(digests.size).toBe(200)
  })

  test('is not built from claims that break their promise', () => {
    expect(() => buildLeaf(0, { ops: 'a\nb' }, OPS_SECRET)).toThrow(TypeError)
    expect(() => buildLeaf(0, { ops: '{}', who: 'x' }, OPS_SECRET)).toThrow(TypeError)
    expect(() => buildLeaf(0, { ops: '{}', secret: 'short' }, OPS_SECRET)).toThrow(TypeError)
    expect(buildLeaf(0, { ops: '{}' }, OPS_SECRET).leaf).toHaveLength(129)
  })
})

describe('an ops box', () => {
  const key = { name: 'o12', key: createSecretKey(randomBytes(32)), secret: OPS_SECRET }
  const claims = ['{"a":"ü"}', '', '{"b":2}']
  const box = sealOps(key, 'reach.test/log', 4200, claims)

  test('opens to the claims in their order, and names its key', () => {
    expect(openOps(key, 'reach.test/log', 4200, box)).toEqual(claims)
    expect(opsKeyName(box)).toBe('o12')
    expect(sealOps(key, 'reach.test/log', 4200, claims).equals(box)).toBe(false)
  })

  test('opens for no other key, index or log, and not with any byte changed', () => {
    expect(() => openOps(key, 'reach.test/log', 4201, box)).toThrow()
    expect(() => openOps(key, 'other.test/log', 4200, box)).toThrow()
    expect(() =>
      openOps({ ...key, key: createSecretKey(randomBytes(32)) }, 'reach.test/log', 4200, box),
    ).toThrow()
    for (let at = 0; at < box.length; at++) {
      const changed = Buffer.from(box)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => openOps(key, 'reach.test/log', 4200, changed), `byte ${at}`).toThrow()
      expect(() => openOps(key, 'reach.test/log', 4200, box.subarray(0, at)), `cut at ${at}`).toThrow()
    }
  })
})
