import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { categories, categoriesIn } from '#core/domain/catalogue.ts'
import type { RdfMapping } from '#core/domain/catalogue.ts'
import { languages } from '#core/domain/category-file.ts'
import { ruleNames } from '#core/domain/derivations.ts'
import { decide } from '#core/domain/decision.ts'
import { newGrant } from '#core/domain/grant.ts'
import { normalizeRequest } from '#core/domain/request.ts'
import { purposes } from '#core/domain/purposes.ts'
import { matches, parser } from '#core/http/validate.ts'
import { anId, answersTo, aRequest, now, someItems } from '../arbitraries.ts'

type Schema = { readonly [keyword: string]: unknown }

const folder = join(import.meta.dirname, '../../schemas')
const read = (kind: string): Schema[] =>
  readdirSync(join(folder, kind))
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, kind, name), 'utf8')) as Schema)

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every schema inside a schema, with its place. */
function* schemasIn(node: unknown, place: string): Generator<[string, Schema]> {
  if (Array.isArray(node)) for (const [at, item] of node.entries()) yield* schemasIn(item, `${place}/${at}`)
  if (!isObject(node)) return
  if ('type' in node || '$ref' in node || 'oneOf' in node) yield [place, node]
  for (const [name, member] of Object.entries(node)) {
    if (!['reach', 'enum', 'const', 'examples'].includes(name)) yield* schemasIn(member, `${place}/${name}`)
  }
}

describe('every schema', () => {
  const all = ['records', 'api', 'fields'].flatMap((kind) => read(kind))

  test('says whether other members are welcome, wherever it describes an object', () => {
    const open = all.flatMap((schema) =>
      [...schemasIn(schema, String(schema['$id']))]
        .filter(([, one]) => one['type'] === 'object' && !('additionalProperties' in one))
        .map(([place]) => place),
    )
    expect(open).toEqual([])
  })

  test('bounds what comes in: texts by length or form, lists by number', () => {
    const incoming = [
      'access-request-details',
      'decision',
      'query',
      'create-vault',
      'sign-in',
      'vendor-admission',
    ]
    const schemas = [
      ...read('records'),
      ...read('fields'),
      ...all.filter((one) => incoming.includes(String(one['$id']).slice(4, -5))),
    ]
    const bounds = ['maxLength', 'pattern', 'enum', 'const', 'format', 'maxItems', 'reach']
    const unbounded = schemas.flatMap((schema) =>
      [...schemasIn(schema, String(schema['$id']))]
        .filter(([, one]) => one['type'] === 'string' || one['type'] === 'array')
        .filter(([, one]) => !bounds.some((keyword) => keyword in one && keyword !== 'reach'))
        .map(([place]) => place),
    )
    expect(unbounded).toEqual([])
  })

  test('of a record carries its version and nothing that was not foreseen', () => {
    const parts = ['records/item.json', 'records/granted-item.json', 'records/recipient.json']
    for (const schema of read('records')) {
      expect(schema['additionalProperties']).toBe(false)
      if (parts.includes(String(schema['$id']))) continue
      expect(schema['required']).toContain('v')
      expect(schema).toMatchObject({ properties: { v: { const: 1 } } })
    }
  })
})

/** The places of texts that one of the languages is missing for. */
function* wordsIn(node: unknown, place: string): Generator<string> {
  if (!isObject(node)) return
  if (typeof node['en'] === 'string') {
    for (const language of languages) if (!node[language]) yield `${place} ${language}`
    return
  }
  for (const [name, member] of Object.entries(node)) yield* wordsIn(member, `${place}/${name}`)
}

/** One line for each property that a value stands under. */
function placesOf(name: string, { predicate, as, properties = {} }: RdfMapping): string[] {
  const inside = Object.entries(properties).flatMap(([member, rdf]) => placesOf(`${name}.${member}`, rdf))
  return [`${name} ${predicate} ${as}`, ...inside]
}

