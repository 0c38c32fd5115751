import { readFile } from 'node:fs/promises'
import { podServerPid, startTestPods } from '../test/pod-server.ts'
import { writeCategory } from '#core/pods/vocabulary-edit.ts'
import { categoriesOf } from './pods.ts'
import { quantile } from './load.ts'
import type { Samples } from './samples.ts'

/** Ticks of the processor times in /proc, the same on every Linux. */
const TICKS = 100
const IN_FLIGHT = 8

/**
 * The real pod server, asked for one category of the data by its owner with a fresh DPoP proof each time: what every query
 * would cost at least if nothing were kept. Only where /proc tells the CPU time of another process.
 */
export class PodServerBench implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #pid: number
  readonly #read: () => Promise<void>

  static async open(): Promise<PodServerBench | undefined> {
    if (process.platform !== 'linux') return undefined
    await using stack = new AsyncDisposableStack()
    const pods = stack.use(await startTestPods())
    const { fetch, container } = await pods.customer()
    const url = `${container}contact.ttl`
    const body = writeCategory('contact', categoriesOf(0)['contact'] ?? {}, undefined, url)
    const put = await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/turtle' }, body })
    if (!put.ok) throw new Error(`the pod server refused to store: ${put.status}`)
    const read = async () => {
      const reply = await fetch(url, { headers: { accept: 'text/turtle' } })
      if (reply.status !== 200 || !(await reply.text()).includes('ada-0@example.org'))
        throw new Error(`the pod server answered ${reply.status}`)
    }
    await read()
    return new PodServerBench(stack.move(), podServerPid(pods.server), read)
  }

  private constructor(stack: AsyncDisposableStack, pid: number, read: () => Promise<void>) {
    this.#stack = stack
    this.#pid = pid
    this.#read = read
  }

  async measure(samples: Samples | undefined, name: string, seconds: number): Promise<void> {
    const latencies: number[] = []
    const before = await this.#cpuSeconds()
    const end = performance.now() + seconds * 1000
    const run = async () => {
      while (performance.now() < end) {
        const sent = performance.now()
        await this.#read()
        latencies.push(performance.now() - sent)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, run))
    const rate = latencies.length / ((await this.#cpuSeconds()) - before)
    const sorted = latencies.toSorted((a, b) => a - b)
    samples?.add(name, { rate, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) })
  }

  /** User and system time of all threads (proc_pid_stat(5), fields 14 and 15). */
  async #cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}
