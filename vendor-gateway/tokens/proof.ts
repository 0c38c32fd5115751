import { LRUCache } from 'lru-cache'
import type { DomainError } from '#core/domain/errors.ts'
import type { Challenges } from './challenge.ts'
import type { ProofNonces } from './nonce.ts'
import { readProofKey, readSegment } from './proof-key.ts'
import { ReplayWindow } from './replay-window.ts'
import { SignatureRow } from './signature-row.ts'
import type { SignatureCheck } from './signature-row.ts'
import { isSigned } from './signature.ts'
import type { VerifyKey } from './signature.ts'

const MAX_AGE_S = 60
const MAX_LEAD_S = 10
const MAX_PROOF_CHARACTERS = 4096

/** What a proof must be bound to. */
export interface ProofTarget {
  readonly method: string
  /** The address of the request as its sender sees it, without query. */
  readonly url: string
  /** `ath`: SHA-256 of the access token in base64url. */
  readonly tokenHash: string
  /** `cnf.jkt` of the access token. */
  readonly thumbprint: string
}

/**
 * Checks DPoP proofs (RFC 9449 section 4.3) on the hot path: `crypto.verify` alone, and one imported key per thumbprint.
 * Only a key that a good token names is made and kept, so strangers cannot push others out; a business has one place there
 * however it spells its header, and whatever its signatures are worth.
 */
export class ProofVerifier {
  readonly #now: () => number
  readonly #nonces: ProofNonces
  readonly #challenges: Challenges
  readonly #signatures: SignatureRow
  readonly #keys = new LRUCache<string, { header: string; key: VerifyKey }>({ max: 10_000 })
  readonly #replays = new ReplayWindow({ spanMs: (MAX_AGE_S + MAX_LEAD_S) * 1000 })

  constructor(options: {
    now: () => number
    nonces: ProofNonces
    challenges: Challenges
    signatureCheck?: SignatureCheck
  }) {
    this.#now = options.now
    this.#nonces = options.nonces
    this.#challenges = options.challenges
    this.#signatures = new SignatureRow(options.signatureCheck ?? isSigned)
  }

  get cachedKeys(): number {
    return this.#keys.size
  }

  /**
   * Cheap refusals first, the signature before anything that is remembered. Answers the nonce the business should use
   * from now on when the one it used is running out (RFC 9449 section 8.2). Throws `invalid-proof`, `use-dpop-nonce` or,
   * when too many proofs are remembered, `busy`.
   */
  async verify(proof: string, target: ProofTarget): Promise<string | undefined> {
    const firstDot = proof.indexOf('.')
    const lastDot = proof.lastIndexOf('.')
    if (firstDot < 0 || firstDot === lastDot || proof.length > MAX_PROOF_CHARACTERS)
      throw this.#refusal('The proof is not a compact JWS of acceptable size')

    const claims = readSegment(proof.slice(firstDot + 1, lastDot))
    if (claims === undefined) throw this.#refusal('The claims of the proof cannot be read')
    // One moment for all of it: in the row a proof could outlive the memory of its first use.
    const now = this.#now()
    const jti = this.#checkClaims(claims, target, now)

    const key = this.#keyOf(proof.slice(0, firstDot), target.thumbprint)
    if (key === undefined)
      throw this.#refusal(
        'The header of the proof needs typ, an alg of ours, and as jwk the key the token is bound to',
      )
    if (!(await this.#signatures.check(proof, lastDot, key)))
      throw this.#refusal('The signature of the proof is not valid')

    if (!this.#replays.enter(target.thumbprint, jti, now))
      throw this.#refusal('The proof was used before: sign another one, with its own jti, for each request')
    const current = this.#nonces.current()
    return claims['nonce'] === current ? undefined : current
  }

  #keyOf(header: string, thumbprint: string): VerifyKey | undefined {
    const known = this.#keys.peek(thumbprint)
    if (known?.header === header) return known.key
    const key = readProofKey(header, thumbprint, known?.key)
    if (key !== undefined) this.#keys.set(thumbprint, { header, key })
    return key
  }

  #checkClaims(claims: Readonly<Record<string, unknown>>, target: ProofTarget, now: number): string {
    const { htm, htu, ath, iat, jti, nonce, exp, nbf } = claims
    if (htm !== target.method) throw this.#refusal('htm of the proof must be the method of the request')
    if (!isSameAddress(htu, target.url))
      throw this.#refusal('htu of the proof must be the address of the request, without its query')
    if (ath !== target.tokenHash)
      throw this.#refusal('ath of the proof must be the SHA-256 of the access token, in base64url')
    if (typeof jti !== 'string' || jti.length === 0 || jti.length > 128)
      throw this.#refusal('jti of the proof must be a text of 1 to 128 characters')
    if (typeof iat !== 'number') throw this.#refusal('iat of the proof must be a number')
    const seconds = now / 1000
    const age = seconds - iat
    if (age > MAX_AGE_S || age < -MAX_LEAD_S)
      throw this.#refusal('iat of the proof must be at most 60 s old and 10 s ahead: compare clocks by Date')
    if (!isWithin(exp, nbf, seconds))
      throw this.#refusal('The proof is over, or not yet good, by its own claims')
    if (!this.#nonces.isGood(nonce)) {
      const extra = { nonce: this.#nonces.current() }
      throw this.#challenges.refusal('use-dpop-nonce', 'The proof needs the nonce of this server', extra)
    }
    return jti
  }

  #refusal(detail: string): DomainError {
    return this.#challenges.refusal('invalid-proof', detail)
  }
}

/** Nobody has to say so (RFC 7519 sections 4.1.4 and 4.1.5); who does is taken at his word. */
function isWithin(exp: unknown, nbf: unknown, now: number): boolean {
  const isOver = exp !== undefined && !(typeof exp === 'number' && exp > now - MAX_LEAD_S)
  const isEarly = nbf !== undefined && !(typeof nbf === 'number' && nbf <= now + MAX_LEAD_S)
  return !isOver && !isEarly
}

/** Equal after the normalisation of the WHATWG URL standard, query and fragment left out (RFC 9449 section 4.3). */
function isSameAddress(htu: unknown, url: string): boolean {
  if (htu === url) return true
  if (typeof htu !== 'string' || htu.length > 2048) return false
  const given = URL.parse(htu)
  const wanted = URL.parse(url)
  if (given === null || wanted === null || given.username !== '' || given.password !== '') return false
  return given.origin === wanted.origin && given.origin !== 'null' && given.pathname === wanted.pathname
}
