/**
 * What was acknowledged last, kept outside the database: a restored backup, a cut or a forked database looks valid in
 * itself, only something outside can tell. Two preallocated slots with checksums, written alternately, so that a torn
 * write can only hurt the older mark. One positioned write on an O_DSYNC descriptor is write and fdatasync in one call.
 */
import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readFile, type FileHandle } from 'node:fs/promises'
import { createFile, isCode } from './key-files.ts'
import { LedgerDamaged } from './ledger.ts'

export interface Mark {
  /** Number of the newest acknowledged group. */
  readonly group: number
  /** Tree size and root after it. */
  readonly size: number
  readonly root: Buffer
  /** Hash of the group's row, and through it of every group before. */
  readonly chain: Buffer
}

export interface Anchor extends AsyncDisposable {
  /** The newest mark; undefined while nothing was ever acknowledged. */
  readonly last: Mark | undefined
  /** Resolves when durable. */
  write(mark: Mark): Promise<void>
}

const SLOT_BYTES = 4096
const MARK_BYTES = 112
const MAGIC = 0x5265_6163 // "Reac"

function encode({ group, size, root, chain }: Mark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUIntBE(group, 4, 6)
  bytes.writeUIntBE(size, 10, 6)
  root.copy(bytes, 16)
  chain.copy(bytes, 48)
  bytes.write(hash('sha256', bytes.subarray(0, 80), 'hex'), 80, 'hex')
  return bytes
}

function decode(bytes: Buffer): Mark | undefined {
  if (bytes.length < MARK_BYTES) return undefined
  const mark: Mark = {
    group: bytes.readUIntBE(4, 6),
    size: bytes.readUIntBE(10, 6),
    root: Buffer.from(bytes.subarray(16, 48)),
    chain: Buffer.from(bytes.subarray(48, 80)),
  }
  return encode(mark).equals(bytes.subarray(0, MARK_BYTES)) ? mark : undefined
}

/** Creates the file, with nothing acknowledged in it at the first start of an empty ledger: else it is the operator's act. */
export async function createAnchor(path: string, mark?: Mark): Promise<void> {
  const bytes = Buffer.alloc(2 * SLOT_BYTES)
  if (mark) encode(mark).copy(bytes)
  if (!(await createFile(path, bytes))) throw new Error('there is an anchor already')
}

/** The readable marks of both slots; undefined when there is no file. Throws `LedgerDamaged` when nothing is readable. */
async function readSlots(path: string): Promise<(Mark | undefined)[] | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
  const slots = [decode(bytes.subarray(0, SLOT_BYTES)), decode(bytes.subarray(SLOT_BYTES))]
  if (!slots[0] && !slots[1] && (bytes.length !== 2 * SLOT_BYTES || bytes.some((byte) => byte !== 0)))
    throw new LedgerDamaged('the anchor is damaged: restore it with the data, from the same backup')
  return slots
}

const newestSlot = ([a, b]: readonly (Mark | undefined)[]): 0 | 1 => (a && (!b || a.group >= b.group) ? 0 : 1)

/** Newest readable mark of the file, `'new'` when nothing was acknowledged, undefined when there is no file. */
export async function readAnchor(path: string): Promise<Mark | 'new' | undefined> {
  const slots = await readSlots(path)
  return slots && (slots[newestSlot(slots)] ?? 'new')
}

/** Opens an existing anchor for writing. Throws `LedgerDamaged` when neither slot is readable. */
export async function openAnchor(path: string): Promise<Anchor> {
  const slots = await readSlots(path)
  if (!slots) throw new LedgerDamaged('the anchor is missing')
  let slot = newestSlot(slots)
  let last = slots[slot]
  const file: FileHandle = await open(path, constants.O_RDWR | constants.O_DSYNC)
  return {
    get last() {
      return last
    },
    async write(mark) {
      slot = slot === 0 ? 1 : 0
      const { bytesWritten } = await file.write(encode(mark), 0, MARK_BYTES, slot * SLOT_BYTES)
      if (bytesWritten !== MARK_BYTES) throw new Error('the anchor was written in part')
      last = mark
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}
