import { errors, Provider } from 'oidc-provider'

/** 429 (RFC 6585, RFC 9126 section 2.3), with when to come again; `seconds` from now. */
export function tooManyRequests(description: string, seconds: number): Error {
  Provider.ctx?.set('Retry-After', String(Math.max(1, Math.ceil(seconds))))
  return Object.assign(new errors.CustomOIDCProviderError('temporarily_unavailable', description), {
    status: 429,
    statusCode: 429,
  })
}
