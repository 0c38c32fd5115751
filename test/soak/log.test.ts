/**
 * A log of a million entries: right and served, the memory of the process flat, and no longer to open than a small one.
 * `ENTRIES=100000 npm run test:soak test/soak/log.test.ts` for fewer; figures in `test/results/log.json`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { verifyLog, type ReadLogFile } from '#core/ledger/verify.ts'
import { ledgerFolders } from '../level-ledger.ts'
import type { Stage } from './log-child.ts'

const entries = Number(process.env['ENTRIES'] ?? 1_000_000)
const sizes = [0.001, 0.1, 0.25, 0.5, 1].map((part) => Math.round(part * entries))
/** What the engine itself adds or drops between two looks. */
const NOISE_MB = 32
/** 128 of tables, 64 of what was written last, and the log file of the store. */
const OPENING_MB = 128 + 64 + 48

test(`a log of ${entries} entries`, { timeout: 30 * 60_000 }, async () => {
  await using folders = await ledgerFolders()
  const args = [
    '--expose-gc',
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'log-child.ts'),
  ]
  const child = spawn(process.execPath, [...args, folders.root, sizes.join()], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async (): Promise<unknown> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('the ledger ended')
    return JSON.parse(value)
  }
  const stages: Stage[] = []
  for (const size of sizes) {
    const stage = (await line()) as Stage
    expect(stage.size).toBe(size)
    stages.push(stage)
  }
  const { url, vkey } = (await line()) as { url: string; vkey: string }
  const read: ReadLogFile = async (path) =>
    new Uint8Array(await (await fetch(`${url}/${path}`)).arrayBuffer())
  const earlier = stages.map(({ checkpoint }) => checkpoint)
  const rounds: { seconds: number; heap: number }[] = []
  for (let round = 0; round < 2; round++) {
    const started = performance.now()
    const report = await verifyLog({ read, vkey, earlier })
    expect(report).toMatchObject({ checkpoint: { size: entries }, earlier: sizes.length })
    const seconds = (performance.now() - started) / 1000
    child.stdin.write('\n')
    rounds.push({ seconds, ...((await line()) as { heap: number }) })
  }

  const figures = { stages: stages.map((stage) => ({ ...stage, checkpoint: undefined })), served: rounds }
  const folder = join(import.meta.dirname, '../results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'log.json'), `${JSON.stringify(figures, null, 2)}\n`)
  console.table(figures.stages)
  console.table(rounds)

  const [, , quarter, , whole] = stages
  if (!quarter || !whole) throw new Error('a stage is missing')
  expect(whole.heap).toBeLessThan(quarter.heap + NOISE_MB)
  // Served whole twice: what the first time filled is bounded.
  expect(rounds[1]?.heap).toBeLessThan((rounds[0]?.heap ?? 0) + NOISE_MB)
  // Newest tables, tail, and what the store itself reads: not the log.
  expect(whole.opensReading).toBeLessThan(OPENING_MB)
})
