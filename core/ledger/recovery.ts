/**
 * Reads where the ledger stands and trusts nothing on disk: own signature, root, tail of the log, chain of groups,
 * anchor outside. LevelDB drops what it cannot replay without a word, so any doubt refuses.
 */
import type { Mark } from './anchor.ts'
import { refuseCopy } from './copy-marks.ts'
import { openCheckpoint, type LogSigner } from './checkpoint.ts'
import { LedgerDamaged, LedgerForeign } from './ledger.ts'
import type { Head, Snapshot } from './group.ts'
import { chainOf, parseRow, type GroupRow } from './group-row.ts'
import {
  COPY_KEY,
  FORMAT,
  FORMATS,
  FORMAT_KEY,
  HEAD_KEY,
  boxKey,
  entriesKey,
  groupKey,
  numberOfKey,
  tileKey,
  type Stored,
} from './stored-keys.ts'
import { StoredLog } from './stored-log.ts'
import {
  GrowingTree,
  HASH_BYTES,
  TILE_WIDTH,
  consistencyProof,
  hashesAt,
  isConsistent,
  leafHash,
  tileHashes,
} from './merkle.ts'
import { NoteInvalid, parseNote, parseVkey } from './note.ts'
import { parseBundle } from './tiles.ts'
import type { GroupRaises } from './unwritten-counters.ts'

export interface Recovered {
  readonly head: Head
  readonly tree: GrowingTree
  /** From which group on there are raises that the rows of counters do not tell of; and those, in their order. */
  readonly raisedSince?: number | undefined
  readonly raised: readonly GroupRaises[]
}

/** Before the first group. */
const NOTHING: Head = {
  group: -1,
  chain: Buffer.alloc(HASH_BYTES),
  time: 0,
  commits: 0,
  seals: 0,
  bytes: 0,
  checkpoint: '',
}

/**
 * `tailBytes`: how much of what was written last may come from a replay of the log file (two write buffers), and so
 * is read again. `isShared`: others write as well, so the anchor may be any number of groups behind.
 * `isCopy`: whoever copies it asks. `progress`: entries that were read again, of all. Throws `LedgerDamaged`, or `LedgerForeign` when keys or origin are those of another ledger.
 */
export async function recover(
  db: Stored,
  {
    signer,
    anchored,
    tailBytes,
    isShared = false,
    isCopy = false,
    progress,
  }: {
    signer: LogSigner
    anchored: Mark
    tailBytes: number
    isShared?: boolean
    isCopy?: boolean
    progress?: ((done: number, total: number) => void) | undefined
  },
): Promise<Recovered> {
  const format = (await db.get(FORMAT_KEY))?.toString()
  if (format !== undefined && !FORMATS.includes(format))
    throw new LedgerForeign('the ledger was written by a later version of Reach: start that one')
  if (!isCopy) await refuseCopy(db)
  const stored = await db.get(HEAD_KEY)
  if (!stored) {
    for await (const _ of db.keys({ limit: 1 })) throw new LedgerDamaged('the database has no checkpoint')
    if (anchored.group >= 0) throw new LedgerDamaged('the database is empty, its anchor is not')
    return { head: NOTHING, tree: new GrowingTree(), raised: [] }
  }
  const checkpoint = stored.toString()
  const { size, root } = openOwn(checkpoint, signer)
  const tree = new GrowingTree(size, await readOpenTiles(db, size))
  if (!tree.root().equals(root)) throw new LedgerDamaged(`the tiles do not give the root of size ${size}`)
  for (const first of [entriesKey(size), boxKey(size)])
    for await (const key of db.keys({ gte: first, lt: `${first[0]}~`, limit: 1 }))
      throw new LedgerDamaged(`there is something beyond the checkpoint: ${key}`)

  const { head, tailFrom, raisedSince, raised } = await checkGroups(db, {
    checkpoint,
    size,
    root,
    anchored,
    tailBytes,
    isShared,
  })
  const log = new StoredLog(db, signer, { size, checkpoint, open: tree.open })
  await checkTail(log, tailFrom, progress)
  await compareWithAnchor(log, { size, root }, anchored)
  return { head, tree, raisedSince, raised }
}

/**
 * What others wrote since `from`, by their groups alone: each must chain to the one before, and their entries must give the signed
 * root. Undefined when they do not, or when there is anything else: then `recover` finds out what it is.
 */
export async function catchUp(
  db: Stored,
  { signer, from }: { signer: LogSigner; from: Pick<Snapshot, 'size' | 'open'> & { readonly head: Head } },
): Promise<Recovered | undefined> {
  let { head } = from
  let last: GroupRow | undefined
  // Behind the groups stands the mark of a copy, if there is one; behind the entries the format and the checkpoint.
  for await (const [key, bytes] of db.iterator({ gt: groupKey(head.group), lte: COPY_KEY })) {
    const group = head.group + 1
    if (key !== groupKey(group)) return undefined
    const text = bytes.toString()
    last = parseRow(group, text)
    if (last.previous !== head.chain.toString('base64')) return undefined
    const { time, commits, seals } = last
    head = { group, chain: chainOf(group, text), time, commits, seals, bytes: last.bytes, checkpoint: '' }
  }
  const tree = new GrowingTree(
    from.size,
    from.open.map((hashes) => [...hashes]),
  )
  for await (const [key, bytes] of db.iterator({ gte: entriesKey(from.size), lte: HEAD_KEY }))
    if (key === HEAD_KEY) head = { ...head, checkpoint: bytes.toString() }
    else if (key !== FORMAT_KEY || bytes.toString() !== FORMAT) {
      const entries = key === entriesKey(tree.size) ? parseBundle(bytes) : undefined
      if (entries === undefined) return undefined
      for (const entry of entries) tree.push(leafHash(entry), () => undefined)
    }
  if (last === undefined || head.checkpoint === '') return undefined
  const { size, root } = openOwn(head.checkpoint, signer)
  const isWhole = [size, last.size].every((one) => one === tree.size) && tree.root().equals(root)
  return isWhole && last.root === root.toString('base64') ? { head, tree, raised: [] } : undefined
}

