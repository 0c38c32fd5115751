import { randomInt, timingSafeEqual } from 'node:crypto'
import { errors } from 'oidc-provider'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { countTry, finishPickup, mostPickupTries, readPickup } from '#core/records/pickups.ts'

/** Six digits that the customer reads out or types at the business. */
export function newPickupCode(): string {
  return String(randomInt(1_000_000)).padStart(6, '0')
}

/**
 * Redeeming the answer to a link needs the code that the customer was shown after her decision: whoever only made her
 * decide, with a link he sent, gets nothing. Throws `pickup_code_required` while none or a wrong one is sent, and
 * `invalid_grant` after five wrong ones.
 */
export async function pickUp(ledger: Ledger, oauthGrantId: string, presented: unknown): Promise<CommitParts> {
  for (;;) {
    const stored = await readPickup(ledger, oauthGrantId)
    if (stored === undefined || stored.value.tries >= mostPickupTries)
      throw new errors.InvalidGrant('the time or the tries to pick it up are over')
    if (typeof presented !== 'string' || presented === '')
      throw required('the customer has decided: ask for her pick-up code')
    const counted = countTry(stored)
    try {
      // Counted before it is compared: many guesses at once are as many tries.
      const { version } = await ledger.commit(counted.parts)
      if (!equal(presented, stored.value.code)) throw required('this is not the pick-up code of the customer')
      return finishPickup({ ...stored, value: counted.next, version })
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error
    }
  }
}

function required(description: string): Error {
  return new errors.CustomOIDCProviderError('pickup_code_required', description)
}

function equal(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
