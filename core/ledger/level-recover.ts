/**
 * Brings a log back from a mirror when the database was lost or put back to an earlier copy: the leaves behind the copy, their tiles
 * and sealed facts, up to what the anchor saw at least. State cannot be made from digests: it stays what the copy holds.
 */
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createAnchor, readAnchor, type Mark } from './anchor.ts'
import { createLogSigner, type Checkpoint, type LogSigner } from './checkpoint.ts'
import type { Head } from './group.ts'
import { chainOf, parseRow, type GroupRow } from './group-row.ts'
import { createDocument, syncFolder } from './key-files.ts'
import type { KeyStore } from './key-store.ts'
import { saltOf, sealOps, type OpsKey } from './leaf.ts'
import { LedgerDamaged, type KeyedRow, type LedgerReader } from './ledger.ts'
import { openDatabase, type Database } from './level-database.ts'
import type { LevelLedgerOptions } from './level-ledger.ts'
import { Rows } from './level-rows.ts'
import { vkeysUnder } from './log-keys.ts'
import {
  GrowingTree,
  TILE_WIDTH,
  consistencyProof,
  hashesAt,
  isConsistent,
  leafHash,
  EMPTY_ROOT,
  HASH_BYTES,
} from './merkle.ts'
import { recover, type Recovered } from './recovery.ts'
import { readBegun, recoveryFile, type RecoveredLog } from './recovery-begun.ts'
import {
  HEAD_KEY,
  boxKey,
  counterKey,
  entriesKey,
  groupKey,
  numberOfKey,
  threadKey,
  tileKey,
} from './stored-keys.ts'
import { encodeRun, encodeTally, fullRuns, raise, type Tally } from './tally.ts'
import { writeBundle } from './tiles.ts'
import { UnwrittenCounters, readTally, replayRaises } from './unwritten-counters.ts'
import { tileReader, verifyLog, type ReadLogFile } from './verify.ts'

/** Why nothing can be recovered, in one line; nothing was changed. */
export class RecoveryRefused extends Error {}

/** What opens one entry: its line of facts with the salt, and where it is found. */
export interface OpenedEntry {
  readonly ops: string
  readonly salt: string
  readonly threads: readonly string[]
  /** Key of the counter that it was raised with. */
  readonly counter?: string
  /** Unix ms. */
  readonly time: number
}

/** Versions that the lost part may have given: none of them may come again. */
const SKIPPED_COMMITS = 2 ** 32
const NOTHING: Mark = { group: -1, size: 0, root: EMPTY_ROOT, chain: Buffer.alloc(HASH_BYTES) }

/** The rows that the earlier copy holds. */
export type CopyReader = Pick<LedgerReader, 'get'>

export type RecoverOptions = Pick<LevelLedgerOptions, 'folder' | 'keys' | 'anchorFile' | 'origin' | 'now'>

/** The anchor that the recovered ledger is opened with until `adoptRecovered`: until then no other process opens it. */
export const recoveringAnchor = (anchorFile: string): string => `${anchorFile}.recovering`

/**
 * Writes what is missing, and an anchor of its own beside the old one. `open` gives what opens the leaves from `first` on, each held
 * against its leaf. Told again after it was cut off it goes on. Throws `RecoveryRefused`, or `LogInvalid` for the mirror.
 */
