/** The embedded ledger: one process, one LevelDB. See `ledger.ts` for what it promises. */
import { createAnchor, openAnchor, readAnchor, type Anchor, type Mark } from './anchor.ts'
import { refuseCopy } from './copy-marks.ts'
import { createLogSigner } from './checkpoint.ts'
import { isCode } from './key-files.ts'
import type { KeyStore } from './key-store.ts'
import { LedgerDamaged, LedgerStopped, type Ledger } from './ledger.ts'
import { GROUP_ENTRIES } from './group-commit.ts'
import { Expiry } from './expiry.ts'
import { GroupFormer } from './group-former.ts'
import type { Group } from './group.ts'
import { WRITE_BUFFER, dropKeptLogs, hasDatabase, openDatabase, type Database } from './level-database.ts'
import { StoredLog } from './stored-log.ts'
import { StoredLedger } from './stored-ledger.ts'
import { recover } from './recovery.ts'
import { readBegun } from './recovery-begun.ts'
import { Rows } from './level-rows.ts'
import { GroupWriter } from './group-writer.ts'
import { scrubTables } from './table-files.ts'
import { EMPTY_ROOT, HASH_BYTES } from './merkle.ts'
import { FORMAT, FORMAT_KEY } from './stored-keys.ts'
import { UnwrittenCounters, replayRaises, type UnwrittenLimits } from './unwritten-counters.ts'

export interface LevelLimits {
  /** Commits that may wait; must exceed connections times the largest batch. */
  readonly queue?: number
  /** Commits of one group at most. */
  readonly group?: number
  /** Bytes LevelDB keeps in memory before it writes a table; tests make it small. */
  readonly writeBufferSize?: number
  /** How long counters wait to be written; tests make it short. */
  readonly unwritten?: Partial<UnwrittenLimits>
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
  // The anchor comes before the first key: without one, the ledger of these keys is elsewhere, or lost.
  const isBegun = !options.keys.isDue({ time: 0, seals: 0 })
  if (anchored === undefined && isBegun && !(await hasDatabase(options.folder))) throw elsewhere()
  const { db, tables } = await openDatabase(options.folder, {
    create: anchored === undefined || anchored === 'new',
    writeBufferSize: options.limits?.writeBufferSize,
  })
  stack.defer(() => db.close())
  await refuseCopy(db)
  if ((await readAnchor(options.anchorFile)) === undefined) {
    for await (const _ of db.keys({ limit: 1 }))
      throw new LedgerDamaged(
        'the anchor is missing, and the database is not empty: look at REACH_KEYS, or restore the anchor with the data',
      )
    if (isBegun) throw elsewhere()
    await createAnchor(options.anchorFile)
  }
  const anchor = stack.use(await openAnchor(options.anchorFile))
  if (anchor.last && readBegun(options.anchorFile, anchor.last))
    throw new LedgerDamaged('a recovery was broken off: give `reach log recover` again')
  const ledger = await startLevelLedger({ ...options, db, anchor, tables })
  await dropKeptLogs(options.folder)
  stack.move()
  return ledger
}

const elsewhere = (): LedgerDamaged =>
  new LedgerDamaged(
    'there is no ledger here, and the keys are of one that was begun: look at REACH_DATA, REACH_KEYS and REACH_STORE',
  )

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
  const signer = createLogSigner(origin, keys)
  const tailBytes = 2 * Math.max(limits.writeBufferSize ?? 0, WRITE_BUFFER)
  const { head, tree, raised } = await recover(db, {
    signer,
    anchored: anchor.last ?? NOTHING_ANCHORED,
    tailBytes,
  })
  const unwritten = new UnwrittenCounters(limits.unwritten)
  await replayRaises(db, raised, (key, tally, group) => unwritten.raised(key, tally, group))
  const rows = new Rows(db, keys, unwritten, () => Math.max(now(), former.head.time))
  const former = new GroupFormer({ signer, keys, rows, unwritten, tree, head })
  const log = new StoredLog(db, signer, former.snapshot())
  const expiry = new Expiry(db)
  async function write(group: Group): Promise<void> {
    const batch = db.batch()
    for (const [key, value] of group.operations)
      if (value) batch.put(key, value)
      else batch.del(key)
    await batch.write(SYNCED)
    await anchor.write(group.mark)
  }
  function publish(group: Group): void {
    log.publish(group)
    rows.publish(group)
  }
  const writer = new GroupWriter({
    async form(take, inFlight) {
      const progress = { time: Math.max(now(), former.head.time), seals: former.head.seals }
      if (keys.isDue(progress)) await keys.renew(progress)
      const expired = await expiry.due(progress.time)
      return former.form(take(), now(), expired, inFlight)
    },
    limits: { queue: limits.queue ?? QUEUE, group: limits.group ?? GROUP_ENTRIES },
    write,
    publish,
  })
  try {
    await keys.renew({ time: Math.max(now(), head.time), seals: head.seals })
    if (head.group < 0) {
      const first = former.form([], now(), [], undefined)
      await write(first)
      publish(first)
    }
    // Readers see what the anchor may not have yet, and both slots shall hold it: then either may be damaged.
    const { mark } = former.snapshot()
    await anchor.write(mark)
    await anchor.write(mark)
    await db.put(FORMAT_KEY, Buffer.from(FORMAT), SYNCED)
  } catch (error) {
    throw new LedgerStopped('the ledger cannot write; is the disk full, read-only or failing?', {
      cause: error,
    })
  }
  const scrub = scrubTables(tables, (error) => writer.fail(error))
  return new StoredLedger({
    stored: db,
    unwritten,
    rows,
    log,
    writer,
    keys,
    readError(error) {
      if (writer.stopped && isCode(error, 'LEVEL_DATABASE_NOT_OPEN')) return writer.stopped
      const isOfLevel = error instanceof Error && 'code' in error && String(error.code).startsWith('LEVEL_')
      return isOfLevel ? new LedgerDamaged('the database cannot be read', { cause: error }) : error
    },
    async release() {
      await using stack = new AsyncDisposableStack()
      stack.defer(() => db.close())
      stack.use(anchor)
      stack.use(scrub)
    },
  })
}

const SYNCED = { sync: true }
const NOTHING_ANCHORED: Mark = { group: -1, size: 0, root: EMPTY_ROOT, chain: Buffer.alloc(HASH_BYTES) }
