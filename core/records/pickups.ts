import type { LedgerReader } from '#core/ledger/ledger.ts'
import { part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * Code that a customer who answered a link hands over at the business, and how often the business sent a wrong one. It
 * ends with the time in which the grant can be redeemed.
 */
export interface Pickup {
  readonly code: string
  readonly tries: number
  /** Unix ms. */
  readonly expires: number
}

/** A business that sent so many wrong codes cannot pick up at all. */
export const mostPickupTries = 5

const pickupKey = (oauthGrantId: string) => `pickup/${part(oauthGrantId)}`

export function awaitPickup(oauthGrantId: string, code: string, expires: number): CommitParts {
  const pickup: Pickup = { code, tries: 0, expires }
  return { writes: [put(pickupKey(oauthGrantId), pickup, { expires })] }
}

export function readPickup(reader: LedgerReader, oauthGrantId: string): Promise<Stored<Pickup> | undefined> {
  return read<Pickup>(reader, pickupKey(oauthGrantId))
}

/** Fails when another try came first. */
export function countTry(stored: Stored<Pickup>): { readonly next: Pickup; readonly parts: CommitParts } {
  const next: Pickup = { ...stored.value, tries: stored.value.tries + 1 }
  const parts = {
    checks: [unchanged(stored)],
    writes: [put(stored.key, next, { expires: next.expires })],
  }
  return { next, parts }
}

export function finishPickup(stored: Stored<Pickup>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}
