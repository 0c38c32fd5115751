/** The log over HTTP at the sizes where tiles begin and end: whole, cached as it may be, and nothing there that is not. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashesAt, TILE_WIDTH } from '#core/ledger/merkle.ts'
import { tilePath } from '#core/ledger/tiles.ts'
import { verifyLog, type ReadLogFile } from '#core/ledger/verify.ts'
import { openCheckpoint, readLogKey } from '#core/verifier/checkpoint.ts'
import { demandContinued, inclusionPath, readEntry } from '#core/verifier/tiles.ts'
import { isIncluded, leafHash } from '#core/verifier/tree.ts'
import { serveLog, type ServedLog } from '../served-log.ts'

let log: ServedLog
const notes: string[] = []

beforeAll(async () => {
  log = await serveLog()
})
afterAll(() => log[Symbol.asyncDispose]())

const read: ReadLogFile = async (path) => {
  const response = await fetch(`${log.url}/${path}`)
  expect([200, 404]).toContain(response.status)
  if (path !== 'checkpoint')
    expect(response.headers.get('cache-control'), path).toBe(
      response.status === 200 ? 'public, max-age=31536000, immutable' : 'no-store',
    )
  return response.status === 404 ? undefined : new Uint8Array(await response.arrayBuffer())
}

/** Every file that a log of this size has, of each level the newest and the widest. */
function edgesOf(size: number): { there: string[]; missing: string[] } {
  const there: string[] = []
  const missing: string[] = []
  for (const level of ['entries', 0, 1, 2, 3] as const) {
    const hashes = hashesAt(level === 'entries' ? 0 : level, size)
    const [index, width] = [Math.floor(hashes / TILE_WIDTH), hashes % TILE_WIDTH]
    if (index > 0) there.push(tilePath({ level, index: index - 1, width: TILE_WIDTH }))
    if (width > 0) there.push(tilePath({ level, index, width }))
    if (width > 1) there.push(tilePath({ level, index, width: 1 }))
    missing.push(
      tilePath({ level, index, width: TILE_WIDTH }),
      tilePath({ level, index: index + 1, width: 1 }),
    )
    if (width < TILE_WIDTH - 1) missing.push(tilePath({ level, index, width: width + 1 }))
  }
  return { there, missing }
}

test.each([0, 1, 255, 256, 257, 65_537])('of %i entries', async (size) => {
  await log.growTo(size)
  const response = await fetch(`${log.url}/checkpoint`)
  expect(response.headers.get('cache-control')).toBe('no-store')
  const note = await response.text()
  notes.push(note)
  const report = await verifyLog({ read, vkey: log.ledger.log.vkey, earlier: notes })
  expect(report).toMatchObject({
    checkpoint: { size },
    bundles: Math.ceil(size / TILE_WIDTH),
    earlier: notes.length,
  })
  const { there, missing } = edgesOf(size)
  for (const path of there) expect(await read(path), path).toBeDefined()
  for (const path of missing) expect(await read(path), path).toBeUndefined()

  // The verifier of browsers and businesses, which shares no code with the above.
  const key = await readLogKey(log.ledger.log.vkey)
  const head = await openCheckpoint(note, key)
  for (const earlier of notes) await demandContinued(read, await openCheckpoint(earlier, key), head)
  for (const index of [0, 254, 255, 256, size - 1].filter((at) => at >= 0 && at < size)) {
    const leaf = await leafHash(await readEntry(read, index, size))
    expect(await isIncluded(leaf, index, await inclusionPath(read, index, size), head)).toBe(true)
  }
})
