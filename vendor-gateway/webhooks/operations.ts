import type { ErrorCode } from '#core/domain/errors.ts'
import type { Operation, Parameter } from '../operations.ts'

const endpoint: Parameter = {
  name: 'endpoint',
  in: 'path',
  required: true,
  description: 'Your name for it: small letters, digits and hyphens, at most 40.',
  example: 'orders',
}
const inQuery = (name: string, description: string, example: string): Parameter => ({
  name,
  in: 'query',
  required: false,
  description,
  example,
})

const ofBusiness = [
  'invalid-token',
  'invalid-proof',
  'use-dpop-nonce',
  'insufficient-scope',
  'rate-limited',
  'invalid-input',
  'busy',
] as const satisfies readonly ErrorCode[]
const changing = ['ledger-stopped', 'conflict'] as const satisfies readonly ErrorCode[]
const withBody = [
  'too-large',
  'unsupported-media-type',
  'digest-mismatch',
] as const satisfies readonly ErrorCode[]

const common = { tag: 'Webhooks', access: 'batch' } as const

/** What a business does with its webhooks, and how it signs what a customer asked of it. */
export const webhookOperations = {
  listEndpoints: {
    ...common,
    method: 'get',
    path: '/v1/webhooks/endpoints',
    summary: 'List your endpoints',
    description: 'With their state, and since when nothing got through.',
    parameters: [],
    reply: 'api/webhook-endpoints.json',
    refusals: ofBusiness,
  },
  putEndpoint: {
    ...common,
    method: 'put',
    path: '/v1/webhooks/endpoints/{endpoint}',
    summary: 'Make or change an endpoint',
    description:
      'Up to eight. The reply to the making holds the secret, which is never shown again. A new address, at first and ' +
      'later, has to be proven before anything is sent there.',
    parameters: [endpoint],
    body: 'api/webhook-settings.json',
    reply: 'api/webhook-endpoint.json',
    refusals: [...ofBusiness, ...withBody, ...changing],
  },
  deleteEndpoint: {
    ...common,
    method: 'delete',
    path: '/v1/webhooks/endpoints/{endpoint}',
    summary: 'Delete an endpoint',
    description: 'With everything that waits for it.',
    parameters: [endpoint],
    status: 204,
    reply: undefined,
    refusals: [...ofBusiness, ...changing, 'not-found'],
  },
  proveEndpoint: {
    ...common,
    method: 'post',
    path: '/v1/webhooks/endpoints/{endpoint}/prove',
    summary: 'Prove an endpoint',
    description:
      'Posts a signed message of type `webhook.challenge` and expects 200 with `{"challenge": "…"}`, the text it holds, ' +
      'within 10 seconds. From then on events go there.',
    parameters: [endpoint],
    reply: 'api/webhook-endpoint.json',
    refusals: [...ofBusiness, ...changing, 'not-found', 'endpoint-not-proven', 'vendor-suspended'],
  },
  rotateEndpointSecret: {
    ...common,
    method: 'post',
    path: '/v1/webhooks/endpoints/{endpoint}/rotate-secret',
    summary: 'Give an endpoint a new secret',
    description:
      'Shown once. For 24 hours messages carry two signatures, of the new secret and of the one before.',
    parameters: [endpoint],
    reply: 'api/webhook-endpoint.json',
    refusals: [...ofBusiness, ...changing, 'not-found'],
  },
  testEndpoint: {
    ...common,
    method: 'post',
    path: '/v1/webhooks/endpoints/{endpoint}/test',
    summary: 'Send a test event',
    description:
      'A message of type `webhook.test` goes the way of all others. See how it went in the list of deliveries.',
    parameters: [endpoint],
    reply: 'api/webhook-delivery.json',
    refusals: [...ofBusiness, ...changing, 'not-found', 'endpoint-not-proven'],
  },
  listDeliveries: {
    ...common,
    method: 'get',
    path: '/v1/webhooks/deliveries',
    summary: 'List deliveries',
    description: 'Newest first, with every attempt; those that are done with for 30 days.',
    parameters: [
      inQuery('after', '`next` of the page before.', '98239000000000/Yq4Zb0aV2mJxw1v0cQnT3g'),
      inQuery('limit', 'Rows of a page, 1 to 200; 50 when left out.', '50'),
      inQuery('endpoint', 'Only those to this endpoint.', 'orders'),
      inQuery('state', 'Only those in this state.', 'failed'),
    ],
    reply: 'api/webhook-deliveries.json',
    refusals: ofBusiness,
  },
  redeliver: {
    ...common,
    method: 'post',
    path: '/v1/webhooks/deliveries/{delivery_id}/redeliver',
    summary: 'Deliver again',
    description: 'The same message under the same `webhook-id`, at once and with all its attempts.',
    parameters: [
      {
        name: 'delivery_id',
        in: 'path',
        required: true,
        description: 'As the list names it.',
        example: 'Yq4Zb0aV2mJxw1v0cQnT3g',
      },
    ],
    reply: 'api/webhook-delivery.json',
    refusals: [...ofBusiness, ...changing, 'not-found', 'endpoint-not-proven'],
  },
  acknowledgeEnd: {
    ...common,
    tag: 'Grants',
    method: 'post',
    path: '/v1/grants/{grant_id}/acknowledgement',
    summary: 'Sign that you have stopped, or deleted',
    description:
      'After a withdrawal, or when the customer asked you to delete what you hold. A compact JWS by one of your ' +
      'registered keys: header `typ` `reach-acknowledgement+jwt` and `kid`; claims `iss` (your client id), `aud` (this ' +
      'gateway), `grant_id`, `kind` (`withdrawal` or `deletion`, as asked) and `iat`. The customer sees it. Doing it ' +
      'again changes nothing.',
    parameters: [
      {
        name: 'grant_id',
        in: 'path',
        required: true,
        description: 'As tokens, replies and lists name it.',
        example: 'lQTU0cVb1n9aYx2Wk3mJ5w',
      },
    ],
    body: 'api/acknowledge.json',
    reply: 'api/acknowledged.json',
    refusals: [...ofBusiness, ...withBody, ...changing, 'not-found'],
  },
} as const satisfies Record<string, Operation>

export type WebhookOperationId = keyof typeof webhookOperations
