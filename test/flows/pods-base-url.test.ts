import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createNames } from '../../core/records/names.ts'
import { startEmbeddedPods } from '../../vault-server/pods/embedded.ts'
import { freePort } from '../free-ports.ts'

const log = { info: () => undefined, warn: () => undefined }
const names = createNames(randomBytes(32))

test('the pod server answers while it starts, as a page or as JSON, and refuses another base URL for good', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'reach-test-pods-'))
  const port = await freePort()
  const url = `http://localhost:${port}/`
  const first = await startEmbeddedPods({ url, folder, vaultUrl: 'http://localhost:1', names, log })
  const page = await fetch(url, { headers: { accept: 'text/html' } })
  expect(page.status).toBe(503)
  expect(await page.text()).toContain('The pods are starting')
  expect(first.state).toBe('starting')
  // Stopped before it was ready: nothing is left, and the one who waits is told.
  await first[Symbol.asyncDispose]()
  await expect(first.ready).rejects.toThrow('stopped')
  await expect(
    startEmbeddedPods({ url: `http://localhost:${port + 1}/`, folder, vaultUrl: url, names, log }),
  ).rejects.toThrow(`REACH_PODS_URL must stay ${url}: `)
  await expect(startEmbeddedPods({ url: `${url}pods/`, folder, vaultUrl: url, names, log })).rejects.toThrow(
    'an origin of their own',
  )
  const note = join(folder, 'base-url')
  expect(await readFile(note, 'utf8')).toBe(url)
  // As a crash leaves a file, and as an operator writes it anew.
  await writeFile(note, '')
  const again = { url, folder, vaultUrl: 'http://localhost:1', names, log }
  await expect(startEmbeddedPods(again)).rejects.toThrow(`REACH_DATA has a damaged file: write into ${note} `)
  await writeFile(note, `http://localhost:${port}\n`)
  await (await startEmbeddedPods(again))[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})
