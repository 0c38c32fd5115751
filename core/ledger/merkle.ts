import { hash } from 'node:crypto'

/** Hashes of one tile of C2SP tlog-tiles: a tree of height 8. */
export const TILE_WIDTH = 256
export const HASH_BYTES = 32

// A string output costs a third of `hash(..., 'buffer')`, which makes a backing store per call.
function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1')
}

export const EMPTY_ROOT: Buffer = sha256(Buffer.alloc(0))

const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** Hash of an inner node, RFC 6962 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256(nodeInput)
}

/** Entries of a log are of one length: what the last one was hashed in is of use for the next. */
let leafInput = Buffer.alloc(1)

/** Hash of a log entry, RFC 6962 2.1. */
export function leafHash(entry: Uint8Array): Buffer {
  if (leafInput.length !== 1 + entry.length) leafInput = Buffer.alloc(1 + entry.length)
  leafInput.set(entry, 1)
  return sha256(leafInput)
}

// Sizes pass 2^31: no bit operators on them, JavaScript would cut them to 32 bits.
const isPowerOfTwo = (n: number): boolean => 2 ** Math.round(Math.log2(n)) === n
const isOdd = (n: number): boolean => n % 2 === 1
const half = (n: number): number => Math.floor(n / 2)

/** Number of hashes at tile level `level` in a tree of `size` leaves. */
export const hashesAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level)

/** The largest power of two smaller than n, RFC 6962 2.1. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

function fold(row: readonly Uint8Array[]): Uint8Array {
  let nodes = row
  while (nodes.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i + 1 < nodes.length; i += 2)
      above.push(nodeHash(nodes[i] as Uint8Array, nodes[i + 1] as Uint8Array))
    nodes = above
  }
  const [top] = nodes
  if (!top) throw new RangeError('nothing to fold')
  return top
}

/** The hashes of a tile, one after another. */
export function tileHashes(tile: Uint8Array): Buffer[] {
  const bytes = Buffer.from(tile.buffer, tile.byteOffset, tile.byteLength)
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  )
}

/** Root of a full tile: the hash that stands for it one level up. */
export function tileRoot(tile: Uint8Array): Uint8Array {
  if (tile.length !== TILE_WIDTH * HASH_BYTES) throw new RangeError('only a full tile has a root')
  return fold(tileHashes(tile))
}

/** A tree that grows by one leaf hash at a time and hands out every tile as it fills. */
export class GrowingTree {
  /** `open[level]`: the hashes of the tile that is still growing there. */
  readonly open: Buffer[][]
  #size: number
  #root: Buffer | undefined
  /** Complete subtrees from left to right: the binary digits of the size. */
  readonly #edge: { level: number; hash: Uint8Array }[] = []

  /** Continues at `size`, given the hashes of the growing tile of every level. */
  constructor(size = 0, open: Buffer[][] = []) {
    this.#size = size
    this.open = open
    for (let level = open.length - 1; level >= 0; level--) {
      const hashes = open[level] ?? []
      if (hashes.length !== hashesAt(level, size) % TILE_WIDTH)
        throw new RangeError('tiles do not fit the size')
      let from = 0
      for (let height = 7; height >= 0; height--) {
        if ((hashes.length & (1 << height)) === 0) continue
        this.#edge.push({ level: 8 * level + height, hash: fold(hashes.slice(from, from + 2 ** height)) })
        from += 2 ** height
      }
    }
  }

  get size(): number {
    return this.#size
  }

  push(leaf: Buffer, onTile: (level: number, index: number, tile: Buffer) => void): void {
    this.#size++
    this.#root = undefined
    let level = 0
    let node: Buffer = leaf
    this.#collect(level, node, onTile)
    for (let last = this.#edge.at(-1); last?.level === level; last = this.#edge.at(-1)) {
      this.#edge.pop()
      node = nodeHash(last.hash, node)
      this.#collect(++level, node, onTile)
    }
    this.#edge.push({ level, hash: node })
  }

