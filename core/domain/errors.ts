/**
 * The closed set of refusals. A code is API: it never changes meaning, and `core/http/problem.ts` does not
 * compile when one lacks a status. Anything thrown that is no `DomainError` is a bug and becomes a 500
 * without detail.
 */
export type ErrorCode =
  | 'invalid-input'
  | 'too-large'
  | 'unsupported-media-type'
  | 'digest-mismatch'
  | 'not-found'
  | 'method-not-allowed'
  | 'not-signed-in'
  | 'sign-in-failed'
  | 'sign-in-too-old'
  | 'forbidden'
  | 'cross-site'
  | 'misdirected'
  | 'invalid-token'
  | 'invalid-proof'
  | 'use-dpop-nonce'
  | 'insufficient-scope'
  | 'vendor-suspended'
  | 'subject-unavailable'
  | 'purpose-not-granted'
  | 'unknown-field'
  | 'conflict'
  | 'endpoint-not-proven'
  | 'request-changed'
  | 'request-expired'
  | 'request-decided'
  | 'required-item-refused'
  | 'nothing-selected'
  | 'account-exists'
  | 'pod-not-connected'
  | 'pod-access-lost'
  | 'pod-changed'
  | 'pod-unreachable'
  | 'pod-unreadable'
  | 'pod-unsafe'
  | 'pod-full'
  | 'rate-limited'
  | 'busy'
  | 'ledger-stopped'

/** One violation of an input: a JSON Pointer (RFC 6901) into the body, or the name of a parameter. */
export interface Violation {
  readonly pointer: string
  readonly detail: string
}

/** A refusal that is told to the caller. `detail` is for people and never echoes input or personal values. */
export class DomainError extends Error {
  readonly code: ErrorCode
  readonly violations: readonly Violation[]
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined
  /** Header fields of the reply that belong to the refusal, such as `WWW-Authenticate` or `DPoP-Nonce`. */
  readonly headers: Readonly<Record<string, string>>
  constructor(
    code: ErrorCode,
    detail: string,
    options: {
      cause?: unknown
      violations?: readonly Violation[]
      retryAfter?: number
      headers?: Readonly<Record<string, string>>
    } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DomainError'
    this.code = code
    this.violations = options.violations ?? []
    this.retryAfter = options.retryAfter
    this.headers = options.headers ?? {}
  }
}
