/** Entries of a thread with their sealed policy facts opened and checked against the public leaves. */
import { LRUCache } from 'lru-cache'
import type { KeyStore } from './key-store.ts'
import { openOps, opens, opsKeyName, saltOf } from './leaf.ts'
import { LedgerDamaged, type HistoryItem } from './ledger.ts'
import { boxKey, numberOfKey, threadKey, type Stored } from './stored-keys.ts'
import type { StoredLog } from './stored-log.ts'
import { TILE_WIDTH } from './merkle.ts'

interface OpenedBox {
  readonly first: number
  readonly secret: string
  readonly ops: readonly string[]
}

const CACHED_BOXES = 256

export class History {
  readonly #db: Stored
  readonly #keys: KeyStore
  readonly #log: StoredLog
  readonly #boxes = new LRUCache<number, OpenedBox>({ max: CACHED_BOXES })

  constructor(db: Stored, keys: KeyStore, log: StoredLog) {
    this.#db = db
    this.#keys = keys
    this.#log = log
  }

  /** Newest first, below index `before`, at most `limit`. */
  async read(thread: string, before: number, limit: number): Promise<HistoryItem[]> {
    await this.#log.newest()
    const items: HistoryItem[] = []
    // What is written but not yet published stays out, like in the rest of the log.
    const below = Math.min(before, this.#log.size)
    const range = { gte: threadKey(thread, 0), lt: threadKey(thread, below), reverse: true }
    for await (const key of this.#db.keys(range)) {
      if (items.length >= limit) break
      items.push(await this.#open(numberOfKey(key)))
    }
    return items
  }

  /** Entries `first` up to below `first + count`, as far as they are published, in the order of the log. */
  async range(first: number, count: number): Promise<HistoryItem[]> {
    await this.#log.newest()
    const end = Math.min(first + count, this.#log.size)
    const items: HistoryItem[] = []
    let box: OpenedBox | undefined
    for (let index = first; index < end;) {
      const begin = index - (index % TILE_WIDTH)
      const leaves = await this.#log.entries(begin, Math.min(TILE_WIDTH, end - begin))
      for (; index < begin + leaves.length; index++) {
        if (box === undefined || index >= box.first + box.ops.length) box = await this.#boxOf(index)
        items.push(openFrom(box, index, leaves[index - begin]))
      }
    }
    return items
  }

  async #open(index: number): Promise<HistoryItem> {
    return openFrom(await this.#boxOf(index), index, await this.#log.entry(index))
  }

  async #boxOf(index: number): Promise<OpenedBox> {
    const range = { gte: boxKey(0), lte: boxKey(index), reverse: true, limit: 1 }
    for await (const key of this.#db.keys(range)) {
      const first = numberOfKey(key)
      const opened = this.#boxes.get(first) ?? this.#openBox(first, await this.#db.get(key))
      this.#boxes.set(first, opened)
      return opened
    }
    throw new LedgerDamaged(`the opening of entry ${index} is missing`)
  }

  #openBox(first: number, box: Buffer | undefined): OpenedBox {
    try {
      const key = this.#keys.named('ops', (box && opsKeyName(box)) ?? '')
      return { first, secret: key.secret, ops: openOps(key, this.#log.origin, first, box ?? Buffer.alloc(0)) }
    } catch (error) {
      throw new LedgerDamaged(`the openings from entry ${first} on are damaged`, { cause: error })
    }
  }
}

function openFrom({ first, secret, ops }: OpenedBox, index: number, leaf: Buffer | undefined): HistoryItem {
  const claims = ops[index - first]
  const salt = saltOf(secret, 'ops', index)
  if (claims === undefined || leaf === undefined || !opens(leaf, 'ops', salt, claims))
    throw new LedgerDamaged(`the opening of entry ${index} is not what was logged`)
  return { index, ops: claims, salt }
}
