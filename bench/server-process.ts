import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { exportKey } from './business.ts'
import type { SigningKey } from './business.ts'
import type { Size } from './house.ts'
import { quantile, runLoad } from './load.ts'
import type { Load } from './load.ts'
import { cpuSeconds } from './samples.ts'
import type { Samples } from './samples.ts'
import type { Question, Ready, Stats } from './server.ts'

/** The parent's side of the server process. */
export class ServerProcess implements AsyncDisposable {
  /** Customers served by gateways so far: as many entries must the log have gained. */
  served = 0
  readonly ready: Ready
  readonly #child: ChildProcess

  static async start(issuerKey: SigningKey, size: Size): Promise<ServerProcess> {
    const child = fork(new URL('./server.ts', import.meta.url), [JSON.stringify(size), exportKey(issuerKey)])
    return new ServerProcess(child, await answerOf<Ready>(child))
  }

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child
    this.ready = ready
  }

  stats(): Promise<Stats> {
    return this.#ask('stats')
  }

  /** Recomputes the whole log from its entries and gives its size; fails when the root is another. */
  verifyLog(): Promise<number> {
    return this.#ask('verify')
  }

  /**
   * Runs load and notes customers per CPU second of the server, all of its threads. Any bad reply ends the benchmark.
   * Gives how many of the requests were used.
   */
  async measure(
    samples: Samples | undefined,
    name: string,
    load: Load & { readonly customers?: number },
    from = 0,
  ): Promise<number> {
    const { customers = 1 } = load
    const before = await this.stats()
    const { done, used, bad, sample, latencies } = await runLoad(load, from)
    const after = await this.stats()
    if (bad > 0) throw new Error(`${name}: ${bad} bad replies, the first: ${sample}`)
    const rate = (done * customers) / (cpuSeconds(after.cpu) - cpuSeconds(before.cpu))
    samples?.add(name, { rate, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) })
    if (!name.startsWith('bare')) this.served += done * customers
    return used
  }

  #ask<Answer>(question: Question): Promise<Answer> {
    this.#child.send(question)
    return answerOf(this.#child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.send('stop')
    await exited
  }
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const stop = new AbortController()
  const exit = once(child, 'exit', stop).then(([code]) => {
    throw new Error(`the server process ended with ${code}`)
  })
  try {
    const [answer] = (await Promise.race([once(child, 'message', stop), exit])) as [Answer]
    return answer
  } finally {
    exit.catch(() => {})
    stop.abort()
  }
}
