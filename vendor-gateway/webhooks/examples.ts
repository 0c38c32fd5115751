import type { OperationExample } from '../examples.ts'
import type { WebhookOperationId } from './operations.ts'

const url = 'https://shop.example/hooks/reach'
const endpoint = {
  endpoint: 'orders',
  url,
  events: ['grant.withdrawn', 'grant.expired', 'deletion.requested'],
  state: 'proven',
  created_at: '2026-11-22T09:00:00.000Z',
  proven_at: '2026-11-22T09:00:05.000Z',
}
const secret = 'whsec_n5k1m4wJr2oS0TqX8bYvUc7hEzLpGdIaFfKjNtRQx3A='
const delivery = {
  delivery_id: 'Yq4Zb0aV2mJxw1v0cQnT3g',
  endpoint: 'orders',
  event_id: 'evt_01795600000000_lQTU0cVb1n9aYx2Wk3mJ5w',
  type: 'grant.withdrawn',
  request_id: 'q9XcWq0Z7yqH2rVbJm3k1A',
  grant_id: 'lQTU0cVb1n9aYx2Wk3mJ5w',
  state: 'waiting',
  created_at: '2026-11-22T09:10:00.000Z',
  next_attempt_at: '2026-11-22T09:10:05.000Z',
  attempts: [{ at: '2026-11-22T09:10:00.000Z', status: 502 }],
}
const isNew = { endpoint: 'orders', url, state: 'unproven', created_at: endpoint.created_at, secret }

export const webhookExamples: Readonly<Record<WebhookOperationId, OperationExample>> = {
  listEndpoints: { reply: { endpoints: [endpoint] } },
  putEndpoint: { body: { url, events: endpoint.events }, reply: { ...isNew, events: endpoint.events } },
  deleteEndpoint: {},
  proveEndpoint: { reply: endpoint },
  rotateEndpointSecret: {
    reply: { ...endpoint, secret, earlier_secret_until: '2026-11-23T09:00:00.000Z' },
  },
  testEndpoint: {
    reply: {
      delivery_id: delivery.delivery_id,
      endpoint: 'orders',
      event_id: 'evt_01795600000000_Hd5fPq9xUe1oGi6wYt4jNc',
      type: 'webhook.test',
      state: 'waiting',
      created_at: delivery.created_at,
      next_attempt_at: delivery.created_at,
      attempts: [],
    },
  },
  listDeliveries: { reply: { deliveries: [delivery] } },
  redeliver: { reply: delivery },
  acknowledgeEnd: {
    body: {
      jws: 'eyJhbGciOiJFUzI1NiIsInR5cCI6InJlYWNoLWFja25vd2xlZGdlbWVudCtqd3QifQ.eyJraW5kIjoiZGVsZXRpb24ifQ.c2ln',
    },
    reply: {
      grant_id: delivery.grant_id,
      kind: 'deletion',
      requested_at: '2026-11-22T09:10:00.000Z',
      due_at: '2026-12-22T09:10:00.000Z',
      acknowledged_at: '2026-11-24T12:00:00.000Z',
      late: false,
    },
  },
}
