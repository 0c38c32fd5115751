/**
 * The keys that sign for others to verify, one after another: each is published before it signs, so that whoever keeps a key set has
 * it by then, and as long after its end as anything that it signed is good.
 */
import { calculateJwkThumbprint } from 'jose'
import type { JWK } from 'jose'
import { numberOf } from '#core/ledger/key-files.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Json } from '#core/ledger/ledger.ts'
import { newSigningKey, publicPart, type SigningKey } from './oauth/oauth-keys.ts'

const minute = 60_000
/** Key sets are kept for minutes: ours for 1 to 10, those of others as they like. */
const noticeMs = 60 * minute

/** What is signed, and for how long that is good (ms). Their names are in the log. */
export const signingUses = {
  /** Access, ID and other tokens of the authorization server. */
  tokens: { document: 'oauth-jwks', goodFor: 60 * minute },
  receipts: { document: 'receipts', goodFor: Infinity },
  /** Tokens of Reach's agent at pods. */
  agent: { document: 'agent-signing', goodFor: 60 * minute },
} as const satisfies Record<string, { readonly document: string; readonly goodFor: number }>
export type SigningUse = keyof typeof signingUses

export interface SigningKeys {
  /** The one that signs now. */
  signing(): SigningKey
  /** All whose signatures somebody may meet now, or soon: the signing one first. */
  valid(): readonly SigningKey[]
  /** The public parts of them. */
  published(): readonly JWK[]
}

/** One key follows another. */
export interface Rotation {
  /** Id of the key that follows. */
  readonly kid: string
  /** Unix ms from which it signs. */
  readonly from: number
}

interface Step extends Rotation {
  /** Unix ms from which the key that came with it is published: the one that follows, or the one after that. */
  readonly made: number
  /** What the keys before signed is good no more. */
  readonly isStolen: boolean
}

interface Chain {
  /** In the order in which they sign; there may be one that waits for the next rotation. */
  readonly keys: readonly SigningKey[]
  readonly steps: readonly Step[]
}

/** How soon a rotation by another process is seen. */
const LOOK_MS = 1_000

type Store = Pick<KeyStore, 'document' | 'storedDocument'>

/** The keys for this use, rotations by other processes included. `now` in Unix ms. */
export async function openSigningKeys(keys: Store, use: SigningUse, now: () => number): Promise<SigningKeys> {
  const { goodFor } = signingUses[use]
  const first = await firstKeys(keys, use)
  let looked = performance.now()
  let chain = readChain(keys, use, first)
  function read(): { current: number; chain: Chain } {
    if (performance.now() - looked > LOOK_MS) {
      looked = performance.now()
      chain = readChain(keys, use, first)
    }
    return { current: chain.steps.findLastIndex(({ from }) => from <= now()) + 1, chain }
  }
  function valid(): SigningKey[] {
    const { current, chain: seen } = read()
    const isOver = ({ from, isStolen }: Step) =>
      now() >= from + (isStolen && use !== 'receipts' ? 0 : goodFor)
    // Receipts say in the log what they said, so a thief of their key adds none.
    const oldest = seen.steps.findLastIndex((step, i) => i < current && isOver(step)) + 1
    const [signing, ...later] = seen.keys.slice(current)
    return [...(signing === undefined ? [] : [signing]), ...later, ...seen.keys.slice(oldest, current)]
  }
  return {
    signing() {
      const { current, chain: seen } = read()
      const key = seen.keys[current]
      if (key === undefined) throw new Error('there is no signing key')
      return key
    },
    valid,
    published: () => valid().map(publicPart),
  }
}

/** All rotations of this use so far. */
export async function signingRotations(keys: Store, use: SigningUse): Promise<readonly Rotation[]> {
  return readChain(keys, use, await firstKeys(keys, use)).steps
}

/** Makes the next key, which signs once it has been published for an hour, or at once where the one before was stolen. Durable. */
export async function rotateSigningKey(
  keys: Store,
  { use, isStolen, now }: { use: SigningUse; isStolen: boolean; now: number },
): Promise<Rotation> {
  const first = await firstKeys(keys, use)
  const { keys: known, steps } = readChain(keys, use, first)
  // Where one waits it has been published since it was made, which was with the rotation before.
  const isWaiting = known.length > steps.length + 1
  const since = isWaiting ? (steps.at(-1)?.made ?? 0) : now
  const step = {
    v: 1,
    key: await newSigningKey(),
    made: now,
    from: isStolen ? now : Math.max(now, since + noticeMs),
    isStolen,
  }
  await keys.document(nameOf(use, steps.length), () => step)
  const made = readChain(keys, use, first).steps[steps.length]
  if (made === undefined) throw new Error('the new key is not there')
  return { kid: made.kid, from: made.from }
}

const nameOf = (use: SigningUse, steps: number): string => `${signingUses[use].document}-${steps + 2}`

function readChain(keys: Store, use: SigningUse, first: readonly SigningKey[]): Chain {
  const chain = [...first]
  const steps: Step[] = []
  for (;;) {
    const stored = keys.storedDocument(nameOf(use, steps.length))
    if (stored === undefined) return { keys: chain, steps }
    const { key, isStolen } = stored as unknown as { key: SigningKey; isStolen: boolean }
    chain.push(key)
    const follows = chain[steps.length + 1] ?? key
    const [made, from] = [numberOf(stored, 'made'), numberOf(stored, 'from')]
    steps.push({ kid: follows.kid, made, from, isStolen })
  }
}

/** As they were kept before there were rotations: each use in a form of its own, the agent's with the key that follows. */
async function firstKeys(keys: Store, use: SigningUse): Promise<readonly SigningKey[]> {
  const { document } = signingUses[use]
  if (use === 'tokens')
    return (await keys.document(document, async () => ({ keys: [await newSigningKey()] }))).keys
  if (use === 'receipts') return [await keys.document(document, newSigningKey)]
  const made = async (): Promise<Json> => ({
    v: 1,
    current: await newSigningKey(),
    next: await newSigningKey(),
  })
  const stored = (await keys.document(document, made)) as unknown as { current: JWK; next: JWK }
  return await Promise.all([stored.current, stored.next].map(named))
}

async function named({ kty, crv, x, y, d }: JWK): Promise<SigningKey> {
  const jwk = { kty, crv, x, y } as JWK
  return { ...jwk, d, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' } as SigningKey
}
