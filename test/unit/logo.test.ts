/** What passes as the logo of a business: the bytes say what it is, and nothing may stand behind them. */
import { expect, test } from 'vitest'
import { maxLogoBytes, readLogo } from '#core/domain/logo.ts'
import { jpeg, png, webp } from '../pictures.ts'

test('PNG, JPEG and WebP are told by their bytes, with their size', () => {
  expect(readLogo(png(64, 48))).toEqual({ type: 'image/png', width: 64, height: 48 })
  expect(readLogo(jpeg(64, 48))).toEqual({ type: 'image/jpeg', width: 64, height: 48 })
  for (const kind of ['VP8 ', 'VP8L', 'VP8X'] as const)
    expect(readLogo(webp(64, 48, kind))).toEqual({ type: 'image/webp', width: 64, height: 48 })
})

const text = (content: string) => Buffer.from(content)
const html = text('<script>alert(1)</script>')

test.each<[string, Uint8Array]>([
  ['nothing', Buffer.alloc(0)],
  ['SVG', text('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
  ['a page', html],
  ['GIF', text('GIF89a\x01\x00\x01\x00')],
  ['a PNG signature alone', png(64, 64).subarray(0, 8)],
  ['a PNG that is cut', png(64, 64).subarray(0, -1)],
  ['a PNG with a page behind it', Buffer.concat([png(64, 64), html])],
  ['a page with a PNG behind it', Buffer.concat([html, png(64, 64)])],
  ['a JPEG that is cut', jpeg(64, 64).subarray(0, -2)],
  ['a JPEG with a page behind it', Buffer.concat([jpeg(64, 64), html])],
  ['two JPEGs in one', Buffer.concat([jpeg(64, 64), jpeg(64, 64)])],
  ['a WebP with a page behind it', Buffer.concat([webp(64, 64, 'VP8L'), html])],
  ['a WebP that is cut', webp(64, 64, 'VP8 ').subarray(0, -2)],
])('%s is no picture', (_what, bytes) => {
  expect(readLogo(bytes)).toEqual({ fault: 'is no whole PNG, JPEG or WebP picture' })
})

test('size and sides are bounded, and it does not move', () => {
  const large = Buffer.alloc(maxLogoBytes + 1)
  png(64, 64).copy(large)
  expect(readLogo(large)).toEqual({ fault: 'is larger than 64 KiB' })
  for (const picture of [png(15, 64), png(64, 1025), jpeg(2_000, 64), webp(64, 8_000, 'VP8X')])
    expect(readLogo(picture)).toEqual({ fault: 'must be 16 to 1024 pixels wide and high' })
  expect(readLogo(png(64, 64, { moves: true }))).toEqual({ fault: 'moves' })
  expect(readLogo(webp(64, 64, 'VP8X', { moves: true }))).toEqual({ fault: 'moves' })
})

test('whatever the bytes are, the answer comes', () => {
  const pictures = [png(64, 64), jpeg(64, 64), webp(64, 64, 'VP8X')]
  for (const picture of pictures)
    for (let at = 0; at < picture.length; at++)
      for (const value of [0x00, 0xff, 0x7f]) {
        const broken = Buffer.from(picture)
        broken[at] = value
        expect(() => readLogo(broken)).not.toThrow()
      }
})
