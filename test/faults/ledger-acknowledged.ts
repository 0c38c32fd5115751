/** Processes that load a ledger until they are killed, and what must be found of it afterwards. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { Ledger } from '#core/ledger/ledger.ts'
import { checkLog } from '../check-log.ts'

export interface Acknowledged {
  readonly id: string
  readonly version: number
  readonly index?: number
  readonly checkpoint: string
}

export interface Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  /** Resolves when it has acknowledged something, or has ended without. */
  readonly started: Promise<unknown>
  readonly ended: Promise<unknown>
  readonly acknowledged: () => Acknowledged[]
  readonly errors: () => string
}

/** `command`: program and arguments. */
export function startChild(...command: readonly [string, ...string[]]): Child {
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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
export async function checkEverything(ledger: Ledger, acknowledged: readonly Acknowledged[]): Promise<void> {
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
  for (const [run, found] of perRun) {
    const counter = `run!${run}`
    expect(await ledger.count(counter), `counter of run ${run}`).toBe(found.length)
    const raised = (await ledger.history('nobody', { counters: [counter] })).map(({ index }) => index)
    const logged = found.flatMap(({ value }) => entries.get(value.id) ?? [])
    expect(raised, `entries of run ${run}`).toEqual(logged.toSorted((a, b) => b - a))
  }
  expect(await ledger.list('gone!')).toEqual([])
  for (const { key, value } of await ledger.list<string>('own!')) expect(key).toBe(`own!${value}`)
}
