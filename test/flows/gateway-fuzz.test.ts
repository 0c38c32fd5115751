import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Ledger } from '#core/ledger/ledger.ts'
import { operations } from '../../vendor-gateway/operations.ts'
import type { Operation } from '../../vendor-gateway/operations.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { Call, GatewayReply, TestVendor } from '../gateway.ts'
import { spoiled, valuesOf } from '../schema-arbitrary.ts'
import type { JsonSchema } from '../schema-arbitrary.ts'

/**
 * Every operation, asked what its own description allows and what it does not. Seeds are fixed: the same questions each
 * time.
 */
const RUNS = 50
const CANARY = 'c4n4ry'

interface Described {
  readonly responses: Readonly<
    Record<string, { content?: Readonly<Record<string, { schema: JsonSchema; examples?: object }>> }>
  >
  readonly requestBody?: {
    readonly content: { readonly 'application/json': { readonly schema: JsonSchema } }
  }
}

let gateway: TestGateway
let shop: TestVendor
let document: ReturnType<JSON['parse']>
const seen: string[] = []
/** What is there to be found, by the names of parameters; an endpoint to be reached out to is not. */
const real: Record<string, string> = { fields: 'profile.name', index: '1' }
const accepted = ['application/ld+json', 'application/x-ndjson']

beforeAll(async () => {
  gateway = await TestGateway.open({ tuning: { subjectsPerMinute: 1e9 }, wrapLedger: watched })
  shop = await gateway.vendor('shop')
  const grant = await gateway.grant(await gateway.customer(), shop)
  Object.assign(real, {
    subject: grant.subject,
    grant_id: grant.grantId,
    changed_since: '0.0',
    purpose: delivery,
  })
  document = (await gateway.call({ path: '/openapi.json' })).json
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** Notes what is read of the ledger, without the ids in the keys. */
function watched(ledger: Ledger): Ledger {
  return new Proxy(ledger, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        const [key] = given
        if (typeof key === 'string') seen.push(`${String(name)} ${key.split('/')[0]}`)
        return Reflect.apply(member, target, given)
      }
    },
  })
}

const resolve = (ref: string): JsonSchema => document.components.schemas[ref.replace(/.*\//, '')]

const validators = new Map<string, ValidateFunction>()
function fits(schema: JsonSchema, value: unknown): boolean {
  const text = JSON.stringify(schema)
  let validate = validators.get(text)
  if (validate === undefined) {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    validate = ajv.compile({ ...schema, components: document.components })
    validators.set(text, validate)
  }
  return validate(value)
}

/** Texts that some parser somewhere has stumbled over. */
const hostile = fc
  .oneof(
    fc.string({ maxLength: 40, unit: 'binary' }),
    fc.constantFrom(
      '..',
      '%2e%2e%2f',
      "' OR 1=1 --",
      '\u0000',
      '\ud800',
      '{{7*7}}',
      '<svg onload=1>',
      '__proto__',
      'constructor',
      'NaN',
      '-1',
      '0',
      '1e9',
      '٣',
      'x'.repeat(3_000),
      '\u202e',
      'a,b,,c',
      '[]',
      'null',
      'dpv:',
      '~',
      '🦊',
    ),
  )
  .map((text) => (text + CANARY).toWellFormed())

/** HTTP takes visible ASCII in fields. */
const field = fc.oneof(
  fc.string({ maxLength: 60, unit: 'grapheme-ascii' }).map((text) => text.trim()),
  fc.constantFrom(
    '*',
    '""',
    'W/"x"',
    'sha-256=:AA==:',
    'application/ld+json',
    'application/x-ndjson;q=x',
    'a/b, */*',
  ),
)

function callsOf(operation: Operation): fc.Arbitrary<Call> {
  const given = (where: 'path' | 'query') => operation.parameters.filter((one) => one.in === where)
  const good = ({ name, example }: { name: string; example: string }) =>
    fc.constant(name === 'endpoint' && operation.method === 'post' ? 'none-of-that' : (real[name] ?? example))
  const value = (one: { name: string; example: string }) => mostly(good(one), hostile)
  const inPath = fc.record(Object.fromEntries(given('path').map((one) => [one.name, value(one)])))
  const inQuery = fc
    .tuple(
      ...given('query').map((one) => {
        const pair = fc.tuple(fc.constant(one.name), value(one))
        return one.required ? mostly(pair, fc.constant(undefined)) : mostly(fc.constant(undefined), pair)
      }),
      mostly(fc.constant(undefined), fc.tuple(mostly(fc.constantFrom('limit', 'fields'), hostile), hostile)),
    )
    .map((pairs) => pairs.filter((pair) => pair !== undefined))
  const fieldNames = fc.constantFrom('accept', 'if-none-match', 'content-digest', 'accept-language')
  const inHead = mostly(
    fc.constantFrom<Record<string, string>>({}, ...accepted.map((accept) => ({ accept }))),
    fc.dictionary(fieldNames, field),
  )
  const body: JsonSchema | undefined = described(operation).requestBody?.content['application/json'].schema
  const content = body === undefined ? fc.constant(undefined) : bodies(valuesOf(body, resolve))
  return fc
    .record({ inPath, inQuery, inHead, content, who: mostly(fc.constant('shop'), fc.constant('nobody')) })
    .map(({ inPath: path, inQuery: query, inHead: headers, content: sent, who }): Call => {
      const at = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent(String((path as Record<string, unknown>)[name])),
      )
      const search = query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
      const typed = typeof sent === 'string' ? { 'content-type': 'application/json' } : {}
      return {
        method: operation.method.toUpperCase(),
        path: search === '' ? at : `${at}?${search}`,
        headers: { ...headers, ...typed },
        ...(sent === undefined ? {} : { body: sent }),
        ...(who === 'shop' ? { as: shop } : {}),
      }
    })
}

/** Bodies that fit, that nearly fit, and that are none. */
function bodies(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const asked = fc.constant({
    purpose: delivery,
    fields: ['profile.name'],
    subjects: [real['subject'], 'nobody'],
  })
  const text = fc.oneof(
    hostile,
    fc.constantFrom('', '{', '[[[[', '{"a":1,"a":2}', '"', `${'['.repeat(100)}1`),
  )
  const fit = fc.oneof(values, asked)
  return fc.oneof({ weight: 3, arbitrary: fit }, { weight: 3, arbitrary: spoiled(fit) }, text)
}

function mostly<One, Other>(usual: fc.Arbitrary<One>, other: fc.Arbitrary<Other>): fc.Arbitrary<One | Other> {
  return fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: other })
}

