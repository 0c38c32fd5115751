import { createPublicKey, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newKey } from '../../bench/business.ts'
import { strictBase64url, toDer } from '../../vendor-gateway/tokens/signature.ts'

/** X.690 by the book: minimal, positive INTEGERs in a SEQUENCE, worked out on numbers in place of bytes. */
function derOf(...integers: bigint[]): string {
  const parts = integers.map((integer) => {
    const digits = integer.toString(16)
    const even = digits.length % 2 === 0 ? digits : `0${digits}`
    const content = Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even
    return `02${(content.length / 2).toString(16).padStart(2, '0')}${content}`
  })
  const body = parts.join('')
  return `30${(body.length / 2).toString(16).padStart(2, '0')}${body}`
}

function rawOf(r: bigint, s: bigint): Buffer {
  return Buffer.from([r, s].map((number) => number.toString(16).padStart(64, '0')).join(''), 'hex')
}

const edges = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  2n ** 247n - 1n,
  2n ** 247n,
  2n ** 248n - 1n,
  2n ** 255n - 1n,
  2n ** 255n,
  2n ** 256n - 1n,
]

describe('DER of an ES256 signature', () => {
  test.each(edges)('with r = %s and every edge as s', (r) => {
    for (const s of edges) expect(toDer(rawOf(r, s)).toString('hex')).toBe(derOf(r, s))
  })

  test('is minimal for any pair of numbers', () => {
    const number = fc.oneof(fc.bigInt(0n, 2n ** 256n - 1n), fc.bigInt(0n, 2n ** 248n), fc.bigInt(0n, 70_000n))
    fc.assert(
      fc.property(number, number, (r, s) => {
        expect(toDer(rawOf(r, s)).toString('hex')).toBe(derOf(r, s))
      }),
      { numRuns: 2000 },
    )
  })

  test('verifies every real signature, also those that begin with zeros, and none that is damaged', () => {
    const { privateKey, jwk } = newKey('ES256')
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
    let short = 0
    for (let i = 0; i < 2000; i++) {
      const data = Buffer.from(`message ${i}`)
      const raw = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      if (raw[0] === 0 || raw[32] === 0) short++
      expect(verify('sha256', data, publicKey, toDer(raw))).toBe(true)
      raw[i % 64] = (raw[i % 64] ?? 0) ^ 1
      expect(verify('sha256', data, publicKey, toDer(raw))).toBe(false)
    }
    expect(short).toBeGreaterThan(2)
  })
})

describe('strict base64url', () => {
  test('reads what encoding gives, and exactly that', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url')
        expect(strictBase64url(text)).toEqual(Buffer.from(bytes))
      }),
    )
  })

  test('refuses every other text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), (text) => {
        const bytes = strictBase64url(text)
        if (bytes !== undefined) expect(bytes.toString('base64url')).toBe(text)
      }),
    )
  })

  test.each(['QQ==', 'QR', 'Q Q', 'QQ\n', 'Q+', 'Q/', 'QQ.'])('refuses %j', (text) => {
    expect(strictBase64url(text)).toBeUndefined()
  })
})
