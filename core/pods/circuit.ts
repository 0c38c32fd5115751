import { PodTrouble } from './trouble.ts'

const FIRST_MS = 500
const LAST_MS = 10_000
const MAX_HOSTS = 10_000

export interface HostCircuit {
  /**
   * Does the request unless its host is left alone: then refuses with `pod-unreachable`. When the wait is over one
   * request tries, and the others wait for how it ends, so that a server that comes back is not run over.
   */
  run<Answer>(url: string, request: () => Promise<Answer>): Promise<Answer>
}

interface Broken {
  until: number
  pause: number
  readonly trouble: PodTrouble
  trial: Promise<unknown> | undefined
}

/** Leaves a host alone that is in trouble as a whole, as long as it asks for or twice as long each time. Unix ms. */
export function createHostCircuit(now: () => number): HostCircuit {
  const hosts = new Map<string, Broken>()

  function broke(host: string, trouble: PodTrouble): void {
    const before = hosts.get(host)
    // Requests that were under way together count as one failure.
    if (before && before.until > now()) return
    if (hosts.size >= MAX_HOSTS) hosts.clear()
    const pause = Math.min(before ? before.pause * 2 : FIRST_MS, LAST_MS)
    const asked = trouble.reason === 'rate-limited' || trouble.reason === 'server-error'
    const wait = asked ? Math.max(pause, (trouble.retryAfter ?? 0) * 1000) : pause
    hosts.set(host, { until: now() + wait, pause, trouble, trial: undefined })
  }

  async function attempt<Answer>(host: string, request: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await request()
      hosts.delete(host)
      return answer
    } catch (error) {
      if (error instanceof PodTrouble && error.wholeHost) broke(host, error)
      // Any other refusal is an answer, and whoever answers is back; silence says nothing either way.
      else if (!(error instanceof PodTrouble && error.reason === 'no-answer')) hosts.delete(host)
      throw error
    }
  }

  return {
    async run(url, request) {
      const host = new URL(url).origin
      for (;;) {
        const broken = hosts.get(host)
        if (broken === undefined) return await attempt(host, request)
        const wait = broken.until - now()
        if (wait > 0) {
          const { reason, message } = broken.trouble
          throw new PodTrouble(reason, message, { retryAfter: Math.ceil(wait / 1000), wholeHost: true })
        }
        if (broken.trial === undefined) {
          const trial = attempt(host, request)
          broken.trial = trial
            .catch(() => undefined)
            // Silence has changed nothing and may be of one pod only: from here on each finds out for itself, at once.
            .finally(() => hosts.get(host) === broken && hosts.delete(host))
          return await trial
        }
        await broken.trial
      }
    },
  }
}