function described({ path, method }: Operation): Described {
  return document.paths[path][method]
}

/** Anything may be said to an address that is not there, or cannot be read. */
const anywhere = ['not-found', 'invalid-input']

function hold(operation: Operation, call: Call, reply: GatewayReply): void {
  const { status, text, headers } = reply
  const told = JSON.stringify({ call, status, text: text.slice(0, 300) })
  expect(status, told).toBeLessThan(500)
  if (status >= 400) expect(text, told).not.toContain(CANARY)
  const response = described(operation).responses[String(status)]
  if (status >= 400 && anywhere.includes(reply.json?.code)) return
  expect(response, told).toBeDefined()
  const type = headers.get('content-type') ?? ''
  const { schema, examples = {} } = response?.content?.[type] ?? {}
  if (status === 204 || status === 304) expect(text, told).toBe('')
  else expect(schema, told).toBeDefined()
  const lines =
    type === 'application/x-ndjson'
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []
  for (const value of type.includes('json') && lines.length === 0 && text !== '' ? [JSON.parse(text)] : lines)
    expect(fits(schema ?? {}, value), told).toBe(true)
  if (status >= 400) expect(Object.keys(examples), told).toContain(reply.json.code)
}

describe('whatever it is asked, the answer is one of those that are described', () => {
  test.each(Object.entries<Operation>(operations))('%s', async (_id, operation) => {
    await fc.assert(
      fc.asyncProperty(callsOf(operation), async (call) => hold(operation, call, await gateway.call(call))),
      { numRuns: RUNS, seed: 6 },
    )
  })
})

describe('a subject of another business', () => {
  test('is answered by the same steps as one that nobody has, and with the same words', async () => {
    const other = await gateway.vendor('other')
    const foreign = await gateway.grant(await gateway.customer(), other)
    const steps = async (subject: string) => {
      seen.length = 0
      const single = await gateway.read(shop, subject, 'profile.name')
      const batch = await gateway.query(shop, [subject], ['profile.name'])
      return { seen: [...seen], told: [single.text, batch.text.replace(subject, '')] }
    }
    await steps('warm')
    const unknown = await steps('x'.repeat(foreign.subject.length))
    expect(unknown.seen.length).toBeGreaterThan(0)
    expect(await steps(foreign.subject)).toEqual(unknown)
    // What is the business's own takes other steps: the comparison can tell.
    const own = await gateway.grant(await gateway.customer(), shop)
    expect((await steps(own.subject)).seen).not.toEqual(unknown.seen)
  })
})