describe('the catalogue of fields', () => {
  const files = read('fields')

  test('has only files in the form that operators are held to, too', () => {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true })
    const isCategory = ajv.compile(JSON.parse(readFileSync(join(folder, 'category-file.json'), 'utf8')))
    for (const file of files) {
      expect([isCategory(file), isCategory.errors]).toEqual([true, null])
      const category = String(file['$id']).slice('fields/'.length, -'.json'.length)
      expect(file['reach']).toMatchObject({ category, file: `${category}.ttl` })
    }
    expect(categories).toHaveLength(files.length)
    expect(ajv.getSchema('category-file.json#/$defs/derived')?.schema).toMatchObject({
      properties: { compute: { properties: { rule: { enum: ruleNames } } } },
    })
  })

  test('has every text in every language of the interface, and all of them differ from a key', () => {
    const missing = files.flatMap((file) => [...wordsIn(file, String(file['$id']))])
    expect(missing).toEqual([])
    for (const language of languages) {
      const told = categoriesIn(language)
      expect(told.map(({ id }) => id)).toEqual(categories.map(({ id }) => id))
      for (const { schema, fields: own } of told) {
        for (const [place, one] of schemasIn(schema, '')) {
          if (!('enum' in one) || place.includes('/items')) continue
          const labels = Object.keys(one['x-labels'] as Schema)
          expect(labels).toEqual(one['enum'])
        }
        for (const { title, description } of own) expect([title, description]).not.toContain('')
      }
    }
  })

  test('has for every field its place in RDF, of which the parts have one each', () => {
    for (const category of categories) {
      for (const field of category.fields) {
        expect(field.id).toMatch(/^[a-z][a-z-]*\.[a-z][A-Za-z0-9]*$/)
        const { items = field.schema } = field.schema as { items?: Schema }
        const inner = Object.keys((items['properties'] as Schema | undefined) ?? {})
        expect(Object.keys(field.rdf.properties ?? {}).toSorted()).toEqual(inner.toSorted())
        expect(field.rdf.as === 'node').toBe(inner.length > 0)
        const places = Object.values(field.rdf.properties ?? {}).map(({ predicate }) => predicate)
        expect(new Set(places).size).toBe(places.length)
      }
      const places = category.fields.map(({ rdf, schema }) =>
        schema['type'] === 'array' && rdf.type !== undefined ? `${rdf.predicate} ${rdf.type}` : rdf.predicate,
      )
      expect(new Set(places).size).toBe(places.length)
      for (const field of category.derived) {
        expect(field.description).toMatch(/stays with you/)
        expect(field.rule.length).toBeGreaterThan(10)
        for (const source of field.from) expect(category.fields.map((one) => one.id)).toContain(source)
      }
    }
  })

  test('marks what is of a special category', () => {
    const special = categories.flatMap((one) => one.fields).filter((field) => field.sensitivity === 'special')
    expect(special.map((field) => field.id).toSorted()).toEqual([
      'accessibility.needs',
      'diet.allergies',
      'diet.diet',
      'plans.changes',
      'tastes.reading',
    ])
  })

  test('loses no field: ids, files and terms are for ever', () => {
    const kept = readFileSync(join(import.meta.dirname, '../vectors/catalogue.txt'), 'utf8')
      .trim()
      .split('\n')
    const now = new Set(
      categories.flatMap(({ file, fields: own, derived }) => [
        ...own.flatMap((field) => placesOf(`${file} ${field.id}`, field.rdf)),
        ...derived.map(({ id }) => `derived ${id}`),
      ]),
    )
    expect(kept.filter((line) => !now.has(line))).toEqual([])
    // A new one is added to the list, in the commit that brings it.
    expect([...now].filter((line) => !kept.includes(line))).toEqual([])
  })

  test('is the one that docs/pods.md tells of', () => {
    const told = readFileSync(join(import.meta.dirname, '../../docs/pods.md'), 'utf8').split('\n')
    for (const { file, fields: own, derived } of categories) {
      const row = told.find((line) => line.startsWith(`| \`vrm/${file}\` |`))
      for (const { name, rdf } of own) expect(row, file).toContain(`\`${name}\` ${rdf.predicate}`)
      for (const { name } of derived) expect(row, file).toContain(`\`${name}\``)
      expect(row?.match(/⚑/g)?.length ?? 0).toBe(
        own.filter(({ sensitivity }) => sensitivity === 'special').length,
      )
    }
  })

  test('takes ordinary values and refuses others', () => {
    const profile = { name: 'Alice', birthDate: '1990-02-28', languages: ['de', 'en-GB'] }
    expect(matches('fields/profile.json', profile)).toBe(true)
    expect(matches('fields/profile.json', {})).toBe(true)
    for (const wrong of [
      { name: '' },
      { name: 'x'.repeat(201) },
      { birthDate: '1990-02-30' },
      { languages: ['Deutsch!'] },
      { languages: ['de', 'de'] },
      { picture: 'https://pods.example/alice/me.png' },
      { picture: 'data:image/svg+xml;base64,AAAA' },
      { nickname: 'A' },
    ]) {
      expect(matches('fields/profile.json', wrong)).toBe(false)
    }
    expect(matches('fields/contact.json', { phone: '+49 30 1234567', address: { country: 'DE' } })).toBe(true)
    expect(matches('fields/contact.json', { phone: '030 1234567' })).toBe(false)
    expect(matches('fields/contact.json', { address: { country: 'Germany' } })).toBe(false)
    expect(matches('fields/sizes.json', { shoe: { size: '42', system: 'EU' } })).toBe(true)
    expect(matches('fields/sizes.json', { shoe: { size: '42' } })).toBe(false)
  })
})

