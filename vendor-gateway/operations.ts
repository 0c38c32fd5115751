import type { ErrorCode } from '#core/domain/errors.ts'
import type { Schemas } from '#schemas/types.gen.ts'
import { webhookOperations } from './webhooks/operations.ts'

/** Groups of operations, in the order of the description. */
export const tags = {
  Customers: 'Read what customers let you read.',
  Grants: 'What customers allowed you, and what became of it.',
  Requests: 'What you asked customers for.',
  Webhooks: 'How you are told what happened, without asking.',
  Log: 'Proof that what you got is on record.',
  About: 'What this gateway is, and what can be asked of it. Open to everybody.',
} as const

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description: string
  readonly example: string
}

export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete'
  /** As in OpenAPI: parameters in braces. */
  readonly path: string
  readonly tag: keyof typeof tags
  readonly summary: string
  readonly description: string
  /** `token`: any good access token; `batch`: one of the business, with scope `batch`. */
  readonly access: 'public' | 'token' | 'batch'
  /** Asked for all day: served before everything else (shortcut.ts). */
  readonly often?: boolean
  readonly parameters: readonly Parameter[]
  readonly body?: keyof Schemas
  /** 200 when left out; 204 has no reply. */
  readonly status?: 200 | 201 | 204
  /** Schema of the reply; `undefined` for documents whose form another standard gives. */
  readonly reply: keyof Schemas | undefined
  /** Media type of the reply when it is not `application/json`. */
  readonly type?: string
  /** Further forms of the reply, by media type, chosen with `Accept`. */
  readonly alternatives?: Readonly<Record<string, keyof Schemas>>
  /** Has an entity tag, and answers 304 to who names it. */
  readonly conditional?: boolean
  readonly refusals: readonly ErrorCode[]
}

const page: readonly Parameter[] = [
  {
    name: 'after',
    in: 'query',
    required: false,
    description: '`next` of the page before.',
    example: '98239000000000/Yq4Zb0aV2mJxw1v0cQnT3g',
  },
  {
    name: 'limit',
    in: 'query',
    required: false,
    description: 'Rows of a page, 1 to 200; 50 when left out. A page with `next` may have fewer.',
    example: '50',
  },
  {
    name: 'changed_since',
    in: 'query',
    required: false,
    description: '`as_of` of an earlier list: only what changed after it, newest change first.',
    example: '4711.1795600000000',
  },
]
const grantId: Parameter = {
  name: 'grant_id',
  in: 'path',
  required: true,
  description: 'As tokens, replies and lists name it.',
  example: 'lQTU0cVb1n9aYx2Wk3mJ5w',
}
const filter = (name: string, description: string, example: string): Parameter => ({
  name,
  in: 'query',
  required: false,
  description,
  example,
})
const contentDigest: Parameter = {
  name: 'Content-Digest',
  in: 'header',
  required: false,
  description:
    'Of the body, sha-256 or sha-512 (RFC 9530). The same text as claim `content_digest` of the DPoP proof binds the ' +
    'body to your key.',
  example: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
}

const guarded = [
  'invalid-token',
  'invalid-proof',
  'use-dpop-nonce',
  'rate-limited',
  'invalid-input',
  'busy',
] as const satisfies readonly ErrorCode[]
const ofBusiness = [...guarded, 'insufficient-scope'] as const satisfies readonly ErrorCode[]
const withBody = [
  'too-large',
  'unsupported-media-type',
  'digest-mismatch',
] as const satisfies readonly ErrorCode[]
const releasing = [
  'unknown-field',
  'vendor-suspended',
  'ledger-stopped',
] as const satisfies readonly ErrorCode[]

