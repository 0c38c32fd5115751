/** The embedded ledger: one process, one LevelDB. See `ledger.ts` for what it promises. */
import { createAnchor, openAnchor, readAnchor, type Anchor, type Mark } from './anchor.ts'
import { createLogSigner } from './checkpoint.ts'
import { isCode } from './key-files.ts'
import type { KeyStore } from './key-store.ts'
import {
  CommitRefused,
  LedgerDamaged,
  LedgerStopped,
  type Commit,
  type Committed,
  type HistoryItem,
  type Json,
  type KeyedRow,
  type Ledger,
} from './ledger.ts'
import { GROUP_ENTRIES, prepareCommit, type PreparedCommit } from './level-commit.ts'
import { Expiry } from './level-expiry.ts'
import { GroupFormer } from './level-group.ts'
import { History } from './level-history.ts'
import { WRITE_BUFFER, openDatabase } from './level-database.ts'
import type { Database } from './level-keys.ts'
import { LevelLog } from './level-log.ts'

import { recover } from './level-recovery.ts'
import { Rows } from './level-rows.ts'
import { GroupWriter } from './level-writer.ts'
import { scrubTables } from './table-files.ts'
import { EMPTY_ROOT, HASH_BYTES } from './merkle.ts'

export interface LevelLimits {
  /** Commits that may wait; must exceed connections times the largest batch. */
  readonly queue?: number
  /** Commits of one group at most. */
  readonly group?: number
  /** Bytes LevelDB keeps in memory before it writes a table; tests make it small. */
  readonly writeBufferSize?: number
}

export interface LevelLedgerOptions {
  /** Folder of the database. */
  readonly folder: string
  readonly keys: KeyStore
  /** File of the anchor: not in `folder`, and never part of a backup. */
  readonly anchorFile: string
  /** Log origin: the log's URL prefix without scheme. */
  readonly origin: string
  /** Unix ms. */
  readonly now: () => number
  readonly limits?: LevelLimits
}

const QUEUE = 65_536

/**
 * Opens the ledger in `folder`, or creates it when neither database nor anchor exist. Throws `LedgerInUse`,
 * `LedgerForeign`, `LedgerDamaged` when what is on disk is not what was acknowledged, `LedgerStopped` when it cannot write.
 */
export async function openLevelLedger(options: LevelLedgerOptions): Promise<Ledger> {
  await using stack = new AsyncDisposableStack()
  const anchored = await readAnchor(options.anchorFile)
  const { db, tables } = await openDatabase(options.folder, {
    create: anchored === undefined || anchored === 'new',
    writeBufferSize: options.limits?.writeBufferSize,
  })
  stack.defer(() => db.close())
  if ((await readAnchor(options.anchorFile)) === undefined) {
    for await (const _ of db.keys({ limit: 1 }))
      throw new LedgerDamaged('the anchor is missing, the database is not empty: an operator must decide')
    await createAnchor(options.anchorFile)
  }
  const anchor = stack.use(await openAnchor(options.anchorFile))
  const ledger = await startLevelLedger({ ...options, db, anchor, tables })
  stack.move()
  return ledger
}

/** Recovers from an open database and anchor, and owns both once it has resolved. `tables`: files to verify later. */
export async function startLevelLedger({
  db,
  anchor,
  keys,
  origin,
  now,
  limits = {},
  tables = [],
}: Pick<LevelLedgerOptions, 'keys' | 'origin' | 'now' | 'limits'> & {
  db: Database
  anchor: Anchor
  tables?: readonly string[]
}): Promise<Ledger> {
  const signer = createLogSigner(origin, keys.logKey)
  const tailBytes = 2 * Math.max(limits.writeBufferSize ?? 0, WRITE_BUFFER)
  const { head, tree } = await recover(db, { signer, anchored: anchor.last ?? NOTHING_ANCHORED, tailBytes })
  const rows = new Rows(db, keys, () => Math.max(now(), former.head.time))
  const former = new GroupFormer({ signer, keys, rows, tree, head })
  const log = new LevelLog(db, signer, former.snapshot())
  const writer = new GroupWriter({
    former,
    keys,
    now,
    expiry: new Expiry(db),
    limits: { queue: limits.queue ?? QUEUE, group: limits.group ?? GROUP_ENTRIES },
    async write(group) {
      const batch = db.batch()
      for (const [key, value] of group.operations)
        if (value) batch.put(key, value)
        else batch.del(key)
      await batch.write(SYNCED)
      await anchor.write(group.mark)
    },
    publish(group) {
      log.publish(group)
      rows.publish(group.rows, group.counters)
    },
  })
  try {
    await writer.begin()
    // Readers see what the anchor may not have yet, and both slots shall hold it: then either may be damaged.
    const { mark } = former.snapshot()
    await anchor.write(mark)
    await anchor.write(mark)
  } catch (error) {
    throw new LedgerStopped('the ledger cannot write', { cause: error })
  }
  const scrub = scrubTables(tables, (error) => writer.fail(error))
  return new LevelLedger({ db, anchor, rows, log, writer, keys, scrub })
}

const SYNCED = { sync: true }
const NOTHING_ANCHORED: Mark = { group: -1, size: 0, root: EMPTY_ROOT, chain: Buffer.alloc(HASH_BYTES) }

interface LevelLedgerParts {
  readonly db: Database
  readonly anchor: Anchor
  readonly rows: Rows
  readonly log: LevelLog
  readonly writer: GroupWriter
  readonly keys: KeyStore
  readonly scrub: AsyncDisposable
}

class LevelLedger implements Ledger {
  readonly log: LevelLog
  readonly #parts: LevelLedgerParts
  readonly #history: History
  #closed: Promise<void> | undefined

  constructor(parts: LevelLedgerParts) {
    this.#parts = parts
    this.log = parts.log
    this.#history = new History(parts.db, parts.keys, parts.log)
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

  #submit(commits: readonly Commit[]): Promise<(Committed | Error)[]> {
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

  async list<Value = Json>(
    prefix: string,
    { after, limit = Infinity }: { after?: string; limit?: number } = {},
  ): Promise<KeyedRow<Value>[]> {
    return this.#reading(() => this.#parts.rows.list(prefix, after, limit)) as Promise<KeyedRow<Value>[]>
  }

  async count(key: string): Promise<number> {
    return this.#reading(() => this.#parts.rows.count(key))
  }

  async history(
    thread: string,
    { before = Infinity, limit = Infinity }: { before?: number; limit?: number } = {},
  ): Promise<HistoryItem[]> {
    return this.#reading(() => this.#history.read(thread, before, limit))
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
      if (this.stopped && isCode(error, 'LEVEL_DATABASE_NOT_OPEN')) throw this.stopped
      if (error instanceof Error && 'code' in error && String(error.code).startsWith('LEVEL_'))
        throw new LedgerDamaged('the database cannot be read', { cause: error })
      throw error
    }
  }

  /** Writes what waits, then lets go of database and anchor. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    const { db, anchor, writer, scrub } = this.#parts
    await using stack = new AsyncDisposableStack()
    stack.defer(() => db.close())
    stack.use(anchor)
    stack.use(scrub)
    await writer.close()
  }
}