describe('rules and schemas', () => {
  const parseDetails = parser('api/access-request-details.json')

  test('agree on requests and grants: what the rules make is what may be stored', () => {
    fc.assert(
      fc.property(someItems, anId(), aRequest, anId(43), (items, vendorId, request, text) => {
        const details = parseDetails({
          type: 'urn:reach:access-request:1',
          items: items.map(({ purpose, fields, why, required }) => ({ purpose, fields, why, required })),
          retention: 'P30D',
          recipients: [{ name: 'DHL', role: 'delivers parcels' }],
          until: '2026-12-24T00:00:00Z',
        })
        const normalized = normalizeRequest(details, { vendorId, now })
        expect(normalized.items).toEqual(items)
        const stored = { ...request, ...normalized }
        expect(matches('records/access-request.json', stored)).toBe(true)
        expect(matches('records/access-request.json', { ...stored, accountId: vendorId, secret: text })).toBe(
          true,
        )
      }),
      { numRuns: 50 },
    )
    fc.assert(
      fc.property(
        aRequest.chain((request) => answersTo(request).map((answers) => ({ request, answers }))),
        anId(),
        anId(43),
        ({ request, answers }, id, text) => {
          const optional = { ...request, items: request.items.map((item) => ({ ...item, required: false })) }
          if (!(answers.items ?? []).some((item) => item.fields.length > 0)) return
          const outcome = decide(optional, answers, now)
          if (outcome.status !== 'allowed') throw new Error('not allowed')
          const ids = {
            grantId: id,
            accountId: id,
            receiptId: id,
            subject: text,
            secret: text,
            noticeHash: text,
          }
          expect(matches('records/grant.json', newGrant(request, { ...ids, ...outcome }, now))).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })

  test('agree on the form of purposes and fields', () => {
    const item = { id: 'item-1', fields: ['profile.name'] }
    for (const { id } of purposes)
      expect(matches('records/granted-item.json', { ...item, purpose: id })).toBe(true)
    for (const field of categories.flatMap((one) => [...one.fields, ...one.derived])) {
      const granted = { id: 'item-1', purpose: 'dpv:CustomerCare', fields: [field.id] }
      expect(matches('records/granted-item.json', granted)).toBe(true)
    }
  })
})