/** Every operation of the gateway: what is served, what is documented and what replies are held to, in one table. */
export const operations = {
  readSubject: {
    method: 'get',
    path: '/v1/subjects/{subject}',
    often: true,
    tag: 'Customers',
    summary: 'Read fields of one customer',
    description:
      'Gives those of the fields that are granted for the purpose; fields that are not granted, or have no value, are ' +
      'not there. Every subject without a live grant of yours gets the same answer, 404. With `If-None-Match` it says ' +
      'whether the values are still the same: that is a read like any other, and the field `Reach-Log` of the 304 holds ' +
      'its place in the log.',
    access: 'token',
    parameters: [
      {
        name: 'subject',
        in: 'path',
        required: true,
        description: 'The customer as your tokens name her (`sub`).',
        example: 'VVdsY0hZx3k2m9Q1w8n5b7v4c6X0zLpKjHgFdSaQwEr',
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
      filter('proof', '`1`: with the inclusion proof of the entry, to verify offline.', '1'),
      {
        name: 'If-None-Match',
        in: 'header',
        required: false,
        description: '`ETag` of the reply you hold.',
        example: 'W/"q9XcWq0Z7yqH2rVbJm3k1A"',
      },
    ],
    reply: 'api/disclosure.json',
    alternatives: { 'application/ld+json': 'api/disclosure.json' },
    conditional: true,
    refusals: [
      ...guarded,
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
    often: true,
    tag: 'Customers',
    summary: 'Read fields of up to 1,000 customers',
    description:
      'One row per subject, in order, each with a verdict of its own. `later` means: ask again in a while. As ' +
      '`application/x-ndjson` rows come as they are released, with lines that say how far it is and a last line ' +
      '`summary`; a text without that line was cut off, and what is missing can be asked again.',
    access: 'batch',
    parameters: [contentDigest],
    body: 'api/query.json',
    reply: 'api/query-reply.json',
    alternatives: { 'application/x-ndjson': 'api/query-line.json' },
    refusals: [...ofBusiness, ...releasing, ...withBody],
  },
  listGrants: {
    method: 'get',
    path: '/v1/grants',
    tag: 'Grants',
    summary: 'List your grants and what became of them',
    description:
      'Newest first. With a token for one customer: the grant it was made for. To keep a copy in step, keep `as_of` of ' +
      'the first page and later ask for what changed since.',
    access: 'token',
    parameters: [
      ...page,
      filter('state', 'Only those in this state.', 'active'),
      filter('subject', 'Only those of this customer.', 'VVdsY0hZx3k2m9Q1w8n5b7v4c6X0zLpKjHgFdSaQwEr'),
      filter('purpose', 'Only those that cover this purpose.', 'dpv:DeliveryOfGoods'),
      filter('grant_id', 'Only this one.', 'lQTU0cVb1n9aYx2Wk3mJ5w'),
      filter('request_id', 'Only the one that came from this request.', 'Yq4Zb0aV2mJxw1v0cQnT3g'),
    ],
    reply: 'api/vendor-grants.json',
    refusals: guarded,
  },
  readGrant: {
    method: 'get',
    path: '/v1/grants/{grant_id}',
    tag: 'Grants',
    summary: 'Show one of your grants',
    description: 'Also when it has ended.',
    access: 'token',
    parameters: [grantId],
    reply: 'api/vendor-grant.json',
    refusals: [...guarded, 'not-found'],
  },
  endGrant: {
    method: 'delete',
    path: '/v1/grants/{grant_id}',
    tag: 'Grants',
    summary: 'Give a grant back',
    description:
      'Ends it for good, at once and for all your tokens; the customer sees that you did. Doing it again changes nothing.',
    access: 'token',
    parameters: [grantId],
    status: 204,
    reply: undefined,
    refusals: [...guarded, 'not-found', 'conflict', 'ledger-stopped'],
  },
  listRequests: {
    method: 'get',
    path: '/v1/requests',
    tag: 'Requests',
    summary: 'List your access requests',
    description: 'Newest first. The grant is named once you have redeemed its code.',
    access: 'batch',
    parameters: [
      ...page,
      filter('state', 'Only those with this status.', 'later'),
      filter('purpose', 'Only those that ask for this purpose.', 'dpv:DeliveryOfGoods'),
      filter('request_id', 'Only this one.', 'Yq4Zb0aV2mJxw1v0cQnT3g'),
      filter('grant_id', 'Only the one this grant came from.', 'lQTU0cVb1n9aYx2Wk3mJ5w'),
    ],
    reply: 'api/vendor-requests.json',
    refusals: ofBusiness,
  },
  checkRequest: {
    method: 'post',
    path: '/v1/requests/check',
    tag: 'Requests',
    summary: 'Try an access request out, before any customer is bothered',
    description:
      'Says whether the authorization server would take it, what asks for more than its purposes need, and in which ' +
      'words a customer would read it. Nothing is kept.',
    access: 'batch',
    parameters: [contentDigest],
    body: 'api/check-request.json',
    reply: 'api/request-check.json',
    refusals: [...ofBusiness, ...withBody],
  },
  ...webhookOperations,
  readProof: {
    method: 'get',
    path: '/v1/log/proof',
    tag: 'Log',
    summary: 'Prove that an entry is in the log',
    description:
      'The inclusion proof of one entry in the newest checkpoint, as a C2SP tlog-proof text that verifies offline with ' +
      "the log's key. The salts that open the entry stand in your reply.",
    access: 'token',
    parameters: [
      { name: 'index', in: 'query', required: true, description: '`log.index` of a reply.', example: '4711' },
    ],
    reply: undefined,
    type: 'text/plain; charset=utf-8',
    refusals: [...guarded, 'not-found'],
  },
  readCatalogue: {
    method: 'get',
    path: '/v1/catalogue',
    tag: 'About',
    summary: 'The fields and purposes that can be asked for',
    description:
      'Field ids are for ever. Titles and rules are in English, German or Arabic, by Accept-Language; English is the default.',
    access: 'public',
    parameters: [],
    reply: undefined,
    conditional: true,
    refusals: [],
  },
  readContext: {
    method: 'get',
    path: '/v1/context.jsonld',
    tag: 'About',
    summary: 'The JSON-LD context of replies',
    description:
      'Made from the catalogue, by the mapping with which values stand in pods. Terms are added and never change.',
    access: 'public',
    parameters: [],
    reply: undefined,
    type: 'application/ld+json',
    conditional: true,
    refusals: [],
  },
  readMetadata: {
    method: 'get',
    path: '/.well-known/oauth-protected-resource',
    tag: 'About',
    summary: 'Metadata of this resource server (RFC 9728)',
    description: 'Names the authorization server.',
    access: 'public',
    parameters: [],
    reply: undefined,
    conditional: true,
    refusals: [],
  },
  readOpenApi: {
    method: 'get',
    path: '/openapi.json',
    tag: 'About',
    summary: 'This description',
    description: 'OpenAPI 3.1.',
    access: 'public',
    parameters: [],
    reply: undefined,
    conditional: true,
    refusals: [],
  },
} as const satisfies Record<string, Operation>

export type OperationId = keyof typeof operations
