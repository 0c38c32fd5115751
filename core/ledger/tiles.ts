/** Names and wire forms of C2SP tlog-tiles (c2sp.org/tlog-tiles). */
import { TILE_WIDTH } from './merkle.ts'

/** A hash tile, or a bundle of entries where `level` is 'entries'. Full when `width` is 256. */
export interface TileName {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

/** The entry's length is a uint16 on the wire. */
export const MAX_ENTRY_BYTES = 65_535

/** Path below the log's prefix, such as `tile/0/x001/x234/067.p/8`. */
export function tilePath({ level, index, width }: TileName): string {
  const groups =
    String(index)
      .padStart(Math.ceil(String(index).length / 3) * 3, '0')
      .match(/\d{3}/g) ?? []
  const number = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${number}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

/** Strict inverse of `tilePath`: undefined for anything that it would not print. */
export function parseTilePath(path: string): TileName | undefined {
  const [, level, number, width] = PATH.exec(path) ?? []
  if (level === undefined || number === undefined) return undefined
  const name: TileName = {
    level: level === 'entries' ? level : Number(level),
    index: Number(number.replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  }
  if (name.level !== 'entries' && name.level > 63) return undefined
  if (width !== undefined && name.width >= TILE_WIDTH) return undefined
  // A second spelling of the same number (leading groups of zeros, beyond exact integers) prints otherwise.
  return tilePath(name) === path ? name : undefined
}

/** Entries as they stand in a bundle. */
export function writeBundle(entries: readonly Uint8Array[]): Buffer {
  const wire = Buffer.allocUnsafe(entries.reduce((bytes, { length }) => bytes + 2 + length, 0))
  let at = 0
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) throw new RangeError('entry too large')
    wire.writeUInt16BE(entry.length, at)
    wire.set(entry, at + 2)
    at += 2 + entry.length
  }
  return wire
}

/** The entries of a bundle, or undefined when it does not hold exactly whole entries, or more than there may be. */
export function parseBundle(bundle: Uint8Array): Buffer[] | undefined {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const entries: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    if (at + 2 > bytes.length || entries.length === TILE_WIDTH) return undefined
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) return undefined
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}
