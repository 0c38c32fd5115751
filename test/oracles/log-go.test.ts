/** The log as it is served, verified by Go's x/mod (sumdb/note and sumdb/tlog), which shares no line with ours. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leafHash } from '#core/ledger/merkle.ts'
import { parseNote } from '#core/ledger/note.ts'
import { mlDsaSigner, withSecondSignature } from '../../vault-server/audit/second-signature.ts'
import { serveLog, type ServedLog } from '../served-log.ts'

const SIZES = [0, 1, 255, 256, 257, 65_537]
const run = promisify(execFile)
let folder: string
let program: string
let log: ServedLog
/** Files with the checkpoints of the sizes so far. */
const checkpoints: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-go-'))
  program = join(folder, 'verify_log')
  // Debian's packages lie in a GOPATH; nothing is fetched.
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: '/usr/share/gocode',
    GOCACHE: join(folder, 'cache'),
    GOPROXY: 'off',
  }
  await run('/usr/bin/go', ['build', '-o', program, join(import.meta.dirname, 'verify_log.go')], { env })
  log = await serveLog()
})
afterAll(async () => {
  await log[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function verify(entries: readonly number[], vkey = log.ledger.log.vkey) {
  const args = ['-url', log.url, '-vkey', vkey, '-entries', entries.join(), '-old', checkpoints.join()]
  return run(program, args).then(
    ({ stdout }) => ({ code: 0, out: stdout.trim() }),
    (error: { code: number; stdout: string }) => ({ code: error.code, out: error.stdout.trim() }),
  )
}

const placesIn = (size: number): number[] =>
  [0, 1, 254, 255, 256, 257, 40_000, size - 2, size - 1].filter((index) => index >= 0 && index < size)

test('accepts it at every kind of size, with entries, and as the continuation of every smaller one', async () => {
  for (const size of SIZES) {
    await log.growTo(size)
    const note = log.ledger.log.checkpoint()
    expect(await verify(placesIn(size))).toEqual({ code: 0, out: `ok ${size} ${note.split('\n')[2]}` })
    const file = join(folder, `${size}.checkpoint`)
    await writeFile(file, note)
    checkpoints.push(file)
  }
  expect(checkpoints).toHaveLength(SIZES.length)
})

test('refuses it with one byte changed, wherever that is', async () => {
  const last = SIZES.at(-1) ?? 0
  const flip = (bytes: Buffer, at: number): Buffer => {
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes
  }
  const note = log.ledger.log.checkpoint()
  const inNote = [0, note.indexOf('\n') + 1, note.indexOf('\n\n') - 3, note.length - 4]
  try {
    for (const [file, places] of [
      ['checkpoint', inNote],
      ['tile', [0, 31, 32]],
      ['bundle', [0, 1, 2, 130]],
    ] as const)
      for (const at of places) {
        log.tamper = (shown, bytes) => (shown === file && at < bytes.length ? flip(bytes, at) : bytes)
        const { code, out } = await verify([0, 256, last - 1])
        expect({ file, at, code }).toEqual({ file, at, code: 1 })
        expect(out).toMatch(/^refused: /)
      }
  } finally {
    log.tamper = undefined
  }
  const [name = '', , key = ''] = log.ledger.log.vkey.split('+')
  expect(await verify([], `${name}+00000000+${key}`)).toMatchObject({ code: 1 })
  expect(await verify([0])).toMatchObject({ code: 0 })
})

test('refuses what another history signed with the same key, and a log that went back', async () => {
  const file = join(folder, 'fork.checkpoint')
  for (const size of [300, 65_537, 70_000]) {
    await writeFile(file, log.signer.sign({ size, root: leafHash(Buffer.from('fork')) }))
    checkpoints.push(file)
    expect(await verify([])).toMatchObject({ code: 1 })
    checkpoints.pop()
  }
  expect(await verify([])).toMatchObject({ code: 0 })
})

test('accepts it under either key while two of them sign, and leaves the line of the other one alone', async () => {
  const { origin, vkey } = log.ledger.log
  await log.keys.rotateLogKey({ origin, until: Date.now() + 86_400_000 })
  await log.growTo(65_540)
  expect(log.ledger.log.vkey).not.toBe(vkey)
  expect(parseNote(log.ledger.log.checkpoint()).signatures).toHaveLength(2)
  expect(await verify([65_539], vkey)).toMatchObject({ code: 0 })
  const earlier = checkpoints.splice(0)
  expect(await verify([65_539])).toMatchObject({ code: 0 })
  checkpoints.push(...earlier)
})

test('leaves the line of an ML-DSA-44 key alone', async () => {
  const signer = await mlDsaSigner(log.ledger.log.origin, log.keys)
  const signed = withSecondSignature(log.ledger.log, signer, Date.now).checkpoint()
  log.tamper = (file, bytes) => (file === 'checkpoint' ? Buffer.from(signed) : bytes)
  const earlier = checkpoints.splice(0)
  expect(await verify([0])).toMatchObject({ code: 0 })
  checkpoints.push(...earlier)
  log.tamper = undefined
})
