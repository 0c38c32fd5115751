/**
 * State as readers of one replica see it. Others write too, so a read goes to the database; what it found is kept for
 * `peek`, which may be behind until this replica has heard of the others' groups. Nothing here decides a commit.
 */
import { LRUCache } from 'lru-cache'
import type { KeyStore } from './key-store.ts'
import { LedgerDamaged, type KeyedRow, type ListOptions } from './ledger.ts'
import type { PgDatabase } from './pg-database.ts'
import { ReadRow, isLive, openStored, type OpenedRow } from './row-values.ts'
import { readRowHead } from './sealing.ts'
import { counterKey, rowKey } from './stored-keys.ts'
import type { RowReader } from './stored-ledger.ts'
import { decodeTally } from './tally.ts'

const CACHED_CHARACTERS = 64 * 1024 * 1024
const CACHED_ROWS = 100_000

/** A read on its way; stale when its key was written meanwhile, so that it leaves nothing older in the cache. */
interface Reading {
  readonly key: string
  isStale: boolean
}

export class PgRows implements RowReader {
  readonly #db: PgDatabase
  readonly #keys: KeyStore
  readonly #time: () => number
  readonly #reading = new Set<Reading>()
  readonly #cache = new LRUCache<string, OpenedRow>({
    max: CACHED_ROWS,
    maxSize: CACHED_CHARACTERS,
    sizeCalculation: ({ text }, key) => text.length + key.length + 100,
  })

  /** `time` is never before the time of the newest group that this replica knows. */
  constructor(db: PgDatabase, keys: KeyStore, time: () => number) {
    this.#db = db
    this.#keys = keys
    this.#time = time
  }

  /** Another replica may have written since: that cannot be told without asking. */
  isNewest(): boolean {
    return false
  }

  isAbsent(): boolean {
    return false
  }

  peek(key: string): KeyedRow | undefined {
    const cached = this.#cache.get(key)
    return cached && this.#read(key, cached)
  }

  async get(key: string): Promise<KeyedRow | undefined> {
    const reading: Reading = { key, isStale: false }
    this.#reading.add(reading)
    try {
      const bytes = await this.#db.get(rowKey(key))
      const cached = this.#cache.get(key)
      if (cached && (reading.isStale || (bytes && readRowHead(bytes).version === cached.version)))
        return this.#read(key, cached)
      const opened = bytes && (await this.#open(key, bytes))
      if (!reading.isStale)
        if (opened) this.#cache.set(key, opened)
        else this.#cache.delete(key)
      return opened && this.#read(key, opened)
    } finally {
      this.#reading.delete(reading)
    }
  }

  async list(prefix: string, { after, limit = Infinity, onDamaged }: ListOptions): Promise<KeyedRow[]> {
    const rows: KeyedRow[] = []
    const from = after !== undefined && after >= prefix ? { gt: rowKey(after) } : { gte: rowKey(prefix) }
    for await (const [stored, bytes] of this.#db.iterator(from)) {
      if (rows.length >= limit || !stored.startsWith(rowKey(prefix))) break
      const key = stored.slice(rowKey('').length)
      try {
        const cached = this.#cache.get(key)
        const isSame = cached?.version === readRowHead(bytes).version
        const opened = isSame ? cached : await this.#open(key, bytes)
        const row = opened && this.#read(key, opened)
        if (row) rows.push(row)
      } catch (error) {
        if (!(error instanceof LedgerDamaged) || onDamaged === undefined) throw error
        onDamaged(key)
      }
    }
    return rows
  }

  async count(key: string): Promise<number> {
    const bytes = await this.#db.get(counterKey(key))
    return bytes ? decodeTally(key, bytes).count : 0
  }

  /** Shows readers what a group of this replica changed; called when it is durable. */
  publish(rows: ReadonlyMap<string, OpenedRow | undefined>): void {
    for (const reading of this.#reading) if (rows.has(reading.key)) reading.isStale = true
    for (const [key, row] of rows)
      if (row) this.#cache.set(key, row)
      else this.#cache.delete(key)
  }

  /** Others have written, nobody says what. */
  forget(): void {
    for (const reading of this.#reading) reading.isStale = true
    this.#cache.clear()
  }

  #read(key: string, opened: OpenedRow): KeyedRow | undefined {
    if (!isLive(this.#keys, opened, this.#time())) return undefined
    return (opened.row ??= new ReadRow(key, opened, this))
  }

  async #open(key: string, bytes: Buffer): Promise<OpenedRow | undefined> {
    try {
      return openStored(this.#keys, key, bytes)
    } catch (error) {
      if (!(error instanceof LedgerDamaged)) throw error
      // The key that is missing may have been destroyed by another replica.
      await this.#keys.refresh()
      return openStored(this.#keys, key, bytes)
    }
  }
}
