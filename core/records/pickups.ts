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

/** One of several at once gets through, so that none is tried for free. */
export function countTry({ key, value, ...stored }: Stored<Pickup>): CommitParts {
  const next: Pickup = { ...value, tries: value.tries + 1 }
  return {
    checks: [unchanged({ key, value, ...stored })],
    writes: [put(key, next, { expires: value.expires })],
  }
}

export function finishPickup(stored: Stored<Pickup>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}
