/**
 * Proofs of a log's tree (RFC 6962; verified after RFC 9162 section 2.1). Written apart from the ledger's own tree,
 * so that a mistake there cannot confirm itself here.
 */
import { isEqual, sha256, type Bytes } from './bytes.ts'
import type { TreeHead } from './checkpoint.ts'

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

export function leafHash(entry: Uint8Array): Promise<Bytes> {
  return sha256(LEAF, entry)
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Bytes> {
  return sha256(NODE, left, right)
}

// Sizes pass 2^31, where bit operators would cut them.
const isOdd = (n: number): boolean => n % 2 === 1
const half = (n: number): number => Math.floor(n / 2)
const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n))

/** Whether the entry with this leaf hash stands at `index` of the tree. False for any malformed proof. */
export async function isIncluded(
  leaf: Uint8Array,
  index: number,
  path: readonly Uint8Array[],
  head: TreeHead,
): Promise<boolean> {
  if (!Number.isSafeInteger(index) || index < 0 || index >= head.size) return false
  let place = index
  let last = head.size - 1
  let hash: Uint8Array = leaf
  for (const sibling of path) {
    if (last === 0 || sibling.length !== 32) return false
    if (isOdd(place) || place === last) {
      hash = await nodeHash(sibling, hash)
      while (!isOdd(place) && place !== 0) {
        place = half(place)
        last = half(last)
      }
    } else hash = await nodeHash(hash, sibling)
    place = half(place)
    last = half(last)
  }
  return last === 0 && isEqual(hash, head.root)
}

/** Whether the newer tree begins with the whole older one. False for any malformed proof. */
export async function isContinued(
  older: TreeHead,
  newer: TreeHead,
  proof: readonly Uint8Array[],
): Promise<boolean> {
  if (older.size > newer.size || proof.some((hash) => hash.length !== 32)) return false
  if (older.size === newer.size) return proof.length === 0 && isEqual(older.root, newer.root)
  if (older.size === 0) return proof.length === 0
  const [start, ...rest] = isPowerOfTwo(older.size) ? [older.root, ...proof] : proof
  if (start === undefined) return false
  let place = older.size - 1
  let last = newer.size - 1
  while (isOdd(place)) {
    place = half(place)
    last = half(last)
  }
  let before: Uint8Array = start
  let after: Uint8Array = start
  for (const hash of rest) {
    if (last === 0) return false
    if (isOdd(place) || place === last) {
      before = await nodeHash(hash, before)
      after = await nodeHash(hash, after)
      while (!isOdd(place) && place !== 0) {
        place = half(place)
        last = half(last)
      }
    } else after = await nodeHash(after, hash)
    place = half(place)
    last = half(last)
  }
  return last === 0 && isEqual(before, older.root) && isEqual(after, newer.root)
}
