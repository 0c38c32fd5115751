import { LedgerDamaged } from '#core/ledger/ledger.ts'
import type { LedgerReader, ListOptions } from '#core/ledger/ledger.ts'
import { newId } from './ids.ts'
import { descending, page, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Page, Stored } from './parts.ts'
import { vendorEventTypes } from './vendor-events.ts'
import type { VendorEvent } from './vendor-events.ts'
import type { WebhookEndpoint } from './webhook-endpoints.ts'

/** How long a delivery stays on the list after it is done with. In ms. */
export const deliveryKept = 30 * 86_400_000
/** Attempts on the list: the latest ones. */
const mostAttemptsKept = 20

export interface DeliveryAttempt {
  /** Unix ms. */
  readonly at: number
  /** HTTP status of the answer; none where there was none. */
  readonly status?: number
  readonly error?: 'no-answer' | 'address-refused' | 'answer-too-large'
}

/** What is told; a test of an endpoint is told like an event. */
export type Message = Omit<VendorEvent, 'type'> & { readonly type: VendorEvent['type'] | 'webhook.test' }

/** One event on its way to one endpoint. */
export interface WebhookDelivery {
  readonly v: 1
  readonly deliveryId: string
  readonly endpointId: string
  /** The business's name of the endpoint. */
  readonly endpoint: string
  readonly message: Message
  /** Where its event stands among those of its grant. */
  readonly order: string
  readonly state: 'waiting' | 'delivered' | 'failed'
  /** Since it was queued, the last time. */
  readonly tries: number
  readonly attempts: readonly DeliveryAttempt[]
  /** Unix ms. */
  readonly createdAt: number
  readonly nextAt?: number
}

/** A delivery in line. The key sorts by grant, then by the commits of the events. */
export interface Waiting {
  readonly id: string
  /** Unix ms. */
  readonly nextAt: number
}

const deliveryKey = (deliveryId: string) => `webhook-delivery/${part(deliveryId)}`
const vendorPrefix = (vendorId: string) => `webhook-delivery-of-vendor/${part(vendorId)}/`
const waitingPrefix = (endpointId: string) => `webhook-waiting/${endpointId}/`
const waitingKey = ({ endpointId, message, order, deliveryId }: WebhookDelivery) =>
  `${waitingPrefix(endpointId)}${part(message.requestId)}/${order}/${deliveryId}`
const listKey = ({ message, createdAt, deliveryId }: WebhookDelivery) =>
  `${vendorPrefix(message.vendorId)}${descending(createdAt)}/${deliveryId}`

/** What stands in line together: of each, only the first may go. */
export const threadOf = ({ key }: Stored<Waiting>): string => key.split('/')[2] ?? ''

/** Puts an event in line for an endpoint. `version`: of the commit that caused it. */
export function queueDelivery(
  endpoint: Pick<WebhookEndpoint, 'endpointId' | 'name'>,
  message: Message,
  { version, now }: { version: number; now: number },
): { delivery: WebhookDelivery; parts: CommitParts } {
  const delivery = deliveryOf(endpoint, message, { version, now })
  const parts = {
    writes: [
      put(deliveryKey(delivery.deliveryId), delivery),
      put(listKey(delivery), { id: delivery.deliveryId }),
      put(waitingKey(delivery), { id: delivery.deliveryId, nextAt: now }),
    ],
  }
  return { delivery, parts }
}

/** For an endpoint that cannot be read: on the list of those that failed, to be sent again when it can. */
export function layAside(
  name: string,
  message: Message,
  { version, now }: { version: number; now: number },
): CommitParts {
  const { nextAt: _, ...delivery } = deliveryOf({ endpointId: newId(), name }, message, { version, now })
  return { writes: done({ ...delivery, state: 'failed' }, now) }
}

function deliveryOf(
  { endpointId, name }: Pick<WebhookEndpoint, 'endpointId' | 'name'>,
  message: Message,
  { version, now }: { version: number; now: number },
): WebhookDelivery {
  const rank = vendorEventTypes.findIndex((type) => type === message.type)
  const order = `${String(version).padStart(16, '0')}-${rank < 0 ? 9 : rank}`
  const base = { v: 1, deliveryId: newId(), endpointId, endpoint: name, message, order } as const
  return { ...base, state: 'waiting', tries: 0, attempts: [], createdAt: now, nextAt: now }
}

