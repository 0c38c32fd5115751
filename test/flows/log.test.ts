import { request } from 'node:http'
import { beforeAll, expect, test } from 'vitest'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { leafHash, rootFromTiles } from '#core/ledger/merkle.ts'
import { parseBundle, tilePath } from '#core/ledger/tiles.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'
import type { TestVault } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

/** Entries about nobody, to make the log grow. */
async function grow(vault: TestVault, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, index) => ({ claims: () => ({ ops: `{"n":${index}}` }) }))
  await vault.ledger.commit({ entries })
}

/** The path exactly as given: a client library would tidy it up. */
function statusOf(vault: TestVault, path: string): Promise<number | undefined> {
  const { hostname, port, host } = new URL(vault.url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('anybody can read the whole log from its tiles and check it against the checkpoint', async () => {
  await using vault = await startTestVault(pods)
  await grow(vault, 600)
  const get = async (path: string) => fetch(`${vault.url}/log/${path}`)
  const [note, vkey] = await Promise.all(
    [get('checkpoint'), get('vkey')].map(async (one) => (await one).text()),
  )
  const tree = openCheckpoint(note ?? '', (vkey ?? '').trim())
  expect(tree.size).toBe(600)
  expect(tree.origin).toBe(new URL(vault.url).host + '/log')
  const root = await rootFromTiles(
    tree.size,
    async (level, index, width) =>
      new Uint8Array(await (await get(tilePath({ level, index, width }))).arrayBuffer()),
  )
  expect(Buffer.from(root)).toEqual(tree.root)
  for (const [index, width] of [
    [0, 256],
    [1, 256],
    [2, 88],
  ] as const) {
    const bundle = await get(tilePath({ level: 'entries', index, width }))
    const tile = await get(tilePath({ level: 0, index, width }))
    const entries = parseBundle(new Uint8Array(await bundle.arrayBuffer())) ?? []
    expect(Buffer.concat(entries.map(leafHash))).toEqual(Buffer.from(await tile.arrayBuffer()))
  }
})

test('tiles may be kept by everybody, the checkpoint by nobody', async () => {
  await using vault = await startTestVault(pods)
  await grow(vault, 300)
  for (const method of ['GET', 'HEAD']) {
    const ask = (path: string) => fetch(`${vault.url}/log/${path}`, { method })
    for (const path of ['tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1', 'tile/entries/000']) {
      const response = await ask(path)
      expect(response.status, path).toBe(200)
      expect(Object.fromEntries(response.headers), path).toMatchObject({
        'content-type': 'application/octet-stream',
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
      })
      expect((await response.arrayBuffer()).byteLength > 0, path).toBe(method === 'GET')
    }
    const checkpoint = await ask('checkpoint')
    expect(Object.fromEntries(checkpoint.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    })
  }
})

test('what the log does not have, or another way to spell it, is not there', async () => {
  await using vault = await startTestVault(pods)
  await grow(vault, 300)
  for (const path of [
    'tile/0/001',
    'tile/0/001.p/45',
    'tile/0/002.p/1',
    'tile/1/000',
    'tile/2/000.p/1',
    'tile/64/000',
    'tile/00/000',
    'tile/0/0',
    'tile/0/x000/000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/044',
    'tile/0/%30%30%30',
    'tile/0/000/',
    'tile/0/../0/000',
    'tile/0/x999/x999/x999/x999/x999/999',
    'tile/0/x111/x111/x111/x111/x111/x111/111',
    'tile/entries/001',
    'tile/-1/000',
    'tile//000',
    '',
    'checkpoint/',
    'Checkpoint',
  ]) {
    expect(await statusOf(vault, `/log/${path}`), path).toBe(404)
  }
  const missing = await fetch(`${vault.url}/log/tile/0/009`)
  expect(missing.headers.get('cache-control')).toBe('no-store')
  expect(missing.headers.get('content-type')).toBe('application/problem+json')
  const posted = await fetch(`${vault.url}/log/checkpoint`, { method: 'POST' })
  expect(posted.status).toBe(405)
  expect(posted.headers.get('allow')).toBe('GET, HEAD')
})
