import { hash } from 'node:crypto'
import { errors, Provider } from 'oidc-provider'
import { RateLimiterRes } from 'rate-limiter-flexible'
import { countedHere } from '#core/http/limiter-store.ts'
import type { LimiterStore } from '#core/http/limiter-store.ts'
import { tooManyRequests } from './too-many-requests.ts'

/** How often a business may ask. */
export interface RequestLimits {
  /** Whatever this client signed an assertion for: nobody else can use up what is its own. Throws 429. */
  called(clientId: string): Promise<void>
  /** A request of this client, by whatever way. Throws 429. */
  asked(clientId: string): Promise<void>
  /** A change of its registration, behind its token. Throws 429. */
  changed(clientId: string): Promise<void>
  /** A pushed request that a browser opens: each time is a commit, and nobody is known yet. Throws 429. */
  opened(id: string): Promise<void>
  /** A poll for one answer. Throws `slow_down` (RFC 8628 section 3.5, CIBA Core 11). */
  polled(id: string): Promise<void>
}

const duration = 60
/** A seventh of what one core answers in a minute, and enough to keep 30,000 customers' tokens fresh. */
const calls = { name: 'calls', points: 6_000, duration }
const requests = { name: 'requests', points: 300, duration }
/** Each is a commit and, with other keys, an entry of the log; a business rotates its keys now and then. */
const changes = { name: 'changes', points: 30, duration }
/** Browsers load ahead, and a customer comes back to it. */
const openings = { name: 'openings', points: 30, duration }
/** Told is every 5 s; a client may be early now and then. */
const polls = { name: 'polls', points: 40, duration }

/** `store`: where replicas count together; in this process when left out. */
export function requestLimits(store: LimiterStore = countedHere): RequestLimits {
  const open = (limit: typeof calls) => store({ ...limit, name: `oauth-${limit.name}` })
  const [called, asked, changed] = [open(calls), open(requests), open(changes)]
  const [opened, polled] = [open(openings), open(polls)]

  /** What is left is told with each reply (draft-ietf-httpapi-ratelimit-headers-08). */
  async function take(limiter: typeof called, limit: typeof calls, key: string): Promise<void> {
    const state = await limiter.consume(key).catch(asRefusal)
    const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1000))
    Provider.ctx?.append('RateLimit-Policy', `"${limit.name}";q=${limit.points};w=${duration}`)
    Provider.ctx?.append('RateLimit', `"${limit.name}";r=${Math.max(0, state.remainingPoints)};t=${seconds}`)
    if (state.consumedPoints > limit.points) throw tooManyRequests('too many requests', seconds)
  }

  return {
    called: (clientId) => take(called, calls, clientId),
    asked: (clientId) => take(asked, requests, clientId),
    changed: (clientId) => take(changed, changes, clientId),
    opened: (id) => take(opened, openings, hashed(id)),
    async polled(id) {
      const state = await polled.consume(hashed(id)).catch(asRefusal)
      if (state.consumedPoints > polls.points) throw new errors.SlowDown('poll less often')
    },
  }
}

/** What is counted by is kept, perhaps in a database; what opens something is not kept there. */
function hashed(id: string): string {
  return hash('sha256', id, 'base64url')
}

function asRefusal(state: unknown): RateLimiterRes {
  if (!(state instanceof RateLimiterRes)) throw state
  return state
}
