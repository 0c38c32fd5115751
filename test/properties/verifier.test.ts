/** The verifier for browsers and businesses, held against the ledger's own tree, which it shares no code with. */
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { buildLeaf, newSecret, saltOf } from '#core/ledger/leaf.ts'
import { consistencyProof, GrowingTree, hashesAt, inclusionProof, leafHash } from '#core/ledger/merkle.ts'
import { proveEntry } from '#core/ledger/proof.ts'
import { tilePath as ledgerTilePath, writeBundle } from '#core/ledger/tiles.ts'
import { NotProven, openCheckpoint, readLogKey } from '#core/verifier/checkpoint.ts'
import { checkProof, commitsTo, readProof } from '#core/verifier/evidence.ts'
import { KeptHead, type KeptNote } from '#core/verifier/kept-head.ts'
import { demandContinued, inclusionPath, readEntry, tilePath, type ReadFile } from '#core/verifier/tiles.ts'
import { isContinued, isIncluded } from '#core/verifier/tree.ts'

const LARGEST = 66_000
const signer = createLogSigner('vault.test/log', generateKeyPairSync('ed25519').privateKey)

/** A log's files at any size, as a server gives them: tiles as wide as the tree then has them. */
function logOf(prefix: string) {
  const leaves: Buffer[] = []
  const tree = new GrowingTree()
  const tiles = new Map<string, Buffer>()
  const roots = new Map<number, Buffer>([[0, tree.root()]])
  const entryAt = (n: number) => Buffer.from(`${prefix} ${n}`)
  for (let n = 0; n < LARGEST; n++) {
    const leaf = leafHash(entryAt(n))
    leaves.push(leaf)
    tree.push(leaf, (level, index, tile) => tiles.set(`${level}/${index}`, tile))
    if (n < 1_100 || (n > 65_530 && n < 65_800)) roots.set(n + 1, tree.root())
  }
  for (const [level, hashes] of tree.open.entries())
    tiles.set(`${level}/${hashesAt(level + 1, LARGEST)}`, Buffer.concat(hashes))
  const head = (size: number) => {
    const root = roots.get(size)
    if (root === undefined) throw new Error('no root was kept for this size')
    return { size, root: new Uint8Array(root), note: signer.sign({ size, root }) }
  }
  const read: ReadFile = async (path) => {
    const [, level = '', number = '', width] = /^tile\/(\w+)\/([x\d/]+)(?:\.p\/(\d+))?$/.exec(path) ?? []
    const index = Number(number.replaceAll(/[x/]/g, ''))
    const count = Number(width ?? 256)
    if (level === 'entries')
      return writeBundle(Array.from({ length: count }, (_, i) => entryAt(index * 256 + i)))
    return tiles.get(`${level}/${index}`)?.subarray(0, count * 32)
  }
  const readTile = (level: number, index: number, width: number) =>
    read(ledgerTilePath({ level, index, width }))
  return { entryAt, leaves, head, read, readTile }
}

const log = logOf('entry')
const fork = logOf('fork')
const sizes = fc.oneof(
  fc.integer({ min: 1, max: 1_000 }),
  fc.constantFrom(1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537),
)
const runs = { numRuns: 60, seed: 20_261_122 }

describe('the verifier', () => {
  test('names tiles like the ledger', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(4_000_000), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
        const size = (index * 256 + width) * 256 ** level
        expect(tilePath(level, index, size)).toBe(ledgerTilePath({ level, index, width }))
      }),
      { seed: runs.seed },
    )
  })

  test('takes each entry at its place in each tree, and at no other place, tree or value', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, place, changed) => {
        const index = place % size
        const head = log.head(size)
        const path = await inclusionPath(log.read, index, size)
        const leaf = log.leaves[index] ?? Buffer.alloc(0)
        expect(path.map((hash) => Buffer.from(hash))).toEqual(
          (await inclusionProof(index, size, log.readTile)).map((hash) => Buffer.from(hash)),
        )
        expect(await isIncluded(leaf, index, path, head)).toBe(true)
        expect(Buffer.from(await readEntry(log.read, index, size))).toEqual(log.entryAt(index))
        expect(await isIncluded(leafHash(Buffer.from('other')), index, path, head)).toBe(false)
        expect(await isIncluded(leaf, index, path, { ...head, root: fork.head(size).root })).toBe(false)
        expect(await isIncluded(leaf, index, [...path, leaf], head)).toBe(false)
        if (path.length === 0) return
        expect(await isIncluded(leaf, index, path.slice(1), head)).toBe(false)
        const forged = path.map((hash, i) => (i === changed % path.length ? flip(hash, changed) : hash))
        expect(await isIncluded(leaf, index, forged, head)).toBe(false)
      }),
      runs,
    )
  })

  test('takes each tree for the beginning of each larger one, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.nat(), async (a, b, changed) => {
        const [first, second] = a < b ? [a, b] : [b, a]
        const [older, newer] = [log.head(first), log.head(second)]
        await demandContinued(log.read, older, newer)
        await expect(demandContinued(log.read, fork.head(first), newer)).rejects.toBeInstanceOf(NotProven)
        if (first === second) return
        await expect(demandContinued(log.read, newer, older)).rejects.toBeInstanceOf(NotProven)
        const proof = await consistencyProof(first, second, log.readTile)
        expect(await isContinued(older, newer, proof)).toBe(true)
        const forged = proof.map((hash, i) => (i === changed % proof.length ? flip(hash, changed) : hash))
        expect(await isContinued(older, newer, forged)).toBe(false)
        expect(await isContinued(older, newer, proof.slice(1))).toBe(false)
      }),
      runs,
    )
  })

  test('believes no tile: with any forged one the newer head is not proven', async () => {
    const forging: ReadFile = async (path) => {
      const tile = await log.read(path)
      return tile && flip(tile, 5)
    }
    await demandContinued(log.read, log.head(300), log.head(700))
    await expect(demandContinued(forging, log.head(300), log.head(700))).rejects.toBeInstanceOf(NotProven)
  })
})

