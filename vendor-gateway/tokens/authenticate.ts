import { hash } from 'node:crypto'
import type { DomainError } from '#core/domain/errors.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { isSurelyUnmarked, isTokenMarked } from '#core/records/token-marks.ts'
import { findVendor, peekVendor } from '#core/records/vendors.ts'
import type { Vendor } from '#schemas/types.gen.ts'
import type { AccessToken, AccessTokenVerifier } from './access-token.ts'
import type { Challenges } from './challenge.ts'
import type { ProofNonces } from './nonce.ts'
import type { ProofVerifier } from './proof.ts'

/** A business whose token and proof were found good for this one request. */
export interface Caller {
  readonly vendorId: string
  readonly token: AccessToken
  /** To be sent along as `DPoP-Nonce` when the nonce it used is running out. */
  readonly nextNonce: string | undefined
}

export interface Credentials {
  readonly authorization: string | undefined
  readonly proof: string | undefined
  readonly method: string
  /** The address of the request as its sender sees it, without query. */
  readonly url: string
}

const MAX_TOKEN_CHARACTERS = 8192

/**
 * Who asks: a DPoP-bound access token of our issuer (RFC 9449 section 7) whose client is still there. What it may have is
 * the ledger's to say, per subject.
 */
export class Authenticator {
  readonly #tokens: AccessTokenVerifier
  readonly #proofs: ProofVerifier
  readonly #nonces: ProofNonces
  readonly #challenges: Challenges
  readonly #ledger: LedgerReader

  constructor(options: {
    tokens: AccessTokenVerifier
    proofs: ProofVerifier
    nonces: ProofNonces
    challenges: Challenges
    ledger: LedgerReader
  }) {
    this.#tokens = options.tokens
    this.#proofs = options.proofs
    this.#nonces = options.nonces
    this.#challenges = options.challenges
    this.#ledger = options.ledger
  }

  /** Throws `invalid-token`, `invalid-proof` or `use-dpop-nonce`, each with its challenge. */
  async authenticate({ authorization, proof, method, url }: Credentials): Promise<Caller> {
    if (authorization === undefined) throw this.#challenges.missing(this.#nonces.current())
    // A Bearer presentation of a bound token is a downgrade (RFC 9449 section 7.2). Names of schemes ignore case.
    if (!/^dpop /i.test(authorization) || authorization.length > MAX_TOKEN_CHARACTERS)
      throw this.#notOneToken()
    if (proof === undefined) throw this.#challenges.refusal('invalid-proof', 'The DPoP proof is missing')
    const text = authorization.slice(5)
    const tokenHash = hash('sha256', text, 'base64url')
    let token = this.#tokens.cached(tokenHash)
    if (token === undefined) {
      if (!/^[A-Za-z0-9._~+/-]+=*$/.test(text)) throw this.#notOneToken()
      token = await this.#tokens.verify(text, tokenHash)
    }
    const target = { method, url, tokenHash, thumbprint: token.thumbprint }
    const nextNonce = await this.#proofs.verify(proof, target)
    return { vendorId: await this.vendorOf(token), token, nextNonce }
  }

  /**
   * The business of a token that nobody has taken away: to be asked again for replies that take their time. Throws
   * `invalid-token`.
   */
  async vendorOf(token: AccessToken): Promise<string> {
    if (!isSurelyUnmarked(this.#ledger, token) && (await isTokenMarked(this.#ledger, token)))
      throw this.#badToken()
    const known = peekVendor(this.#ledger, token.clientId)
    // No commit stands behind this: keys that were taken away at another process are none here either.
    const stored =
      known && this.#ledger.isNewest(known) ? known : await findVendor(this.#ledger, token.clientId)
    const vendor = stored?.value
    if (!isOf(token, vendor)) throw this.#badToken()
    return vendor.vendorId
  }

  #notOneToken(): DomainError {
    return this.#challenges.refusal('invalid-token', 'The Authorization field is not DPoP with one token')
  }

  #badToken(): DomainError {
    return this.#challenges.refusal('invalid-token', 'The access token is not valid')
  }
}

/** Deleting a client, or taking its keys away, does not reach the tokens it has: asked for each request. */
function isOf({ clientId, keyEpoch }: AccessToken, vendor: Vendor | undefined): vendor is Vendor {
  return vendor !== undefined && vendor.clientId === clientId && (vendor.keyEpoch ?? 0) === keyEpoch
}