export async function recoverLog(
  { folder, keys, anchorFile, origin, now }: RecoverOptions,
  mirror: {
    read: ReadLogFile
    open: (first: number, leaves: readonly Uint8Array[], copy: CopyReader) => Promise<readonly OpenedEntry[]>
  },
): Promise<RecoveredLog> {
  const anchored = await readAnchor(anchorFile)
  if (anchored === undefined || anchored === 'new')
    throw new RecoveryRefused(
      'the anchor is missing: nobody knows how far the log had come; only a new log can be begun',
    )
  const signer = createLogSigner(origin, keys)
  await using stack = new AsyncDisposableStack()
  const { db } = await openDatabase(folder, { create: true })
  stack.defer(() => db.close())
  const begun = readBegun(anchorFile, anchored)
  const recovering = await readAnchor(recoveringAnchor(anchorFile))
  if (begun && recovering && recovering !== 'new' && (await opensAlready(db, signer, recovering)))
    return begun
  // Else another copy was put in its place meanwhile.
  await rm(recoveringAnchor(anchorFile), { force: true })
  const opens = await opensAlready(db, signer, anchored)
  const base = await readBase(db, signer)
  const before = base.head.group < 0 ? NOTHING : markOf(base)
  const rows = new Rows(db, keys, new UnwrittenCounters(), now)
  const copy: CopyReader = { get: async <Value>(key: string) => rows.get(key) as KeyedRow<Value> | undefined }

  const leaves: Buffer[] = []
  const opened: OpenedEntry[] = []
  const head = await verifyMirror(mirror.read, signer, async (first, entries) => {
    const from = Math.max(0, Math.min(before.size - first, entries.length))
    if (from === entries.length) return
    leaves.push(...entries.slice(from).map((entry) => Buffer.from(entry)))
    const facts = await mirror.open(first, entries, copy)
    if (facts.length !== entries.length)
      throw new RecoveryRefused(
        `the mirror does not open every entry from ${first} on: only one made with --openings can be recovered from`,
      )
    opened.push(...facts.slice(from))
  })
  // Of one that was begun the anchor knows nothing: what lies behind it may be what came back.
  const isWhole = opens && (begun === undefined || before.group === anchored.group)
  if (isWhole && head.size <= before.size) {
    await rm(recoveryFile(anchorFile), { force: true })
    throw new RecoveryRefused('nothing is missing: the ledger opens')
  }
  if (head.size < anchored.size)
    throw new RecoveryRefused(
      `the mirror has ${head.size} entries, ${anchored.size} were acknowledged: without a newer mirror only a new log can be begun`,
    )
  if (head.size < before.size) throw new RecoveryRefused('the mirror is older than the database')
  if (begun === undefined && head.size === before.size && before.group >= anchored.group)
    throw new RecoveryRefused('nothing is missing')
  await demandOneHistory(mirror.read, anchored, head, 'the anchor')
  await demandOneHistory(mirror.read, before, head, 'the database')

  await keys.renew({ time: now(), seals: base.head.seals })
  // What stops with the lost part is known from here on, whatever is cut off: from where the earliest copy ended.
  const recovered = { first: Math.min(before.size, begun?.first ?? before.size), size: head.size }
  await writeBegun(anchorFile, anchored, recovered)
  const mark = await write(db, { base, leaves, opened, keys, signer, now: now() })
  await createAnchor(recoveringAnchor(anchorFile), mark)
  return recovered
}

/** From here on the ledger opens like any other. */
export async function adoptRecovered(anchorFile: string): Promise<void> {
  await rename(recoveringAnchor(anchorFile), anchorFile)
  await syncFolder(dirname(anchorFile))
  await rm(recoveryFile(anchorFile), { force: true })
}

async function opensAlready(db: Database, signer: LogSigner, anchored: Mark): Promise<boolean> {
  try {
    await recover(db, { signer, anchored, tailBytes: 0 })
    return true
  } catch (error) {
    if (error instanceof LedgerDamaged) return false
    throw error
  }
}

/** The database as it is, whole in itself: only the anchor may know of more. */
async function readBase(db: Database, signer: LogSigner): Promise<Recovered> {
  try {
    let anchored = NOTHING
    for await (const [key, bytes] of db.iterator({ gte: groupKey(0), lt: 'b~', reverse: true, limit: 1 })) {
      const [group, text] = [numberOfKey(key), bytes.toString()]
      const { size, root } = parseRow(group, text)
      anchored = { group, size, root: Buffer.from(root, 'base64'), chain: chainOf(group, text) }
    }
    const base = await recover(db, { signer, anchored, tailBytes: Infinity })
    await replayRaises(db, base.raised, () => undefined)
    return base
  } catch (error) {
    if (!(error instanceof LedgerDamaged)) throw error
    throw new RecoveryRefused(
      `the database is damaged (${error.message}): put an earlier copy in its place, or move it away to begin with the log alone`,
      { cause: error },
    )
  }
}

async function writeBegun(anchorFile: string, anchored: Mark, { first, size }: RecoveredLog): Promise<void> {
  const file = recoveryFile(anchorFile)
  await rm(`${file}.new`, { force: true })
  await createDocument(`${file}.new`, { v: 1, first, size, anchor: anchored.chain.toString('base64') })
  await rename(`${file}.new`, file)
  await syncFolder(dirname(file))
}

const markOf = ({ head, tree }: Recovered): Mark => ({
  group: head.group,
  size: tree.size,
  root: tree.root(),
  chain: head.chain,
})

async function verifyMirror(
  read: ReadLogFile,
  signer: LogSigner,
  onBundle: (first: number, entries: readonly Uint8Array[]) => Promise<void>,
): Promise<Checkpoint> {
  const note = new TextDecoder().decode(await read('checkpoint'))
  const [own] = vkeysUnder(note, signer)
  if (own === undefined) throw new RecoveryRefused('the mirror is of another log, or not signed by its key')
  const whole: ReadLogFile = async (path) => (path === 'checkpoint' ? Buffer.from(note) : read(path))
  return (await verifyLog({ read: whole, vkey: own, onBundle })).checkpoint
}

async function demandOneHistory(
  read: ReadLogFile,
  older: Mark,
  newer: Checkpoint,
  what: string,
): Promise<void> {
  const proof = await consistencyProof(older.size, newer.size, tileReader(read))
  if (!isConsistent(older, newer, proof))
    throw new RecoveryRefused(`the mirror and ${what} are different histories: keep both, they prove a fork`)
}

interface Missing {
  readonly base: Recovered
  readonly leaves: readonly Buffer[]
  readonly opened: readonly OpenedEntry[]
  readonly keys: KeyStore
  readonly signer: LogSigner
  readonly now: number
}

