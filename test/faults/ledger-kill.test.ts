import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { appendFile, readdir } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LedgerInUse, type Ledger } from '#core/ledger/ledger.ts'
import { checkLog } from '../check-log.ts'
import { ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'

interface Acknowledged {
  readonly id: string
  readonly version: number
  readonly index?: number
  readonly checkpoint: string
}

const CHILD = join(import.meta.dirname, 'ledger-child.ts')
const KILLS = 24

interface Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  /** Resolves when it has acknowledged something, or has ended without. */
  readonly started: Promise<unknown>
  readonly ended: Promise<unknown>
  readonly acknowledged: () => Acknowledged[]
  readonly errors: () => string
}

/** `limit`: largest file it may write, in blocks of 512 bytes. */
function startChild({ root }: LedgerFolders, run: string, limit?: number): Child {
  const args = [process.execPath, CHILD, root, run, String(256 * 1024)]
  const shell = ['-c', `ulimit -f ${limit ?? 'unlimited'}; exec "$@"`, 'sh', ...args]
  const child = spawn('sh', shell, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let errors = ''
  const ended = once(child, 'close')
  const first = once(child.stdout, 'data')
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  return {
    process: child,
    started: Promise.race([first, ended]),
    ended,
    acknowledged: () =>
      out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Acknowledged),
    errors: () => errors,
  }
}

/** Every acknowledged commit is found whole at its place, and every other one whole or not at all. */
async function checkEverything(ledger: Ledger, acknowledged: readonly Acknowledged[]): Promise<void> {
  const checkpoints = acknowledged.filter((_, i) => i % 25 === 0).map(({ checkpoint }) => checkpoint)
  await checkLog(ledger.log, checkpoints)

  const rows = await ledger.list<{ id: string; logged: boolean }>('row!')
  const byId = new Map(rows.map((row) => [row.value.id, row]))
  const entries = new Map(
    (await ledger.history('all')).map(({ index, ops }) => [(JSON.parse(ops) as Acknowledged).id, index]),
  )
  for (const { id, version, index } of acknowledged) {
    expect(byId.get(id)?.version, `row of ${id}`).toBe(version)
    expect(entries.get(id), `entry of ${id}`).toBe(index)
  }
  expect(new Set(rows.map(({ version }) => version)).size).toBe(rows.length)
  for (const { value } of rows)
    expect(entries.has(value.id), `${value.id} has row and entry`).toBe(value.logged)
  for (const id of entries.keys()) expect(byId.has(id), `${id} has entry and row`).toBe(true)
  const perRun = Map.groupBy(rows, ({ value }) => value.id.split('.')[0] ?? '')
  for (const [run, found] of perRun)
    expect(await ledger.count(`run!${run}`), `counter of run ${run}`).toBe(found.length)
  expect(await ledger.list('gone!')).toEqual([])
  for (const { key, value } of await ledger.list<string>('own!')) expect(key).toBe(`own!${value}`)
}

/** What a power cut may leave behind the last whole record of LevelDB's log file. */
async function tearTail({ folder }: LedgerFolders, garbage: Buffer): Promise<void> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'))
  const newest = logs.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1)
  if (newest !== undefined) await appendFile(join(folder, newest), garbage)
}

describe('a ledger whose process dies', () => {
  test(`loses nothing acknowledged in ${KILLS} kills at random moments`, { timeout: 120_000 }, async () => {
    await using folders = await ledgerFolders()
    const acknowledged: Acknowledged[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const child = startChild(folders, `k${kill}`)
      // Some die while they still start and recover.
      if (kill % 6 !== 5) await child.started
      await setTimeout(Math.random() * (kill % 6 === 5 ? 400 : 120))
      child.process.kill('SIGKILL')
      await child.ended
      expect(child.errors()).toBe('')
      acknowledged.push(...child.acknowledged())
      if (kill % 4 === 1) await tearTail(folders, Buffer.alloc(5000))
      if (kill % 4 === 3)
        await tearTail(folders, Buffer.from(Array.from({ length: 50 }, () => Math.random() * 256)))
      if (kill % 8 !== 7) continue
      await using ledger = (await openIn(folders)).ledger
      await checkEverything(ledger, acknowledged)
    }
    expect(acknowledged.length).toBeGreaterThan(20 * KILLS)
    expect(new Set(acknowledged.map(({ version }) => version)).size).toBe(acknowledged.length)
    const indexes = acknowledged.flatMap(({ index }) => (index === undefined ? [] : [index]))
    expect(new Set(indexes).size, 'no index was given twice').toBe(indexes.length)
  })

  test('while it lives no other process may open it', async () => {
    await using folders = await ledgerFolders()
    const child = startChild(folders, 'a')
    await child.started
    await expect(openIn(folders)).rejects.toBeInstanceOf(LedgerInUse)
    child.process.kill('SIGKILL')
    await child.ended
    await using ledger = (await openIn(folders)).ledger
    await checkEverything(ledger, child.acknowledged())
    await expect(openIn(folders)).rejects.toBeInstanceOf(LedgerInUse)
  })

  test('stops when the disk takes no more, and has everything acknowledged when opened again', async () => {
    await using folders = await ledgerFolders()
    const acknowledged: Acknowledged[] = []
    for (const [run, limit] of [300, 301, 350].entries()) {
      const child = startChild(folders, `f${run}`, limit)
      await child.ended
      expect(child.errors()).toBe('ledger-stopped\n')
      acknowledged.push(...child.acknowledged())
      await using ledger = (await openIn(folders)).ledger
      await checkEverything(ledger, acknowledged)
    }
    expect(acknowledged.length).toBeGreaterThan(100)
  })
})
