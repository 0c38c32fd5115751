/**
 * Verifies the checksums of LevelDB's table files. LevelDB itself reads tables without looking at them, and a rotten
 * key, index or filter makes a row vanish or an older one show. Format: leveldb/doc/table_format.md.
 */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isCode } from './key-files.ts'
import { LedgerDamaged } from './ledger.ts'

const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
const UNCOMPRESSED = 0

const crcTables: readonly Uint32Array[] = makeCrcTables()

function makeCrcTables(): Uint32Array[] {
  const tables = Array.from({ length: 4 }, () => new Uint32Array(256))
  const [first = new Uint32Array(256)] = tables
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    first[n] = crc
  }
  for (let t = 1; t < 4; t++)
    for (let n = 0; n < 256; n++) {
      const before = tables[t - 1]?.[n] ?? 0
      const table = tables[t]
      if (table) table[n] = (before >>> 8) ^ (first[before & 0xff] ?? 0)
    }
  return tables
}

/** CRC-32C (Castagnoli), four bytes a step. */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = crcTables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  const at = (table: Uint32Array, i: number): number => table[i & 0xff] as number
  let crc = 0xffffffff
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    crc = at(t3, crc) ^ at(t2, crc >>> 8) ^ at(t1, crc >>> 16) ^ at(t0, crc >>> 24)
  }
  for (; i < bytes.length; i++) crc = at(t0, crc ^ (bytes[i] as number)) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

interface Handle {
  readonly offset: number
  readonly size: number
}

class Reader {
  readonly #bytes: Buffer
  at: number
  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number of the table is malformed')
  }
  handle(): Handle {
    return { offset: this.varint(), size: this.varint() }
  }
}

/** Content of a block, its checksum verified. */
function block(file: Buffer, { offset, size }: Handle): Buffer {
  const end = offset + size
  if (end + TRAILER_BYTES > file.length) throw new RangeError('a block of the table lies outside the file')
  const masked = file.readUInt32LE(end + 1)
  const crc = crc32c(file.subarray(offset, end + 1))
  if ((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0 !== masked)
    throw new RangeError('a block of the table is damaged')
  if (file[end] !== UNCOMPRESSED) throw new RangeError('a block of the table is compressed')
  return file.subarray(offset, end)
}

/** Handles that an index block points to. */
function handlesIn(index: Buffer): Handle[] {
  const restarts = index.readUInt32LE(index.length - 4)
  const end = index.length - 4 * (restarts + 1)
  const reader = new Reader(index)
  const handles: Handle[] = []
  while (reader.at < end) {
    reader.varint()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    const value = reader.at + keyBytes
    handles.push(new Reader(index, value).handle())
    reader.at = value + valueBytes
  }
  return handles
}

/** Throws `RangeError` unless the file is blocks with good checksums from its first byte to its last. */
export function verifyTable(file: Buffer): void {
  const footer = file.length - FOOTER_BYTES
  if (footer < 0 || !file.subarray(-MAGIC.length).equals(MAGIC))
    throw new RangeError('the table has no footer')
  const reader = new Reader(file, footer)
  const [meta, index] = [reader.handle(), reader.handle()]
  const data = handlesIn(block(file, index))
  const filters = handlesIn(block(file, meta))
  let at = 0
  for (const handle of [...data, ...filters, meta, index].toSorted((a, b) => a.offset - b.offset)) {
    if (handle.offset !== at) throw new RangeError('the blocks of the table leave a gap')
    block(file, handle)
    at += handle.size + TRAILER_BYTES
  }
  if (at !== footer) throw new RangeError('the blocks of the table do not fill it')
}

/**
 * Table files of a database, newest first, as one list to verify before it opens (up to `budget` bytes, so that
 * start-up does not grow with the log) and one for later.
 */
export async function listTables(
  folder: string,
  budget: number,
): Promise<{ first: string[]; later: string[] }> {
  const names = (await readdir(folder)).filter((name) => /^\d+\.ldb$/.test(name))
  const first: string[] = []
  const later: string[] = []
  let left = budget
  for (const name of names.toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))) {
    const path = join(folder, name)
    left -= await stat(path).then(({ size }) => size, orNothing(0))
    ;(left >= 0 ? first : later).push(path)
  }
  return { first, later }
}

/** Throws `LedgerDamaged` when a table is not what LevelDB wrote. One that was compacted away meanwhile is fine. */
export async function verifyTableFile(path: string): Promise<void> {
  const file = await readFile(path).catch(orNothing(undefined))
  if (!file) return
  try {
    verifyTable(file)
  } catch (error) {
    throw new LedgerDamaged('a table of the database is damaged', { cause: error })
  }
}

/** Verifies tables in the background, one every 50 ms, and reports the first damage. */
export function scrubTables(paths: readonly string[], report: (error: unknown) => void): AsyncDisposable {
  const stop = new AbortController()
  const scrubbing = (async () => {
    for (const path of paths) {
      await setTimeout(50, undefined, { signal: stop.signal, ref: false })
      await verifyTableFile(path)
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) report(error)
  })
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await scrubbing
    },
  }
}

function orNothing<Nothing>(nothing: Nothing): (error: unknown) => Nothing {
  return (error) => {
    if (isCode(error, 'ENOENT')) return nothing
    throw error
  }
}