/** The state after an attempt. `nextAt` in Unix ms: it stays in line until then; else it is done with. */
export function recordAttempt(
  stored: Stored<WebhookDelivery>,
  attempt: DeliveryAttempt,
  outcome: { readonly nextAt: number } | { readonly state: 'delivered' | 'failed' },
): CommitParts {
  const { nextAt: _, ...delivery } = stored.value
  const attempts = [...delivery.attempts, attempt].slice(-mostAttemptsKept)
  const tried = { ...delivery, tries: delivery.tries + 1, attempts }
  const checks = [unchanged(stored)]
  if ('nextAt' in outcome) {
    const { nextAt } = outcome
    const waiting: Waiting = { id: delivery.deliveryId, nextAt }
    return {
      checks,
      writes: [put(stored.key, { ...tried, nextAt }), put(waitingKey(tried), waiting)],
    }
  }
  return { checks, writes: done({ ...tried, state: outcome.state }, attempt.at) }
}

/** Out of line without an attempt, as of an endpoint that takes no more. */
export function failDelivery(stored: Stored<WebhookDelivery>, now: number): CommitParts {
  const { nextAt: _, ...delivery } = stored.value
  return { checks: [unchanged(stored)], writes: done({ ...delivery, state: 'failed' }, now) }
}

function done(delivery: WebhookDelivery, now: number) {
  const kept = { expires: now + deliveryKept }
  return [
    put(deliveryKey(delivery.deliveryId), delivery, kept),
    put(listKey(delivery), { id: delivery.deliveryId }, kept),
    remove(waitingKey(delivery)),
  ]
}

/**
 * Back in line, at its place, under its old id, for the endpoint that has its name now. Of one that waits only the waiting
 * ends.
 */
export function requeueDelivery(
  stored: Stored<WebhookDelivery>,
  { endpointId, now }: { endpointId: string; now: number },
): { delivery: WebhookDelivery; parts: CommitParts } {
  const delivery: WebhookDelivery = { ...stored.value, endpointId, state: 'waiting', tries: 0, nextAt: now }
  const parts = {
    checks: [unchanged(stored)],
    writes: [
      put(stored.key, delivery),
      put(listKey(delivery), { id: delivery.deliveryId }),
      put(waitingKey(delivery), { id: delivery.deliveryId, nextAt: now }),
    ],
  }
  return { delivery, parts }
}

/** Of an endpoint that is no more: as if it had never been. */
export function dropDelivery(
  waiting: Stored<Waiting>,
  stored: Stored<WebhookDelivery> | undefined,
): CommitParts {
  const others = stored === undefined ? [] : [remove(stored.key), remove(listKey(stored.value))]
  return { checks: [unchanged(waiting)], writes: [remove(waiting.key), ...others] }
}

export function readDelivery(
  reader: LedgerReader,
  deliveryId: string,
): Promise<Stored<WebhookDelivery> | undefined> {
  return read<WebhookDelivery>(reader, deliveryKey(deliveryId))
}

/** For a `catch`: what does not open is as good as gone. */
export function damagedIsGone(error: unknown): undefined {
  if (!(error instanceof LedgerDamaged)) throw error
}

/** What stands in line for an endpoint, by grant; `after` is the key of the last one seen. */
export function listWaiting(
  reader: LedgerReader,
  endpointId: string,
  options: ListOptions,
): Promise<Stored<Waiting>[]> {
  return reader.list<Waiting>(waitingPrefix(endpointId), options)
}

/** Deliveries of a business, newest first; a page holds those of its rows that open and `isShown`. */
export function listDeliveries(
  reader: LedgerReader,
  vendorId: string,
  options: { after?: string | undefined; limit: number; isShown: (delivery: WebhookDelivery) => boolean },
): Promise<Page<Stored<WebhookDelivery>>> {
  const { isShown, ...range } = options
  const places = { prefix: vendorPrefix(vendorId), ...range, onDamaged: () => undefined }
  return page(reader, places, async (id) => {
    const found = await readDelivery(reader, id).catch(damagedIsGone)
    return found !== undefined && isShown(found.value) ? found : undefined
  })
}
