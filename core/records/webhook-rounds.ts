import type { LedgerReader } from '#core/ledger/ledger.ts'
import { newId } from './ids.ts'
import { ascending, asFound, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * When an endpoint's line is worked off next. There is one as long as anything waits for the endpoint, so a thousand
 * messages for one that is dead are one row among those of others.
 */
export interface WebhookRound {
  readonly v: 1
  readonly endpointId: string
  readonly vendorId: string
  /** The business's name of the endpoint. */
  readonly endpoint: string
  /** Unix ms: when it is due; while somebody works on it, when that lease ends. */
  readonly runAt: number
  /** Unix ms: until when the endpoint rests. */
  readonly restUntil?: number
  /** Random, of whoever works on it. */
  readonly lease?: string
}

type Of = Pick<WebhookRound, 'endpointId' | 'vendorId' | 'endpoint'>

const duePrefix = 'webhook-due/'
const roundKey = (endpointId: string) => `webhook-round/${part(endpointId)}`
const dueKey = ({ runAt, endpointId }: WebhookRound) => `${duePrefix}${ascending(runAt)}/${part(endpointId)}`

export function readRound(
  reader: LedgerReader,
  endpointId: string,
): Promise<Stored<WebhookRound> | undefined> {
  return read<WebhookRound>(reader, roundKey(endpointId))
}

/**
 * Something waits for this endpoint: its round is due now, or after its rest, unless that is to end as well. Whoever
 * works on it at this moment learns of it when finishing, since the row has changed.
 */
export async function planRound(
  reader: LedgerReader,
  of: Of,
  { now, endRest = false }: { now: number; endRest?: boolean },
): Promise<CommitParts> {
  const found = await readRound(reader, of.endpointId)
  const checks = [asFound(roundKey(of.endpointId), found)]
  const restUntil = endRest ? undefined : found?.value.restUntil
  const runAt = Math.max(now, restUntil ?? 0)
  const { endpointId, vendorId, endpoint } = of
  const base = { v: 1, endpointId, vendorId, endpoint } as const
  const rest = restUntil === undefined ? {} : { restUntil }
  if (found === undefined) return { checks, writes: placed(undefined, { ...base, runAt }) }
  const { lease, runAt: planned } = found.value
  const next =
    lease === undefined
      ? { ...base, ...rest, runAt: Math.min(planned, runAt) }
      : { ...base, ...rest, lease, runAt: planned }
  return { checks, writes: placed(found.value, next) }
}

/** Rounds that may run now, the longest due first. */
export async function listDueRounds(
  reader: LedgerReader,
  now: number,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<{ key: string; endpointId: string; vendorId: string }[]> {
  type Due = { id: string; vendorId: string }
  const first = await reader.list<Due>(duePrefix, { limit, ...(after === undefined ? {} : { after }) })
  return first
    .filter((row) => row.key < duePrefix + ascending(now + 1))
    .map(({ key, value }) => ({ key, endpointId: value.id, vendorId: value.vendorId }))
}

/** Test-and-set: one of all that saw it due gets it, until the lease runs out. */
export function takeRound(
  stored: Stored<WebhookRound>,
  until: number,
): { parts: CommitParts; taken: WebhookRound } {
  const taken = { ...stored.value, lease: newId(), runAt: until }
  return { parts: { checks: [unchanged(stored)], writes: placed(stored.value, taken) }, taken }
}

/** The round is over. `next`: when to go on, or nothing when nothing waits any more. */
export function endRound(
  taken: Stored<WebhookRound>,
  next: { readonly runAt: number; readonly restUntil?: number | undefined } | undefined,
): CommitParts {
  const { lease: _, restUntil: _rest, ...round } = taken.value
  const checks = [unchanged(taken)]
  if (next === undefined) return { checks, writes: [remove(taken.key), remove(dueKey(taken.value))] }
  const { runAt, restUntil } = next
  const planned = { ...round, runAt, ...(restUntil === undefined ? {} : { restUntil }) }
  return { checks, writes: placed(taken.value, planned) }
}

function placed(before: WebhookRound | undefined, next: WebhookRound) {
  const due = put(dueKey(next), { id: next.endpointId, vendorId: next.vendorId })
  const moved = before !== undefined && dueKey(before) !== dueKey(next)
  return [put(roundKey(next.endpointId), next), due, ...(moved ? [remove(dueKey(before))] : [])]
}
