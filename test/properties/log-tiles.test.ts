import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseBundle, parseTilePath, tilePath, writeBundle } from '#core/ledger/tiles.ts'

const name = fc.record({
  level: fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 })),
  index: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  width: fc.integer({ min: 1, max: 256 }),
})

test('a tile path reads back as what was printed', () => {
  fc.assert(
    fc.property(name, (tile) => {
      expect(parseTilePath(tilePath(tile))).toEqual(tile)
    }),
    { numRuns: 2000 },
  )
})

test('prints the examples of the format', () => {
  expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067')
  expect(tilePath({ level: 'entries', index: 0, width: 8 })).toBe('tile/entries/000.p/8')
  expect(tilePath({ level: 63, index: 1000, width: 255 })).toBe('tile/63/x001/000.p/255')
})

test('has one spelling for each tile', () => {
  for (const path of [
    'tile/0/x000/001',
    'tile/00/001',
    'tile/64/001',
    'tile/0/1',
    'tile/0/0001',
    'tile/0/x001',
    'tile/0/001/002',
    'tile/0/001.p/0',
    'tile/0/001.p/256',
    'tile/0/001.p/07',
    'tile/0/001.p/',
    'tile/-1/001',
    'tile/entries/001/',
    '/tile/entries/001',
    'tile/entries/001\n',
    'tile/entries/x999/x999/x999/x999/x999/999',
    'tile/entries/../001',
    'checkpoint',
    '',
  ])
    expect(parseTilePath(path), path).toBeUndefined()
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'tile/entries0123x.p') }), (path) => {
      const parsed = parseTilePath(path)
      if (parsed) expect(tilePath(parsed)).toBe(path)
    }),
  )
})

test('a bundle reads back as its entries; a cut one does not read', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })
  fc.assert(
    fc.property(entries, fc.nat(), (list, cut) => {
      const bundle = writeBundle(list)
      expect(parseBundle(bundle)?.map((entry) => [...entry])).toEqual(list.map((entry) => [...entry]))
      const shorter = bundle.subarray(0, cut % (bundle.length + 1))
      const parsed = parseBundle(shorter)
      if (parsed) expect(writeBundle(parsed).equals(shorter)).toBe(true)
    }),
  )
  expect(parseBundle(Buffer.of(0))).toBeUndefined()
  // Two bytes an entry: a file as large as a bundle may be would be eight million of them.
  expect(parseBundle(Buffer.alloc(2 * 256))).toHaveLength(256)
  expect(parseBundle(Buffer.alloc(2 * 257))).toBeUndefined()
  expect(parseBundle(Buffer.of(0, 2, 1))).toBeUndefined()
  expect(() => writeBundle([Buffer.alloc(65_536)])).toThrow(RangeError)
  expect(writeBundle([Buffer.alloc(65_535)])).toHaveLength(65_537)
})
