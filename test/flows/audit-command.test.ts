/** `reach audit` against logs and servers that mean ill: what it says, how it ends, and what it leaves behind. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { GrowingTree, hashesAt, leafHash } from '#core/ledger/merkle.ts'
import { tilePath, writeBundle } from '#core/ledger/tiles.ts'
import { programEnvironment } from '../program-environment.ts'

const program = join(import.meta.dirname, '../../cli/main.ts')
const origin = 'vault.example/log'
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-test-audit-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function reach(...words: string[]): Promise<Ended> {
  const env = { ...programEnvironment, REACH_STATE: join(folder, 'state') }
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, 'audit', ...words], {
      env,
      timeout: 20_000,
    })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout, err: stderr }
  }
}

const newKey = () => generateKeyPairSync('ed25519').privateKey

/** A log of these entries in a folder of its own, signed by the key. */
async function logOf(name: string, entries: readonly string[], key = newKey()): Promise<string> {
  const place = join(folder, name)
  const signer = createLogSigner(origin, key)
  const tree = new GrowingTree()
  const files = new Map<string, Uint8Array | string>()
  const add = (level: number, index: number, tile: Buffer) =>
    files.set(tilePath({ level, index, width: tile.length / 32 }), tile)
  const bytes = entries.map((entry) => Buffer.from(entry))
  for (const entry of bytes) tree.push(leafHash(entry), add)
  for (const [level, hashes] of tree.open.entries())
    if (hashes.length > 0) add(level, hashesAt(level + 1, tree.size), Buffer.concat(hashes))
  for (let at = 0; at < bytes.length; at += 256) {
    const bundle = bytes.slice(at, at + 256)
    const path = tilePath({ level: 'entries', index: at / 256, width: bundle.length })
    files.set(path, writeBundle(bundle))
  }
  files.set('vkey', `${signer.vkey}\n`).set('checkpoint', signer.sign({ size: tree.size, root: tree.root() }))
  for (const [path, content] of files) {
    await mkdir(dirname(join(place, path)), { recursive: true })
    await writeFile(join(place, path), content)
  }
  return place
}

const numbers = (count: number, prefix = 'entry') => Array.from({ length: count }, (_, n) => `${prefix} ${n}`)

