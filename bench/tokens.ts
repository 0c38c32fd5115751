import { ask, batchToken, redeem, refresh, registerBusiness } from '../test/business.ts'
import type { Admission, Business, PendingRequest } from '../test/business.ts'
import { Child } from './child.ts'
import { quantile } from './load.ts'
import { cpuSeconds } from './samples.ts'
import type { Samples } from './samples.ts'
import type { TokenQuestion } from './token-server.ts'

const BUSINESSES = 4
const IN_FLIGHT = 16
/** Customers who decide for each round: their codes are redeemed, and the tokens then refreshed. */
const DECISIONS = 48

interface Decided {
  readonly business: Business
  readonly pending: PendingRequest
  readonly callback: URL
}

/** One call after the other; `undefined`: there is none left. */
type Next = () => Promise<unknown> | undefined

/**
 * The authorization server as a business meets it: an assertion by its private key, a DPoP proof with the server's nonce,
 * and everything that must not be used twice written down and synced before the answer leaves.
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

  /** One round of every way to the token endpoint. `seconds`: of each that can be repeated at will. */
  async measure(samples: Samples, seconds: number): Promise<void> {
    let turn = 0
    const within = (act: (business: Business) => Promise<unknown>): Next => {
      const end = performance.now() + seconds * 1000
      return () => (performance.now() < end ? act(this.#business(turn++)) : undefined)
    }
    await this.#measure(samples, 'client credentials', within(batchToken))
    await this.#measure(
      samples,
      'pushed request',
      within((business) => ask(business)),
    )

    const decided: Decided[] = []
    for (let n = 0; n < DECISIONS; n++) decided.push(await this.#decided(this.#business(n)))
    const left = decided.values()
    const live: { readonly business: Business; token: string }[] = []
    await this.#measure(samples, 'code', () => {
      const { value: one } = left.next()
      return (
        one &&
        redeem(one.business, one.callback, one.pending).then(({ refreshToken }) => {
          live.push({ business: one.business, token: refreshToken })
        })
      )
    })
    await this.#measure(
      samples,
      'refresh',
      within(async () => {
        const one = live.shift()
        if (one === undefined) throw new Error('there is no refresh token')
        one.token = (await refresh(one.business, one.token)).refreshToken
        live.push(one)
      }),
    )
  }

  async #measure(samples: Samples, name: string, next: Next): Promise<void> {
    const latencies: number[] = []
    const before = await this.#cpuSeconds()
    const run = async () => {
      for (;;) {
        const sent = performance.now()
        const call = next()
        if (call === undefined) return
        await call
        latencies.push(performance.now() - sent)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, run))
    const rate = latencies.length / ((await this.#cpuSeconds()) - before)
    const sorted = latencies.toSorted((a, b) => a - b)
    samples.add(`token endpoint, ${name}`, { rate, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) })
  }

  async #decided(business: Business): Promise<Decided> {
    const pending = await ask(business)
    const callback = await this.#child.ask<string>({ decide: pending.url.href })
    return { business, pending, callback: new URL(callback) }
  }

  #business(n: number): Business {
    const business = this.#businesses[n % BUSINESSES]
    if (business === undefined) throw new Error('there is no business')
    return business
  }

  async #cpuSeconds(): Promise<number> {
    return cpuSeconds(await this.#child.ask('cpu'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }
}
