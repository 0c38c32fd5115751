/**
 * Reads which tables a database consists of, before LevelDB does. Others in the folder are what a crash left half
 * written. Formats: leveldb/doc/log_format.md, leveldb/db/version_edit.cc.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isCode } from './key-files.ts'
import { VarintReader, storedCrc } from './level-coding.ts'

export interface LiveTable {
  readonly path: string
  readonly bytes: number
}

const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const FULL = 1
const FIRST = 2
const LAST = 4

/** Tables of the newest version that the manifest records, newest first. None when there is no database. */
export async function liveTables(folder: string): Promise<LiveTable[]> {
  const live = new Map<number, number>()
  try {
    const manifest = (await readFile(join(folder, 'CURRENT'), 'utf8')).trimEnd()
    if (!/^MANIFEST-\d+$/.test(manifest)) return []
    for (const edit of records(await readFile(join(folder, manifest)))) applyEdit(edit, live)
  } catch (error) {
    // What cannot be read LevelDB refuses to open, with a better reason.
    if (!isCode(error, 'ENOENT') && !(error instanceof RangeError)) throw error
  }
  return [...live]
    .toSorted(([a], [b]) => b - a)
    .map(([number, bytes]) => ({ path: join(folder, `${String(number).padStart(6, '0')}.ldb`), bytes }))
}

/** Whole records up to the first that is cut or damaged. */
function* records(file: Buffer): Generator<Buffer> {
  let parts: Buffer[] = []
  for (let at = 0; at + HEADER_BYTES <= file.length;) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left
      continue
    }
    const type = file[at + 6]
    const end = at + HEADER_BYTES + file.readUInt16LE(at + 4)
    if (end > file.length || file.readUInt32LE(at) !== storedCrc(file.subarray(at + 6, end))) return
    if (type === FULL || type === FIRST) parts = []
    parts.push(file.subarray(at + HEADER_BYTES, end))
    if (type === FULL || type === LAST) yield Buffer.concat(parts)
    at = end
  }
}

/** Tags of a version edit that concern tables; the others are skipped by their form. */
const [COMPARATOR, COMPACT_POINTER, DELETED_FILE, NEW_FILE] = [1, 5, 6, 7]

function applyEdit(edit: Buffer, live: Map<number, number>): void {
  const reader = new VarintReader(edit)
  const skipText = (): void => {
    const length = reader.next()
    reader.at += length
  }
  while (reader.at < edit.length) {
    const tag = reader.next()
    if (tag === COMPARATOR) skipText()
    else if (tag === COMPACT_POINTER) {
      reader.next()
      skipText()
    } else if (tag === DELETED_FILE) {
      reader.next()
      live.delete(reader.next())
    } else if (tag === NEW_FILE) {
      reader.next()
      const number = reader.next()
      live.set(number, reader.next())
      skipText()
      skipText()
    } else reader.next()
  }
}
