import fc from 'fast-check'
import { Parser, Writer } from 'n3'
import type { Quad } from 'n3'
import { describe, expect, test } from 'vitest'
import { categories } from '../../core/domain/catalogue.ts'
import type { Category, StoredField } from '../../core/domain/catalogue.ts'
import { writeCategory } from '../../core/pods/vocabulary-edit.ts'
import { readCategory } from '../../core/pods/vocabulary.ts'

type Schema = {
  type?: string
  enum?: string[]
  pattern?: string
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  maxItems?: number
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}

const url = 'https://pods.example/alice/vrm/some.ttl'

function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.type === 'array') {
    return fc.uniqueArray(valueOf(schema.items ?? {}), {
      minLength: 1,
      maxLength: Math.min(schema.maxItems ?? 5, 5),
    })
  }
  if (schema.type === 'object') {
    const members = Object.entries(schema.properties ?? {}).map(
      ([name, member]) => [name, valueOf(member)] as const,
    )
    return fc
      .record(Object.fromEntries<fc.Arbitrary<unknown>>(members), { requiredKeys: schema.required ?? [] })
      .filter((value) => Object.keys(value).length > 0)
  }
  if (schema.type === 'boolean') return fc.boolean()
  if (schema.type === 'integer') {
    return fc.integer({ min: schema.minimum ?? -1_000_000, max: schema.maximum ?? 1_000_000 })
  }
  if (schema.format === 'email') {
    return fc.stringMatching(/^[a-z0-9!#$&'*+/=?^_`{|}~-]{1,20}(\.[a-z0-9%]{1,9})?@[a-z]{1,9}\.[a-z]{2,6}$/)
  }
  if (schema.format === 'date') {
    return fc
      .date({ min: new Date('1900-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10))
  }
  const { minLength = 0, maxLength = 40 } = schema
  const fits = (text: string) => text.length >= minLength && text.length <= maxLength
  if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern)).filter(fits)
  // Well-formed text of every kind: quotes, line breaks, brackets, scripts, emoji.
  return fc
    .string({ unit: 'binary', minLength, maxLength: Math.min(maxLength, 40) })
    .filter((text) => fits(text) && text.isWellFormed())
}

function valuesOf(category: Category): fc.Arbitrary<Record<string, unknown>> {
  const members = category.fields.map(
    (field: StoredField) => [field.name, valueOf(field.schema as Schema)] as const,
  )
  return fc.record(Object.fromEntries(members), { requiredKeys: [] })
}

/** What other apps may have noted there: about the person, about other things, in lists and blank nodes. */
const others: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      fc.constantFrom('<#me>', '<#other>', '_:x', '<https://elsewhere.example/#it>'),
      fc.constantFrom('<urn:other:p>', '<urn:other:q>', '<http://www.w3.org/2000/01/rdf-schema#label>'),
      fc.constantFrom(
        '"text"',
        '"Wort"@de',
        '12.50',
        'true',
        '_:y',
        '[ <urn:other:in> 1 ]',
        '( 1 "two" <#three> )',
        '<https://elsewhere.example/>',
      ),
    ),
    { maxLength: 8 },
  )
  .map((triples) => triples.map((triple) => `${triple.join(' ')} .`).join('\n'))

/** Triples as text in which blank nodes have no names of their own, in a fixed order. */
function shape(turtle: string): string[] {
  const quads: Quad[] = new Parser({ baseIRI: url }).parse(turtle)
  const term = (one: Quad['object'] | Quad['subject'] | Quad['predicate']) =>
    one.termType === 'BlankNode'
      ? '_'
      : `${one.termType} ${one.value.replace(/(#[A-Za-z]+)-[0-9]+$/, '$1')} ${one.termType === 'Literal' ? one.datatype.value + one.language : ''}`
  return quads
    .map(({ subject, predicate, object }) => [subject, predicate, object].map(term).join(' | '))
    .toSorted()
}

function sorted(category: Category, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const ordered = category.fields.find((field) => field.name === name)?.rdf.ordered
      return [name, Array.isArray(value) && !ordered ? inOrder(category, name, value) : value]
    }),
  )
}

/** Words by code point, records by their text with the members in the order of the schema. */
function inOrder(category: Category, name: string, values: unknown[]): unknown[] {
  const schema = category.fields.find((field) => field.name === name)?.schema as Schema
  const names = Object.keys(schema.items?.properties ?? {})
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, names))
  return [...new Map(values.map((value) => [text(value), value])).entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, value]) => value)
}

