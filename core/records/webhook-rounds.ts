import { LedgerDamaged } from '#core/ledger/ledger.ts'
import type { LedgerReader, ListOptions } from '#core/ledger/ledger.ts'
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
  const read = await readRound(reader, of.endpointId).catch(damagedIsPlannedAnew)
  const found = read === 'damaged' ? undefined : read
  const checks = read === 'damaged' ? [] : [asFound(roundKey(of.endpointId), found)]
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

function damagedIsPlannedAnew(error: unknown): 'damaged' {
  if (!(error instanceof LedgerDamaged)) throw error
  return 'damaged'
}

/** A place in the queue. */
export type DueRound = Stored<{ readonly id: string; readonly vendorId: string }>

/** Rounds that may run now, the longest due first. */
export async function listDueRounds(
  reader: LedgerReader,
  now: number,
  options: ListOptions,
): Promise<DueRound[]> {
  const first = await reader.list<DueRound['value']>(duePrefix, options)
  return first.filter((row) => row.key < duePrefix + ascending(now + 1))
}

/** A place whose round is no more, or is at another by now: left behind by a row that did not open. */
export const isLeftBehind = ({ key }: DueRound, round: Stored<WebhookRound> | undefined): boolean =>
  round === undefined || dueKey(round.value) !== key

export function leaveDue(due: DueRound): CommitParts {
  return { checks: [unchanged(due)], writes: [remove(due.key)] }
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
