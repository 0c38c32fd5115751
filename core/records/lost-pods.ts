import type { LedgerReader } from '#core/ledger/ledger.ts'
import { asFound, ascending, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** A customer whose pod, or part of it, was shut: it is looked at again, since another app may open it again. */
export interface LostPod {
  readonly v: 1
  readonly accountId: string
  /** Ms until the look after the next one. */
  readonly pause: number
  /** Unix ms of the first look; absent until then. */
  readonly since?: number
}

const FIRST_PAUSE_MS = 2_000
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const LONGEST_PAUSE_MS = 5 * MINUTE_MS
/** The longer a pod is gone, the less is it likely to be back; and the customer can always open it herself. */
const LONGEST_PAUSE_AFTER = [
  { lost: 30 * DAY_MS, pause: DAY_MS },
  { lost: DAY_MS, pause: 60 * MINUTE_MS },
] as const
const prefix = 'lost-pod/'
/** Under the time of the next look, like a job; 0 says at once. */
const key = (at: number, accountId: string) => `${prefix}${ascending(at)}/${part(accountId)}`

/** From the next round on. Part of the commit that says what was lost. */
export async function lookAgain(reader: LedgerReader, accountId: string): Promise<CommitParts> {
  const now = key(0, accountId)
  const found = await read<LostPod>(reader, now)
  return {
    checks: [asFound(now, found)],
    writes: [put(now, { v: 1, accountId, pause: FIRST_PAUSE_MS } satisfies LostPod)],
  }
}

/** Those to be looked at now, the longest due first. */
export async function listLostPods(
  reader: LedgerReader,
  now: number,
  limit: number,
): Promise<Stored<LostPod>[]> {
  const due = await reader.list<LostPod>(prefix, { limit })
  return due.filter((row) => row.key < prefix + ascending(now + 1))
}

/** Nothing changed: later, and then twice as much later; in the end once a day. */
export function lookLater(stored: Stored<LostPod>, now: number): CommitParts {
  const { accountId, pause, since = now } = stored.value
  const longest = LONGEST_PAUSE_AFTER.find(({ lost }) => now - since >= lost)?.pause ?? LONGEST_PAUSE_MS
  const next = { ...stored.value, since, pause: Math.min(pause * 2, longest) }
  return {
    checks: [unchanged(stored)],
    writes: [remove(stored.key), put(key(now + pause, accountId), next)],
  }
}

export function lookNoMore(stored: Stored<LostPod>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}

/** Rows looked through together. */
const page = 1_000

/**
 * A customer is forgotten. Her row stands under a time, so all that are lost are looked through, which happens once for a
 * customer; whoever looks at her meanwhile ends it, too, since she is leaving.
 */
export async function forgetLostPod(reader: LedgerReader, accountId: string): Promise<CommitParts> {
  const found: string[] = []
  for (let after: string | undefined; ;) {
    const rows = await reader.list<LostPod>(prefix, {
      limit: page,
      ...(after === undefined ? {} : { after }),
    })
    found.push(...rows.filter(({ value }) => value.accountId === accountId).map((row) => row.key))
    after = rows.at(-1)?.key
    if (rows.length < page) return { writes: found.map(remove) }
  }
}
