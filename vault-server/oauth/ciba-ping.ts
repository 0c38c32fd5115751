import { hash } from 'node:crypto'
import type { AdapterPayload, Client } from 'oidc-provider'
import { redeemWithin } from '#core/domain/grant.ts'
import type { JobHandlers } from '#core/jobs/worker.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { enqueueJob } from '#core/records/jobs.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import { notificationEndpoint } from './client-features.ts'
import { vendorIdOf } from './policies.ts'

const kind = 'ciba-ping'

/** What a ping tells, and until when it is of use. */
type Ping = {
  readonly vendorId: string
  readonly endpoint: string
  /** Bearer token that the business gave with its question. */
  readonly token: string
  readonly authReqId: string
  /** Unix ms. */
  readonly until: number
}

/**
 * The business is told that there is an answer (CIBA Core 10.2), where it asked to be: by a job that exists with the answer or
 * not at all. `at`: Unix ms.
 */
export function pingOf(
  { params, jti: authReqId }: Pick<AdapterPayload, 'params' | 'jti'>,
  client: Client,
  at: number,
): CommitParts {
  const endpoint = notificationEndpoint(client)
  const token = params?.['client_notification_token']
  if (endpoint === undefined || typeof token !== 'string' || authReqId === undefined) return {}
  const vendorId = vendorIdOf(client)
  const ping: Ping = { vendorId, endpoint, token, authReqId, until: at + redeemWithin }
  return enqueueJob({ id: `${kind}-${hash('sha256', authReqId, 'base64url')}`, kind, payload: ping }, at)
}

/**
 * Nothing goes to a business that is suspended: its pings wait, and go out if it is back while the answer can still be
 * fetched. `fetch`: the guarded one, since the business chose the address.
 */
export function cibaPings({
  reader,
  fetch,
  now,
}: {
  reader: LedgerReader
  fetch: (url: string, init: RequestInit) => Promise<Response>
  now: () => number
}): JobHandlers {
  return {
    [kind]: {
      laneOf: async (payload) => new URL((payload as Ping).endpoint).host,
      async run({ payload, signal }) {
        const { vendorId, endpoint, token, authReqId, until } = payload as Ping
        const state = (await readVendorStanding(reader, vendorId))?.value.state
        if (now() > until || state === undefined || state === 'removed') return
        if (state !== 'active') throw new Error('the business is suspended')
        const response = await fetch(endpoint, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ auth_req_id: authReqId }),
          signal,
        })
        if (!response.ok) throw new Error('the business did not take the ping')
      },
    },
  }
}