/** All in one batch: the database is the earlier copy or the recovered one, and nothing between. */
async function write(db: Database, { base, leaves, opened, keys, signer, now }: Missing): Promise<Mark> {
  const tree = new GrowingTree(
    base.tree.size,
    base.tree.open.map((hashes) => [...hashes]),
  )
  const find = opsKeys(keys)
  const batch = db.batch()
  let { bytes } = base.head
  const put = (name: string, value: Buffer): void => {
    bytes += name.length + value.length + 16
    batch.put(name, value)
  }
  for (let at = 0; at < leaves.length;) {
    const first = tree.size
    const key = find(first, opened[at]?.salt ?? '')
    const bundle: Buffer[] = []
    const ops: string[] = []
    // One bundle, one box, one key.
    for (const end = Math.min(leaves.length, at + TILE_WIDTH - (first % TILE_WIDTH)); at < end; at++) {
      const [leaf, entry] = [leaves[at], opened[at]]
      if (!leaf || !entry || saltOf(key.secret, 'ops', tree.size) !== entry.salt) break
      bundle.push(leaf)
      ops.push(entry.ops)
      for (const thread of entry.threads) put(threadKey(thread, tree.size), Buffer.alloc(0))
      tree.push(leafHash(leaf), (level, index, tile) => put(tileKey(level, index), tile))
    }
    put(entriesKey(first), writeBundle(bundle))
    put(boxKey(first), sealOps(key, signer.origin, first, ops))
  }
  for (const [name, value] of await raisedRows(db, base, opened)) put(name, value)
  const time = latest(base.head, opened, now)
  const group = closeGroup({ base, tree, signer, bytes, seals: leaves.length, time })
  for (const [name, value] of group.rows) batch.put(name, value)
  await batch.write({ sync: true })
  return group.mark
}

/** Rows of the counters that lost entries raised, with all that waited in the copy. One that is damaged stays, for its reader to find. */
async function raisedRows(
  db: Database,
  { raised, tree }: Recovered,
  opened: readonly OpenedEntry[],
): Promise<[string, Buffer][]> {
  const waiting = new Map<string, Tally>()
  await replayRaises(db, raised, (key, tally) => waiting.set(key, tally))
  const keys = [...new Set(opened.flatMap(({ counter }) => counter ?? []))]
  const stored = await db.getMany(keys.map(counterKey))
  const tallies = new Map(keys.map((key, i) => [key, waiting.get(key) ?? readTally(key, stored[i])]))
  for (const [i, { counter = '' }] of opened.entries()) {
    const tally = tallies.get(counter)
    if (tally) raise(tally, tree.size + i)
  }
  return [...tallies].flatMap(([key, tally]): [string, Buffer][] =>
    tally === undefined
      ? []
      : [
          ...Array.from(fullRuns(tally), (run) => encodeRun(key, run)),
          [counterKey(key), encodeTally(key, tally)],
        ],
  )
}

/** The key of the period whose secret gives this salt. */
function opsKeys(keys: KeyStore): (index: number, salt: string) => OpsKey {
  const newest = Number(keys.current('ops').name.slice(1))
  let name = 1
  return (index, salt) => {
    for (let tried = 0; tried < newest; tried++, name = (name % newest) + 1) {
      const key = keys.named('ops', `o${name}`)
      if (saltOf(key.secret, 'ops', index) === salt) return key
    }
    throw new RecoveryRefused(
      `no sealing key of this key store made entry ${index}: the keys are of another ledger, or older than the mirror`,
    )
  }
}

const latest = (head: Head, opened: readonly OpenedEntry[], now: number): number =>
  opened.reduce((time, entry) => Math.max(time, entry.time), Math.max(now, head.time))

function closeGroup({
  base: { head, raisedSince },
  tree,
  signer,
  bytes,
  seals,
  time,
}: {
  base: Recovered
  tree: GrowingTree
  signer: LogSigner
  bytes: number
  seals: number
  time: number
}): { rows: [string, Buffer][]; mark: Mark } {
  const { size } = tree
  const root = tree.root()
  const group = head.group + 1
  const row: GroupRow = {
    size,
    root: root.toString('base64'),
    time,
    commits: head.commits + SKIPPED_COMMITS,
    seals: head.seals + seals,
    bytes,
    digest: '',
    previous: head.chain.toString('base64'),
    ...(raisedSince !== undefined && { raisedSince }),
  }
  const text = JSON.stringify(row)
  const open = tree.open.flatMap((hashes, level): [string, Buffer][] =>
    level === 0 || hashes.length === 0
      ? []
      : [[tileKey(level, hashesAt(level + 1, size)), Buffer.concat(hashes)]],
  )
  return {
    rows: [
      ...open,
      [HEAD_KEY, Buffer.from(signer.sign({ size, root, time }))],
      [groupKey(group), Buffer.from(text)],
    ],
    mark: { group, size, root, chain: chainOf(group, text) },
  }
}
