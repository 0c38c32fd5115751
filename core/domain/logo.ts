/**
 * What a picture really is, told by its bytes from first to last: PNG, JPEG or WebP, one still picture and nothing behind
 * it. Formats that can hold code or load something (SVG above all) are no pictures here.
 */

export type LogoType = 'image/png' | 'image/jpeg' | 'image/webp'

export interface LogoFacts {
  readonly type: LogoType
  /** Pixels. */
  readonly width: number
  readonly height: number
}

export const maxLogoBytes = 65_536
const leastSide = 16
const mostSide = 1024

/** What the picture is, or why it cannot be shown as a logo. */
export function readLogo(bytes: Uint8Array): LogoFacts | { readonly fault: string } {
  if (bytes.byteLength > maxLogoBytes) return { fault: 'is larger than 64 KiB' }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = readPng(view) ?? readJpeg(view) ?? readWebp(view)
  if (found === undefined) return { fault: 'is no whole PNG, JPEG or WebP picture' }
  if ('fault' in found) return found
  const sides = [found.width, found.height]
  if (sides.some((side) => side < leastSide || side > mostSide))
    return { fault: `must be ${leastSide} to ${mostSide} pixels wide and high` }
  return found
}

type Found = LogoFacts | { readonly fault: string } | undefined

const text = (view: DataView, at: number, length: number): string => {
  let read = ''
  for (let i = at; i < at + length && i < view.byteLength; i++) read += String.fromCharCode(view.getUint8(i))
  return read
}

/** PNG (ISO/IEC 15948): signature, chunks of length, name, data and checksum; IHDR first, IEND last. */
function readPng(view: DataView): Found {
  if (text(view, 0, 8) !== '\x89PNG\r\n\x1A\n') return undefined
  let facts: LogoFacts | undefined
  for (let at = 8; at + 12 <= view.byteLength;) {
    const length = view.getUint32(at)
    const name = text(view, at + 4, 4)
    const next = at + 12 + length
    if ((at === 8) !== (name === 'IHDR') || next > view.byteLength) return undefined
    if (name === 'IHDR' && length === 13)
      facts = { type: 'image/png', width: view.getUint32(at + 8), height: view.getUint32(at + 12) }
    if (name === 'acTL') return { fault: 'moves' }
    if (name === 'IEND') return next === view.byteLength ? facts : undefined
    at = next
  }
  return undefined
}

/** Frame headers of JPEG (ITU-T T.81, table B.1): C0 to CF without those that are no frames. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)

function readJpeg(view: DataView): Found {
  const size = view.byteLength
  if (size < 4 || view.getUint16(0) !== 0xffd8 || view.getUint16(size - 2) !== 0xffd9) return undefined
  let facts: LogoFacts | undefined
  for (let at = 2; at + 4 <= size;) {
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    const length = view.getUint16(at + 2)
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd9) || length < 2 || at + 2 + length > size)
      return undefined
    if (isFrame(marker)) {
      if (facts !== undefined || length < 8) return undefined
      facts = { type: 'image/jpeg', height: view.getUint16(at + 5), width: view.getUint16(at + 7) }
    }
    // The picture itself follows, in which 0xFF 0xD9 can only be the end.
    if (marker === 0xda) return endsOnce(view, at + 2 + length) ? facts : undefined
    at += 2 + length
  }
  return undefined
}

function endsOnce(view: DataView, from: number): boolean {
  for (let at = from; at + 2 <= view.byteLength; at++)
    if (view.getUint16(at) === 0xffd9) return at + 2 === view.byteLength
  return false
}

/** WebP (RFC 9649): one RIFF of exactly this size; the first chunk tells how it is coded. */
function readWebp(view: DataView): Found {
  const isRiff = text(view, 0, 4) === 'RIFF' && text(view, 8, 4) === 'WEBP'
  if (!isRiff || view.byteLength < 30 || view.getUint32(4, true) !== view.byteLength - 8) return undefined
  const type = 'image/webp'
  switch (text(view, 12, 4)) {
    case 'VP8 ': {
      const side = (at: number) => view.getUint16(at, true) & 0x3fff
      return text(view, 23, 3) === '\x9D\x01\x2A' ? { type, width: side(26), height: side(28) } : undefined
    }
    case 'VP8L': {
      const bits = view.getUint32(21, true)
      const isLossless = view.getUint8(20) === 0x2f
      return isLossless
        ? { type, width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 }
        : undefined
    }
    case 'VP8X': {
      if ((view.getUint8(20) & 0x02) !== 0) return { fault: 'moves' }
      const side = (at: number) => (view.getUint16(at, true) | (view.getUint8(at + 2) << 16)) + 1
      return { type, width: side(24), height: side(27) }
    }
    default:
      return undefined
  }
}
