/** Reads proofs out of a log's public tiles (C2SP tlog-tiles), as anybody can who trusts only signed heads. */
import { concat, sha256, type Bytes } from './bytes.ts'
import { NotProven, type TreeHead } from './checkpoint.ts'
import { isContinued, nodeHash } from './tree.ts'

/** Reads a file of the log by its path below the prefix, such as `tile/0/000`; `undefined` when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>

const WIDTH = 256

/** Path of a tile as wide as a tree of `size` entries has it. */
export function tilePath(level: number | 'entries', index: number, size: number): string {
  const hashes = Math.floor(size / WIDTH ** (level === 'entries' ? 0 : level))
  const width = Math.min(WIDTH, hashes - index * WIDTH)
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? []
  const number = groups.map((group, i) => (i + 1 < groups.length ? `x${group}` : group)).join('/')
  return `tile/${level}/${number}${width < WIDTH ? `.p/${width}` : ''}`
}

/** One entry of the tree, by its number. Throws `NotProven` when the log does not have it. */
export async function readEntry(read: ReadFile, index: number, size: number): Promise<Bytes> {
  const bundle = await read(tilePath('entries', Math.floor(index / WIDTH), size))
  let at = 0
  for (let skipped = index % WIDTH; bundle && at + 2 <= bundle.length; skipped--) {
    const length = (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0)
    const entry = bundle.slice(at + 2, at + 2 + length)
    if (skipped === 0 && entry.length === length) return concat(entry)
    at += 2 + length
  }
  throw new NotProven(`the log does not show entry ${index}`)
}

/** Audit path of entry `index`, from the sibling of the leaf upwards, as the tiles give it. Proves nothing by itself. */
export async function inclusionPath(read: ReadFile, index: number, size: number): Promise<Bytes[]> {
  const tree = new Subtrees(read, size)
  const path: Bytes[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from)
    path.unshift(await (index < middle ? tree.hash(middle, to) : tree.hash(from, middle)))
    if (index < middle) to = middle
    else from = middle
  }
  return path
}

/** Demands that the newer head continues the older one. Throws `NotProven` when the log's tiles do not show it. */
export async function demandContinued(read: ReadFile, older: TreeHead, newer: TreeHead): Promise<void> {
  if (older.size > newer.size)
    throw new NotProven(`the log had ${older.size} entries before and now shows ${newer.size}`)
  const proof = older.size === 0 ? [] : await continuation(read, older.size, newer.size)
  if (!(await isContinued(older, newer, proof)))
    throw new NotProven(`the log of ${newer.size} entries does not continue the one of ${older.size}`)
}

async function continuation(read: ReadFile, first: number, size: number): Promise<Bytes[]> {
  const tree = new Subtrees(read, size)
  const proof: Bytes[] = []
  let from = 0
  let to = size
  // Down to the node that ends where the older tree ends, which is a node of both.
  while (to !== first) {
    const middle = from + largestPowerBelow(to - from)
    proof.unshift(await (first <= middle ? tree.hash(middle, to) : tree.hash(from, middle)))
    if (first <= middle) to = middle
    else from = middle
  }
  return from === 0 ? proof : [await tree.hash(from, to), ...proof]
}

function largestPowerBelow(n: number): number {
  return 2 ** (Math.ceil(Math.log2(n)) - 1)
}

/** Hashes of whole subtrees, folded from the lowest tile row that has them. */
class Subtrees {
  readonly #read: ReadFile
  readonly #size: number
  readonly #tiles = new Map<string, Promise<Uint8Array>>()

  constructor(read: ReadFile, size: number) {
    this.#read = read
    this.#size = size
  }

  /** Of the leaves `from` up to `to`, a range that a recursion of RFC 6962 gives. */
  async hash(from: number, to: number): Promise<Bytes> {
    const n = to - from
    if (n === 0) return sha256()
    if (!Number.isInteger(Math.log2(n))) {
      const middle = from + largestPowerBelow(n)
      return nodeHash(await this.hash(from, middle), await this.hash(middle, to))
    }
    const height = Math.log2(n)
    const level = Math.floor(height / 8)
    const count = 2 ** (height % 8)
    return this.#fold(level, from / WIDTH ** level, count)
  }

  /** `count` hashes of a tile row, beginning with number `first`; they lie in one tile. */
  async #fold(level: number, first: number, count: number): Promise<Bytes> {
    const tile = await this.#tile(level, Math.floor(first / WIDTH))
    const at = (first % WIDTH) * 32
    if (tile.length < at + count * 32) throw new NotProven('a tile of the log is too short')
    let row = Array.from({ length: count }, (_, i) => concat(tile.subarray(at + i * 32, at + i * 32 + 32)))
    while (row.length > 1) {
      const above: Promise<Bytes>[] = []
      for (let i = 0; i + 1 < row.length; i += 2) above.push(nodeHash(row[i] as Bytes, row[i + 1] as Bytes))
      row = await Promise.all(above)
    }
    return row[0] as Bytes
  }

  #tile(level: number, index: number): Promise<Uint8Array> {
    const path = tilePath(level, index, this.#size)
    let tile = this.#tiles.get(path)
    if (tile === undefined) this.#tiles.set(path, (tile = this.#needed(path)))
    return tile
  }

  async #needed(path: string): Promise<Uint8Array> {
    const tile = await this.#read(path)
    if (tile === undefined) throw new NotProven(`the log does not show ${path}`)
    return tile
  }
}
