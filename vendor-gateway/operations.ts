import type { ErrorCode } from '#core/domain/errors.ts'
import type { Schemas } from '#schemas/types.gen.ts'

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly description: string
  readonly example?: string
}

export interface Operation {
  readonly method: 'get' | 'post'
  /** As in OpenAPI: parameters in braces. */
  readonly path: string
  readonly summary: string
  readonly description: string
  /** `token`: any good access token; `batch`: one of the business, with scope `batch`. */
  readonly access: 'public' | 'token' | 'batch'
  readonly parameters: readonly Parameter[]
  readonly body?: keyof Schemas
  /** Schema of the 200 reply; `undefined` for documents whose form another standard gives. */
  readonly reply: keyof Schemas | undefined
  readonly refusals: readonly ErrorCode[]
}

const page: readonly Parameter[] = [
  { name: 'after', in: 'query', required: false, description: '`next` of the page before.' },
  { name: 'limit', in: 'query', required: false, description: 'Rows of a page, 1 to 200; 50 when left out.' },
]

const guarded = [
  'invalid-token',
  'invalid-proof',
  'use-dpop-nonce',
  'insufficient-scope',
  'rate-limited',
  'invalid-input',
  'busy',
] as const satisfies readonly ErrorCode[]
const releasing = [
  ...guarded,
  'unknown-field',
  'vendor-suspended',
  'ledger-stopped',
] as const satisfies readonly ErrorCode[]

/** Every operation of the gateway: what is served, what is documented and what replies are held to, in one table. */
export const operations = {
  readSubject: {
    method: 'get',
    path: '/v1/subjects/{subject}',
    summary: 'Read fields of one customer',
    description:
      'Gives those of the fields that are granted for the purpose; fields that are not granted, or have no value, are ' +
      'not there. Every subject without a live grant of yours gets the same answer, 404.',
    access: 'token',
    parameters: [
      {
        name: 'subject',
        in: 'path',
        required: true,
        description: 'The customer as your tokens name her (`sub`).',
      },
      {
        name: 'fields',
        in: 'query',
        required: true,
        description: 'Field ids, separated by commas.',
        example: 'profile.name,contact.email',
      },
      {
        name: 'purpose',
        in: 'query',
        required: true,
        description: 'What you read them for, as granted.',
        example: 'dpv:DeliveryOfGoods',
      },
    ],
    reply: 'api/disclosure.json',
    refusals: [
      ...releasing,
      'subject-unavailable',
      'purpose-not-granted',
      'pod-unreachable',
      'pod-unreadable',
    ],
  },
  querySubjects: {
    method: 'post',
    path: '/v1/query',
    summary: 'Read fields of up to 1,000 customers',
    description:
      'One row per subject, in order, each with a verdict of its own. `later` means: ask again in a while.',
    access: 'batch',
    parameters: [],
    body: 'api/query.json',
    reply: 'api/query-reply.json',
    refusals: [...releasing, 'too-large', 'unsupported-media-type'],
  },
  listGrants: {
    method: 'get',
    path: '/v1/grants',
    summary: 'List your grants and what became of them',
    description: 'Newest first. With a token for one customer: the grant it was made for.',
    access: 'token',
    parameters: page,
    reply: 'api/vendor-grants.json',
    refusals: guarded,
  },
  listRequests: {
    method: 'get',
    path: '/v1/requests',
    summary: 'List your access requests',
    description: 'Newest first. The grant is named once you have redeemed its code.',
    access: 'batch',
    parameters: page,
    reply: 'api/vendor-requests.json',
    refusals: guarded,
  },
  readCatalogue: {
    method: 'get',
    path: '/v1/catalogue',
    summary: 'The fields and purposes that can be asked for',
    description: 'Field ids are for ever.',
    access: 'public',
    parameters: [],
    reply: undefined,
    refusals: [],
  },
  readMetadata: {
    method: 'get',
    path: '/.well-known/oauth-protected-resource',
    summary: 'Metadata of this resource server (RFC 9728)',
    description: 'Names the authorization server.',
    access: 'public',
    parameters: [],
    reply: undefined,
    refusals: [],
  },
  readOpenApi: {
    method: 'get',
    path: '/openapi.json',
    summary: 'This description',
    description: 'OpenAPI 3.1.',
    access: 'public',
    parameters: [],
    reply: undefined,
    refusals: [],
  },
} as const satisfies Record<string, Operation>

export type OperationId = keyof typeof operations
