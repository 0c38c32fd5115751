import { batchToken, registerBusiness } from '../test/business.ts'
import type { Admission, Business } from '../test/business.ts'
import { Child } from './child.ts'
import { quantile } from './load.ts'
import { cpuSeconds } from './samples.ts'
import type { Samples } from './samples.ts'
import type { TokenQuestion } from './token-server.ts'

const BUSINESSES = 4
const IN_FLIGHT = 16

/**
 * The token endpoint as a business meets it: an assertion by its private key, a DPoP proof with the server's nonce, and
 * everything that must not be used twice written down and synced before the token leaves.
 */
export class TokenBench implements AsyncDisposable {
  readonly #child: Child<TokenQuestion>
  readonly #businesses: readonly Business[]

  static async open(): Promise<TokenBench> {
    const child = new Child<TokenQuestion>(new URL('./token-server.ts', import.meta.url), [], 'stop')
    const businesses: Business[] = []
    for (let n = 0; n < BUSINESSES; n++) {
      const { issuer, admission } = await child.ask<{ issuer: string; admission: Admission }>('business')
      businesses.push(await registerBusiness(issuer, admission))
    }
    return new TokenBench(child, businesses)
  }

  private constructor(child: Child<TokenQuestion>, businesses: readonly Business[]) {
    this.#child = child
    this.#businesses = businesses
  }

  async measure(samples: Samples | undefined, name: string, seconds: number): Promise<void> {
    const latencies: number[] = []
    const before = await this.#cpuSeconds()
    const end = performance.now() + seconds * 1000
    const run = async (_: unknown, n: number) => {
      const business = this.#businesses[n % BUSINESSES]
      while (business !== undefined && performance.now() < end) {
        const sent = performance.now()
        await batchToken(business)
        latencies.push(performance.now() - sent)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, run))
    const rate = latencies.length / ((await this.#cpuSeconds()) - before)
    const sorted = latencies.toSorted((a, b) => a - b)
    samples?.add(name, { rate, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) })
  }

  async #cpuSeconds(): Promise<number> {
    return cpuSeconds(await this.#child.ask('cpu'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }
}
