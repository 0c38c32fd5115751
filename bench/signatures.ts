import { createPublicKey, verify } from 'node:crypto'
import { importJWK, jwtVerify } from 'jose'
import type { SignatureCheck } from '../vendor-gateway/tokens/signature-row.ts'
import { isSigned, strictBase64url, verifyKey } from '../vendor-gateway/tokens/signature.ts'
import { encode, jws, newKey } from './business.ts'
import { rateOf } from './samples.ts'
import type { Samples } from './samples.ts'

/** Other ways to check the signature of a proof: controls that show what the way we took is worth. */
export const signatureChecks = {
  der: isSigned,
  p1363: (text, lastDot, { key }) => {
    const signature = strictBase64url(text.slice(lastDot + 1))
    const data = Buffer.from(text.slice(0, lastDot), 'latin1')
    if (!('type' in key) || signature === undefined) return false
    return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
  },
  jose: async (text, _lastDot, { key, algorithm }) => {
    if (!('type' in key)) return false
    await jwtVerify(text, key, { typ: 'dpop+jwt', algorithms: [algorithm] })
    return true
  },
} as const satisfies Record<string, SignatureCheck>

export type SignatureWay = keyof typeof signatureChecks

/** What one ES256 verification costs: the bound of everything that follows. */
export async function measureSignatures(samples: Samples, seconds: number): Promise<void> {
  const key = newKey()
  const publicKey = createPublicKey({ key: key.jwk, format: 'jwk' })
  const joseKey = await importJWK(key.jwk, 'ES256')
  const own = verifyKey('ES256', publicKey)
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk })
  const signed = Array.from({ length: 256 }, (_, i) => {
    const text = jws(header, { i, pad: 'x'.repeat(160) }, key)
    const lastDot = text.lastIndexOf('.')
    const signature = Buffer.from(text.slice(lastDot + 1), 'base64url')
    return { text, lastDot, data: Buffer.from(text.slice(0, lastDot)), signature }
  })
  let turn = 0
  const next = () => {
    const one = signed[turn++ & 255]
    if (one === undefined) throw new Error('there are 256 signed texts')
    return one
  }
  const ways: Record<string, () => unknown> = {
    'ES256 verify, DER': () => {
      const { text, lastDot } = next()
      return isSigned(text, lastDot, own)
    },
    'ES256 verify, p1363': () => {
      const { data, signature } = next()
      return verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    },
    'ES256 verify, jose': () => jwtVerify(next().text, joseKey, { typ: 'dpop+jwt', algorithms: ['ES256'] }),
  }
  for (const [name, step] of Object.entries(ways)) samples.add(name, { rate: await rateOf(seconds, step) })
}
