/** Moves a ledger from one kind of store to the other. Keys and values are the same in both, only what holds them differs. */
import { createHash, randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { createAnchor, openAnchor, readAnchor, type Mark } from './anchor.ts'
import type { LogSigner } from './checkpoint.ts'
import { encodeCopyMark, readCopyMark, type CopyMark } from './copy-marks.ts'
import { makePrivateFolder } from './key-files.ts'
import { LedgerDamaged } from './ledger.ts'
import { EMPTY_ROOT, HASH_BYTES } from './merkle.ts'
import { recover, type Recovered } from './recovery.ts'
import { COPY_KEY, HEAD_KEY, counterKey, type Stored } from './stored-keys.ts'
import { encodeRun, encodeTally, fullRuns, type Tally } from './tally.ts'
import { replayRaises } from './unwritten-counters.ts'

export type StoredRow = readonly [key: string, value: Buffer | undefined]

/** A store that nobody else writes to until it is disposed. */
export interface CopiedStore extends AsyncDisposable {
  readonly stored: Stored
  readonly anchorFile: string
  /** Durable when it resolves. `group` is what others are told to be the newest. */
  put(rows: readonly StoredRow[], group: number): Promise<void>
}

/** The store cannot be copied from or into; the message says why in one line. */
export class CopyRefused extends Error {}

/** The ledger has left the store to be copied from, and nothing of that copy is left to be done. */
export class MovedBefore extends CopyRefused {}

export interface Copied {
  readonly rows: number
  readonly mark: Mark
}

const BATCH_ROWS = 1_000
const BATCH_BYTES = 2 * 1024 * 1024
const FILLING = -1
/** Tells a process that runs on the store to look again, and so to find that it has moved. */
const MOVED = -2

/**
 * Copies every row, reads all of them again and recomputes the log from its first entry; only then the source is marked
 * as moved and the target opens. Told again after it was cut off it goes on, or says that the target is to be emptied.
 * Throws `CopyRefused`, or `LedgerDamaged` for a source that is not what its anchor saw.
 */
export async function copyStore({
  from,
  to,
  signer,
  progress,
}: {
  from: CopiedStore
  to: CopiedStore
  signer: LogSigner
  progress: (done: number, total: number) => void
}): Promise<Copied> {
  const begun = await readCopyMark(from.stored)
  const filled = await readCopyMark(to.stored)
  if (begun !== undefined && filled === undefined)
    throw new MovedBefore('the ledger has moved before: it is no longer in the store to be copied from')
  if (
    begun !== undefined &&
    (begun.state !== 'moved' || filled?.state !== 'ready' || filled.copy !== begun.copy)
  )
    throw new CopyRefused(
      'the stores are marked by different copies: empty the target, and look where the ledger went',
    )
  if (begun === undefined) {
    await refuseUnlessEmpty(to.stored, filled)
    await writeCounters(from, signer)
  }
  const total = (await countOf(from.stored)) * (begun === undefined ? 2 : 1)
  const told = (already: number) => (done: number) => progress(already + done, total)

  let expected: Summary | undefined
  const mark: CopyMark = begun ?? { v: 1, copy: randomUUID(), state: 'filling' }
  if (begun === undefined) {
    await to.put([[COPY_KEY, encodeCopyMark(mark)]], FILLING)
    expected = await fill(from.stored, to, told(0))
  }
  const found = await summaryOf(to.stored, told(expected?.rows ?? 0))
  if (expected && (found.rows !== expected.rows || found.digest !== expected.digest))
    throw new CopyRefused('the target does not hold what was written to it: empty it and copy again')
  const copied = await verify(to, signer, await anchored(from))
  if (begun === undefined) {
    await to.put([[COPY_KEY, encodeCopyMark({ ...mark, state: 'ready' })]], FILLING)
    await from.put([[COPY_KEY, encodeCopyMark({ ...mark, state: 'moved' })]], MOVED)
  }
  await anchor(to, signer, copied)
  await to.put([[COPY_KEY, undefined]], copied.group)
  progress(0, 0)
  return { rows: found.rows, mark: copied }
}

async function refuseUnlessEmpty(target: Stored, mark: CopyMark | undefined): Promise<void> {
  if (mark !== undefined && mark.state !== 'moved')
    throw new CopyRefused('an earlier copy into the target was not finished: empty it and copy again')
  for await (const _ of target.keys({ limit: 1 }))
    throw new CopyRefused(
      'the target is not empty: move data/ledger away, or drop the tables reach_head and reach_ledger',
    )
}

/** What was acknowledged of the source, as its anchor has it. */
async function anchored({ anchorFile }: CopiedStore): Promise<Mark> {
  const seen = await readAnchor(anchorFile)
  if (seen === undefined || seen === 'new')
    throw new LedgerDamaged('the anchor of the store to be copied from is missing: restore it with the data')
  return seen
}

/** Verifies the source, and writes what only the rows of its groups tell of its counters: not every kind of store looks there. */
async function writeCounters(from: CopiedStore, signer: LogSigner): Promise<void> {
  const { head, raised } = await read(from, signer, await anchored(from))
  const unwritten = new Map<string, Tally>()
  await replayRaises(from.stored, raised, (key, tally) => unwritten.set(key, tally))
  const rows: StoredRow[] = []
  for (const [key, tally] of unwritten) {
    for (const run of fullRuns(tally)) rows.push(encodeRun(key, run))
    rows.push([counterKey(key), encodeTally(key, tally)])
  }
  for (let at = 0; at < rows.length; at += BATCH_ROWS)
    await from.put(rows.slice(at, at + BATCH_ROWS), head.group)
}

/** Everything in it: rows of groups from the first, entries against tiles, tiles against the root, history against the anchor. */
function read({ stored }: CopiedStore, signer: LogSigner, anchored: Mark): Promise<Recovered> {
  return recover(stored, { signer, anchored, tailBytes: Infinity, isShared: true, isCopy: true })
}

async function verify(store: CopiedStore, signer: LogSigner, seen: Mark): Promise<Mark> {
  const { head, tree } = await read(store, signer, seen)
  return { group: head.group, size: tree.size, root: tree.root(), chain: head.chain }
}

/** An anchor from when the ledger was in this kind of store before must lie on the same history. */
async function anchor(to: CopiedStore, signer: LogSigner, mark: Mark): Promise<void> {
  await makePrivateFolder(dirname(to.anchorFile))
  const before = await readAnchor(to.anchorFile)
  if (before === undefined) return await createAnchor(to.anchorFile, mark)
  await verify(to, signer, before === 'new' ? NOTHING_SEEN : before)
  await using file = await openAnchor(to.anchorFile)
  await file.write(mark)
  await file.write(mark)
}

/** Of an anchor before the first group. */
export const NOTHING_SEEN: Mark = { group: -1, size: 0, root: EMPTY_ROOT, chain: Buffer.alloc(HASH_BYTES) }

interface Summary {
  readonly rows: number
  readonly digest: string
}

/** Writes all rows; the checkpoint last, so that a store without the mark of a copy would not open either. */
async function fill(from: Stored, to: CopiedStore, told: (done: number) => void): Promise<Summary> {
  let batch: StoredRow[] = []
  let head: StoredRow | undefined
  let bytes = 0
  const summary = await summaryOf(from, told, async (row) => {
    if (row[0] === HEAD_KEY) head = row
    else batch.push(row)
    bytes += row[0].length + row[1].length
    if (batch.length < BATCH_ROWS && bytes < BATCH_BYTES) return
    await to.put(batch, FILLING)
    batch = []
    bytes = 0
  })
  await to.put(head ? [...batch, head] : batch, FILLING)
  return summary
}

/** Number of rows and one hash over all of them in key order. `visit` is awaited for each. */
async function summaryOf(
  stored: Stored,
  told: (done: number) => void,
  visit?: (row: readonly [string, Buffer]) => Promise<void>,
): Promise<Summary> {
  const hash = createHash('sha256')
  let rows = 0
  for await (const [key, value] of stored.iterator({})) {
    if (key === COPY_KEY) continue
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32BE(Buffer.byteLength(key), 0)
    lengths.writeUInt32BE(value.length, 4)
    hash.update(lengths).update(key).update(value)
    await visit?.([key, value])
    if (++rows % BATCH_ROWS === 0) told(rows)
  }
  return { rows, digest: hash.digest('hex') }
}

async function countOf(stored: Stored): Promise<number> {
  let count = 0
  for await (const key of stored.keys({})) if (key !== COPY_KEY) count++
  return count
}
