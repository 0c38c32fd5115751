import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problems } from '#core/http/problem.ts'
import type { ErrorCode } from '#core/domain/errors.ts'
import { operations } from '../../vendor-gateway/operations.ts'
import type { Operation } from '../../vendor-gateway/operations.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { Call, GatewayReply, TestVendor } from '../gateway.ts'

type Any = ReturnType<JSON['parse']>

let gateway: TestGateway
let shop: TestVendor
let own: Call['as']
let document: Any
let ajv: Ajv2020
/** Values of parameters with which each operation can be done; `undefined` for those that need somebody to answer. */
let calls: Partial<Record<string, Call>>

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
  const grants = [
    await gateway.grant(await gateway.customer(), shop),
    await gateway.grant(await gateway.customer(), shop),
  ]
  const [grant, given] = grants
  if (grant === undefined || given === undefined) throw new Error('there are two')
  own = gateway.withGrantToken(shop, grant)
  document = (await gateway.call({ path: '/openapi.json' })).json
  ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'openapi', components: document.components })
  const body = (id: string) => exampleOf(id)
  calls = {
    readSubject: { path: `/v1/subjects/${grant.subject}?fields=profile.name&purpose=${delivery}` },
    querySubjects: {
      path: '/v1/query',
      body: { ...body('querySubjects'), subjects: [grant.subject, 'nobody'] },
    },
    listGrants: { path: '/v1/grants' },
    readGrant: { path: `/v1/grants/${grant.grantId}` },
    endGrant: { path: `/v1/grants/${given.grantId}` },
    listRequests: { path: '/v1/requests' },
    checkRequest: { path: '/v1/requests/check', body: body('checkRequest') },
    readProof: { path: '/v1/log/proof?index=0' },
    readCatalogue: { path: '/v1/catalogue' },
    readContext: { path: '/v1/context.jsonld' },
    readMetadata: { path: '/.well-known/oauth-protected-resource' },
    readOpenApi: { path: '/openapi.json' },
    listEndpoints: { path: '/v1/webhooks/endpoints' },
    putEndpoint: { path: '/v1/webhooks/endpoints/orders', body: body('putEndpoint') },
    rotateEndpointSecret: { path: '/v1/webhooks/endpoints/orders/rotate-secret' },
    deleteEndpoint: { path: '/v1/webhooks/endpoints/orders' },
    listDeliveries: { path: '/v1/webhooks/deliveries' },
  }
})
afterAll(() => gateway[Symbol.asyncDispose]())

const all = Object.entries<Operation>(operations)
const guarded = all.filter(([, { access }]) => access !== 'public')
const describedAs = ({ path, method }: Operation): Any => document.paths[path][method]
const exampleOf = (id: string): Any =>
  describedAs(operations[id as keyof typeof operations]).requestBody.content['application/json'].example
const methodOf = ({ method }: Operation) => method.toUpperCase()
const refusals = (operation: Operation): readonly ErrorCode[] => operation.refusals

function fits(schema: object, value: unknown): boolean {
  return ajv.validate({ ...schema, components: document.components }, value)
}

describe('the description of each operation', () => {
  test.each(all)('is whole: %s', (_id, operation) => {
    const { tags, summary, description, parameters, requestBody, responses, security } =
      describedAs(operation)
    expect(document.tags.map(({ name }: { name: string }) => name)).toContain(tags[0])
    expect([summary, description].map((text) => text.length > 5)).toEqual([true, true])
    for (const parameter of parameters) {
      expect(parameter.description.length).toBeGreaterThan(5)
      expect(fits(parameter.schema, parameter.example)).toBe(true)
    }
    const media = [requestBody, ...Object.values<Any>(responses)].flatMap((one) =>
      Object.values<Any>(one?.content ?? {}),
    )
    for (const { schema, example, examples } of media) {
      const shown =
        examples === undefined ? [example] : Object.values<Any>(examples).map(({ value }) => value)
      expect(shown.length).toBeGreaterThan(0)
      for (const one of shown) expect([one, fits(schema, one)]).toEqual([one, true])
    }
    for (const code of refusals(operation)) {
      const { content, headers = {} } = responses[problems[code].status]
      expect(content['application/problem+json'].examples[code].value).toMatchObject({
        code,
        status: problems[code].status,
      })
      if ([429, 503].includes(problems[code].status)) expect(Object.keys(headers)).toContain('Retry-After')
    }
    expect(security).toEqual(
      operation.access === 'public' ? [] : [{ dpop: operation.access === 'batch' ? ['batch'] : [] }],
    )
  })

  test('is the only one of its name, with an address of its own', () => {
    const ids = Object.values<Any>(document.paths).flatMap((path) =>
      Object.values<Any>(path).map((one) => one.operationId),
    )
    expect(ids.toSorted()).toEqual(Object.keys(operations).toSorted())
    expect(Object.keys(document.components.securitySchemes)).toEqual(['dpop'])
  })
})

