/** State as readers see it: durable rows and counters, opened once and kept in a bounded cache. */
import { LRUCache } from 'lru-cache'
import type { KeyStore } from './key-store.ts'
import type { DurableState, Group } from './group.ts'
import { LedgerDamaged, type KeyedRow, type ListOptions } from './ledger.ts'
import type { Database } from './level-database.ts'
import { counterKey, rowKey } from './stored-keys.ts'
import { ReadRow, isLive, openStored, type OpenedRow } from './row-values.ts'
import { readRowHead, type RowHead } from './sealing.ts'
import { decodeTally, dropRuns, newTally, type Tally } from './tally.ts'
import type { UnwrittenCounters } from './unwritten-counters.ts'

const CACHED_CHARACTERS = 64 * 1024 * 1024
const CACHED_ROWS = 100_000
const CACHED_COUNTERS = 100_000
const CACHED_ABSENCES = 50_000

/**
 * What the hot path asks is looked at and not moved to the front of its cache: that costs more than the look itself, and the
 * order in which rows came is as good.
 */
export class Rows implements DurableState {
  readonly #db: Database
  readonly #keys: KeyStore
  readonly #unwritten: UnwrittenCounters
  readonly #time: () => number
  readonly #cache = new LRUCache<string, OpenedRow>({
    max: CACHED_ROWS,
    maxSize: CACHED_CHARACTERS,
    sizeCalculation: ({ text }, key) => text.length + key.length + 100,
    dispose: (row) => {
      row.isCached = false
    },
  })
  /** Keys without a row; apart from the rows, so that asking for what is not there pushes none of them out. */
  readonly #absent = new LRUCache<string, true>({ max: CACHED_ABSENCES })
  readonly #tallies = new LRUCache<string, Tally>({ max: CACHED_COUNTERS })

  /** `time` is never before the time of the newest group. */
  constructor(db: Database, keys: KeyStore, unwritten: UnwrittenCounters, time: () => number) {
    this.#db = db
    this.#keys = keys
    this.#unwritten = unwritten
    this.#time = time
  }

  head(key: string, seen?: KeyedRow<unknown>): RowHead | undefined {
    const cached = (seen && ReadRow.newest(seen, this)) ?? this.#cache.get(key)
    if (cached) return cached
    const bytes = this.#db.getSync(rowKey(key))
    return bytes && readRowHead(bytes)
  }

  isLive(row: RowHead, time: number): boolean {
    return isLive(this.#keys, row, time)
  }

  isNewest(row: KeyedRow<unknown>): boolean {
    const opened = ReadRow.newest(row, this)
    return opened !== undefined && this.isLive(opened, this.#time())
  }

  isAbsent(key: string): boolean {
    return this.#absent.peek(key) === true
  }

  peek(key: string): KeyedRow | undefined {
    const cached = this.#cache.peek(key)
    return cached && this.isLive(cached, this.#time()) ? this.#read(key, cached) : undefined
  }

  /**
   * Reads and fills the cache in one synchronous step, so that no commit can come in between and leave an older row
   * in it. Costs less than an awaited read when the block is at hand.
   */
  get(key: string): KeyedRow | undefined {
    if (this.#cache.has(key)) return this.peek(key)
    if (this.#absent.get(key)) return undefined
    const bytes = this.#db.getSync(rowKey(key))
    const opened = bytes && openStored(this.#keys, key, bytes)
    if (opened) this.#keep(key, opened)
    if (!bytes) this.#absent.set(key, true)
    return opened && this.isLive(opened, this.#time()) ? this.#read(key, opened) : undefined
  }

  async list(prefix: string, { after, limit = Infinity, onDamaged }: ListOptions): Promise<KeyedRow[]> {
    const rows: KeyedRow[] = []
    const from = after !== undefined && after >= prefix ? { gt: rowKey(after) } : { gte: rowKey(prefix) }
    const time = this.#time()
    for await (const [stored, bytes] of this.#db.iterator(from)) {
      if (rows.length >= limit || !stored.startsWith(rowKey(prefix))) break
      const key = stored.slice(rowKey('').length)
      try {
        const cached = this.#cache.get(key)
        const opened =
          cached?.version === readRowHead(bytes).version ? cached : openStored(this.#keys, key, bytes)
        if (opened && this.isLive(opened, time)) rows.push(this.#read(key, opened))
      } catch (error) {
        if (!(error instanceof LedgerDamaged) || onDamaged === undefined) throw error
        onDamaged(key)
      }
    }
    return rows
  }

  count(key: string): number {
    return this.tally(key).count
  }

  tally(key: string): Tally {
    const known = this.#unwritten.get(key) ?? this.#tallies.peek(key)
    if (known !== undefined) return known
    const bytes = this.#db.getSync(counterKey(key))
    const tally = bytes ? decodeTally(key, bytes) : newTally()
    this.#tallies.set(key, tally)
    return tally
  }

  /** Shows readers what a group changed; called when it is durable. */
  publish({ rows, tallies, counts, written }: Group): void {
    for (const [key, row] of rows)
      if (row) this.#keep(key, row)
      else this.#cache.delete(key)
    let at = 0
    for (const tally of tallies.values()) tally.count = counts[at++] ?? 0
    for (const { counter, inRuns } of written) {
      dropRuns(counter.tally, inRuns)
      this.#unwritten.written(counter)
      this.#tallies.set(counter.key, counter.tally)
    }
  }

  #read(key: string, opened: OpenedRow): KeyedRow {
    return (opened.row ??= new ReadRow(key, opened, this))
  }

  #keep(key: string, row: OpenedRow): void {
    this.#cache.set(key, row)
    row.isCached = this.#cache.has(key)
    this.#absent.delete(key)
  }
}
