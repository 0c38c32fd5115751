import type { RequestHandler } from 'express'
import { DomainError } from '#core/domain/errors.ts'

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Lets through what changes something only when a page of this very origin sent it: the exact Origin, and
 * `Sec-Fetch-Site: same-origin`, which no page can forge. A request that lacks one of them is no browser of
 * the customer's. Together with JSON bodies and without CORS no other site can act for somebody who is signed
 * in. `origin` as in `new URL(vaultUrl).origin`.
 */
export function sameOriginOnly({ origin }: { origin: string }): RequestHandler {
  return ({ method, headers }, _response, next) => {
    if (safe.has(method)) return next()
    if (headers.origin !== origin || headers['sec-fetch-site'] !== 'same-origin') {
      throw new DomainError('cross-site', 'Only a page of this vault may ask for this')
    }
    next()
  }
}
