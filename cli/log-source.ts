/** Where a command reads a log from: the address of a log's prefix, or a folder that holds the same files. */
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { TILE_WIDTH } from '#core/ledger/merkle.ts'
import { parseTilePath } from '#core/ledger/tiles.ts'
import type { ReadLogFile } from '#core/ledger/verify.ts'
import { CommandFailed, EXIT } from './exit.ts'

/** A bundle holds at most 256 entries of 65,535 bytes with their lengths. */
const MAX_FILE_BYTES = 256 * 65_537
const TIMEOUT_MS = 30_000

export interface LogSource {
  readonly name: string
  readonly read: ReadLogFile
}

/**
 * A source by what the user typed. Throws `CommandFailed` (unreachable) when nothing answers or a file cannot
 * be read.
 */
export function openLogSource(place: string): LogSource {
  return isAddress(place)
    ? { name: place, read: readOverHttp(place) }
    : { name: place, read: readFromFolder(place) }
}

/** Whether a place is the address of a log's prefix, and not a folder. */
export function isAddress(place: string): boolean {
  return /^https?:\/\//.test(place)
}

function readOverHttp(prefix: string): ReadLogFile {
  const base = prefix.endsWith('/') ? prefix : `${prefix}/`
  if (!URL.canParse(base)) throw new CommandFailed(EXIT.usage, `${prefix} is not an address`)
  return async (file) => {
    const url = new URL(file, base)
    try {
      // A redirect is a refusal: it would send the auditor's machine wherever the log likes.
      const options = { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) } as const
      const response = await fetch(url, options)
      if (response.status === 404) return undefined
      if (!response.ok) throw new CommandFailed(EXIT.unreachable, `${url.href} answered ${response.status}`)
      return await readCapped(response, url)
    } catch (cause) {
      if (cause instanceof CommandFailed) throw cause
      throw new CommandFailed(EXIT.unreachable, `${url.href} gives no whole answer`, { cause })
    }
  }
}

async function readCapped(response: Response, url: URL): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > MAX_FILE_BYTES) throw tooLarge(url.href)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function tooLarge(name: string): CommandFailed {
  return new CommandFailed(EXIT.failed, `${name} is larger than any file of a log`)
}

function readFromFolder(folder: string): ReadLogFile {
  return async (file) => {
    const name = path.join(folder, file)
    try {
      // In a folder from somebody else a file may be a pipe, which nobody ever writes to, or a device.
      await using handle = await open(name, constants.O_RDONLY | constants.O_NONBLOCK)
      const stat = await handle.stat()
      if (!stat.isFile()) throw new Error('not a file')
      if (stat.size > MAX_FILE_BYTES) throw tooLarge(name)
      return await handle.readFile()
    } catch (cause) {
      if (isMissing(cause)) return undefined
      if (cause instanceof CommandFailed) throw cause
      throw new CommandFailed(EXIT.unreachable, `${name} cannot be read`, { cause })
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

export interface CopyingSource extends LogSource {
  /** Completes the copy: what was read has proved to be a log. */
  keep(): Promise<void>
  /** Takes back what was copied, or the next run would not ask for it again. */
  discard(): Promise<void>
}

/**
 * Reads through `source` and keeps a copy of every file in `folder`; whole tiles of the first `proven` entries, which are there
 * already, are not asked again. What is there of others, a run left behind that was killed before it could tell.
 */
export function keepingCopies(
  source: LogSource,
  { folder, proven }: { folder: string; proven: number },
): CopyingSource {
  const kept = readFromFolder(folder)
  const copied: string[] = []
  // Of a copy made before, a partial tile may have the same name: it stays until there is a better one.
  const partial = new Map<string, Uint8Array>()
  return {
    name: source.name,
    read: async (file) => {
      if (!file.startsWith('tile/')) return source.read(file)
      const isPartial = file.includes('.p/')
      const copy = isWithin(file, proven) ? await kept(file) : undefined
      if (copy !== undefined) return copy
      const bytes = await source.read(file)
      const name = path.join(folder, file)
      if (bytes !== undefined && isPartial) partial.set(name, bytes)
      else if (bytes !== undefined) {
        await writeWhole(name, bytes)
        copied.push(name)
      }
      return bytes
    },
    async keep() {
      for (const [name, bytes] of partial) await writeWhole(name, bytes)
    },
    async discard() {
      for (const name of copied) await rm(name, { force: true })
    },
  }
}

/** Whether it is a whole tile, and of the first `size` entries alone. */
function isWithin(file: string, size: number): boolean {
  const tile = parseTilePath(file)
  if (tile === undefined || tile.width < TILE_WIDTH) return false
  const level = tile.level === 'entries' ? 0 : tile.level
  return (tile.index + 1) * TILE_WIDTH ** (level + 1) <= size
}

/**
 * Writes beside and renames, so that a reader finds the old file or the new one, never half of one; readable as `mode`
 * says from the first byte on. Throws `CommandFailed` when it cannot.
 */
export async function writeWhole(file: string, bytes: Uint8Array | string, mode = 0o666): Promise<void> {
  const beside = `${file}.${process.pid}.part`
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(beside, bytes, { mode })
    await rename(beside, file)
  } catch (cause) {
    throw new CommandFailed(EXIT.unreachable, `${file} cannot be written`, { cause })
  }
}
