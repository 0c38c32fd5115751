/**
 * How a counter lies in the database: its count, and which entries came with its raises. The newest of them stand beside the
 * count, in a row that is written again and again; a full run of them moves to a row of its own. So a raise costs one row at most.
 */
import { hash } from 'node:crypto'
import { LedgerDamaged } from './ledger.ts'
import { runKey } from './stored-keys.ts'

/** Changed in place: one made anew for each raise would be what collecting garbage is busy with. */
export interface Tally {
  /** As of the newest group that is durable. */
  count: number
  /** With the groups behind it that are ordered and not durable yet. */
  ordered: number
  /** Indexes of the newest entries as ordered, ascending, no more than `ordered`; those before them are in runs. */
  newest: number[]
  /** So many of `newest`, from the first on, are also in runs of groups that are ordered and not durable yet. */
  inRuns: number
}

/** Entries of one run. */
const RUN = 16

/** Of a counter that was never raised. */
export function newTally(): Tally {
  return { count: 0, ordered: 0, newest: [], inRuns: 0 }
}

/** Raises a counter by a commit whose first entry is `index`, if it has one. */
export function raise(tally: Tally, index: number | undefined): void {
  const { newest } = tally
  tally.ordered++
  // A commit may raise a counter twice: its entry is there already.
  if (index !== undefined && index !== newest.at(-1)) newest.push(index)
}

/** Moves full runs out of the newest entries until they fit beside the count; gives each to be stored. */
export function* fullRuns(tally: Tally): Generator<readonly number[]> {
  while (tally.newest.length - tally.inRuns > RUN)
    yield tally.newest.slice(tally.inRuns, (tally.inRuns += RUN))
}

/** Drops entries that are in runs that are durable by now. */
export function dropRuns(tally: Tally, entries: number): void {
  tally.newest.splice(0, entries)
  tally.inRuns -= entries
}

const INDEX_BYTES = 6
const CHECK_BYTES = 8
const HEAD_BYTES = INDEX_BYTES + CHECK_BYTES

/** Key and value of a full run. */
export function encodeRun(key: string, run: readonly number[]): [key: string, value: Buffer] {
  const stored = runKey(key, run[0] ?? 0)
  return [stored, encode(stored, run.length, run)]
}

/** Counters stay in the clear under opaque keys, with a checksum: sealing each would cost as much as its commit. */
export function encodeTally(key: string, { ordered, newest, inRuns }: Tally): Buffer {
  return encode(key, ordered, newest.slice(inRuns))
}

function encode(key: string, count: number, indexes: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + indexes.length * INDEX_BYTES)
  bytes.writeUIntBE(count, 0, INDEX_BYTES)
  let at = HEAD_BYTES
  for (const index of indexes) at = bytes.writeUIntBE(index, at, INDEX_BYTES)
  bytes.write(checkOf(key, count, bytes), INDEX_BYTES, 'latin1')
  return bytes
}

/** Also of a run. Throws `LedgerDamaged`. */
export function decodeTally(key: string, bytes: Buffer): Tally {
  const count = bytes.length >= HEAD_BYTES ? bytes.readUIntBE(0, INDEX_BYTES) : 0
  if (bytes.length < HEAD_BYTES || tallyTag(bytes) !== checkOf(key, count, bytes))
    throw new LedgerDamaged('a stored counter is not what was written')
  const newest: number[] = []
  for (let at = HEAD_BYTES; at < bytes.length; at += INDEX_BYTES)
    newest.push(bytes.readUIntBE(at, INDEX_BYTES))
  return { count, ordered: count, newest, inRuns: 0 }
}

/** The checksum of what is stored: it stands for all of it, its key included. */
export function tallyTag(bytes: Buffer): string {
  return bytes.toString('latin1', INDEX_BYTES, HEAD_BYTES)
}

/** One character a byte. Counters of versions before 0.5 have no entries, and the same checksum. */
function checkOf(key: string, count: number, bytes: Buffer): string {
  const indexes = bytes.toString('latin1', HEAD_BYTES)
  return hash('sha256', `${key}:${count}${indexes === '' ? '' : `:${indexes}`}`, 'binary').slice(
    0,
    CHECK_BYTES,
  )
}
