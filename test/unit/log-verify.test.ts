import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { EMPTY_ROOT, GrowingTree, hashesAt, leafHash } from '#core/ledger/merkle.ts'
import { tilePath, writeBundle } from '#core/ledger/tiles.ts'
import { LogInvalid, verifyLog, type LogReport } from '#core/ledger/verify.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const signer = createLogSigner('reach.test/log', privateKey)

/** A log as static files, with the checkpoints it had on the way. */
function makeLog(size: number, salt = ''): { files: Map<string, Buffer>; checkpoints: string[] } {
  const files = new Map<string, Buffer>()
  const tree = new GrowingTree()
  const checkpoints = [signer.sign({ size: 0, root: EMPTY_ROOT })]
  let bundle: Buffer[] = []
  for (let i = 0; i < size; i++) {
    const entry = Buffer.from(`${salt}entry ${i}`)
    bundle.push(entry)
    tree.push(leafHash(entry), (level, index, tile) =>
      files.set(tilePath({ level, index, width: 256 }), tile),
    )
    if (tree.size % 256 === 0) {
      files.set(tilePath({ level: 'entries', index: i >> 8, width: 256 }), writeBundle(bundle))
      bundle = []
    }
    checkpoints.push(signer.sign({ size: tree.size, root: tree.root() }))
  }
  if (bundle.length > 0)
    files.set(
      tilePath({ level: 'entries', index: hashesAt(1, size), width: bundle.length }),
      writeBundle(bundle),
    )
  tree.open.forEach((hashes, level) => {
    if (hashes.length === 0) return
    const name = { level, index: hashesAt(level + 1, size), width: hashes.length }
    files.set(tilePath(name), Buffer.concat(hashes))
  })
  files.set('checkpoint', Buffer.from(checkpoints.at(-1) ?? ''))
  return { files, checkpoints }
}

const verify = (files: Map<string, Buffer>, earlier: string[] = []): Promise<LogReport> =>
  verifyLog({ read: async (path) => files.get(path), vkey: signer.vkey, earlier })

async function failure(run: Promise<unknown>): Promise<LogInvalid> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(LogInvalid)
  return error as LogInvalid
}

describe('verifying a log', () => {
  const log = makeLog(700)

  test('accepts a right one with all its earlier checkpoints, at every kind of size', async () => {
    expect(await verify(log.files, log.checkpoints)).toMatchObject({
      checkpoint: { size: 700 },
      bundles: 3,
      tiles: 4,
      earlier: 701,
    })
    for (const size of [0, 1, 255, 256, 257, 512]) {
      const { files, checkpoints } = makeLog(size)
      expect((await verify(files, checkpoints)).checkpoint.size).toBe(size)
    }
  })

  test('names the file of any changed, cut or missing byte', async () => {
    for (const [path, bytes] of log.files) {
      const places =
        path === 'checkpoint' ? bytes.keys() : [0, 1, 2, 5, 31, 32, bytes.length >> 1, bytes.length - 1]
      for (const at of places) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 4
        const { path: named } = await failure(verify(new Map(log.files).set(path, changed)))
        // An entry and its hash disagree: which of the two is wrong only the root could tell.
        const related = path.startsWith('tile/entries/') ? [path, path.replace('entries', '0')] : [path]
        expect(related, `byte ${at} of ${path}`).toContain(named)
      }
      expect((await failure(verify(new Map(log.files).set(path, bytes.subarray(0, -1))))).path).toBe(path)
      expect(
        (await failure(verify(new Map(log.files).set(path, Buffer.concat([bytes, Buffer.of(0)]))))).path,
      ).toBe(path)
      const without = new Map(log.files)
      without.delete(path)
      expect((await failure(verify(without))).message).toContain(`${path}: is missing`)
    }
  })

  test('finds a fork and a rewind against checkpoints kept from earlier', async () => {
    const fork = makeLog(900, 'other ')
    expect((await verify(fork.files)).checkpoint.size).toBe(900)
    for (const seen of [1, 256, 700])
      expect((await failure(verify(fork.files, [log.checkpoints[seen] ?? '']))).message).toContain(
        `at size ${seen}`,
      )
    const longer = makeLog(800)
    expect((await failure(verify(log.files, longer.checkpoints))).message).toContain('smaller than 800')
    expect((await verify(longer.files, log.checkpoints)).earlier).toBe(701)
  })

  test('refuses earlier checkpoints that are not of this log', async () => {
    const stranger = createLogSigner('reach.test/log', generateKeyPairSync('ed25519').privateKey)
    await failure(verify(log.files, [stranger.sign({ size: 0, root: EMPTY_ROOT })]))
    await failure(verify(log.files, ['nonsense']))
  })

  test('believes no tile that the signed root does not bear out', async () => {
    const fork = makeLog(700, 'other ')
    const mixed = new Map(fork.files).set('checkpoint', log.files.get('checkpoint') ?? Buffer.alloc(0))
    expect((await failure(verify(mixed))).message).toContain('root')
  })
})
