import { createRequire } from 'node:module'
import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  EMPTY_ROOT,
  GrowingTree,
  TILE_WIDTH,
  consistencyProof,
  hashesAt,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  rootFromTiles,
  tileRoot,
  type ReadTile,
} from '#core/ledger/merkle.ts'

// Internals of a verifier that we did not write; no public export has them.
const require = createRequire(import.meta.url)
const sigstore = require('../../node_modules/@sigstore/verify/dist/tlog/merkle.js') as {
  verifyMerkleInclusion(
    entry: { canonicalizedBody: Buffer; inclusionProof: { logIndex: string; hashes: Uint8Array[] } },
    checkpoint: { logSize: bigint; logHash: Buffer },
  ): void
}

const MAX = 70_000
const SIZES = [0, 1, 2, 3, 254, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, MAX]
const entryAt = (i: number): Buffer => Buffer.from(`entry ${i}`)
const leaves = Array.from({ length: MAX }, (_, i) => leafHash(entryAt(i)))

/** RFC 6962 2.1, word by word. */
function naiveRoot(from: number, to: number): Buffer {
  if (to - from === 0) return Buffer.from(hash('sha256', '', 'hex'), 'hex')
  if (to - from === 1) return leaves[from] as Buffer
  let k = 1
  while (k * 2 < to - from) k *= 2
  const bytes = Buffer.concat([Buffer.of(1), naiveRoot(from, from + k), naiveRoot(from + k, to)])
  return Buffer.from(hash('sha256', bytes, 'hex'), 'hex')
}

/** All tiles of the largest tree; any smaller tree reads prefixes of them, as from a log on disk. */
const tiles = new Map<string, Buffer>()
const whole = new GrowingTree()
for (const leaf of leaves) whole.push(leaf, (level, index, tile) => tiles.set(`${level}/${index}`, tile))
whole.open.forEach((hashes, level) =>
  tiles.set(`${level}/${hashesAt(level + 1, MAX)}`, Buffer.concat(hashes)),
)
const read: ReadTile = async (level, index, width) => tiles.get(`${level}/${index}`)?.subarray(0, width * 32)

const roots = new Map<number, Promise<Uint8Array>>()
function rootAt(size: number): Promise<Uint8Array> {
  const root = roots.get(size) ?? rootFromTiles(size, read)
  roots.set(size, root)
  return root
}

const size = fc.oneof(
  fc.constantFrom(...SIZES),
  fc.integer({ min: 0, max: 2000 }),
  fc.integer({ min: 0, max: MAX }),
)

