import type { PodChange, PodFeed } from '#core/pods/pod.ts'
import type { FromChild } from './child-protocol.ts'

/** Silence after which nothing counts as confirmed: the bound on seeing that access was lost. */
const SILENCE_MS = 1000

export interface LocalFeed extends PodFeed {
  /** Of the one server that it listens to. */
  stretch(): number | undefined
  /** Takes what the child says, in order. */
  take(message: Extract<FromChild, { type: 'changed' | 'beat' }>): void
  /** The child is gone or another one starts: whatever it may have done unseen is unknown. */
  interrupt(): void
}

/**
 * Turns one child's numbered changes and heartbeats into a feed. `now` in ms, by the clock the beats carry.
 */
export function createLocalFeed(options: { baseUrl: string; now: () => number }): LocalFeed {
  const { baseUrl, now } = options
  const listeners = new Set<(change: PodChange) => void>()
  let stretch = 0
  let heardAt = Number.NEGATIVE_INFINITY
  let seq = 0

  function interrupt(): void {
    stretch += 1
    heardAt = Number.NEGATIVE_INFINITY
    seq = 0
  }

  return {
    covers: (url) => url.startsWith(baseUrl),
    stretch() {
      const silence = now() - heardAt
      if (silence >= 0 && silence <= SILENCE_MS) return stretch
      // Once silent, what was confirmed before is not believed again when the child is heard anew.
      if (heardAt !== Number.NEGATIVE_INFINITY) stretch += 1
      heardAt = Number.NEGATIVE_INFINITY
      return undefined
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    take(message) {
      if (message.type === 'changed') {
        if (message.seq !== seq + 1) interrupt()
        seq = message.seq
        const change = changeOf(message.url)
        for (const listener of listeners) listener(change)
        return
      }
      if (message.seq !== seq) {
        interrupt()
        seq = message.seq
      }
      // The beat may have waited in the channel: what counts is when it was sent.
      heardAt = Math.min(now(), message.at)
    },
    interrupt,
  }
}

/**
 * The pod server keeps the access document of `x` at `x.acl` or `x.acr`; for a container it rules all inside.
 */
function changeOf(url: string): PodChange {
  const subject = url.replace(/\.(?:acl|acr)$/, '')
  return { url: subject, below: subject !== url }
}
