import { hash } from 'node:crypto'
import type { JobHandlers } from '#core/jobs/worker.ts'
import { enqueueJob } from '#core/records/jobs.ts'
import type { CommitParts } from '#core/records/parts.ts'

const kind = 'ciba-ping'

/** What a ping tells, and until when it is of use. */
type Ping = {
  readonly endpoint: string
  /** Bearer token that the business gave with its question. */
  readonly token: string
  readonly authReqId: string
  /** Unix ms. */
  readonly until: number
}

/** The business is told that there is an answer (CIBA Core 10.2), by a job that exists with the answer or not at all. */
export function enqueuePing(ping: Ping, now: number): CommitParts {
  const id = `${kind}-${hash('sha256', ping.authReqId, 'base64url')}`
  return enqueueJob({ id, kind, payload: ping }, now)
}

/** `fetch`: the guarded one, since the business chose the address. */
export function cibaPings({
  fetch,
  now,
}: {
  fetch: (url: string, init: RequestInit) => Promise<Response>
  now: () => number
}): JobHandlers {
  return {
    [kind]: {
      laneOf: async (payload) => new URL((payload as Ping).endpoint).host,
      async run({ payload, signal }) {
        const { endpoint, token, authReqId, until } = payload as Ping
        if (now() > until) return
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
