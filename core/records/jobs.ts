import type { Json, LedgerReader } from '#core/ledger/ledger.ts'
import { absent, ascending, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * A job in the queue. The row stands under the time from which it may run, so leasing, waiting and trying
 * again are all one move to a later time. It holds nothing personal; the payload lies apart, sealed under the
 * customer's key.
 */
export interface Ticket {
  readonly v: 1
  readonly id: string
  readonly kind: string
  /** How often it was begun. */
  readonly attempts: number
  /** Unix ms. */
  readonly enqueuedAt: number
}

export interface NewJob {
  /** Enqueued once under this id, whatever is repeated. */
  readonly id: string
  readonly kind: string
  readonly payload: Json
  /** Whose data the payload holds. */
  readonly customer?: string
}

const prefix = 'job/'
const deadPrefix = 'job-dead/'
const ticketKey = (runAt: number, id: string) => `${prefix}${ascending(runAt)}/${part(id)}`
const payloadKey = (id: string) => `job-payload/${part(id)}`

/** The job begins to exist with the commit of its cause. */
export function enqueueJob({ id, kind, payload, customer }: NewJob, now: number): CommitParts {
  const ticket: Ticket = { v: 1, id, kind, attempts: 0, enqueuedAt: now }
  return {
    checks: [absent(payloadKey(id))],
    writes: [
      put(ticketKey(now, id), ticket),
      put(payloadKey(id), { payload }, customer === undefined ? {} : { customer }),
    ],
  }
}

/** Jobs that may run now, the longest due first; `after` is the key of the last one seen. */
export async function listDueJobs(
  reader: LedgerReader,
  now: number,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<Stored<Ticket>[]> {
  const first = await reader.list<Ticket>(prefix, { limit, ...(after === undefined ? {} : { after }) })
  return first.filter((row) => row.key < prefix + ascending(now + 1))
}

/** When the first of the jobs that may not run yet may, Unix ms. */
export async function nextDue(reader: LedgerReader, now: number): Promise<number | undefined> {
  const [row] = await reader.list<Ticket>(prefix, { after: prefix + ascending(now + 1), limit: 1 })
  return row && Number(row.key.slice(prefix.length).split('/', 1)[0])
}

/** Test-and-set: of all that saw the job due, one gets it, until the lease runs out and it is due again. */
export function leaseJob(
  stored: Stored<Ticket>,
  until: number,
): { parts: CommitParts; leased: Omit<Stored<Ticket>, 'version'> } {
  const value = { ...stored.value, attempts: stored.value.attempts + 1 }
  const key = ticketKey(until, value.id)
  return {
    parts: { checks: [unchanged(stored)], writes: [remove(stored.key), put(key, value)] },
    leased: { key, value },
  }
}

export async function readPayload(reader: LedgerReader, id: string): Promise<Json | undefined> {
  const row = await read<{ payload: Json }>(reader, payloadKey(id))
  return row?.value.payload
}

/** Fails when the lease ran out and somebody else took the job. */
export function finishJob(leased: Stored<Ticket>): CommitParts {
  return { checks: [unchanged(leased)], writes: [remove(leased.key), remove(payloadKey(leased.value.id))] }
}

export function retryJob(leased: Stored<Ticket>, runAt: number): CommitParts {
  const writes =
    leased.key === ticketKey(runAt, leased.value.id)
      ? []
      : [remove(leased.key), put(ticketKey(runAt, leased.value.id), leased.value)]
  return { checks: [unchanged(leased)], writes }
}

/** Out of the queue, with its payload, for the operator to look at. */
export function buryJob(leased: Stored<Ticket>): CommitParts {
  return {
    checks: [unchanged(leased)],
    writes: [remove(leased.key), put(deadPrefix + part(leased.value.id), leased.value)],
  }
}

export function listDeadJobs(reader: LedgerReader, limit: number): Promise<Stored<Ticket>[]> {
  return reader.list<Ticket>(deadPrefix, { limit })
}
