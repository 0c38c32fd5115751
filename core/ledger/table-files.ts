/**
 * Verifies the checksums of LevelDB's table files. LevelDB itself reads tables without looking at them, and a rotten
 * key, index or filter makes a row vanish or an older one show. Format: leveldb/doc/table_format.md.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { isCode } from './key-files.ts'
import { LedgerDamaged } from './ledger.ts'
import { VarintReader, storedCrc } from './level-coding.ts'

const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
const UNCOMPRESSED = 0

interface Handle {
  readonly offset: number
  readonly size: number
}

function handleAt(reader: VarintReader): Handle {
  return { offset: reader.next(), size: reader.next() }
}

/** Content of a block, its checksum verified. */
function block(file: Buffer, { offset, size }: Handle): Buffer {
  const end = offset + size
  if (end + TRAILER_BYTES > file.length) throw new RangeError('a block of the table lies outside the file')
  const masked = file.readUInt32LE(end + 1)
  if (storedCrc(file.subarray(offset, end + 1)) !== masked)
    throw new RangeError('a block of the table is damaged')
  if (file[end] !== UNCOMPRESSED) throw new RangeError('a block of the table is compressed')
  return file.subarray(offset, end)
}

/** Handles that an index block points to. */
function handlesIn(index: Buffer): Handle[] {
  const restarts = index.readUInt32LE(index.length - 4)
  const end = index.length - 4 * (restarts + 1)
  const reader = new VarintReader(index)
  const handles: Handle[] = []
  while (reader.at < end) {
    reader.next()
    const keyBytes = reader.next()
    const valueBytes = reader.next()
    const value = reader.at + keyBytes
    handles.push(handleAt(new VarintReader(index, value)))
    reader.at = value + valueBytes
  }
  return handles
}

/** Throws `RangeError` unless the file is blocks with good checksums from its first byte to its last. */
export function verifyTable(file: Buffer): void {
  const footer = file.length - FOOTER_BYTES
  if (footer < 0 || !file.subarray(-MAGIC.length).equals(MAGIC))
    throw new RangeError('the table has no footer')
  const reader = new VarintReader(file, footer)
  const [meta, index] = [handleAt(reader), handleAt(reader)]
  if (file.subarray(reader.at, -MAGIC.length).some((byte) => byte !== 0))
    throw new RangeError('the footer is damaged')
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

/** Whether a table is what LevelDB wrote. One that was compacted away meanwhile is. */
export async function isTableSound(path: string): Promise<boolean> {
  let file: Buffer
  try {
    file = await readFile(path)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return true
    throw error
  }
  try {
    verifyTable(file)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Verifies tables in the background, one every 50 ms, and reports the first damage. */
export function scrubTables(paths: readonly string[], report: (damage: Error) => void): AsyncDisposable {
  const stop = new AbortController()
  const scrubbing = (async () => {
    for (const path of paths) {
      await setTimeout(50, undefined, { signal: stop.signal, ref: false })
      if (!(await isTableSound(path))) throw new LedgerDamaged('a table of the database is damaged')
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted)
      report(error instanceof Error ? error : new Error('a table cannot be read', { cause: error }))
  })
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await scrubbing
    },
  }
}
