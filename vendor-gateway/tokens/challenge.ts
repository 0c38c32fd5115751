import { DomainError } from '#core/domain/errors.ts'
import type { ErrorCode } from '#core/domain/errors.ts'
import { proofAlgorithms } from './signature.ts'

const oauthErrors = {
  'invalid-token': 'invalid_token',
  'invalid-proof': 'invalid_dpop_proof',
  'use-dpop-nonce': 'use_dpop_nonce',
  'insufficient-scope': 'insufficient_scope',
} as const satisfies Partial<Record<ErrorCode, string>>

export type ChallengeCode = keyof typeof oauthErrors

/**
 * Refusals of tokens and proofs as a resource server tells them: `WWW-Authenticate: DPoP` (RFC 9449 section 7.1) with the
 * address of the metadata (RFC 9728 section 5.1). Details are constant texts: why exactly a token is bad stays inside.
 */
export class Challenges {
  readonly #metadataUrl: string

  constructor(options: { metadataUrl: string }) {
    this.#metadataUrl = options.metadataUrl
  }

  refusal(
    code: ChallengeCode,
    detail: string,
    extra: { nonce?: string; scope?: string; cause?: unknown } = {},
  ): DomainError {
    const scope = extra.scope === undefined ? '' : `, scope="${extra.scope}"`
    return new DomainError(code, detail, {
      cause: extra.cause,
      headers: {
        'WWW-Authenticate': `DPoP error="${oauthErrors[code]}"${scope}, ${this.#parameters()}`,
        ...(extra.nonce === undefined ? {} : { 'DPoP-Nonce': extra.nonce }),
      },
    })
  }

  /** No credentials at all: no error code, RFC 6750 section 3.1. */
  missing(nonce: string): DomainError {
    const headers = { 'WWW-Authenticate': `DPoP ${this.#parameters()}`, 'DPoP-Nonce': nonce }
    return new DomainError('invalid-token', 'An access token with a DPoP proof is needed', { headers })
  }

  #parameters(): string {
    return `algs="${proofAlgorithms.join(' ')}", resource_metadata="${this.#metadataUrl}"`
  }
}
