import type { LedgerReader } from '#core/ledger/ledger.ts'
import { asFound, ascending, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** A customer whose pod, or part of it, was shut: it is looked at again, since another app may open it again. */
export interface LostPod {
  readonly v: 1
  readonly accountId: string
  /** Ms until the look after the next one. */
  readonly pause: number
}

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 300_000
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

/** Nothing changed: later, and then twice as much later. */
export function lookLater(stored: Stored<LostPod>, now: number): CommitParts {
  const { accountId, pause } = stored.value
  const next = { ...stored.value, pause: Math.min(pause * 2, LONGEST_PAUSE_MS) }
  return {
    checks: [unchanged(stored)],
    writes: [remove(stored.key), put(key(now + pause, accountId), next)],
  }
}

export function lookNoMore(stored: Stored<LostPod>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}
