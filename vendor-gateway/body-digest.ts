import { hash, timingSafeEqual } from 'node:crypto'
import { DomainError } from '#core/domain/errors.ts'
import { readSegment } from './tokens/proof-key.ts'

/** `Content-Digest` of a body (RFC 9530). */
export function contentDigest(body: string): string {
  return `sha-256=:${hash('sha256', body, 'base64')}:`
}

/** Algorithms of RFC 9530 that may be relied on; the others of its registry are too weak to be believed. */
const algorithms = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

const member = /^\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]+={0,2}):\s*$/

/**
 * Holds a body to what was said of it: by the `Content-Digest` field, and by the claim `content_digest` of the DPoP
 * proof, whose value is that of the field. The signature of a proof covers the claim, so nobody on the way can change
 * the body or take the claim out (docs/decisions/0009-queries.md). Throws `digest-mismatch`.
 *
 * `proof`: the compact JWS, which has been verified.
 */
export function checkDigests(body: Uint8Array, said: { field: string | undefined; proof: string }): void {
  if (said.field !== undefined) checkDigest(body, said.field)
  const claims = readSegment(said.proof.split('.')[1] ?? '')
  const claim = claims?.['content_digest']
  if (claim === undefined) return
  if (typeof claim !== 'string') throw refusal('The claim content_digest of the proof is no text')
  checkDigest(body, claim)
}

function checkDigest(body: Uint8Array, field: string): void {
  if (field.length > 512) throw refusal('The digest is too long')
  let known = 0
  for (const item of field.split(',')) {
    const [, name = '', base64 = ''] = member.exec(item) ?? []
    if (name === '') throw refusal('The digest is not a dictionary of byte sequences')
    if (name !== 'sha-256' && name !== 'sha-512') continue
    known++
    const given = Buffer.from(base64, 'base64')
    const expected = Buffer.from(hash(algorithms[name], body, 'base64'), 'base64')
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw refusal('The body is not the one that its digest names')
  }
  if (known === 0) throw refusal('The digest has no algorithm that is good here: sha-256 or sha-512')
}

function refusal(detail: string): DomainError {
  return new DomainError('digest-mismatch', detail)
}
