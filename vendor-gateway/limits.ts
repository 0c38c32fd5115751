import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { DomainError } from '#core/domain/errors.ts'

const WINDOW_S = 60
/** Subjects per minute and business: 500 a second without pause. */
const SUBJECTS = 30_000

/**
 * Bounds what one business may ask in a minute, counted in subjects, so that a batch weighs what it costs. In this process
 * only; it protects the others, it is no budget of a grant.
 */
export class VendorLimits {
  readonly #points: number
  readonly #limiter: RateLimiterMemory

  constructor({ subjectsPerMinute = SUBJECTS }: { subjectsPerMinute?: number } = {}) {
    this.#points = subjectsPerMinute
    this.#limiter = new RateLimiterMemory({ points: subjectsPerMinute, duration: WINDOW_S })
  }

  /** Throws `rate-limited` with `Retry-After` and the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers-08). */
  async take(vendorId: string, subjects: number): Promise<void> {
    try {
      await this.#limiter.consume(vendorId, subjects)
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal
      const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
      throw new DomainError('rate-limited', 'More was asked than one business may ask in a minute', {
        retryAfter: seconds,
        headers: {
          'RateLimit-Policy': `"subjects";q=${this.#points};w=${WINDOW_S}`,
          RateLimit: `"subjects";r=0;t=${seconds}`,
        },
      })
    }
  }
}
