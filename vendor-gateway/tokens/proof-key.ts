import { createPublicKey, hash } from 'node:crypto'
import type { JsonWebKey } from 'node:crypto'
import { isUsualRsa } from '#core/domain/rsa-key.ts'
import { parseStrictJson } from '#core/http/strict-json.ts'
import { proofAlgorithms, strictBase64url, verifyKey } from './signature.ts'
import type { ProofAlgorithm, VerifyKey } from './signature.ts'

/** The key type that each algorithm demands: `alg` decides, never the other way round, which is what stops algorithm confusion. */
const fits: Readonly<Record<ProofAlgorithm, (jwk: JsonWebKey) => boolean>> = {
  ES256: ({ kty, crv }) => kty === 'EC' && crv === 'P-256',
  PS256: (jwk) => jwk.kty === 'RSA' && isUsualRsa(jwk),
  EdDSA: ({ kty, crv }) => kty === 'OKP' && crv === 'Ed25519',
  Ed25519: ({ kty, crv }) => kty === 'OKP' && crv === 'Ed25519',
}

const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const
const publicMembers = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const

/**
 * Reads the header of a DPoP proof (RFC 9449 section 4.2, still encoded) and makes its key. Undefined when the header is
 * not acceptable or its key is not the one with the thumbprint `expected`; that is compared before the key is built,
 * because building costs ten times as much. `known`: the key with that thumbprint, when it was built before.
 */
export function readProofKey(header: string, expected: string, known?: VerifyKey): VerifyKey | undefined {
  const members = readSegment(header)
  if (members === undefined || members['typ'] !== 'dpop+jwt' || 'crit' in members) return undefined
  const algorithm = proofAlgorithms.find((name) => name === members['alg'])
  const jwk = publicKeyOf(members['jwk'])
  if (algorithm === undefined || jwk === undefined) return undefined
  if (!fits[algorithm](jwk) || thumbprint(jwk) !== expected) return undefined
  if (known?.algorithm === algorithm) return known
  try {
    return verifyKey(algorithm, createPublicKey({ key: jwk, format: 'jwk' }))
  } catch {
    return undefined // not a point of the curve, or not base64url
  }
}

/** RFC 7638: the required members in lexicographic order, SHA-256, base64url. */
export function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = kty === 'EC' ? { crv, kty, x, y } : kty === 'OKP' ? { crv, kty, x } : { e, kty, n }
  return hash('sha256', JSON.stringify(members), 'base64url')
}

/** One base64url segment of a JWS as a JSON object; undefined when it is anything else, or a member occurs twice. */
export function readSegment(segment: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = strictBase64url(segment)
  if (bytes === undefined) return undefined
  try {
    const value = parseStrictJson(bytes.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function publicKeyOf(value: unknown): JsonWebKey | undefined {
  if (!isObject(value) || secretMembers.some((name) => name in value)) return undefined
  const key: Record<string, string> = {}
  for (const name of publicMembers) {
    const member = value[name]
    if (member === undefined) continue
    if (typeof member !== 'string') return undefined
    key[name] = member
  }
  return key
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