describe('each operation', () => {
  const doable = () =>
    all.flatMap(([id, operation]) => (calls[id] === undefined ? [] : [[operation, calls[id]] as const]))
  const send = (operation: Operation, call: Call) =>
    gateway.call({
      method: methodOf(operation),
      ...(operation.access === 'public' ? {} : { as: shop }),
      ...call,
    })

  test('answers what it is described to answer, in every form, with every field', async () => {
    // Whoever ends something comes after those who need it.
    const inTurn = doable().toSorted(
      ([one], [other]) => Number(one.method === 'delete') - Number(other.method === 'delete'),
    )
    expect(inTurn.length).toBeGreaterThan(15)
    for (const [operation, call] of inTurn) {
      const { responses } = describedAs(operation)
      const status = String(operation.status ?? 200)
      for (const type of Object.keys(responses[status].content ?? { '*/*': {} })) {
        const reply = await send(operation, { ...call, headers: { accept: type } })
        expect([call.path, String(reply.status)]).toEqual([call.path, status])
        for (const name of Object.keys(responses[status].headers ?? {}))
          if (!isAtTimes(name, reply))
            expect([call.path, name, reply.headers.has(name)]).toEqual([call.path, name, true])
        if (status === '204') continue
        expect(reply.headers.get('content-type')).toBe(type)
        const values = type.includes('ndjson')
          ? reply.text
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line))
          : [reply.json ?? reply.text]
        for (const value of values)
          expect([call.path, value, fits(responses[status].content[type].schema, value)]).toEqual([
            call.path,
            value,
            true,
          ])
      }
      if (operation.conditional !== true) continue
      const tag = (await send(operation, call)).headers.get('etag') ?? ''
      const unchanged = await send(operation, { ...call, headers: { 'if-none-match': tag } })
      expect([call.path, unchanged.status, unchanged.text]).toEqual([call.path, 304, ''])
      for (const name of Object.keys(responses['304'].headers))
        if (!isAtTimes(name, unchanged)) expect([name, unchanged.headers.has(name)]).toEqual([name, true])
    }
  })

  /** A nonce is given when it is time for another; the digest of a stream comes behind it. */
  function isAtTimes(name: string, { headers }: GatewayReply): boolean {
    return name === 'DPoP-Nonce' || (name === 'Content-Digest' && headers.get('trailer') === name)
  }

  test.each(guarded)('knows who asks: %s', async (id, operation) => {
    const path = operation.path.replaceAll(/\{\w+\}/g, 'somebody-or-other')
    const method = methodOf(operation)
    const told = async (call: Partial<Call>) => {
      const { status, json, headers } = await gateway.call({ method, path, as: shop, ...call })
      expect(Object.keys(describedAs(operation).responses)).toContain(String(status))
      if (status === 401) expect(headers.get('www-authenticate')).toMatch(/^DPoP /)
      return json.code
    }
    const { as: _, ...stranger } = { method, path, as: shop }
    expect((await gateway.call(stranger)).json.code).toBe('invalid-token')
    expect(await told({ proof: { htm: 'PATCH' } })).toBe('invalid-proof')
    expect(await told({ proof: { nonce: 'old' } })).toBe('use-dpop-nonce')
    if (operation.access === 'batch' && own !== undefined)
      expect(await told({ as: own })).toBe('insufficient-scope')
    expect(refusals(operation).includes('insufficient-scope')).toBe(operation.access === 'batch')
    if (operation.body === undefined) return
    const typed = { 'content-type': 'application/json' }
    expect(await told({ body: 'a=b', headers: { 'content-type': 'text/plain' } })).toBe(
      'unsupported-media-type',
    )
    expect(await told({ body: `"${'x'.repeat(200_000)}"`, headers: typed })).toBe('too-large')
    expect(await told({ body: '{}', headers: { ...typed, 'content-digest': 'sha-256=:AAAA:' } })).toBe(
      'digest-mismatch',
    )
    expect([id, await told({ body: '[]', headers: typed })]).toEqual([id, 'invalid-input'])
  })
})

test('every guarded operation of reading counts, and says when there is more', async () => {
  await using spent = await TestGateway.open({ tuning: { subjectsPerMinute: 0 } })
  const vendor = await spent.vendor('spent')
  for (const id of [
    'readSubject',
    'querySubjects',
    'listGrants',
    'readGrant',
    'endGrant',
    'listRequests',
    'checkRequest',
    'readProof',
  ] as const) {
    const call = calls[id]
    if (call === undefined) throw new Error('each can be done')
    const reply = await spent.call({ ...call, method: methodOf(operations[id]), as: vendor })
    expect([id, reply.status, reply.json.code]).toEqual([id, 429, 'rate-limited'])
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(reply.headers.get('ratelimit-policy')).toBe('"subjects";q=0;w=60')
    expect(reply.headers.get('ratelimit')).toMatch(/^"subjects";r=0;t=\d+$/)
  }
})