  #collect(height: number, node: Buffer, onTile: (level: number, index: number, tile: Buffer) => void): void {
    if (height % 8 !== 0) return
    const level = height / 8
    const tile = (this.open[level] ??= [])
    tile.push(node)
    if (tile.length < TILE_WIDTH) return
    this.open[level] = []
    onTile(level, hashesAt(level + 1, this.#size) - 1, Buffer.concat(tile))
  }

  root(): Buffer {
    if (this.#root) return this.#root
    let root: Uint8Array | undefined
    for (const { hash: node } of this.#edge.toReversed()) root = root ? nodeHash(node, root) : node
    return (this.#root = Buffer.from(root ?? EMPTY_ROOT))
  }
}

/** Reads a tile; at least `width` hashes wide. `undefined` is an error for the proof that asked. */
export type ReadTile = (level: number, index: number, width: number) => Promise<Uint8Array | undefined>

/** MTH(D[from:to]) for the ranges that the recursions of RFC 6962 produce in a tree of `size` leaves. */
class Ranges {
  readonly #size: number
  readonly #read: ReadTile
  readonly #tiles = new Map<string, Promise<Uint8Array | undefined>>()

  constructor(size: number, read: ReadTile) {
    this.#size = size
    this.#read = read
  }

  async hash(from: number, to: number): Promise<Uint8Array> {
    const n = to - from
    if (n === 0) return EMPTY_ROOT
    if (isPowerOfTwo(n) && from % n === 0) return this.#subtree(Math.round(Math.log2(n)), from / n)
    const k = split(n)
    return nodeHash(await this.hash(from, from + k), await this.hash(from + k, to))
  }

  async #subtree(height: number, number: number): Promise<Uint8Array> {
    const level = Math.floor(height / 8)
    const hashes = 2 ** (height % 8)
    const first = number * hashes
    const index = Math.floor(first / TILE_WIDTH)
    const width = Math.min(TILE_WIDTH, hashesAt(level, this.#size) - index * TILE_WIDTH)
    const name = `${level}/${index}`
    let tile = this.#tiles.get(name)
    if (!tile) this.#tiles.set(name, (tile = this.#read(level, index, width)))
    const bytes = await tile
    const at = (first % TILE_WIDTH) * HASH_BYTES
    if (!bytes || bytes.length < at + hashes * HASH_BYTES)
      throw new RangeError(`tile ${name} is missing or too narrow`)
    return fold(tileHashes(bytes.subarray(at, at + hashes * HASH_BYTES)))
  }
}

/** Root of the tree of `size` leaves, from its tiles. */
export async function rootFromTiles(size: number, read: ReadTile): Promise<Uint8Array> {
  return new Ranges(size, read).hash(0, size)
}

/** Audit path of leaf `index` in the tree of `size` leaves, RFC 6962 2.1.1. */
export async function inclusionProof(index: number, size: number, read: ReadTile): Promise<Uint8Array[]> {
  if (!(index >= 0 && index < size)) throw new RangeError('index outside the tree')
  const ranges = new Ranges(size, read)
  const path = async (from: number, to: number): Promise<Uint8Array[]> => {
    if (to - from === 1) return []
    const middle = from + split(to - from)
    return index < middle
      ? [...(await path(from, middle)), await ranges.hash(middle, to)]
      : [...(await path(middle, to)), await ranges.hash(from, middle)]
  }
  return path(0, size)
}

/** Proof that the tree of `second` leaves continues the tree of `first` leaves, RFC 6962 2.1.2. */
export async function consistencyProof(first: number, second: number, read: ReadTile): Promise<Uint8Array[]> {
  if (!(first >= 0 && first <= second)) throw new RangeError('the first tree is larger than the second')
  if (first === 0 || first === second) return []
  const ranges = new Ranges(second, read)
  const path = async (m: number, from: number, to: number, whole: boolean): Promise<Uint8Array[]> => {
    if (m === to - from) return whole ? [] : [await ranges.hash(from, to)]
    const k = split(to - from)
    return m <= k
      ? [...(await path(m, from, from + k, whole)), await ranges.hash(from + k, to)]
      : [...(await path(m - k, from + k, to, false)), await ranges.hash(from, from + k)]
  }
  return path(first, 0, second, true)
}

const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every((h) => h.length === HASH_BYTES)
const isTreeSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const areEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** RFC 9162 2.1.3.2. Shares no code path with the generators above. Never throws on hostile input. */
export function isIncluded(
  leaf: Uint8Array,
  index: number,
  proof: readonly Uint8Array[],
  tree: { size: number; root: Uint8Array },
): boolean {
  if (!isTreeSize(index) || !isTreeSize(tree.size) || index >= tree.size) return false
  if (!areHashes([leaf, ...proof])) return false
  let fn = index
  let sn = tree.size - 1
  let r = leaf
  for (const p of proof) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      r = nodeHash(p, r)
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else r = nodeHash(r, p)
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && areEqual(r, tree.root)
}

/** RFC 9162 2.1.4.2; a tree of no leaves is consistent with every tree. Never throws on hostile input. */
export function isConsistent(
  first: { size: number; root: Uint8Array },
  second: { size: number; root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (!isTreeSize(first.size) || !isTreeSize(second.size) || first.size > second.size) return false
  if (!areHashes([first.root, second.root, ...proof])) return false
  if (first.size === second.size) return proof.length === 0 && areEqual(first.root, second.root)
  if (first.size === 0) return proof.length === 0 && areEqual(first.root, EMPTY_ROOT)
  const [start, ...rest] = isPowerOfTwo(first.size) ? [first.root, ...proof] : proof
  if (!start) return false
  let fn = first.size - 1
  let sn = second.size - 1
  while (isOdd(fn)) {
    fn = half(fn)
    sn = half(sn)
  }
  let fr = start
  let sr = start
  for (const c of rest) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(c, fr)
      sr = nodeHash(c, sr)
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else sr = nodeHash(sr, c)
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && areEqual(fr, first.root) && areEqual(sr, second.root)
}
