import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { LRUCache } from 'lru-cache'
import { parser } from '#core/http/validate.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Challenges } from './challenge.ts'

/** What a good access token says (RFC 9068). Kept by the hash of the token, never past `expiresAt`. */
export interface AccessToken {
  readonly jti: string
  readonly clientId: string
  /** The customer's pairwise id, or the client itself for a token of the client credentials flow. */
  readonly subject: string
  /** SHA-256 thumbprint of the key that the token is bound to. */
  readonly thumbprint: string
  /** Unix ms. */
  readonly expiresAt: number
  /** Covers every subject of the business; otherwise only `subject`, and only what `ceiling` names. */
  readonly batch: boolean
  /** How often the keys of the business had been taken away when it was made; 0: never. */
  readonly keyEpoch: number
  /** The grant a per-customer token was made for, and the OAuth Grant behind it where the issuer names one. */
  readonly grantId: string | undefined
  /** Purpose to fields: a token may be narrower than the grant, and the grant decides besides. */
  readonly ceiling: ReadonlyMap<string, ReadonlySet<string>>
}

/** Algorithms of our own issuer. */
const algorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256']

const parseDetails = parser('api/granted-details.json')

/** The issuer's keys by HTTP: at most one fetch in 30 s for unknown key ids, cached for 10 minutes. */
export function remoteKeys(url: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), { timeoutDuration: 5_000, cooldownDuration: 30_000 })
}

/**
 * Verifies access tokens with jose once, then knows them by their hash. Only tokens that verified enter the cache.
 */
export class AccessTokenVerifier {
  readonly #issuer: string
  readonly #audience: string
  readonly #keys: JWTVerifyGetKey
  readonly #now: () => number
  readonly #challenges: Challenges
  readonly #tokens = new LRUCache<string, AccessToken>({ max: 20_000 })

  constructor(options: {
    issuer: string
    audience: string
    keys: JWTVerifyGetKey
    now: () => number
    challenges: Challenges
  }) {
    this.#issuer = options.issuer
    this.#audience = options.audience
    this.#keys = options.keys
    this.#now = options.now
    this.#challenges = options.challenges
  }

  /** A token that verified before and has not expired. */
  cached(tokenHash: string): AccessToken | undefined {
    const token = this.#tokens.peek(tokenHash)
    if (token === undefined || token.expiresAt > this.#now()) return token
    this.#tokens.delete(tokenHash)
    return undefined
  }

  /** The slow path. Throws `invalid-token`, or `busy` when the issuer's keys cannot be had. */
  async verify(text: string, tokenHash: string): Promise<AccessToken> {
    const payload = await this.#payload(text)
    const token = readClaims(payload)
    if (token === undefined) throw this.#refusal(undefined)
    this.#tokens.set(tokenHash, token)
    return token
  }

  async #payload(text: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(text, this.#keys, {
        issuer: this.#issuer,
        audience: this.#audience,
        typ: 'at+jwt',
        algorithms,
        requiredClaims: ['exp', 'jti', 'sub', 'client_id', 'cnf'],
        currentDate: new Date(this.#now()),
      })
      return payload
    } catch (error) {
      if (isFaultOfToken(error)) throw this.#refusal(error)
      throw new DomainError('busy', 'The keys of the issuer are not at hand', { cause: error, retryAfter: 5 })
    }
  }

  #refusal(cause: unknown): DomainError {
    return this.#challenges.refusal('invalid-token', 'The access token is not valid', { cause })
  }
}

function readClaims(payload: JWTPayload): AccessToken | undefined {
  const { jti, sub, exp, client_id: clientId, cnf, scope, grant_id: grantId, key_epoch: keyEpoch } = payload
  const thumbprint = isObject(cnf) ? cnf['jkt'] : undefined
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof exp !== 'number') return undefined
  if (typeof clientId !== 'string' || typeof thumbprint !== 'string') return undefined
  const scopes = typeof scope === 'string' ? scope.split(' ') : []
  const ceiling = readCeiling(payload['authorization_details'])
  if (ceiling === undefined) return undefined
  return {
    jti,
    clientId,
    subject: sub,
    thumbprint,
    expiresAt: exp * 1000,
    // Only the client credentials flow makes the client itself the subject (RFC 9068 section 2.2).
    batch: scopes.includes('batch') && sub === clientId,
    keyEpoch: typeof keyEpoch === 'number' ? keyEpoch : 0,
    grantId: typeof grantId === 'string' ? grantId : undefined,
    ceiling,
  }
}

/** Undefined for details that are none of ours: such a token says something we cannot honour. */
function readCeiling(details: unknown): Map<string, Set<string>> | undefined {
  const ceiling = new Map<string, Set<string>>()
  if (details === undefined) return ceiling
  if (!Array.isArray(details)) return undefined
  try {
    for (const { items } of details.map((detail) => parseDetails(detail)))
      for (const { purpose, fields } of items)
        ceiling.set(purpose, new Set([...(ceiling.get(purpose) ?? []), ...fields]))
  } catch {
    return undefined
  }
  return ceiling
}

/** Everything jose says about the token itself, and not about how the key set was fetched. */
function isFaultOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
