import { errors } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { dropOAuthGrant, findGrantId } from '#core/records/oauth-grants.ts'
import { combine } from '#core/records/parts.ts'
import { redeemGrant } from '#core/records/redemption.ts'
import { endTokens } from '#core/records/token-marks.ts'
import type { AdapterHooks } from './adapter.ts'
import { pickUp } from './pickup.ts'
import { receiving } from './received.ts'
import type { RequestLimits } from './request-limits.ts'

/** Where records of the authorization server and records of ours change in one commit. */
export function grantHooks({
  ledger,
  names,
  now,
  random,
  addresses,
  limits,
}: {
  ledger: Ledger
  names: Names
  now: () => number
  random: () => number
  addresses: Parameters<typeof receiving>[0]['addresses']
  limits: RequestLimits
}): AdapterHooks {
  return {
    received: receiving({ reader: ledger, names, now, random, addresses }),

    polled: limits.polled,

    async redeemed(oauthGrantId, presented) {
      const grantId = await findGrantId(ledger, oauthGrantId)
      const stored = grantId === undefined ? undefined : await readGrant(ledger, grantId)
      if (stored === undefined) throw new errors.InvalidGrant('no grant of a customer behind it')
      try {
        const pickedUp = presented === undefined ? {} : await pickUp(ledger, oauthGrantId, presented.code)
        return combine(await redeemGrant({ reader: ledger, names }, stored, now()), pickedUp)
      } catch (cause) {
        if (!(cause instanceof DomainError)) throw cause
        throw new errors.InvalidGrant({ detail: 'the grant of the customer cannot be redeemed', cause })
      }
    },

    async ended(oauthGrantId) {
      const grantId = await findGrantId(ledger, oauthGrantId)
      const dropped = await dropOAuthGrant(ledger, oauthGrantId)
      return grantId === undefined ? combine(dropped) : combine(dropped, endTokens(grantId, now()))
    },
  }
}
