import { DomainError } from '#core/domain/errors.ts'
import type { ErrorCode } from '#core/domain/errors.ts'
import { problemOf, problems } from '#core/http/problem.ts'
import { examples } from './examples.ts'
import type { OperationExample } from './examples.ts'
import { SchemaComponents } from './openapi-schemas.ts'
import type { JsonObject } from './openapi-schemas.ts'
import { operations, tags } from './operations.ts'
import type { Operation, OperationId } from './operations.ts'
import { subjectUnavailable } from './reply.ts'

/** The OpenAPI 3.1 document of the gateway, from the table of operations and the schemas that its replies are held to. */
export function openApiDocument({ gatewayUrl }: { gatewayUrl: string }): JsonObject {
  const schemas = new SchemaComponents()
  const paths: Record<string, JsonObject> = {}
  for (const [operationId, operation] of Object.entries<Operation>(operations)) {
    const path = (paths[operation.path] ??= {})
    const example = examples[operationId as OperationId]
    path[operation.method] = describeOperation(operationId, { operation, example, schemas })
  }
  const problem = schemas.refTo('api/problem.json')
  return {
    openapi: '3.1.0',
    info: {
      title: 'Reach vendor gateway',
      version: '1',
      description: introduction(gatewayUrl),
    },
    servers: [{ url: gatewayUrl }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: schemas.components,
      headers: headerComponents,
      responses: Object.fromEntries(
        notOfAnOperation.map((code) => [
          code,
          { ...describeRefusal([code]), content: asProblem([code], problem) },
        ]),
      ),
      securitySchemes: {
        dpop: {
          type: 'http',
          scheme: 'dpop',
          description:
            'Access token of the authorization server, with a DPoP proof that holds the nonce of the gateway (RFC 9449).',
        },
      },
    },
  }
}

/** How to begin, in Markdown. */
const introduction = (gatewayUrl: string) =>
  `Customers decide what you may read, what for and until when. Every read is logged with proof for you.

1. Register your keys at the authorization server that [the metadata](${gatewayUrl}${operations.readMetadata.path}) names, \
with the admission code that you were given.
2. Push an access request there, of type \`urn:reach:access-request:1\` (RFC 9126, RFC 9396), with fields and purposes of \
[the catalogue](${gatewayUrl}${operations.readCatalogue.path}). \`POST ${operations.checkRequest.path}\` tries it out and bothers nobody.
3. When a customer has allowed it, read here with the access token and a DPoP proof (RFC 9449). The first answer is 401 with a \
\`DPoP-Nonce\`: repeat with it in the proof.

Every refusal is a problem (RFC 9457) with a \`code\` of a closed list: switch on that, never on its words.`

/** What any address may answer, whatever is asked of it. */
const notOfAnOperation = [
  'not-found',
  'method-not-allowed',
  'misdirected',
] as const satisfies readonly ErrorCode[]

const headerComponents = {
  'DPoP-Nonce': text('To be used in proofs from now on (RFC 9449 section 8.2).'),
  'Content-Digest': text('Of the body (RFC 9530); of a stream it is a trailer field.'),
  'RateLimit-Policy': text(
    'What a business may ask in a window, in subjects (draft-ietf-httpapi-ratelimit-headers-08).',
  ),
  RateLimit: text('What is left of it, and in how many seconds it begins anew.'),
  'Retry-After': {
    description: 'Seconds after which trying again makes sense.',
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': text('The challenge of RFC 9449 section 7.1, with the address of the metadata.'),
  ETag: text('The same as long as the reply would hold the same.'),
  'Reach-Log': text('Place in the log, salts and checkpoint of a 304, as a dictionary of RFC 9651.'),
} as const

type HeaderName = keyof typeof headerComponents

function text(description: string) {
  return { description, schema: { type: 'string' } }
}

function refer(...names: HeaderName[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

function describeOperation(
  operationId: string,
  parts: { operation: Operation; example: OperationExample; schemas: SchemaComponents },
): JsonObject {
  const { operation, example, schemas } = parts
  const { tag, summary, description, parameters, body, access, refusals } = operation
  const problem = schemas.refTo('api/problem.json')
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    parameters: parameters.map((parameter) => ({ ...parameter, schema: { type: 'string' } })),
    security: access === 'public' ? [] : [{ dpop: access === 'batch' ? ['batch'] : [] }],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.refTo(body), example: example.body } },
          },
        }),
    responses: { ...successes(parts), ...refusalResponses(refusals, problem) },
  }
}

function successes({
  operation,
  example,
  schemas,
}: {
  operation: Operation
  example: OperationExample
  schemas: SchemaComponents
}): JsonObject {
  const { status = 200, reply, type = 'application/json', alternatives = {}, conditional, access } = operation
  const ofCaller: HeaderName[] = access === 'public' ? [] : ['RateLimit-Policy', 'RateLimit', 'DPoP-Nonce']
  const tagged: HeaderName[] = conditional === true ? ['ETag'] : []
  if (status === 204) return { '204': { description: 'Done', headers: refer(...ofCaller) } }
  const plain = { type: type.startsWith('text/') ? 'string' : 'object' }
  const others = Object.entries(alternatives).map(([media, schema]) => [
    media,
    { schema: schemas.refTo(schema), example: example.alternatives?.[media] },
  ])
  const logged: HeaderName[] = access === 'public' ? [] : ['Reach-Log']
  const unchanged = { description: 'As you have it', headers: refer(...tagged, ...ofCaller, ...logged) }
  return {
    [status]: {
      description: 'Done',
      headers: refer('Content-Digest', ...tagged, ...ofCaller),
      content: {
        [type]: { schema: reply === undefined ? plain : schemas.refTo(reply), example: example.reply },
        ...Object.fromEntries(others),
      },
    },
    ...(conditional === true ? { '304': unchanged } : {}),
  }
}

/** One response per status, with an example for each of its codes. */
function refusalResponses(codes: readonly ErrorCode[], problem: JsonObject): JsonObject {
  const byStatus = Map.groupBy(codes, (code) => String(problems[code].status))
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      { ...describeRefusal(same), content: asProblem(same, problem) },
    ]),
  )
}

function describeRefusal(codes: readonly ErrorCode[]): JsonObject {
  const names: HeaderName[] = []
  const [first] = codes
  const status = first === undefined ? 0 : problems[first].status
  if (status === 401) names.push('WWW-Authenticate', 'DPoP-Nonce')
  if (status === 429) names.push('RateLimit-Policy', 'RateLimit')
  if (status === 429 || status === 503) names.push('Retry-After')
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' '),
    ...(names.length === 0 ? {} : { headers: refer(...names) }),
  }
}

function asProblem(codes: readonly ErrorCode[], schema: JsonObject): JsonObject {
  const shown = codes.map((code) => [code, { summary: problems[code].title, value: exampleOf(code) }])
  return { 'application/problem+json': { schema, examples: Object.fromEntries(shown) } }
}

/** The very body, but for the sentence in `detail` and the places in `errors`. */
function exampleOf(code: ErrorCode): unknown {
  if (code === 'subject-unavailable') return JSON.parse(subjectUnavailable.body)
  const options =
    code === 'invalid-input' ? { violations: [{ pointer: '/purpose', detail: 'is missing' }] } : {}
  return problemOf(
    new DomainError(code, problems[code].title, options),
    '0b1f5c1e-9d0e-4a53-9d0c-3a2f8f5f5a6e',
  )
}
