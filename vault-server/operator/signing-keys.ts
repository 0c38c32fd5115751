/** What the operator does about the keys that sign tokens, receipts and the requests of Reach's agent. */
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { recordSigningKey } from '#core/records/signing-keys.ts'
import {
  rotateSigningKey,
  signingRotations,
  signingUses,
  type Rotation,
  type SigningUse,
} from '../signing-keys.ts'

export interface SigningKeyOperator {
  /** `isStolen`: the new key signs at once, and of tokens that the one before signed none is good any more. */
  rotate(use: SigningUse, isStolen: boolean): Promise<Rotation>
}

/** `now` in Unix ms. */
export function signingKeyOperator({
  ledger,
  keys,
  now,
}: {
  ledger: Ledger
  keys: KeyStore
  now: () => number
}): SigningKeyOperator {
  return {
    async rotate(use, isStolen) {
      const { kid, from } = await rotateSigningKey(keys, { use, isStolen, now: now() })
      await recordSigningKey(ledger, { use, kid, from })
      return { kid, from }
    },
  }
}

/** Also one that was made just before a crash has its entry. */
export async function recordSigningKeys({ ledger, keys }: { ledger: Ledger; keys: KeyStore }): Promise<void> {
  for (const use of Object.keys(signingUses) as SigningUse[])
    for (const { kid, from } of await signingRotations(keys, use))
      await recordSigningKey(ledger, { use, kid, from })
}
