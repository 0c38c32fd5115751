/**
 * The ledger on a PostgreSQL server, for any number of replicas at once. See `ledger.ts` for what it promises. The replicas
 * share the folder of the keys; each has an anchor of its own, outside the database.
 */
import { dirname } from 'node:path'
import { createAnchor, openAnchor, readAnchor, type Mark } from './anchor.ts'
import { createLogSigner } from './checkpoint.ts'
import { refuseCopy } from './copy-marks.ts'
import { GROUP_ENTRIES } from './group-commit.ts'
import type { Group } from './group.ts'
import { GroupWriter } from './group-writer.ts'
import { makePrivateFolder } from './key-files.ts'
import type { KeyStore } from './key-store.ts'
import { LedgerDamaged, LedgerStopped, type Ledger } from './ledger.ts'
import { EMPTY_ROOT, HASH_BYTES } from './merkle.ts'
import { ConnectionLost, PgDatabase, connect, openPool, refusalOf } from './pg-database.ts'
import { PgGroups } from './pg-groups.ts'
import { PgRows } from './pg-rows.ts'
import { FORMAT, FORMAT_KEY } from './stored-keys.ts'
import { StoredLedger } from './stored-ledger.ts'
import { StoredLog } from './stored-log.ts'

export interface PgLedgerOptions {
  /** `postgres://` address of the database. */
  readonly url: string
  /** Which of the ledgers in the database; '' for the house itself. */
  readonly part: string
  readonly keys: KeyStore
  /** File of this replica's anchor: on no server that holds the database, and never part of a backup. */
  readonly anchorFile: string
  /** Log origin: the log's URL prefix without scheme. */
  readonly origin: string
  /** Unix ms. */
  readonly now: () => number
  readonly limits?: PgLimits
}

export interface PgLimits {
  /** Commits that may wait; must exceed connections times the largest batch. */
  readonly queue?: number
  /** Commits of one group at most. */
  readonly group?: number
  /** How long a lost connection is tried again before the ledger stops, in ms. */
  readonly patience?: number
}

const QUEUE = 65_536
const PATIENCE_MS = 30_000
/** Connections of one replica for reading. */
const READERS = 8
/** How often a replica asks what others wrote, in ms. */
const FOLLOW_MS = 250

const NOTHING_ANCHORED: Mark = { group: -1, size: 0, root: EMPTY_ROOT, chain: Buffer.alloc(HASH_BYTES) }

/**
 * Opens the ledger, or creates it when nothing was ever acknowledged. Throws `LedgerForeign`, `LedgerDamaged` when the
 * database is not what this replica has seen, `LedgerBusy` when it cannot be reached, `LedgerStopped` when it takes nothing.
 */
export async function openPgLedger(options: PgLedgerOptions): Promise<Ledger> {
  const { url, part, keys, anchorFile, origin, now, limits = {} } = options
  await using stack = new AsyncDisposableStack()
  await prepare(url, part, keys, anchorFile).catch(rethrow)
  const anchor = stack.use(await openAnchor(anchorFile))
  const pool = openPool(url, READERS)
  stack.defer(() => pool.end())
  const reader = new PgDatabase(pool, part)
  const signer = createLogSigner(origin, keys)
  const groups = new PgGroups(
    {
      url,
      part,
      signer,
      keys,
      anchor,
      now,
      patience: limits.patience ?? PATIENCE_MS,
      onOthers: () => rows.forget(),
    },
    anchor.last ?? NOTHING_ANCHORED,
  )
  stack.defer(() => groups.close())
  const rows = new PgRows(reader, keys, () => Math.max(now(), groups.time))
  // Nobody else can have been first, or this changes nothing.
  const first = await groups.form(() => []).catch(rethrow)
  await groups.anchor(first.mark)
  await reader.keep(FORMAT_KEY, FORMAT).catch(rethrow)
  const log = new StoredLog(reader, signer, first, catchUp)
  const writer = new GroupWriter({
    form: (take) => groups.form(take),
    limits: { queue: limits.queue ?? QUEUE, group: limits.group ?? GROUP_ENTRIES },
    write: (group: Group) => groups.anchor(group.mark),
    publish(group: Group) {
      if (group.mark.group >= newest) log.publish(group)
      newest = Math.max(newest, group.mark.group)
      rows.publish(group.rows)
    },
  })
  let newest = first.mark.group
  /** Asks first, beside the one connection that groups take turns on. */
  async function catchUp(): Promise<void> {
    const there = await reader.group().catch(() => newest)
    // One that had begun before may have seen less.
    for (let times = 0; newest < there && times < 2; times++) await follow()
  }
  const following = setInterval(() => void follow(), FOLLOW_MS).unref()
  let pending: Promise<void> | undefined
  /** One at a time: a database that is away must not make a queue of them before the next commit. */
  function follow(): Promise<void> {
    return (pending ??= learn().finally(() => (pending = undefined)))
  }
  async function learn(): Promise<void> {
    try {
      const seen = await groups.follow()
      if (!seen || seen.mark.group <= newest) return
      newest = seen.mark.group
      log.publish(seen)
    } catch (error) {
      // A database that is away is told of to those who need it.
      if (error instanceof Error && !(error instanceof ConnectionLost)) writer.fail(error)
    }
  }
  const open = stack.move()
  open.defer(() => clearInterval(following))
  let isReleased = false
  return new StoredLedger({
    stored: reader,
    rows,
    log,
    writer,
    keys,
    readError(error) {
      if (isReleased && writer.stopped) return writer.stopped
      return error instanceof ConnectionLost ? refusalOf(error) : error
    },
    async release() {
      isReleased = true
      await open[Symbol.asyncDispose]()
    },
  })
}

/**
 * Makes tables and anchor where nothing was ever acknowledged. A replica that joins later has seen nothing that could tell it
 * a database that was put back, or emptied: an operator lets it in (`pg-enrol.ts`).
 */
async function prepare(url: string, part: string, keys: KeyStore, anchorFile: string): Promise<void> {
  const client = await connect(url)
  try {
    const db = new PgDatabase(client, part)
    await db.prepare()
    await refuseCopy(db)
    await makePrivateFolder(dirname(anchorFile))
    const seen = await readAnchor(anchorFile)
    if (seen !== undefined && seen !== 'new') return
    // Nothing was ever sealed under these keys, or an operator has said that there is nothing.
    const mayBegin = seen === 'new' || keys.isDue({ time: 0, seals: 0 })
    // The first group holds nothing: a crash of the very first start may have left it.
    if ((await db.group()) > 0 || !mayBegin)
      throw new LedgerDamaged(
        'this replica has seen nothing yet of a ledger that was begun: let it in with `reach store enrol`',
      )
    if (seen === undefined) await createAnchor(anchorFile)
  } finally {
    await client.end().catch(() => undefined)
  }
}

function rethrow(error: unknown): never {
  const refusal = refusalOf(error)
  if (refusal instanceof LedgerDamaged || isKnown(refusal)) throw refusal
  throw new LedgerStopped('the ledger cannot write', { cause: error })
}

const isKnown = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ledger-')