async function serving(handler: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/log`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function serveFolder(place: string, unless: (path: string) => RequestListener | undefined): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').replace('/log/', '')
    const other = unless(path)
    if (other !== undefined) {
      other(request, response)
      return
    }
    readFile(join(place, path)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    )
  }
}

test('a log rewritten and signed with a new key is caught by whoever looked before, and a key that is given decides', async () => {
  const first = await logOf('first', numbers(300))
  expect(await reach('verify', first)).toMatchObject({ code: 0 })
  const second = await logOf('second', numbers(300, 'forged'))
  const caught = await reach('verify', second)
  expect(caught).toMatchObject({ code: 1, out: '' })
  expect(caught.err).toMatch(/^FAILED {2}vkey: vault\.example\/log had another key [^\n]*\n$/)
  expect(await reach('verify', second, '--forget')).toMatchObject({ code: 0 })
  const vkey = (await readFile(join(second, 'vkey'), 'utf8')).trim()
  expect(await reach('verify', second, '--vkey', vkey)).toMatchObject({ code: 0 })
  expect(await reach('verify', second)).toMatchObject({ code: 0 })
  expect(await reach('verify', first)).toMatchObject({ code: 1 })
})

const breaks: readonly [string, RequestListener][] = [
  [
    'breaks off',
    (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('abc')
      setTimeout(() => response.destroy(), 50)
    },
  ],
  [
    'is no gzip',
    (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('no'),
  ],
  ['is a redirect', (_request, response) => void response.writeHead(302, { location: '/other' }).end()],
  ['is an error', (_request, response) => void response.writeHead(500).end()],
]

test.each(breaks)('an answer that %s is no verdict on the log, in one line', async (_how, handler) => {
  const place = await logOf('log', numbers(3))
  for (const hit of ['vkey', 'checkpoint', 'tile/entries/000.p/3']) {
    await using server = await serving(serveFolder(place, (path) => (path === hit ? handler : undefined)))
    const ended = await reach('verify', server.url)
    expect(ended).toMatchObject({ code: 3, out: '' })
    expect(ended.err).toMatch(/^http:[^\n]*\n$/)
  }
})

test('a look that ends after a later one takes nothing back of what that one saw', async () => {
  const key = newKey()
  const [before, after] = [await logOf('before', numbers(3), key), await logOf('after', numbers(5), key)]
  const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await using server = await serving(
    serveFolder(before, (path) =>
      path === 'tile/entries/000.p/3'
        ? (_request, response) => {
            asked.resolve()
            void held.promise.then(async () => response.end(await readFile(join(before, path))))
          }
        : undefined,
    ),
  )
  const slow = reach('verify', server.url)
  await asked.promise
  expect(await reach('verify', after)).toMatchObject({ code: 0 })
  held.resolve()
  expect(await slow).toMatchObject({ code: 0 })
  const rewound = await reach('verify', before)
  expect(rewound).toMatchObject({ code: 1, out: '' })
  expect(rewound.err).toContain('size 3 is smaller than 5, which was signed earlier')
})

test('a key that is spelled in another way than its one line is none', async () => {
  const place = await logOf('log', numbers(3))
  const vkey = (await readFile(join(place, 'vkey'), 'utf8')).trim()
  for (const spelling of [`${vkey}\r\n`, ` ${vkey}\n`, `\ufeff${vkey}\n`, `${vkey}\n\n`, `${vkey}\v`]) {
    await writeFile(join(place, 'vkey'), spelling)
    expect({ spelling, ...(await reach('verify', place)) }).toMatchObject({ code: 1, out: '' })
  }
})

test('a pipe, a device or a huge file in a folder is refused and not read', async () => {
  const place = await logOf('log', numbers(3))
  const pipe = join(folder, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  const huge = join(folder, 'huge')
  await promisify(execFile)('truncate', ['-s', '3G', huge])
  for (const [n, [target, code]] of (
    [
      ['/dev/zero', 3],
      [pipe, 3],
      [huge, 1],
    ] as const
  ).entries()) {
    const copy = join(folder, `copy-${n}`)
    await cp(place, copy, { recursive: true })
    await rm(join(copy, 'tile/0/000.p/3'))
    await symlink(target, join(copy, 'tile/0/000.p/3'))
    const ended = await reach('verify', copy, '--forget')
    expect(ended).toMatchObject({ code, out: '' })
    expect(ended.err).toMatch(/^[^\n]*000\.p\/3 (?:cannot be read|is larger)[^\n]*\n$/)
  }
})

test('a watch keeps every checkpoint, and of two that contradict each other both', async () => {
  const key = newKey()
  let place = await logOf('first', numbers(3), key)
  await using server = await serving((request, response) =>
    serveFolder(place, () => undefined)(request, response),
  )
  const watch = () => reach('watch', server.url, '--times', '1')
  expect(await watch()).toMatchObject({ code: 0 })
  place = await logOf('longer', numbers(5), key)
  expect(await watch()).toMatchObject({ code: 0 })
  place = await logOf('forked', numbers(5, 'forged'), key)
  const caught = await watch()
  expect(caught).toMatchObject({ code: 1, out: '' })
  const [, kept = ''] = /; every checkpoint is kept in (\S+)\n$/.exec(caught.err) ?? []
  const files = (await readdir(kept)).toSorted()
  expect(files.map((name) => name.split('-')[0])).toEqual(['3', '5', '5'])
  const vkey = (await readFile(join(place, 'vkey'), 'utf8')).trim()
  const [, one = '', other = ''] = files.map((name) => join(kept, name))
  const compared = await reach('compare', place, one, other, '--vkey', vkey)
  expect(compared).toMatchObject({ code: 1 })
  expect(compared.err).toContain('signed two trees of 5 entries')
  // What is no checkpoint is not kept.
  await writeFile(join(place, 'checkpoint'), 'x'.repeat(100_000))
  expect(await watch()).toMatchObject({ code: 1 })
  expect(await readdir(kept)).toHaveLength(3)
})

test('a mirror keeps nothing of a log that does not verify, and comes right when the log does', async () => {
  const place = await logOf('log', numbers(300))
  const copy = join(folder, 'copy')
  let isForged = true
  const forged: RequestListener = (_request, response) => void response.end('<html>')
  await using server = await serving(
    serveFolder(place, (path) => (isForged && path === 'tile/entries/000' ? forged : undefined)),
  )
  expect(await reach('mirror', server.url, copy)).toMatchObject({ code: 1 })
  const left = await readdir(copy, { recursive: true, withFileTypes: true })
  expect(left.filter((one) => one.isFile())).toEqual([])
  isForged = false
  expect(await reach('mirror', server.url, copy)).toMatchObject({ code: 0 })
  expect(await reach('verify', copy)).toMatchObject({ code: 0 })
})

test('a run that was killed leaves nothing behind that a later one believes', async () => {
  const key = newKey()
  const place = await logOf('log', numbers(300), key)
  const copy = join(folder, 'copy')
  await using server = await serving(serveFolder(place, () => undefined))
  // What a killed run had copied of another history, before anything of it had proved to hold.
  const other = await logOf('other', numbers(300, 'forged'), key)
  await cp(join(other, 'tile'), join(copy, 'tile'), { recursive: true })
  expect(await reach('mirror', server.url, copy)).toMatchObject({ code: 0, err: '' })
  expect(await reach('verify', copy)).toMatchObject({ code: 0 })
})

test('a mirror goes on from what is in it, whoever asks, and gives no earlier checkpoint up for another history', async () => {
  const key = newKey()
  let place = await logOf('log', numbers(100), key)
  const copy = join(folder, 'copy')
  await using server = await serving((request, response) =>
    serveFolder(place, () => undefined)(request, response),
  )
  const mirror = () => reach('mirror', server.url, copy, '--forget')
  expect(await mirror()).toMatchObject({ code: 0 })
  const checkpoint = await readFile(join(copy, 'checkpoint'), 'utf8')
  place = await logOf('rewritten', numbers(120, 'forged'), key)
  const caught = await mirror()
  expect(caught).toMatchObject({ code: 1, out: '' })
  expect(caught.err).toMatch(/^FAILED {2}checkpoint: the log has another root at size 100 [^\n]*\n$/)
  place = await logOf('rewound', numbers(90), key)
  expect(await mirror()).toMatchObject({ code: 1, out: '' })
  place = await logOf('another', numbers(120))
  expect(await mirror()).toMatchObject({ code: 1, out: '' })
  expect(await readFile(join(copy, 'checkpoint'), 'utf8')).toBe(checkpoint)
  expect(await reach('verify', copy, '--forget')).toMatchObject({ code: 0 })
  place = await logOf('grown', numbers(120), key)
  expect((await mirror()).out).toContain('consistent with 1 earlier checkpoint\n')
  expect(await readFile(join(copy, 'checkpoint'), 'utf8')).not.toBe(checkpoint)
})

test.each([
  [['verify', 'http://[::1'], 2, /is not an address/],
  [['verify', 'LOG', '--vkey', 'vault.example/log+00000000+AAAA'], 2, /^--vkey: /],
  [['verify', 'LOG', '--old', 'no-such-file'], 2, /cannot be read/],
  [['mirror', 'LOG', 'LOG/vkey/inside'], 3, /cannot be written/],
])('%j ends with code %i', async (words, code, why) => {
  const place = await logOf('log', numbers(300))
  const ended = await reach(...words.map((word) => word.replace('LOG', place)))
  expect(ended).toMatchObject({ code, out: '' })
  expect(ended.err).toMatch(why)
  expect(ended.err.trim()).not.toContain('\n')
})
