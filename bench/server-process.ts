import { setTimeout as sleep } from 'node:timers/promises'
import { exportKey } from './business.ts'
import type { SigningKey } from './business.ts'
import { Child } from './child.ts'
import type { Size } from './house.ts'
import { quantile, runLoad } from './load.ts'
import type { Load, LoadResult } from './load.ts'
import { cpuSeconds } from './samples.ts'
import type { Samples } from './samples.ts'
import type { Profile } from './profile.ts'
import type { Question, Ready, Stats } from './server.ts'

/** Load, and what its replies mean. */
export type Measured = Load & {
  /** Customers of one reply; 1 when left out. */
  readonly customers?: number
  /** Nothing of it stands in the log. */
  readonly isOffRecord?: boolean
}

/** The parent's side of the server process. */
export class ServerProcess implements AsyncDisposable {
  /** Customers served on record so far: as many entries must the log have gained. */
  served = 0
  readonly ready: Ready
  readonly #child: Child<Question>

  static async start(issuerKey: SigningKey, size: Size): Promise<ServerProcess> {
    const args = [JSON.stringify(size), exportKey(issuerKey)]
    const child = new Child<Question>(new URL('./server.ts', import.meta.url), args, 'stop')
    return new ServerProcess(child, await child.ask<Ready>('ready'))
  }

  private constructor(child: Child<Question>, ready: Ready) {
    this.#child = child
    this.ready = ready
  }

  stats(): Promise<Stats> {
    return this.#child.ask('stats')
  }

  /** Recomputes the whole log from its entries and gives its size; fails when the root is another. */
  verifyLog(): Promise<number> {
    return this.#child.ask('verify')
  }

  /** Bytes of the server's heap that are still needed. */
  memory(): Promise<number> {
    return this.#child.ask('memory')
  }

  /** Holds replies against the log. */
  prove(replies: readonly string[]): Promise<number> {
    return this.#child.ask({ prove: replies })
  }

  /** Withdraws the grants of those who leave; gives how many when all of it is confirmed. */
  withdraw(): Promise<number> {
    return this.#child.ask('withdraw')
  }

  async withoutAnchor(measure: () => Promise<void>): Promise<void> {
    await this.#child.ask('leave the anchor out')
    await measure()
    await this.#child.ask('anchor')
  }

  /** Where the main thread's time goes meanwhile. */
  async profile(work: () => Promise<unknown>): Promise<Profile> {
    await this.#child.ask('profile')
    await work()
    return this.#child.ask('end of profile')
  }

  /** Waits until the server has nothing left to do, such as merging the tables that filling it left behind. */
  async settle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 3 && turns < 100; turns++) {
      const before = cpuSeconds((await this.stats()).cpu)
      await sleep(100)
      quiet = cpuSeconds((await this.stats()).cpu) - before < 0.01 ? quiet + 1 : 0
    }
  }

  /**
   * Runs load and notes customers per CPU second of the server, all of its threads. Any bad reply ends the benchmark.
   */
  async measure(
    samples: Samples | undefined,
    name: string,
    load: Measured,
    from = 0,
  ): Promise<LoadResult & { readonly rate: number }> {
    // What LevelDB still merges of the load before would count for this one.
    if (samples !== undefined) await this.settle()
    const { customers = 1, isOffRecord = false } = load
    const before = await this.stats()
    const result = await runLoad(load, from)
    const after = await this.stats()
    const { done, bad, sample, latencies } = result
    if (bad > 0) throw new Error(`${name}: ${bad} bad replies, the first: ${sample}`)
    const rate = (done * customers) / (cpuSeconds(after.cpu) - cpuSeconds(before.cpu))
    samples?.add(name, { rate, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) })
    if (!isOffRecord) this.served += done * customers
    return { ...result, rate }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }
}
