/** Values for a JSON Schema as our own schemas use it, and values that break it. */
import fc from 'fast-check'

export type JsonSchema = { readonly [keyword: string]: unknown }

/** Values that fit. `resolve` gives the schema behind a `$ref`. */
export function valuesOf(schema: JsonSchema, resolve: (ref: string) => JsonSchema): fc.Arbitrary<unknown> {
  const { $ref, const: only, enum: words, oneOf, type } = schema
  if (typeof $ref === 'string') return valuesOf(resolve($ref), resolve)
  if (only !== undefined) return fc.constant(only)
  if (Array.isArray(words)) return fc.constantFrom(...(words as unknown[]))
  if (Array.isArray(oneOf)) return fc.oneof(...(oneOf as JsonSchema[]).map((one) => valuesOf(one, resolve)))
  switch (type) {
    case 'object':
      return objectsOf(schema, resolve)
    case 'array': {
      const { items = {}, minItems = 0, maxItems = 3, uniqueItems = false } = schema
      const item = valuesOf(items as JsonSchema, resolve)
      const bounds = {
        minLength: Number(minItems),
        maxLength: Math.min(Number(maxItems), Number(minItems) + 2),
      }
      return uniqueItems === true
        ? fc.uniqueArray(item, { ...bounds, selector: (one) => JSON.stringify(one) })
        : fc.array(item, bounds)
    }
    case 'string':
      return textsOf(schema)
    case 'integer':
    case 'number':
      return fc.integer({ min: Number(schema['minimum'] ?? 0), max: Number(schema['maximum'] ?? 1_000) })
    case 'boolean':
      return fc.boolean()
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function objectsOf(schema: JsonSchema, resolve: (ref: string) => JsonSchema): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema
  const members = Object.entries(properties as Record<string, JsonSchema>).map(
    ([name, member]) => [name, valuesOf(member, resolve)] as const,
  )
  return fc.record(Object.fromEntries(members), { requiredKeys: required as never[], noNullPrototype: true })
}

function textsOf({ pattern, format, minLength = 0, maxLength = 60 }: JsonSchema): fc.Arbitrary<string> {
  if (format === 'date-time')
    return fc.integer({ min: 0, max: 4_000_000_000_000 }).map((time) => new Date(time).toISOString())
  if (format === 'uri') return fc.constant('https://business.example/somewhere')
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern))
  const least = Number(minLength)
  return fc.string({ minLength: least, maxLength: Math.min(Number(maxLength), least + 60) })
}

/** A fitting value with something in it put in the place of something else, or left out. */
export function spoiled(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const other = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('', 'x'.repeat(5_000), -1, 1e308, 0.5, [], {}, null, undefined),
  )
  return fc.tuple(values, fc.nat(1_000), other).map(([value, place, by]) => {
    const copy: unknown = structuredClone(value)
    const places = placesIn(copy)
    const [holder, name] = places[place % Math.max(1, places.length)] ?? []
    if (holder === undefined || name === undefined) return by
    if (by === undefined) Reflect.deleteProperty(holder, name)
    else Reflect.set(holder, name, by)
    return copy
  })
}

function placesIn(value: unknown): (readonly [object, string])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => [[value, name] as const, ...placesIn(member)])
}
