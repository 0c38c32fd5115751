import type { ErrorCode } from '#core/domain/errors.ts'
import type { Schemas } from '#schemas/types.gen.ts'

/** One operation that only the sandbox has: what is served and what is documented. */
export interface SandboxOperation {
  readonly method: 'get' | 'post' | 'delete'
  /** Below the sandbox's gateway; parameters in braces, as in OpenAPI. */
  readonly path: string
  readonly summary: string
  readonly description: string
  /** Whoever comes, or the business that holds a sandbox key. */
  readonly access: 'public' | 'sandbox-key'
  readonly body?: { readonly schema: keyof Schemas; readonly example: unknown }
  readonly status: 200 | 201 | 204
  readonly reply?: { readonly schema: keyof Schemas; readonly example: unknown }
  readonly refusals: readonly ErrorCode[]
}

const read = ['invalid-input', 'too-large', 'unsupported-media-type'] as const satisfies readonly ErrorCode[]
const keyed = [
  'invalid-token',
  'vendor-suspended',
  'rate-limited',
  'ledger-stopped',
  'busy',
] as const satisfies readonly ErrorCode[]
const played = [
  'not-found',
  'not-signed-in',
  'conflict',
  'pod-unreachable',
] as const satisfies readonly ErrorCode[]

const id = 'Yq4Zb0aV2mJxw1v0cQnT3g'
const customer = { customerId: id, createdAt: '2026-11-22T09:00:00.000Z', endsAt: '2026-11-23T09:00:00.000Z' }

export const sandboxOperations = {
  addBusiness: {
    method: 'post',
    path: '/v1/businesses',
    summary: 'Get credentials for the sandbox',
    description:
      'For everybody, at once. Register with them as you would outside; after 30 days the business is removed.',
    access: 'public',
    body: { schema: 'api/sandbox-business.json', example: { name: 'Corner Shop (test)' } },
    status: 201,
    reply: {
      schema: 'api/sandbox-credentials.json',
      example: {
        vendorId: id,
        admissionCode: 'f8b0…',
        softwareStatement: 'eyJhbGciOiJFUzI1NiIs…',
        registrationEndpoint: 'https://vault.example/sandbox/oauth/reg',
        sandboxKey: 'sandbox_2f9a…',
      },
    },
    refusals: [...read, 'rate-limited', 'ledger-stopped', 'busy'],
  },
  createCustomer: {
    method: 'post',
    path: '/v1/customers',
    summary: 'Make a sample customer',
    description:
      'An invented person with a vault and a real pod with these data. At most 20 at once and 100 in a day; each ends after a day.',
    access: 'sandbox-key',
    body: {
      schema: 'api/new-sandbox-customer.json',
      example: { data: { profile: { name: 'Alex Sample' } } },
    },
    status: 201,
    reply: { schema: 'api/sandbox-customer.json', example: customer },
    refusals: [...read, ...keyed, 'pod-unreachable', 'account-exists'],
  },
  listCustomers: {
    method: 'get',
    path: '/v1/customers',
    summary: 'List your sample customers',
    description: 'Those that you made and that have not ended.',
    access: 'sandbox-key',
    status: 200,
    reply: { schema: 'api/sandbox-customers.json', example: { customers: [customer] } },
    refusals: keyed,
  },
  removeCustomer: {
    method: 'delete',
    path: '/v1/customers/{customer_id}',
    summary: 'End a sample customer',
    description: 'Withdraws what she allowed and ends her pod.',
    access: 'sandbox-key',
    status: 204,
    refusals: [...keyed, 'not-found'],
  },
  decide: {
    method: 'post',
    path: '/v1/customers/{customer_id}/decisions',
    summary: 'Let her answer a request',
    description:
      'Her browser opens the address that you would send a customer to, decides on the page and comes back: `location` holds ' +
      'the code or the error, for your OAuth client. After `later` the request still waits in her inbox: answer it by `requestId`.',
    access: 'sandbox-key',
    body: {
      schema: 'api/sandbox-decision.json',
      example: {
        url: 'https://vault.example/sandbox/oauth/auth?client_id=…&request_uri=…',
        answer: 'allow-all',
      },
    },
    status: 200,
    reply: {
      schema: 'api/sandbox-outcome.json',
      example: {
        status: 'allowed',
        requestId: id,
        grantId: 'lQTU0aV2mJxw1v0cQnT3gg',
        location: 'https://shop.example/reach?code=…&state=…&iss=…',
      },
    },
    refusals: [
      ...read,
      ...keyed,
      ...played,
      'request-changed',
      'request-expired',
      'request-decided',
      'required-item-refused',
      'nothing-selected',
      'pod-not-connected',
      'pod-access-lost',
      'pod-unreadable',
    ],
  },
  actOnGrant: {
    method: 'post',
    path: '/v1/customers/{customer_id}/grants/{grant_id}',
    summary: 'Let her pause, resume or withdraw a grant',
    description: 'In force for your next read, and told to your webhooks, as outside.',
    access: 'sandbox-key',
    body: { schema: 'api/sandbox-act.json', example: { act: 'withdraw' } },
    status: 200,
    reply: { schema: 'api/sandbox-grant.json', example: { grantId: id, state: 'withdrawn' } },
    refusals: [...read, ...keyed, ...played],
  },
} as const satisfies Record<string, SandboxOperation>

export type SandboxOperationId = keyof typeof sandboxOperations
