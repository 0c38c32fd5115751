import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { parseQuery } from '#core/http/query.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import { combine } from '#core/records/parts.ts'
import {
  damagedIsGone,
  listDeliveries,
  readDelivery,
  requeueDelivery,
} from '#core/records/webhook-deliveries.ts'
import type { WebhookDelivery } from '#core/records/webhook-deliveries.ts'
import { readEndpoint, unreadable } from '#core/records/webhook-endpoints.ts'
import { planRound } from '#core/records/webhook-rounds.ts'
import type { WebhookDeliveriesView, WebhookDeliveryView } from '#schemas/types.gen.ts'
import { assertProven, placeOf } from './endpoints.ts'

const usualRows = 50
const mostRows = 200
const states = ['waiting', 'delivered', 'failed']

/** GET /v1/webhooks/deliveries. */
export async function deliveriesOf(
  reader: Ledger,
  vendorId: string,
  query: string,
): Promise<WebhookDeliveriesView> {
  const { endpoint, state, ...range } = readPage(query)
  const { rows, next } = await listDeliveries(reader, vendorId, {
    ...range,
    isShown: (delivery) =>
      (endpoint === undefined || delivery.endpoint === endpoint) &&
      (state === undefined || delivery.state === state),
  })
  return {
    deliveries: rows.map(({ value }) => viewDelivery(value)),
    ...(next === undefined ? {} : { next }),
  }
}

/** Puts a delivery of this business back in line. Refuses `not-found`, and `endpoint-not-proven`. */
export async function redeliver(
  { ledger, now }: { ledger: Ledger; now: () => number },
  vendorId: string,
  deliveryId: string,
): Promise<WebhookDelivery> {
  return await commitAnew(ledger, async () => {
    const found = await readDelivery(ledger, deliveryId).catch(damagedIsGone)
    if (found?.value.message.vendorId !== vendorId)
      throw new DomainError('not-found', 'There is no such delivery')
    const endpoint = await readEndpoint(ledger, vendorId, found.value.endpoint)
    if (endpoint === undefined || endpoint === unreadable)
      throw new DomainError('not-found', 'The endpoint is no more')
    assertProven(endpoint.value)
    const at = now()
    const { endpointId } = endpoint.value
    const { delivery, parts } = requeueDelivery(found, { endpointId, now: at })
    const planned = await planRound(ledger, placeOf(endpoint.value), { now: at, endRest: true })
    return { parts: combine(parts, planned), result: delivery }
  })
}

export function viewDelivery(delivery: WebhookDelivery): WebhookDeliveryView {
  const { deliveryId, endpoint, message, state, createdAt, nextAt, attempts } = delivery
  const isTest = message.type === 'webhook.test'
  return {
    delivery_id: deliveryId,
    endpoint,
    event_id: message.id,
    type: message.type,
    ...(isTest ? {} : { request_id: message.requestId }),
    ...(message.grantId === undefined ? {} : { grant_id: message.grantId }),
    state,
    created_at: formatTime(createdAt),
    ...(nextAt === undefined ? {} : { next_attempt_at: formatTime(nextAt) }),
    attempts: attempts.map(({ at, ...told }) => ({ at: formatTime(at), ...told })),
  }
}

function readPage(query: string) {
  const { after, limit = String(usualRows), endpoint, state, ...others } = parseQuery(query)
  const rows = /^[1-9][0-9]{0,2}$/.test(limit) ? Number(limit) : 0
  const violations: Violation[] = []
  if (Object.keys(others).length > 0)
    violations.push({ pointer: '', detail: 'only after, limit, endpoint and state can be asked with' })
  if (rows < 1 || rows > mostRows) violations.push({ pointer: 'limit', detail: `must be 1 to ${mostRows}` })
  if (state !== undefined && !states.includes(state))
    violations.push({ pointer: 'state', detail: 'is no state of a delivery' })
  if (violations.length > 0) throw new DomainError('invalid-input', 'The query is not valid', { violations })
  return { after, limit: rows, endpoint, state }
}
