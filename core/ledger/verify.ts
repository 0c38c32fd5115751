/** Verifies a public log whole: what an auditor, a mirror and our own tests run. No trust in whoever serves it. */
import type { Checkpoint } from './checkpoint.ts'
import { openSignedBy } from './cosignature.ts'
import { GrowingTree, HASH_BYTES, TILE_WIDTH, hashesAt, leafHash, type ReadTile } from './merkle.ts'
import { NoteInvalid } from './note.ts'
import { parseBundle, tilePath } from './tiles.ts'

/** The log is not what its checkpoint, or an earlier one, says. The message names the place. */
export class LogInvalid extends Error {
  readonly code = 'log-invalid'
  /** File of the log, below its prefix. */
  readonly path: string
  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options)
    this.path = path
  }
}

/** Reads a file of the log by its path below the prefix, such as `checkpoint`; undefined when there is none. */
export type ReadLogFile = (path: string) => Promise<Uint8Array | undefined>

export interface LogReport {
  readonly checkpoint: Checkpoint
  /** Files compared, hash tiles and entry bundles, partial ones included. */
  readonly tiles: number
  readonly bundles: number
  /** Earlier checkpoints found to lie on the same history. */
  readonly earlier: number
}

/**
 * Recomputes every tile and the root from the entry bundles and compares them with what the log serves; every earlier
 * checkpoint (signed notes of the same log) must be of the same history. Throws `LogInvalid`.
 */
export async function verifyLog({
  read,
  vkey,
  earlier = [],
  earlierKeys = [],
  onBundle,
}: {
  read: ReadLogFile
  vkey: string
  earlier?: readonly string[]
  /** Keys that the log had before, which earlier checkpoints may be signed by. */
  earlierKeys?: readonly string[]
  /** Told of every bundle in order, before the root is known to hold: believe it when this has resolved. */
  onBundle?: ((first: number, entries: readonly Uint8Array[], size: number) => Promise<void>) | undefined
}): Promise<LogReport> {
  const checkpoint = openNote('checkpoint', decode('checkpoint', await needed(read, 'checkpoint')), [vkey])
  const { size } = checkpoint
  const seen = earlier.map((note, i) => openNote(`earlier checkpoint ${i + 1}`, note, [vkey, ...earlierKeys]))
  const roots = seen.toSorted((a, b) => a.size - b.size)
  const last = roots.at(-1)
  if (last && last.size > size)
    throw new LogInvalid('checkpoint', `size ${size} is smaller than ${last.size}, which was signed earlier`)

  const tree = new GrowingTree()
  const filled: { level: number; index: number; tile: Buffer }[] = []
  let tiles = 0
  let bundles = 0
  const compare = async (level: number, index: number, expected: Buffer): Promise<void> => {
    const path = tilePath({ level, index, width: expected.length / HASH_BYTES })
    compareTile(path, await needed(read, path), expected)
    tiles++
  }
  const checkEarlier = (): void => {
    for (let next = roots[0]; next?.size === tree.size; next = roots[0]) {
      if (!next.root.equals(tree.root()))
        throw new LogInvalid(
          'checkpoint',
          `the log has another root at size ${next.size} than was signed earlier`,
        )
      roots.shift()
    }
  }

  checkEarlier()
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
    const path = tilePath({ level: 'entries', index, width })
    const entries = parseBundle(await needed(read, path))
    if (entries?.length !== width) throw new LogInvalid(path, `is not ${width} whole entries`)
    for (const entry of entries) {
      tree.push(leafHash(entry), (level, at, tile) => filled.push({ level, index: at, tile }))
      checkEarlier()
    }
    bundles++
    await onBundle?.(index * TILE_WIDTH, entries, size)
    for (const { level, index: at, tile } of filled.splice(0)) await compare(level, at, tile)
  }
  for (const [level, hashes] of tree.open.entries())
    if (hashes.length > 0) await compare(level, hashesAt(level + 1, size), Buffer.concat(hashes))
  if (!tree.root().equals(checkpoint.root))
    throw new LogInvalid('checkpoint', `its root is not that of the ${size} entries served`)
  return { checkpoint, tiles, bundles, earlier: seen.length }
}

/** Reads hash tiles for proofs out of the files of a log. */
export function tileReader(read: ReadLogFile): ReadTile {
  return (level, index, width) => read(tilePath({ level, index, width }))
}

/** With the first of the keys that signed it. */
function openNote(path: string, note: string, vkeys: readonly string[]): Checkpoint {
  let refusal: NoteInvalid | undefined
  for (const vkey of vkeys) {
    try {
      return openSignedBy(note, vkey)
    } catch (error) {
      if (!(error instanceof NoteInvalid)) throw error
      refusal ??= error
    }
  }
  throw new LogInvalid(path, refusal?.message ?? 'there is no key to verify it with', { cause: refusal })
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new LogInvalid(path, 'is not UTF-8', { cause: error })
  }
}

async function needed(read: ReadLogFile, path: string): Promise<Uint8Array> {
  const bytes = await read(path)
  if (!bytes) throw new LogInvalid(path, 'is missing')
  return bytes
}

function compareTile(path: string, served: Uint8Array, expected: Buffer): void {
  if (served.length !== expected.length)
    throw new LogInvalid(path, `has ${served.length} bytes, not ${expected.length}`)
  if (expected.equals(served)) return
  const at = expected.findIndex((byte, i) => served[i] !== byte)
  throw new LogInvalid(path, `hash ${Math.floor(at / HASH_BYTES)} is not what the entries give`)
}
