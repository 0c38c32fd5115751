import { hash } from 'node:crypto'
import { errors } from 'oidc-provider'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyRequests } from './too-many-requests.ts'

/** How often a business may ask, in this process. */
export interface RequestLimits {
  /** A request of this client, by whatever way. Throws 429. */
  asked(clientId: string): Promise<void>
  /** A poll for one answer. Throws `slow_down` (RFC 8628 section 3.5, CIBA Core 11). */
  polled(id: string): Promise<void>
}

const requests = { points: 300, duration: 60 }
/** Told is every 5 s; a client may be early now and then. */
const polls = { points: 40, duration: 60 }

export function requestLimits(): RequestLimits {
  const asked = new RateLimiterMemory(requests)
  const polled = new RateLimiterMemory(polls)
  return {
    asked: (clientId) =>
      take(asked, clientId, ({ msBeforeNext }) => tooManyRequests('too many requests', msBeforeNext / 1000)),
    polled: (id) =>
      take(polled, hash('sha256', id, 'base64url'), () => new errors.SlowDown('poll less often')),
  }
}

async function take(
  limiter: RateLimiterMemory,
  key: string,
  refusal: (state: RateLimiterRes) => Error,
): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (state) {
    throw state instanceof RateLimiterRes ? refusal(state) : state
  }
}