function flip(bytes: Uint8Array, at: number): Uint8Array<ArrayBuffer> {
  const changed = new Uint8Array(bytes)
  changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ 1
  return changed
}

describe('a checkpoint', () => {
  test('opens with the key of its log only, and with no byte changed', async () => {
    const key = await readLogKey(signer.vkey)
    const { note, root } = log.head(257)
    expect(await openCheckpoint(note, key)).toEqual({ size: 257, root })
    expect((await openCheckpoint(`${note}\u2014 witness.test/1 AAAAAAAA\n`, key)).size).toBe(257)
    const stranger = createLogSigner('vault.test/log', generateKeyPairSync('ed25519').privateKey)
    await expect(openCheckpoint(note, await readLogKey(stranger.vkey))).rejects.toBeInstanceOf(NotProven)
    for (let at = 0; at < note.length; at++) {
      const other = note[at] === 'A' ? 'B' : 'A'
      const changed = note.slice(0, at) + other + note.slice(at + 1)
      await expect(openCheckpoint(changed, key), `character ${at}`).rejects.toBeInstanceOf(NotProven)
    }
    const [name = '', id = '', bytes = ''] = signer.vkey.split('+')
    for (const vkey of ['', name, `${name}+00000000+${bytes}`, `other+${id}+${bytes}`])
      await expect(readLogKey(vkey), vkey).rejects.toBeInstanceOf(NotProven)
  })
})

describe('a proof', () => {
  const secret = newSecret()
  const { leaf } = buildLeaf(3, { ops: '{}', subject: 's', who: 'w', data: 'a receipt', secret }, newSecret())
  const salts = { data: saltOf(secret, 'data', 3), subject: saltOf(secret, 'subject', 3) }

  async function fileOf(): Promise<string> {
    const entries: Buffer[] = [...[0, 1, 2].map((n) => Buffer.from(`${n}`)), leaf]
    const tree = new GrowingTree()
    for (const entry of entries) tree.push(leafHash(entry), () => undefined)
    const tile = Buffer.concat(entries.map(leafHash))
    return proveEntry(
      { tile: async () => tile, bundle: async () => writeBundle(entries) },
      { index: 3, checkpoint: signer.sign({ size: 4, root: tree.root() }), openings: salts },
    )
  }

  test('of the ledger holds, and opens its values', async () => {
    const key = await readLogKey(signer.vkey)
    const proof = readProof(await fileOf())
    expect((await checkProof(proof, key, { data: 'a receipt', subject: 's' })).size).toBe(4)
    await expect(checkProof(proof, key, { data: 'another' })).rejects.toThrow(/commits to another data/)
    await expect(checkProof(proof, key, { who: 'w' })).rejects.toThrow(/commits to another who/)
    expect(await commitsTo(leaf, 'subject', salts.data, 's')).toBe(false)
  })

  test('that is changed anywhere is refused in one line', async () => {
    const key = await readLogKey(signer.vkey)
    const text = await fileOf()
    for (const [part, forged] of [
      ['index 3', 'index 2'],
      ['index 3', 'index 03'],
      ['index 3', 'index 9007199254740993'],
      ['c2sp.org/tlog-proof@v1', 'c2sp.org/tlog-proof@v2'],
      [/\n[\w+/]{43}=\n/, '\n'],
      [/extra \S+\n/, ''],
      [/extra \S+\n/, `extra ${Buffer.from('null').toString('base64')}\n`],
      [/extra \S+\n/, `extra ${Buffer.from('{"entry":"AQ=="}').toString('base64')}\n`],
    ] as const)
      await expect(
        (async () => checkProof(readProof(text.replace(part, forged)), key))(),
        String(part) + forged,
      ).rejects.toBeInstanceOf(NotProven)
  })
})

describe('the kept head', () => {
  const keeping = (read: ReadFile) => {
    let kept: KeptNote | undefined
    const store = {
      load: async () => kept,
      save: async (newer: KeptNote) => {
        kept = newer
      },
    }
    return {
      save: store.save,
      load: async () => kept?.note,
      head: new KeptHead({ vkey: signer.vkey, read, store }),
    }
  }

  test('goes forward only, and takes an overtaken head of the same history', async () => {
    const { head, load } = keeping(log.read)
    expect(await head.accept(log.head(10).note)).toMatchObject({ since: undefined })
    expect(await head.accept(log.head(600).note)).toMatchObject({ since: 10 })
    expect(await head.accept(log.head(257).note)).toMatchObject({ since: 600, head: { size: 257 } })
    expect(await load()).toBe(log.head(600).note)
  })

  test('refuses a fork, a rewind and another key, and keeps what it had', async () => {
    const { head, load } = keeping(log.read)
    await head.accept(log.head(300).note)
    for (const size of [10, 300, 600])
      await expect(head.accept(fork.head(size).note), String(size)).rejects.toBeInstanceOf(NotProven)
    expect(await load()).toBe(log.head(300).note)
    // Whoever serves other tiles as well convinces nobody who kept a head.
    const fooled = keeping(fork.read)
    await fooled.save({ note: log.head(300).note, vkey: signer.vkey })
    await expect(fooled.head.accept(fork.head(600).note)).rejects.toBeInstanceOf(NotProven)
  })
})