describe.each(categories.map((category) => [category.id, category] as const))('%s', (id, category) => {
  test('what is written is read again, and what others noted stays', () => {
    fc.assert(
      fc.property(valuesOf(category), valuesOf(category), others, (first, second, noted) => {
        const existing = writeCategory(id, first, noted, url)
        expect(readCategory(id, existing, url)).toEqual({ values: sorted(category, first) })
        const edited = writeCategory(id, second, existing, url)
        expect(readCategory(id, edited, url)).toEqual({ values: sorted(category, second) })
        const kept = shape(edited)
        for (const triple of new Set(shape(noted))) expect(kept).toContain(triple)
        // Nothing of the first version is left but what every version has.
        expect(shape(edited)).toEqual(shape(writeCategory(id, second, noted, url)))
      }),
      { numRuns: 60 },
    )
  })

  test('reading never throws, whatever the document is', () => {
    const documents = fc.oneof(
      fc.string({ unit: 'binary' }),
      others,
      valuesOf(category)
        .map((values) => writeCategory(id, values, undefined, url))
        .chain((turtle) => fc.nat(turtle.length).map((cut) => turtle.slice(0, cut))),
    )
    fc.assert(
      fc.property(documents, (document) => {
        const { values, unreadable } = readCategory(id, document, url)
        if (unreadable !== undefined) expect(values).toEqual({})
      }),
      { numRuns: 100 },
    )
  })
})

describe('every field', () => {
  const fields = categories.flatMap((category) =>
    category.fields.map((field) => [field.id, category, field] as const),
  )
  test.each(fields)('%s round-trips alone and can be taken away again', (_id, category, field) => {
    fc.assert(
      fc.property(valueOf(field.schema as Schema), (value) => {
        const values = { [field.name]: value }
        const written = writeCategory(category.id, values, undefined, url)
        expect(readCategory(category.id, written, url)).toEqual({ values: sorted(category, values) })
        const emptied = writeCategory(category.id, {}, written, url)
        expect(readCategory(category.id, emptied, url)).toEqual({ values: {} })
        // Text in the document must not be found again in any form.
        expect(new Parser({ baseIRI: url }).parse(emptied).length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 40 },
    )
  })
})

test('Turtle that another writer laid out differently reads the same', () => {
  const values = { name: 'Ada "the" Ülrich', birthDate: '1990-02-28', languages: ['en', 'de'] }
  const quads = new Parser({ baseIRI: url }).parse(writeCategory('profile', values, undefined, url))
  const writer = new Writer({ format: 'N-Triples' })
  writer.addQuads(quads.toReversed())
  writer.end((_error, text: string) => expect(readCategory('profile', text, url)).toEqual({ values }))
  expect.assertions(1)
})

test('a picture travels as its bytes; one that lies elsewhere stays, and is no value', () => {
  const picture = `data:image/jpeg;base64,${'A'.repeat(300_000)}`
  const noted = '<#me> <http://xmlns.com/foaf/0.1/img> <https://pods.example/alice/face.jpg> .'
  expect(readCategory('profile', noted, url)).toEqual({ values: {} })
  const written = writeCategory('profile', { picture }, noted, url)
  expect(readCategory('profile', written, url)).toEqual({ values: { picture } })
  expect(shape(writeCategory('profile', {}, written, url))).toContain(shape(noted)[0])
  const svg = '<#me> <http://xmlns.com/foaf/0.1/img> <data:image/svg+xml;base64,AAAA> .'
  expect(readCategory('profile', svg, url).unreadable).toMatch(/Picture/)
})

test('nothing is written that could not be read again', () => {
  const refused =
    (values: Record<string, unknown>, noted = '') =>
    () =>
      writeCategory('profile', values, noted, url)
  expect(refused({ name: 'see https://pods.example/alice/profile/card#me' })).toThrow('an address of the pod')
  // A host is the same host however it is written.
  expect(refused({ name: 'see HTTPS://Pods.EXAMPLE/alice/profile/card#me' })).toThrow('an address of the pod')
  const many = Array.from({ length: 1500 }, (_, n) => `<#other> <urn:other:p> ${n} .`).join(' ')
  expect(refused({ name: 'Ada' }, many)).toThrow('too many triples')
})

test('a document that cannot be read is not overwritten', () => {
  const hostile = ['<#me> <', '<#me> <http://www.w3.org/2006/vcard/ns#fn> "a", "b" .']
  for (const document of hostile) {
    expect(() => writeCategory('profile', { name: 'Ada' }, document, url)).toThrow(
      expect.objectContaining({ code: 'pod-unreadable' }),
    )
  }
})
