import type { RequestHandler } from 'express'
import { DomainError } from '#core/domain/errors.ts'

/**
 * `/vaults` of a vault that the embedded pods do not run beside. Whatever spreads requests over several vaults sends these to
 * the one that has them; this is for one that does not.
 */
export const vaultsElsewhere: RequestHandler = () => {
  throw new DomainError('pod-unreachable', 'New pods are made by another process of this vault', {
    retryAfter: 1,
  })
}
