/** Where a command reads a log from: the address of a log's prefix, or a folder that holds the same files. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
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
  return /^https?:\/\//.test(place)
    ? { name: place, read: readOverHttp(place) }
    : { name: place, read: readFromFolder(place) }
}

function readOverHttp(prefix: string): ReadLogFile {
  const base = prefix.endsWith('/') ? prefix : `${prefix}/`
  return async (file) => {
    const url = new URL(file, base)
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((cause: unknown) => {
      throw new CommandFailed(EXIT.unreachable, `${url.origin} does not answer`, { cause })
    })
    if (response.status === 404) return undefined
    if (!response.ok) throw new CommandFailed(EXIT.unreachable, `${url.href} answered ${response.status}`)
    return readCapped(response, url)
  }
}

async function readCapped(response: Response, url: URL): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > MAX_FILE_BYTES)
      throw new CommandFailed(EXIT.failed, `${url.href} is larger than any file of a log`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function readFromFolder(folder: string): ReadLogFile {
  return async (file) => {
    try {
      return await readFile(path.join(folder, file))
    } catch (cause) {
      if (isMissing(cause)) return undefined
      throw new CommandFailed(EXIT.unreachable, `${path.join(folder, file)} cannot be read`, { cause })
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/**
 * Reads through `source` and keeps a copy of every file in `folder`; whole tiles that are there already are
 * not asked again.
 */
export function keepingCopies(source: LogSource, folder: string): LogSource {
  const kept = readFromFolder(folder)
  return {
    name: source.name,
    read: async (file) => {
      const mayChange = !file.startsWith('tile/') || file.includes('.p/')
      const copy = mayChange ? undefined : await kept(file)
      if (copy !== undefined) return copy
      const bytes = await source.read(file)
      if (bytes !== undefined && file.startsWith('tile/')) await writeWhole(path.join(folder, file), bytes)
      return bytes
    },
  }
}

/** Writes beside and renames, so that a reader finds the old file or the new one, never half of one. */
export async function writeWhole(file: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  const beside = `${file}.${process.pid}.part`
  await writeFile(beside, bytes)
  await rename(beside, file)
}
