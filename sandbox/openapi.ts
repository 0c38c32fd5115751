import { problems } from '#core/http/problem.ts'
import { openApiDocument } from '../vendor-gateway/openapi.ts'
import { SchemaComponents } from '../vendor-gateway/openapi-schemas.ts'
import type { JsonObject } from '../vendor-gateway/openapi-schemas.ts'
import { sandboxOperations } from './operations.ts'
import type { SandboxOperation } from './operations.ts'

/** The gateway's own description with what only the sandbox has. */
export function sandboxDocument({ gatewayUrl }: { gatewayUrl: string }): JsonObject {
  const document = openApiDocument({ gatewayUrl })
  const components = document['components'] as Record<string, JsonObject>
  const schemas = new SchemaComponents()
  const paths: Record<string, JsonObject> = { ...(document['paths'] as Record<string, JsonObject>) }
  for (const [operationId, operation] of Object.entries<SandboxOperation>(sandboxOperations))
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: describe(operationId, operation, schemas),
    }
  return {
    ...document,
    info: {
      ...(document['info'] as JsonObject),
      title: 'Reach vendor gateway: sandbox',
      description: introduction(document['info'] as JsonObject),
    },
    tags: [
      { name: 'Sandbox', description: 'What only the sandbox has: credentials at once, customers to play.' },
      ...(document['tags'] as JsonObject[]),
    ],
    paths,
    components: {
      ...components,
      schemas: { ...components['schemas'], ...schemas.components },
      securitySchemes: {
        ...components['securitySchemes'],
        sandboxKey: { type: 'http', scheme: 'bearer', description: 'The `sandboxKey` of your credentials.' },
      },
    },
  }
}

const introduction = ({ description }: JsonObject) =>
  `The gateway as it is, on sample customers that you make and play. Nothing here is about a real person. Begin with \
\`POST ${sandboxOperations.addBusiness.path}\`: credentials at once, which the steps below go on from.

${String(description)}`

function describe(operationId: string, operation: SandboxOperation, schemas: SchemaComponents): JsonObject {
  const { path, summary, description, access, body, status, reply, refusals } = operation
  const json = ({ schema, example }: NonNullable<SandboxOperation['reply']>) => ({
    'application/json': { schema: schemas.refTo(schema), example },
  })
  const problem = { 'application/problem+json': { schema: schemas.refTo('api/problem.json') } }
  const byStatus = Map.groupBy(refusals, (code) => String(problems[code].status))
  return {
    operationId,
    tags: ['Sandbox'],
    summary,
    description,
    parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    security: access === 'public' ? [] : [{ sandboxKey: [] }],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      [status]: { description: 'Done', ...(reply === undefined ? {} : { content: json(reply) }) },
      ...Object.fromEntries(
        [...byStatus].map(([refused, codes]) => [
          refused,
          {
            description: codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' '),
            content: problem,
          },
        ]),
      ),
    },
  }
}
