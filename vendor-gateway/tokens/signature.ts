import { constants, verify } from 'node:crypto'
import type { KeyObject, VerifyKeyObjectInput } from 'node:crypto'

/** What a DPoP proof may be signed with: FAPI 2.0 section 5.4, and the name RFC 9864 gives to EdDSA over Ed25519. */
export const proofAlgorithms = ['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const
export type ProofAlgorithm = (typeof proofAlgorithms)[number]

/** A public key in the form in which `crypto.verify` takes it fastest: bare, or with the padding of RSA. */
export interface VerifyKey {
  readonly algorithm: ProofAlgorithm
  readonly key: KeyObject | VerifyKeyObjectInput
}

/** The key for one algorithm. PS256 needs its padding said, everything else is fastest without options. */
export function verifyKey(algorithm: ProofAlgorithm, key: KeyObject): VerifyKey {
  if (algorithm !== 'PS256') return { algorithm, key }
  return { algorithm, key: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } }
}

/** Whether the compact JWS, whose last dot is at `lastDot`, is signed by the key (RFC 7515 section 5.2). */
export function isSigned(jws: string, lastDot: number, { algorithm, key }: VerifyKey): boolean {
  const signature = strictBase64url(jws.slice(lastDot + 1))
  if (signature === undefined) return false
  const data = Buffer.from(jws.slice(0, lastDot), 'latin1')
  if (algorithm === 'ES256') return signature.length === 64 && verify('sha256', data, key, toDer(signature))
  return verify(algorithm === 'PS256' ? 'sha256' : null, data, key, signature)
}

/**
 * Bytes of base64url without padding; undefined when the text is not exactly what encoding those bytes gives.
 * `Buffer.from` skips foreign characters and ignores loose bits, so one signature would have many spellings.
 */
export function strictBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

/**
 * An ES256 signature r || s (64 bytes, RFC 7518 section 3.4) as the DER that OpenSSL reads: a sequence of two INTEGERs,
 * each minimal and positive. A third cheaper per verification than asking Node for `dsaEncoding: 'ieee-p1363'`.
 */
export function toDer(raw: Uint8Array): Buffer {
  const rStart = firstSignificant(raw, 0)
  const sStart = firstSignificant(raw, 32)
  const rLength = 32 - rStart + signByte(raw, rStart)
  const sLength = 64 - sStart + signByte(raw, sStart)
  const der = Buffer.allocUnsafe(6 + rLength + sLength)
  der[0] = 0x30
  der[1] = 4 + rLength + sLength
  der[2] = 0x02
  der[3] = rLength
  der[4] = 0
  der[4 + rLength] = 0x02
  der[5 + rLength] = sLength
  der[6 + rLength] = 0
  // Filled from the right: the zero before it stays where the number would otherwise read as negative.
  for (let from = 31, to = 3 + rLength; from >= rStart; from--, to--) der[to] = raw[from] ?? 0
  for (let from = 63, to = 5 + rLength + sLength; from >= sStart; from--, to--) der[to] = raw[from] ?? 0
  return der
}

/** Index of the first byte of a 32-byte number that is not a leading zero; its last byte for zero itself. */
function firstSignificant(raw: Uint8Array, start: number): number {
  let at = start
  while (at < start + 31 && raw[at] === 0) at++
  return at
}

function signByte(raw: Uint8Array, at: number): 0 | 1 {
  return ((raw[at] ?? 0) & 0x80) === 0 ? 0 : 1
}
