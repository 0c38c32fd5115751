import { DomainError } from '#core/domain/errors.ts'

const FIRST_MS = 500
const LAST_MS = 10_000
const MAX_HOSTS = 10_000

export interface Backoff {
  /** Refuses with `pod-unreachable` while this host is left alone. */
  check(host: string): void
  success(host: string): void
  failure(host: string): void
}

/** Leaves a host that does not answer alone for a while, twice as long each time; `now` in Unix ms. */
export function createBackoff(now: () => number): Backoff {
  const hosts = new Map<string, { until: number; pause: number }>()
  return {
    check(host) {
      const wait = (hosts.get(host)?.until ?? 0) - now()
      if (wait <= 0) return
      const retryAfter = Math.ceil(Math.min(wait, LAST_MS) / 1000)
      throw new DomainError('pod-unreachable', 'The pod did not answer a moment ago', { retryAfter })
    },
    success(host) {
      hosts.delete(host)
    },
    failure(host) {
      const before = hosts.get(host)
      // Requests that were under way together count as one failure.
      if (before && before.until > now()) return
      if (hosts.size >= MAX_HOSTS) hosts.clear()
      const pause = Math.min(before ? before.pause * 2 : FIRST_MS, LAST_MS)
      hosts.set(host, { until: now() + pause, pause })
    },
  }
}