function openOwn(checkpoint: string, signer: LogSigner): { size: number; root: Buffer } {
  try {
    const { text, signatures } = parseNote(checkpoint)
    const [origin] = text.split('\n')
    if (origin !== signer.origin)
      throw new LedgerForeign('the ledger has another log origin than the settings')
    const own = signer.vkeys.find((vkey) => signatures.some(({ id }) => id === parseVkey(vkey).id))
    if (own === undefined) throw new LedgerForeign('the key store is of another ledger')
    return openCheckpoint(checkpoint, own)
  } catch (error) {
    if (error instanceof NoteInvalid)
      throw new LedgerDamaged('the stored checkpoint is damaged', { cause: error })
    throw error
  }
}

/** Growing tiles: level 0 from the entries, the levels above as stored. */
async function readOpenTiles(db: Stored, size: number): Promise<Buffer[][]> {
  const open: Buffer[][] = [[]]
  const first = size - (size % TILE_WIDTH)
  for await (const [key, part] of db.iterator({ gte: entriesKey(first), lt: entriesKey(size) })) {
    const entries = parseBundle(part)
    if (!entries || numberOfKey(key) !== first + (open[0]?.length ?? 0))
      throw new LedgerDamaged(`the entries before ${size} are not contiguous`)
    open[0]?.push(...entries.map(leafHash))
  }
  if (open[0]?.length !== size - first) throw new LedgerDamaged(`entries before ${size} are missing`)
  for (let level = 1; hashesAt(level, size) > 0; level++) {
    const width = hashesAt(level, size) % TILE_WIDTH
    const tile = width === 0 ? Buffer.alloc(0) : await db.get(tileKey(level, hashesAt(level + 1, size)))
    if (!tile || tile.length !== width * HASH_BYTES)
      throw new LedgerDamaged(`the growing tile of level ${level} is damaged`)
    open.push(tileHashes(Buffer.from(tile)))
  }
  return open
}

interface Expected {
  readonly checkpoint: string
  readonly size: number
  readonly root: Buffer
  readonly anchored: Mark
  readonly tailBytes: number
  readonly isShared: boolean
}

/**
 * Rows of the newest groups, back to the anchor's, beyond what a replay can have touched, and to the first raise that no counter's row
 * tells of, must chain. `tailFrom`: size of the log before what a replay can have touched.
 */
async function checkGroups(
  db: Stored,
  { checkpoint, size, root, anchored, tailBytes, isShared }: Expected,
): Promise<Omit<Recovered, 'tree'> & { tailFrom: number }> {
  let head: Head | undefined
  let raisedSince: number | undefined
  const raised: GroupRaises[] = []
  let tailFrom: number | undefined
  let next: { group: number; previous: string } | undefined
  for await (const [key, bytes] of db.iterator({ gte: groupKey(0), lt: 'b~', reverse: true })) {
    const group = numberOfKey(key)
    const text = bytes.toString()
    const chain = chainOf(group, text)
    if (next && (group !== next.group - 1 || chain.toString('base64') !== next.previous))
      throw new LedgerDamaged(`group ${next.group - 1} is missing or another one`)
    const row = parseRow(group, text)
    if (!head) {
      const { time, commits, seals } = row
      head = { group, chain, time, commits, seals, bytes: row.bytes, checkpoint }
      raisedSince = row.raisedSince
      if (row.size !== size || row.root !== root.toString('base64'))
        throw new LedgerDamaged('the newest group and the checkpoint do not belong together')
      if (anchored.group > group || (anchored.group < group - 1 && !isShared))
        throw new LedgerDamaged(`the anchor is at group ${anchored.group}, the database at ${group}`)
    }
    if (anchored.group === group && !anchored.chain.equals(chain))
      throw new LedgerDamaged(`group ${group} is another one than the anchored`)
    const isRaised = raisedSince !== undefined && group >= raisedSince
    if (isRaised && row.raised) raised.push({ group, raises: row.raised })
    const isFirst = group === 0
    if (isFirst && row.previous !== NOTHING.chain.toString('base64'))
      throw new LedgerDamaged('the first group is another one')
    if (head.bytes - row.bytes > tailBytes && group <= anchored.group) tailFrom ??= row.size
    if (isFirst || (tailFrom !== undefined && group <= (raisedSince ?? group)))
      return { head, raisedSince, raised: raised.toReversed(), tailFrom: tailFrom ?? 0 }
    next = { group, previous: row.previous }
  }
  throw new LedgerDamaged(next ? `group ${next.group - 1} is missing` : 'the database has no groups')
}

/** A replay that lost a block leaves a hole behind a good head: bundles are read again and compared with tiles. */
async function checkTail(
  log: StoredLog,
  from: number,
  progress: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < log.size; index++) {
    progress(index * TILE_WIDTH, log.size)
    await log.bundle(index, Math.min(TILE_WIDTH, log.size - index * TILE_WIDTH))
  }
}

async function compareWithAnchor(
  log: StoredLog,
  { size, root }: { size: number; root: Buffer },
  anchored: Mark,
): Promise<void> {
  if (anchored.size > size)
    throw new LedgerDamaged(`the anchor has ${anchored.size} entries, the database ${size}`)
  const proof = await consistencyProof(anchored.size, size, (level, index, width) =>
    log.tile(level, index, width),
  )
  if (!isConsistent(anchored, { size, root }, proof))
    throw new LedgerDamaged('the log and its anchor are different histories')
}
