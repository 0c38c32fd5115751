import { hash } from 'node:crypto'
import { errors } from 'oidc-provider'
import type { AdapterPayload } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import { redeem } from '#core/domain/grant.ts'
import { requestText } from '#core/domain/request.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { grantEntry } from '#core/records/entries.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { dropOAuthGrant, findGrantId } from '#core/records/oauth-grants.ts'
import { combine } from '#core/records/parts.ts'
import { readRequest, receiveRequest } from '#core/records/requests.ts'
import { endTokens } from '#core/records/token-marks.ts'
import { findVendor } from '#core/records/vendors.ts'
import { readAccessRequest } from './access-request-type.ts'
import type { AdapterHooks } from './adapter.ts'

/**
 * Id of the access request behind a pushed request: a hash, so that a request_uri opened twice (browsers
 * preload) is one request with two interactions.
 */
export function requestIdOf(pushedRequestId: string): string {
  return hash('sha256', `access request ${pushedRequestId}`, 'base64url').slice(0, 22)
}

/** Where records of the authorization server and records of ours change in one commit. */
export function grantHooks({
  ledger,
  names,
  now,
  gatewayUrl,
}: {
  ledger: Ledger
  names: Names
  now: () => number
  gatewayUrl: string
}): AdapterHooks {
  return {
    async received(interaction: AdapterPayload) {
      const { parJti, exp, params } = interaction
      const clientId = params?.['client_id']
      if (parJti === undefined || exp === undefined || typeof clientId !== 'string')
        throw new Error('an interaction without a pushed request')
      const requestId = requestIdOf(parJti)
      if ((await readRequest(ledger, requestId)) !== undefined) return {}
      const vendor = await findVendor(ledger, clientId)
      if (vendor === undefined) throw new errors.AccessDenied('the business is not known')
      const { vendorId } = vendor.value
      const receivedAt = now()
      const asked = readAccessRequest(params?.['authorization_details'], {
        vendorId,
        gatewayUrl,
        now: receivedAt,
      })
      return receiveRequest({
        v: 1,
        requestId,
        clientId,
        ...asked,
        receivedAt,
        expiresAt: exp * 1000,
        requestHash: hash('sha256', requestText(asked), 'base64url'),
        status: 'open',
      })
    },

    async redeemed(oauthGrantId: string) {
      const grantId = await findGrantId(ledger, oauthGrantId)
      const stored = grantId === undefined ? undefined : await readGrant(ledger, grantId)
      if (stored === undefined) throw new errors.InvalidGrant('no grant of a customer behind it')
      const grant = stored.value
      try {
        const change = await changeGrant({ reader: ledger, names }, stored, redeem(grant, now()))
        return combine(change, {
          entries: [grantEntry(grant, { type: 'redeemed' })],
        })
      } catch (cause) {
        if (!(cause instanceof DomainError)) throw cause
        throw new errors.InvalidGrant({ detail: 'the grant of the customer cannot be redeemed', cause })
      }
    },

    async ended(oauthGrantId: string) {
      const grantId = await findGrantId(ledger, oauthGrantId)
      const dropped = await dropOAuthGrant(ledger, oauthGrantId)
      return grantId === undefined ? combine(dropped) : combine(dropped, endTokens(grantId, now()))
    },
  }
}
