import { errors } from 'oidc-provider'

/** 429 (RFC 6585, RFC 9126 section 2.3); `retryAfter` in seconds goes into the header of that name. */
export class TooManyRequests extends errors.OIDCProviderError {
  readonly retryAfter: number
  constructor(description: string, retryAfter: number) {
    super(429, 'temporarily_unavailable')
    this.error_description = description
    this.retryAfter = Math.max(1, Math.ceil(retryAfter))
  }
}
