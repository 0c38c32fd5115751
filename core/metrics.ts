import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { events } from './events.ts'
import type { EventName } from './events.ts'
import type { LogFields } from './logger.ts'

export interface Metrics {
  /** For `createLogger`: every line also counts, so no event is in one and missing in the other. */
  readonly observe: (event: EventName, fields: LogFields) => void
  readonly contentType: string
  /** Prometheus text exposition format. */
  text(): Promise<string>
}

/**
 * Metrics of this process. Labels are words of the code only (events, routes as written, methods, status
 * classes): few, and nothing of a customer or a business.
 */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const eventCount = new Counter({
    name: 'reach_events_total',
    help: 'Events by name; the list stands in core/events.ts',
    labelNames: ['event'],
    registers,
  })
  for (const event of Object.keys(events)) eventCount.inc({ event }, 0)
  const requestSeconds = new Histogram({
    name: 'reach_request_seconds',
    help: 'Time from the request to the end of the answer',
    labelNames: ['server', 'method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  })
  return {
    observe(event, fields) {
      eventCount.inc({ event })
      const { server = 'none', route = 'none', ms, status } = fields
      if (event !== 'request' || typeof ms !== 'number' || typeof status !== 'number') return
      const labels = {
        server,
        route,
        method: knownMethod(fields.method),
        status: `${Math.floor(status / 100)}xx`,
      }
      requestSeconds.observe(labels, ms / 1_000)
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}

/** A client may invent methods: each would be a time series of its own. */
function knownMethod(method: string | undefined): string {
  return method !== undefined && ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method)
    ? method
    : 'other'
}