describe('roots', () => {
  test('agree with the recursion of the RFC, from tiles and from the growing tree', async () => {
    for (const n of SIZES)
      expect(Buffer.from(await rootAt(n)).equals(naiveRoot(0, n)), `size ${n}`).toBe(true)
    const growing = new GrowingTree()
    for (let n = 0; n <= 600; n++) {
      expect(growing.root().equals(naiveRoot(0, n)), `size ${n}`).toBe(true)
      growing.push(leaves[n] as Buffer, () => undefined)
    }
    expect(whole.root().equals(naiveRoot(0, MAX))).toBe(true)
    expect(EMPTY_ROOT.toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
  })

  test('a tree continued from its growing tiles is the same tree', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 0, max: 600 }), (from, more) => {
        const first = new GrowingTree()
        for (let i = 0; i < from; i++) first.push(leaves[i] as Buffer, () => undefined)
        const filled: string[] = []
        const next = new GrowingTree(
          from,
          first.open.map((hashes) => [...hashes]),
        )
        expect(next.root().equals(first.root())).toBe(true)
        for (let i = from; i < from + more; i++)
          next.push(leaves[i] as Buffer, (level, index, tile) => {
            expect(tile.equals(tiles.get(`${level}/${index}`) as Buffer)).toBe(true)
            filled.push(`${level}/${index}`)
          })
        expect(filled).toHaveLength(Math.floor((from + more) / TILE_WIDTH) - Math.floor(from / TILE_WIDTH))
        expect(next.root().equals(naiveRoot(0, from + more))).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('growing tiles that do not fit the size are refused, and a full tile has the root of its hashes', () => {
    expect(() => new GrowingTree(3, [[leaves[0] as Buffer]])).toThrow(RangeError)
    expect(Buffer.from(tileRoot(tiles.get('0/1') as Buffer)).equals(naiveRoot(256, 512))).toBe(true)
    expect(() => tileRoot(Buffer.alloc(32 * 255))).toThrow(RangeError)
  })
})

describe('proofs', () => {
  const cases = fc.tuple(size, size, fc.nat()).map(([a, b, i]) => ({
    first: Math.min(a, b),
    second: Math.max(a, b),
    index: i % Math.max(1, Math.max(a, b)),
  }))

  test('of inclusion verify, by us and by an independent verifier; a changed one is refused by both', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), fc.nat(), async ({ second, index }, at, bit) => {
        fc.pre(second > 0)
        const root = await rootAt(second)
        const proof = await inclusionProof(index, second, read)
        const judge = (leaf: Buffer, i: number, hashes: Uint8Array[], n: number): boolean => {
          const ours = isIncluded(leafHash(leaf), i, hashes, { size: n, root })
          let theirs = true
          try {
            sigstore.verifyMerkleInclusion(
              { canonicalizedBody: leaf, inclusionProof: { logIndex: String(i), hashes } },
              { logSize: BigInt(n), logHash: Buffer.from(root) },
            )
          } catch {
            theirs = false
          }
          expect(ours).toBe(theirs)
          return ours
        }
        const leaf = entryAt(index)
        expect(judge(leaf, index, proof, second)).toBe(true)
        expect(judge(entryAt(index + 1), index, proof, second)).toBe(false)
        expect(isIncluded(leafHash(leaf), index, [...proof, Buffer.alloc(32)], { size: second, root })).toBe(
          false,
        )
        expect(isIncluded(leafHash(leaf), second, proof, { size: second, root })).toBe(false)
        if (proof.length === 0) return
        expect(judge(leaf, index, proof.slice(1), second)).toBe(false)
        const changed = proof.map((one) => Buffer.from(one))
        const hashChanged = changed[at % changed.length] as Buffer
        hashChanged[bit % 32] = (hashChanged[bit % 32] ?? 0) ^ (1 << (bit % 8))
        expect(judge(leaf, index, changed, second)).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  test('of consistency verify; a changed one, a fork and a shrunken tree are refused', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), fc.nat(), async ({ first, second }, at, bit) => {
        const [a, b] = [
          { size: first, root: await rootAt(first) },
          { size: second, root: await rootAt(second) },
        ]
        const proof = await consistencyProof(first, second, read)
        expect(isConsistent(a, b, proof)).toBe(true)
        const forked = { size: first, root: nodeHash(a.root, a.root) }
        expect(isConsistent(forked, b, proof)).toBe(false)
        expect(isConsistent(a, { size: second, root: nodeHash(b.root, b.root) }, proof)).toBe(
          first === 0 && second > 0,
        )
        if (first < second) expect(isConsistent(b, a, proof)).toBe(false)
        expect(isConsistent(a, b, [...proof, Buffer.alloc(32)])).toBe(false)
        if (proof.length === 0) return
        expect(isConsistent(a, b, proof.slice(0, -1))).toBe(false)
        const changed = proof.map((one) => Buffer.from(one))
        const hashChanged = changed[at % changed.length] as Buffer
        hashChanged[bit % 32] = (hashChanged[bit % 32] ?? 0) ^ (1 << (bit % 8))
        expect(isConsistent(a, b, changed)).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  test('hold beyond 2^31 leaves', async () => {
    // A tree of equal leaves: every subtree of a height is the same hash, so its tiles need no storage.
    const byHeight: Buffer[] = [leafHash(Buffer.from('same'))]
    for (let height = 1; height <= 60; height++)
      byHeight.push(nodeHash(byHeight[height - 1] as Buffer, byHeight[height - 1] as Buffer))
    const same: ReadTile = async (level, _, width) =>
      Buffer.concat(Array.from({ length: width }, () => byHeight[8 * level] as Buffer))
    const leaf = byHeight[0] as Buffer
    for (const n of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 + 12_345, 2 ** 40 + 1]) {
      const root = await rootFromTiles(n, same)
      for (const index of [0, 1, 2 ** 31 - 2, n - 1, Math.floor(n / 3)]) {
        const proof = await inclusionProof(index, n, same)
        expect(isIncluded(leaf, index, proof, { size: n, root }), `${index} of ${n}`).toBe(true)
        expect(isIncluded(nodeHash(leaf, leaf), index, proof, { size: n, root })).toBe(false)
      }
      for (const m of [1, 2 ** 30, 2 ** 31 - 1, n - 1]) {
        const proof = await consistencyProof(m, n, same)
        expect(
          isConsistent({ size: m, root: await rootFromTiles(m, same) }, { size: n, root }, proof),
          `${m} of ${n}`,
        ).toBe(true)
      }
    }
  })

  test('a missing or narrow tile is an error, never a wrong proof', async () => {
    await expect(inclusionProof(0, 600, async () => undefined)).rejects.toThrow(RangeError)
    await expect(inclusionProof(0, 600, async () => Buffer.alloc(32))).rejects.toThrow(RangeError)
    await expect(inclusionProof(600, 600, read)).rejects.toThrow(RangeError)
    await expect(consistencyProof(7, 6, read)).rejects.toThrow(RangeError)
    expect(isIncluded(Buffer.alloc(31), 0, [], { size: 1, root: Buffer.alloc(31) })).toBe(false)
    expect(isIncluded(leaves[0] as Buffer, 0.5, [], { size: 1, root: leaves[0] as Buffer })).toBe(false)
    expect(isConsistent({ size: -1, root: EMPTY_ROOT }, { size: 1, root: EMPTY_ROOT }, [])).toBe(false)
  })
})
