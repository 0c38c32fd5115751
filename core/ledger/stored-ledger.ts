/** The port's face over queue, rows, log and history; what lies below is the adapter's. */
import { prepareCommit, type PreparedCommit } from './group-commit.ts'
import type { GroupWriter } from './group-writer.ts'
import type { KeyStore } from './key-store.ts'
import {
  CommitRefused,
  type Commit,
  type Committed,
  type HistoryItem,
  type HistoryOptions,
  type Json,
  type KeyedRow,
  type Ledger,
  type ListOptions,
} from './ledger.ts'
import { History } from './stored-history.ts'
import type { Stored } from './stored-keys.ts'
import type { StoredLog } from './stored-log.ts'
import type { UnwrittenCounters } from './unwritten-counters.ts'

/** State as readers see it. */
export interface RowReader {
  get(key: string): KeyedRow | undefined | Promise<KeyedRow | undefined>
  peek(key: string): KeyedRow | undefined
  isNewest(row: KeyedRow<unknown>): boolean
  isAbsent(key: string): boolean
  list(prefix: string, options: ListOptions): Promise<KeyedRow[]>
  count(key: string): number | Promise<number>
}

export interface StoredLedgerParts {
  readonly stored: Stored
  /** Counters whose rows are older than what readers are to see. */
  readonly unwritten?: Pick<UnwrittenCounters, 'get'>
  readonly rows: RowReader
  readonly log: StoredLog
  readonly writer: GroupWriter
  readonly keys: KeyStore
  /** What a caller is told instead of an error of the database. */
  readonly readError: (error: unknown) => unknown
  /** Lets go of everything; called once, when nothing is written any more. */
  readonly release: () => Promise<void>
}

export class StoredLedger implements Ledger {
  readonly log: StoredLog
  readonly #parts: StoredLedgerParts
  readonly #history: History
  #closed: Promise<void> | undefined

  constructor(parts: StoredLedgerParts) {
    this.#parts = parts
    this.log = parts.log
    this.#history = new History(parts)
  }

  get stopped(): Error | undefined {
    return this.#parts.writer.stopped
  }

  async commit(commit: Commit): Promise<Committed> {
    const [verdict] = await this.#submit([commit])
    if (!verdict || verdict instanceof Error) throw verdict ?? new Error('a commit got no verdict')
    return verdict
  }

  async commitEach(commits: readonly Commit[]): Promise<(Committed | CommitRefused)[]> {
    return (await this.#submit(commits)).map((verdict) => {
      if (verdict instanceof Error && !(verdict instanceof CommitRefused)) throw verdict
      return verdict
    })
  }

  #submit(commits: readonly Commit[]): Promise<readonly (Committed | Error)[]> {
    const { writer, keys } = this.#parts
    writer.admit(commits.length)
    const prepared = commits.map((commit) => prepareCommit(commit, keys))
    // Only a new customer's key makes a commit wait before it queues.
    return prepared.every((one): one is PreparedCommit => !(one instanceof Promise))
      ? writer.submit(prepared)
      : Promise.all(prepared).then((ready) => writer.submit(ready))
  }

  async get<Value = Json>(key: string): Promise<KeyedRow<Value> | undefined> {
    return this.#reading(() => this.#parts.rows.get(key)) as Promise<KeyedRow<Value> | undefined>
  }

  peek<Value = Json>(key: string): KeyedRow<Value> | undefined {
    return this.#parts.rows.peek(key) as KeyedRow<Value> | undefined
  }

  isNewest(row: KeyedRow<unknown>): boolean {
    return this.#parts.rows.isNewest(row)
  }

  isAbsent(key: string): boolean {
    return this.#parts.rows.isAbsent(key)
  }

  async list<Value = Json>(prefix: string, options: ListOptions = {}): Promise<KeyedRow<Value>[]> {
    return this.#reading(() => this.#parts.rows.list(prefix, options)) as Promise<KeyedRow<Value>[]>
  }

  async count(key: string): Promise<number> {
    return this.#reading(() => this.#parts.rows.count(key))
  }

  async history(
    thread: string,
    { counters = [], before = Infinity, limit = Infinity }: HistoryOptions = {},
  ): Promise<HistoryItem[]> {
    return this.#reading(() => this.#history.read(thread, { counters, before, limit }))
  }

  async openings(first: number, count: number): Promise<HistoryItem[]> {
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || first < 0 || count < 0)
      throw new TypeError('a range of entries is two whole numbers')
    return this.#reading(() => this.#history.range(first, count))
  }

  /** No error of the database passes the port. */
  async #reading<Result>(read: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await read()
    } catch (error) {
      throw this.#parts.readError(error)
    }
  }

  /** Writes what waits, then lets go of what lies below. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    await using stack = new AsyncDisposableStack()
    stack.defer(this.#parts.release)
    await this.#parts.writer.close()
  }
}
