import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { problems } from '#core/http/problem.ts'
import type { ErrorCode } from '#core/domain/errors.ts'
import { operations } from './operations.ts'
import type { Operation } from './operations.ts'

const schemaFolder = join(import.meta.dirname, '../schemas')

type JsonObject = { [member: string]: unknown }

/** The OpenAPI 3.1 document of the gateway, from the table of operations and the schemas that its replies are held to. */
export function openApiDocument({ gatewayUrl }: { gatewayUrl: string }): JsonObject {
  const schemas = new SchemaComponents()
  const paths: Record<string, JsonObject> = {}
  for (const [operationId, operation] of Object.entries<Operation>(operations)) {
    const path = (paths[operation.path] ??= {})
    path[operation.method] = describeOperation(operationId, operation, schemas)
  }
  schemas.nameOf('api/problem.json')
  return {
    openapi: '3.1.0',
    info: {
      title: 'Reach vendor gateway',
      version: '1',
      description:
        'Customers decide what you may read, what for and until when. Every read is logged with proof for you.',
    },
    servers: [{ url: gatewayUrl }],
    paths,
    components: {
      schemas: schemas.components,
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

function describeOperation(operationId: string, operation: Operation, schemas: SchemaComponents): JsonObject {
  const { summary, description, parameters, body, reply, access, refusals } = operation
  return {
    operationId,
    summary,
    description,
    parameters: parameters.map((parameter) => ({ ...parameter, schema: { type: 'string' } })),
    security: access === 'public' ? [] : [{ dpop: access === 'batch' ? ['batch'] : [] }],
    ...(body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: schemas.refTo(body) } } },
        }),
    responses: {
      '200': {
        description: 'Done',
        content: {
          'application/json': { schema: reply === undefined ? { type: 'object' } : schemas.refTo(reply) },
        },
      },
      ...refusalResponses(refusals, schemas),
    },
  }
}

/** One response per status; its description lists the codes. */
function refusalResponses(codes: readonly ErrorCode[], schemas: SchemaComponents): JsonObject {
  const byStatus = Map.groupBy(codes, (code) => String(problems[code].status))
  const schema = schemas.refTo('api/problem.json')
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' '),
        content: { 'application/problem+json': { schema } },
      },
    ]),
  )
}

/** Schemas under the names of their titles, with references between files turned into references inside the document. */
class SchemaComponents {
  readonly components: Record<string, unknown> = {}
  readonly #names = new Map<string, string>()

  refTo(schemaId: string): { $ref: string } {
    return { $ref: `#/components/schemas/${this.nameOf(schemaId)}` }
  }

  nameOf(schemaId: string): string {
    const known = this.#names.get(schemaId)
    if (known !== undefined) return known
    const schema: JsonObject = JSON.parse(readFileSync(join(schemaFolder, schemaId), 'utf8'))
    const name = String(schema['title'])
    if (name in this.components) throw new Error(`two schemas are called ${name}`)
    this.#names.set(schemaId, name)
    this.components[name] = {} // keeps its place, also when it refers to itself
    const { $schema: _dialect, $id: _id, ...content } = schema
    this.components[name] = this.#resolved(content, schemaId)
    return name
  }

  #resolved(node: unknown, within: string): unknown {
    if (Array.isArray(node)) return node.map((item) => this.#resolved(item, within))
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(
      Object.entries(node).map(([keyword, value]) => {
        if (keyword !== '$ref' || typeof value !== 'string') return [keyword, this.#resolved(value, within)]
        return [keyword, this.refTo(new URL(value, `schema:///${within}`).pathname.slice(1)).$ref]
      }),
    )
  }
}
