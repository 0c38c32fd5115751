import { LRUCache } from 'lru-cache'
import { RateLimiterRes } from 'rate-limiter-flexible'
import type { RateLimiterAbstract } from 'rate-limiter-flexible'
import { DomainError } from '#core/domain/errors.ts'
import { countedHere } from '#core/http/limiter-store.ts'
import type { LimiterStore } from '#core/http/limiter-store.ts'

const WINDOW_S = 60
const DAY_S = 86_400
/** Subjects per minute and business: 500 a second without pause. */
const SUBJECTS = 30_000

export type LimitFields = Readonly<Record<'RateLimit-Policy' | 'RateLimit', string>>

interface Standing {
  readonly remaining: number
  /** Unix ms. */
  readonly resetsAt: number
}

/**
 * Bounds what one business may ask in a minute, counted in subjects, so that a batch weighs what it costs. It protects
 * the others; it is no budget of a grant. What a business may still ask is told with each reply.
 */
export class VendorLimits {
  readonly #points: number
  readonly #limiter: RateLimiterAbstract
  readonly #ofDay: RateLimiterAbstract | undefined
  readonly #now: () => number
  readonly #policy: string
  /** As the last answer of the store had it, for the fields of replies. */
  readonly #standings = new LRUCache<string, Standing>({ max: 10_000 })

  /** `subjectsPerDay`: for a house that keeps little, such as the sandbox. */
  constructor(options: {
    now: () => number
    subjectsPerMinute?: number
    subjectsPerDay?: number
    store?: LimiterStore
  }) {
    const { subjectsPerMinute = SUBJECTS, subjectsPerDay, store = countedHere } = options
    this.#points = subjectsPerMinute
    this.#limiter = store({ name: 'subjects', points: subjectsPerMinute, duration: WINDOW_S })
    this.#ofDay =
      subjectsPerDay === undefined
        ? undefined
        : store({ name: 'subjects-of-day', points: subjectsPerDay, duration: DAY_S })
    this.#now = options.now
    this.#policy = `"subjects";q=${subjectsPerMinute};w=${WINDOW_S}`
  }

  /** Throws `rate-limited` with `Retry-After`. What is refused does not count, so a smaller question may still fit. */
  async take(vendorId: string, subjects: number): Promise<void> {
    try {
      this.#note(vendorId, await this.#limiter.consume(vendorId, subjects))
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal
      this.#note(vendorId, await this.#limiter.reward(vendorId, subjects))
      throw this.#refusal(vendorId, 'minute', refusal)
    }
    if (this.#ofDay === undefined) return
    try {
      await this.#ofDay.consume(vendorId, subjects)
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal
      await this.#ofDay.reward(vendorId, subjects)
      this.#note(vendorId, await this.#limiter.reward(vendorId, subjects))
      throw this.#refusal(vendorId, 'day', refusal)
    }
  }

  #refusal(vendorId: string, window: 'minute' | 'day', { msBeforeNext }: RateLimiterRes): DomainError {
    return new DomainError('rate-limited', `More was asked than one business may ask in a ${window}`, {
      retryAfter: Math.max(1, Math.ceil(msBeforeNext / 1000)),
      headers: this.fields(vendorId),
    })
  }

  /** Header fields of replies to this business, draft-ietf-httpapi-ratelimit-headers-08. */
  fields(vendorId: string): LimitFields {
    const now = this.#now()
    const { remaining = this.#points, resetsAt = now } = this.#standings.peek(vendorId) ?? {}
    const seconds = Math.max(1, Math.ceil((resetsAt - now) / 1000))
    return { 'RateLimit-Policy': this.#policy, RateLimit: `"subjects";r=${remaining};t=${seconds}` }
  }

  #note(vendorId: string, { remainingPoints, msBeforeNext }: RateLimiterRes): void {
    const standing = { remaining: Math.max(0, remainingPoints), resetsAt: this.#now() + msBeforeNext }
    this.#standings.set(vendorId, standing)
  }
}
