/** State as readers see it: durable rows and counters, opened once and kept in a bounded cache. */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { KeyStore } from './key-store.ts'
import { LedgerDamaged, type Json, type KeyedRow } from './ledger.ts'
import { counterKey, rowKey, type Database } from './level-keys.ts'
import { openRow, readRowHead, type RowHead, type SealingKey } from './sealing.ts'

/** A row as its JSON text; parsed when somebody reads it. */
export interface OpenedRow extends RowHead {
  readonly text: string
  row?: ReadRow
  /** It is in the cache, and so the newest of its key. */
  isCached?: boolean
}

/** What readers get; it remembers which opened row it was made of, so that nobody needs to look for that again. */
class ReadRow implements KeyedRow {
  readonly key: string
  readonly version: number
  readonly value: Json
  readonly #opened: OpenedRow
  readonly #rows: Rows

  constructor(key: string, opened: OpenedRow, rows: Rows) {
    this.key = key
    this.version = opened.version
    this.value = freeze(JSON.parse(opened.text) as Json)
    this.#opened = opened
    this.#rows = rows
  }

  /** What these rows hold newest under the row's key, if that is the row itself. */
  static newest(row: KeyedRow<unknown>, rows: Rows): OpenedRow | undefined {
    return #opened in row && row.#rows === rows && row.#opened.isCached === true ? row.#opened : undefined
  }
}

const CACHED_CHARACTERS = 64 * 1024 * 1024
const CACHED_ROWS = 100_000
const CACHED_COUNTERS = 100_000
const CACHED_ABSENCES = 50_000

export class Rows {
  readonly #db: Database
  readonly #keys: KeyStore
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
  readonly #counters = new LRUCache<string, number>({ max: CACHED_COUNTERS })

  /** `time` is never before the time of the newest group. */
  constructor(db: Database, keys: KeyStore, time: () => number) {
    this.#db = db
    this.#keys = keys
    this.#time = time
  }

  /**
   * What is stored under the key, expired and erased rows included: the commit path decides by group time. `seen`: a
   * row of this key as it was read before.
   */
  head(key: string, seen?: KeyedRow<unknown>): RowHead | undefined {
    const cached = (seen && ReadRow.newest(seen, this)) ?? this.#cache.get(key)
    if (cached) return cached
    const bytes = this.#db.getSync(rowKey(key))
    return bytes && readRowHead(bytes)
  }

  /** Whether a stored row reads as present at this time. */
  isLive({ expires, keyName }: RowHead, time: number): boolean {
    if (expires !== 0 && expires <= time) return false
    return !keyName.startsWith('c') || !this.#keys.isErased(keyName)
  }

  isNewest(row: KeyedRow<unknown>): boolean {
    const opened = ReadRow.newest(row, this)
    return opened !== undefined && this.isLive(opened, this.#time())
  }

  isAbsent(key: string): boolean {
    return this.#absent.get(key) === true
  }

  peek(key: string): KeyedRow | undefined {
    const cached = this.#cache.get(key)
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
    const opened = bytes && this.#open(key, bytes)
    if (opened) this.#keep(key, opened)
    if (!bytes) this.#absent.set(key, true)
    return opened && this.isLive(opened, this.#time()) ? this.#read(key, opened) : undefined
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<KeyedRow[]> {
    const rows: KeyedRow[] = []
    const from = after !== undefined && after >= prefix ? { gt: rowKey(after) } : { gte: rowKey(prefix) }
    const time = this.#time()
    for await (const [stored, bytes] of this.#db.iterator(from)) {
      if (rows.length >= limit || !stored.startsWith(rowKey(prefix))) break
      const key = stored.slice(rowKey('').length)
      const cached = this.#cache.get(key)
      const opened = cached?.version === readRowHead(bytes).version ? cached : this.#open(key, bytes)
      if (opened && this.isLive(opened, time)) rows.push(this.#read(key, opened))
    }
    return rows
  }

  count(key: string): number {
    const cached = this.#counters.get(key)
    if (cached !== undefined) return cached
    const bytes = this.#db.getSync(counterKey(key))
    const count = bytes ? decodeCount(key, bytes) : 0
    this.#counters.set(key, count)
    return count
  }

  /** Shows readers what a group changed; called when it is durable. */
  publish(rows: ReadonlyMap<string, OpenedRow | undefined>, counters: ReadonlyMap<string, number>): void {
    for (const [key, row] of rows)
      if (row) this.#keep(key, row)
      else this.#cache.delete(key)
    for (const [key, count] of counters) this.#counters.set(key, count)
  }

  #read(key: string, opened: OpenedRow): KeyedRow {
    return (opened.row ??= new ReadRow(key, opened, this))
  }

  #keep(key: string, row: OpenedRow): void {
    this.#cache.set(key, row)
    row.isCached = this.#cache.has(key)
    this.#absent.delete(key)
  }

  #open(key: string, bytes: Buffer): OpenedRow | undefined {
    const head = readRowHead(bytes)
    const sealing = this.#sealingKey(head.keyName)
    return sealing && { ...head, text: openRow(sealing, key, bytes) }
  }

  #sealingKey(name: string): SealingKey | undefined {
    try {
      return name.startsWith('c') ? this.#keys.customerKeyNamed(name) : this.#keys.named('data', name)
    } catch (error) {
      throw new LedgerDamaged('the key of a stored row is not in the key store', { cause: error })
    }
  }
}

function freeze(value: Json): Json {
  if (value !== null && typeof value === 'object')
    for (const member of Object.values(value)) freeze(member as Json)
  return Object.freeze(value)
}

const COUNT_BYTES = 6
const CHECK_BYTES = 8

function countCheck(key: string, count: number): string {
  return hash('sha256', `${key}:${count}`, 'hex').slice(0, 2 * CHECK_BYTES)
}

/** Counters stay in the clear under opaque keys, with a checksum: sealing each would cost as much as its commit. */
export function encodeCount(key: string, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(COUNT_BYTES + CHECK_BYTES)
  bytes.writeUIntBE(count, 0, COUNT_BYTES)
  bytes.write(countCheck(key, count), COUNT_BYTES, 'hex')
  return bytes
}

function decodeCount(key: string, bytes: Buffer): number {
  const count = bytes.length === COUNT_BYTES + CHECK_BYTES ? bytes.readUIntBE(0, COUNT_BYTES) : -1
  if (count < 0 || bytes.toString('hex', COUNT_BYTES) !== countCheck(key, count))
    throw new LedgerDamaged('a stored counter is not what was written')
  return count
}
