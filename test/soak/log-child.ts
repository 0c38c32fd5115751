/**
 * A ledger whose log grows: node --expose-gc log-child.ts <root> <sizes>. At each size it says what it holds in memory, and how long
 * a new process would take to open it; then it serves the log until it is ended.
 */
import { readFile } from 'node:fs/promises'
import { notFound, problemHandler } from '#core/http/problem.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { createLogger } from '#core/logger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { logRoutes } from '../../vault-server/audit/log.ts'
import { foldersIn, openIn } from '../level-ledger.ts'

/** One thing that happened at one size, as the child prints it. */
export interface Stage {
  readonly size: number
  readonly checkpoint: string
  /** In use after collecting, MB: the heap and what it holds outside; then the whole process. */
  readonly heap: number
  readonly resident: number
  /** Median of three openings, ms; and MB that one of them reads. */
  readonly opens: number
  readonly opensReading: number
  /** Entries a second since the stage before. */
  readonly perSecond: number
}

const PER_COMMIT = 64
const AT_ONCE = 64
const GRANTS = 5_000

const [root = '', sizes = ''] = process.argv.slice(2)
const folders = foldersIn(root)

async function grow(ledger: Ledger, from: number, to: number): Promise<void> {
  let next = from
  async function work(): Promise<void> {
    while (next < to) {
      const first = next
      next = Math.min(to, first + PER_COMMIT)
      await ledger.commit({
        counters: [{ key: `seq!${first % GRANTS}` }],
        writes: [{ key: `grant!${first % GRANTS}`, value: { since: first } }],
        entries: Array.from({ length: next - first }, (_, i) => ({
          claims: ({ time }) => ({ ops: `{"v":1,"type":"disclosed","time":${time},"seq":${first + i}}` }),
          threads: [`g${(first + i) % GRANTS}`],
        })),
      })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function opening(): Promise<{ opens: number; opensReading: number }> {
  const times: number[] = []
  const before = await bytesRead()
  for (let i = 0; i < 3; i++) {
    const started = performance.now()
    const { ledger } = await openIn(folders)
    times.push(performance.now() - started)
    await ledger[Symbol.asyncDispose]()
  }
  return {
    opens: times.toSorted((a, b) => a - b)[1] ?? 0,
    opensReading: ((await bytesRead()) - before) / 3 / 2 ** 20,
  }
}

/** By this process so far, from disk or cache (Linux). */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1])
}

function memory(): { heap: number; resident: number } {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: (heapUsed + external) / 2 ** 20, resident: rss / 2 ** 20 }
}

let before = 0
for (const size of sizes.split(',').map(Number)) {
  const { ledger } = await openIn(folders)
  const started = performance.now()
  await grow(ledger, before, size)
  const perSecond = Math.round(((size - before) * 1000) / (performance.now() - started))
  const stage = { size, checkpoint: ledger.log.checkpoint(), ...memory(), perSecond }
  await ledger[Symbol.asyncDispose]()
  console.log(JSON.stringify({ ...stage, ...(await opening()) } satisfies Stage))
  before = size
}

const { ledger } = await openIn(folders)
const app = leanExpress()
app.use(
  '/log',
  logRoutes({ log: ledger.log }),
  notFound,
  problemHandler({ log: createLogger({ level: 'silent' }) }),
)
const { url } = await listen({ app, host: '127.0.0.1', port: 0 })
console.log(JSON.stringify({ url: `${url}/log`, vkey: ledger.log.vkey }))
process.stdin.on('data', () => console.log(JSON.stringify(memory())))
