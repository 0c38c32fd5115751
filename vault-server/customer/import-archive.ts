import { createHash } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { DomainError } from '#core/domain/errors.ts'
import { parseStrictJson } from '#core/http/strict-json.ts'
import { parser } from '#core/http/validate.ts'

/** What a file of the archive may hold unpacked: a category with a picture, or the manifest of a long life. */
const maxFile = 4 * 1024 * 1024
/** All that is unpacked: the manifest and the data. */
const maxUnpacked = 6 * 1024 * 1024
const maxEntries = 20_000

interface Entry {
  readonly path: string
  readonly method: number
  readonly packed: number
  readonly unpacked: number
  readonly offset: number
}

/**
 * The data of a Reach export, by category, and the WebID it was made for, as the archive says. The archive may come from anybody: only the manifest and `data/*.json` are
 * unpacked, each to no more than it declares and never beyond a limit, and each must have the digest that the manifest names.
 * Refuses all else with `invalid-input` and the reason.
 */
export function readExport(bytes: Buffer): { values: ReadonlyMap<string, unknown>; webId: string } {
  const entries = readDirectory(bytes)
  const paths = new Map(entries.map((entry) => [entry.path, entry]))
  if (paths.size < entries.length) throw refused('The archive names a file twice')
  let left = maxUnpacked
  const unpack = (path: string): Buffer => {
    const entry = paths.get(path)
    if (entry === undefined)
      throw refused(`The archive has no ${path}: it is no Reach export, or it broke off`)
    left -= entry.unpacked
    if (entry.unpacked > maxFile || left < 0)
      throw refused('The archive unpacks to more than an export holds')
    return unpackEntry(bytes, entry)
  }
  const manifest = parseManifest(parseJson(unpack('manifest.json'), 'manifest.json'))
  const digests = new Map(manifest.files.map(({ path, sha256 }) => [path, sha256]))
  if (digests.size < manifest.files.length) throw refused('The manifest names a file twice')
  const values = new Map<string, unknown>()
  for (const path of paths.keys()) {
    const category = /^data\/([a-z][a-z-]{0,31})\.json$/.exec(path)?.[1]
    if (category === undefined) continue
    const content = unpack(path)
    if (createHash('sha256').update(content).digest('base64url') !== digests.get(path))
      throw refused('A file of the archive is not the one that its manifest names')
    values.set(category, valuesOf(parseJson(content, 'a file of the data'), category))
  }
  const missing = [...digests.keys()].find((path) => !paths.has(path))
  if (missing !== undefined) throw refused('The archive lacks a file that its manifest names')
  return { values, webId: manifest.webId }
}

const parseManifestBody = parser('api/export-manifest.json')

function parseManifest(value: unknown) {
  try {
    return parseManifestBody(value)
  } catch (cause) {
    throw refused('The manifest of the archive is not one of a Reach export', cause)
  }
}

function valuesOf(content: unknown, category: string): unknown {
  const { category: named, values } = (content ?? {}) as { category?: unknown; values?: unknown }
  if (named !== category || typeof values !== 'object' || values === null || Array.isArray(values))
    throw refused('A file of the data has another form than an export gives it')
  return values
}

function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw refused(`The archive’s ${what} is not JSON`, cause)
  }
}

/** The central directory (APPNOTE 4.3.12), strictly: what two readers could read differently is refused. */
function readDirectory(bytes: Buffer): Entry[] {
  const end = bytes.byteLength - 22
  // Written without a comment; searching for the record would let a comment hold another one.
  if (end < 0 || bytes.readUInt32LE(end) !== 0x06054b50)
    throw refused('The file is no ZIP archive, or it is cut off')
  const count = bytes.readUInt16LE(end + 10)
  const size = bytes.readUInt32LE(end + 12)
  let at = bytes.readUInt32LE(end + 16)
  if (bytes.readUInt32LE(end + 4) !== 0 || bytes.readUInt16LE(end + 8) !== count)
    throw refused('The archive has several parts')
  if (count === 0xffff || count > maxEntries) throw refused('The archive has too many files')
  if (at + size !== end) throw refused('The directory of the archive is damaged')
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== 0x02014b50)
      throw refused('The directory of the archive is damaged')
    const [flags, method] = [bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10)]
    const [packed, unpacked] = [bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 24)]
    const name = bytes.subarray(at + 46, at + 46 + bytes.readUInt16LE(at + 28))
    const path = name.toString('latin1')
    if ((flags & 0x41) !== 0) throw refused('The archive is encrypted')
    if (method !== 0 && method !== 8)
      throw refused('A file of the archive is packed in a way that is not known here')
    if (!/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/.test(path) || /(?:^|\/)\.\.?(?:\/|$)/.test(path))
      throw refused('A file of the archive has a name that no export gives')
    entries.push({ path, method, packed, unpacked, offset: bytes.readUInt32LE(at + 42) })
    at += 46 + name.byteLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  if (at !== end) throw refused('The directory of the archive is damaged')
  return entries
}

function unpackEntry(bytes: Buffer, { method, packed, unpacked, offset, path }: Entry): Buffer {
  const damaged = (cause?: unknown) => refused('A file of the archive is damaged', cause)
  if (offset + 30 > bytes.byteLength || bytes.readUInt32LE(offset) !== 0x04034b50) throw damaged()
  const nameEnd = offset + 30 + bytes.readUInt16LE(offset + 26)
  if (bytes.toString('latin1', offset + 30, nameEnd) !== path) throw damaged()
  const begin = nameEnd + bytes.readUInt16LE(offset + 28)
  const content = bytes.subarray(begin, begin + packed)
  if (content.byteLength !== packed) throw damaged()
  let whole: Buffer
  try {
    // Stops at the size that was declared, whatever the packed bytes would grow to.
    whole = method === 0 ? content : inflateRawSync(content, { maxOutputLength: Math.max(unpacked, 1) })
  } catch (cause) {
    throw damaged(cause)
  }
  if (whole.byteLength !== unpacked) throw damaged()
  return whole
}

function refused(detail: string, cause?: unknown): DomainError {
  return new DomainError('invalid-input', detail, { cause })
}
