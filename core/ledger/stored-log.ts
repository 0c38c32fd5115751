/** The public log as it is served: everything relative to the newest published checkpoint and checked against it. */
import { LRUCache } from 'lru-cache'
import type { LogSigner } from './checkpoint.ts'
import { LedgerDamaged, type LogReader } from './ledger.ts'
import { entriesKey, numberOfKey, tileKey, type Stored } from './stored-keys.ts'
import { HASH_BYTES, TILE_WIDTH, hashesAt, leafHash, tileRoot } from './merkle.ts'
import { parseBundle, writeBundle } from './tiles.ts'

/** A published tree: `open[level]` are the hashes of its growing tiles. */
export interface PublishedTree {
  readonly size: number
  readonly checkpoint: string
  readonly open: readonly (readonly Buffer[])[]
}

const CACHED_TILES = 256

const isPosition = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

export class StoredLog implements LogReader {
  readonly origin: string
  readonly #db: Stored
  /** Full tiles that gave the hash of their parent. */
  readonly #verified = new LRUCache<string, Buffer>({ max: CACHED_TILES })
  readonly #catchUp: () => Promise<void>
  readonly #signer: LogSigner
  #tree: PublishedTree

  /** `catchUp` publishes what other processes wrote meanwhile, where there are any. */
  constructor(
    db: Stored,
    signer: LogSigner,
    tree: PublishedTree,
    catchUp: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#db = db
    this.origin = signer.origin
    this.#signer = signer
    this.#tree = tree
    this.#catchUp = catchUp
  }

  get vkey(): string {
    return this.#signer.vkey
  }

  get keyChanges(): readonly string[] {
    return this.#signer.keyChanges
  }

  get size(): number {
    return this.#tree.size
  }

  publish(tree: PublishedTree): void {
    this.#tree = tree
  }

  checkpoint(): string {
    return this.#tree.checkpoint
  }

  async newest(): Promise<string> {
    await this.#catchUp()
    return this.checkpoint()
  }

  async tile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    if (!isPosition(level) || level > 63 || !(await this.#reaches(level, index, width))) return undefined
    return (await this.#tileAt(level, index)).subarray(0, width * HASH_BYTES)
  }

  async bundle(index: number, width: number): Promise<Uint8Array | undefined> {
    if (!(await this.#reaches(0, index, width))) return undefined
    return writeBundle(await this.entries(index * TILE_WIDTH, width))
  }

  /** Entries of one bundle of the published tree from its beginning, checked against the tile. */
  async entries(first: number, count: number): Promise<Buffer[]> {
    const entries = await this.#entries(first, count)
    const hashes = Buffer.concat(entries.map(leafHash))
    const tile = await this.#tileAt(0, first / TILE_WIDTH)
    if (!hashes.equals(tile.subarray(0, hashes.length)))
      throw new LedgerDamaged(`entry bundle ${first / TILE_WIDTH} is damaged`)
    return entries
  }

  /** One entry of the published tree, checked like its bundle. */
  async entry(index: number): Promise<Buffer> {
    if (!isPosition(index) || index >= this.size) throw new RangeError('no such entry')
    const first = index - (index % TILE_WIDTH)
    let found: Buffer | undefined
    const range = { gte: entriesKey(first), lte: entriesKey(index), reverse: true, limit: 1 }
    for await (const [key, part] of this.#db.iterator(range))
      found = parseBundle(part)?.[index - numberOfKey(key)]
    const tile = await this.#tileAt(0, first / TILE_WIDTH)
    const at = (index - first) * HASH_BYTES
    if (!found || !leafHash(found).equals(tile.subarray(at, at + HASH_BYTES)))
      throw new LedgerDamaged(`entry ${index} is damaged`)
    return found
  }

  /** Who was shown a checkpoint by another process asks this one for its tiles. */
  async #reaches(level: number, index: number, width: number): Promise<boolean> {
    if (this.#has(level, index, width)) return true
    await this.#catchUp()
    return this.#has(level, index, width)
  }

  #has(level: number, index: number, width: number): boolean {
    const hashes = hashesAt(level, this.size) - index * TILE_WIDTH
    return isPosition(index) && isPosition(width) && width > 0 && width <= Math.min(TILE_WIDTH, hashes)
  }

  /** As wide as the published tree has it: growing tiles from memory, full ones from disk against their parent. */
  async #tileAt(level: number, index: number): Promise<Buffer> {
    const { size, open } = this.#tree
    if (index === hashesAt(level + 1, size)) return Buffer.concat(open[level] ?? [])
    const name = tileKey(level, index)
    const verified = this.#verified.get(name)
    if (verified) return verified
    const tile = await this.#db.get(name)
    const parent = await this.#parent(level, index)
    if (tile?.length !== TILE_WIDTH * HASH_BYTES || !parent.equals(tileRoot(tile)))
      throw new LedgerDamaged(`tile ${level}/${index} is damaged`)
    this.#verified.set(name, tile)
    return tile
  }

  /** The hash one level up that stands for a full tile. */
  async #parent(level: number, index: number): Promise<Buffer> {
    const above = Math.floor(index / TILE_WIDTH)
    const place = index % TILE_WIDTH
    const { size, open } = this.#tree
    const growing = above === hashesAt(level + 2, size)
    const stored = growing ? undefined : await this.#db.get(tileKey(level + 1, above))
    const hash = growing
      ? open[level + 1]?.[place]
      : stored?.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES)
    if (hash?.length !== HASH_BYTES) throw new LedgerDamaged(`tile ${level + 1}/${above} is damaged`)
    return hash
  }

  async #entries(first: number, count: number): Promise<Buffer[]> {
    const entries: Buffer[] = []
    for await (const [key, part] of this.#db.iterator({
      gte: entriesKey(first),
      lt: entriesKey(first + count),
    })) {
      const more = parseBundle(part)
      if (!more || numberOfKey(key) !== first + entries.length) break
      entries.push(...more)
    }
    if (entries.length < count) throw new LedgerDamaged(`entry bundle ${first / TILE_WIDTH} is damaged`)
    return entries.slice(0, count)
  }
}
