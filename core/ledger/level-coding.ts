/** How LevelDB spells numbers and checksums (leveldb/util/coding.h, crc32c.h). */

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

/** Reads LevelDB's variable-length numbers, seven bits a byte. Throws `RangeError` at the end of the bytes. */
export class VarintReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  next(): number {
    let value = 0
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * 2 ** shift
      // Written in as few bytes as it takes.
      if (byte === 0 && shift > 0) break
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is malformed')
  }
}

/** Checksum of these bytes as LevelDB stores it, so that a checksum of checksums stays apart. */
export function storedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
