/** A disk that fails to sync, under a real ledger in a process of its own: stopped at once, told in one line, nothing lost or done twice. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'
import { checkEverything, startChild, type Acknowledged, type Child } from './ledger-acknowledged.ts'

const run = promisify(execFile)
let folder: string
let shim: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-fsync-'))
  shim = join(folder, 'failing_sync.so')
  const source = join(import.meta.dirname, 'failing_sync.c')
  await run('/usr/bin/gcc', ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', shim, source, '-ldl'])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Failing {
  /** Part of the path of the files that fail. */
  readonly on: string
  readonly after: number
  readonly times: number
}

const underShim = ({ on, after, times }: Failing): string[] => [
  `LD_PRELOAD=${shim}`,
  `FAIL_PATH=${on}`,
  `FAIL_AFTER=${after}`,
  `FAIL_TIMES=${times}`,
]

function startFailing({ root }: LedgerFolders, name: string, failing: Failing): Child {
  const program = join(import.meta.dirname, 'ledger-child.ts')
  return startChild('env', ...underShim(failing), process.execPath, program, root, name, String(256 * 1024))
}

describe('a disk that fails to sync', () => {
  const cases = ['/data/', '/keys/anchor'].flatMap((on) =>
    [1, -1].flatMap((times) => [0, 5, 40].map((after) => ({ on, after, times }))),
  )

  test('stops the ledger; all it acknowledged is there afterwards, and no place is given twice', async () => {
    await using folders = await ledgerFolders()
    await (await openIn(folders)).ledger[Symbol.asyncDispose]()
    const acknowledged: Acknowledged[] = []
    for (const [i, failing] of cases.entries()) {
      const child = startFailing(folders, `s${i}`, failing)
      await child.ended
      expect(child.errors(), JSON.stringify(failing)).toBe('ledger-stopped\n')
      const done = child.acknowledged()
      if (failing.after === 0) expect(done).toEqual([])
      if (failing.after === 40) expect(done.length).toBeGreaterThan(0)
      acknowledged.push(...done)
      await using ledger = (await openIn(folders)).ledger
      await checkEverything(ledger, acknowledged)
    }
    expect(new Set(acknowledged.map(({ version }) => version)).size).toBe(acknowledged.length)
    const indexes = acknowledged.flatMap(({ index }) => (index === undefined ? [] : [index]))
    expect(new Set(indexes).size).toBe(indexes.length)
  })

  test('is told to the operator in one line that says what to look at', async () => {
    const program = join(import.meta.dirname, '../../cli/main.ts')
    for (const on of ['/data/ledger/', '/keys/anchor', '/keys/ops/']) {
      await using folders = await ledgerFolders()
      const settings = { REACH_DATA: folders.folder, REACH_KEYS: folders.keysFolder, REACH_PODS_URL: 'off' }
      const failing = underShim({ on, after: 0, times: -1 })
      const own = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
      const ended = run('env', [...own, ...failing, process.execPath, program, 'vendor', 'list'])
      await expect(ended, on).rejects.toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^The ledger refuses to open: [^\n]*full, read-only or failing\?\n$/),
      })
    }
  })
})
