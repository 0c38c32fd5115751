/**
 * The one mapping between a category's RDF in the pod and its JSON values, driven by the catalogue;
 * `vocabulary-edit.ts` is the way back. The person is `<resource#me>` in every resource; a value with parts
 * is a node of the same document.
 */
import { DataFactory, Store } from 'n3'
import type { Quad, Term } from 'n3'
import { findCategory } from '#core/domain/catalogue.ts'
import type { Category, RdfMapping, StoredField, ValueSchema } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { iri, spellings } from '#core/domain/namespaces.ts'
import { parser } from '#core/http/validate.ts'
import type { Schemas } from '#schemas/types.gen.ts'
import type { CategoryValues } from './pod.ts'
import { parseTurtle } from './rdf.ts'

const { namedNode } = DataFactory

export interface CategoryReading {
  readonly values: CategoryValues
  /** Why nothing can be read, for the customer. Names fields, never values. */
  readonly unreadable?: string
}

/** A value or a part of one: how it stands in RDF, its schema, and what to call it to people. */
export interface Part {
  readonly title: string
  readonly rdf: RdfMapping
  readonly schema: ValueSchema
}

/** The URL of a category's resource in `vrm/`. */
export function resourceOf(container: string, category: string): string {
  return new URL(knownCategory(category).file, container).href
}

/**
 * Reads a category. Never throws for what a pod can hold: a document that does not fit is `unreadable`,
 * whole.
 */
export function readCategory(category: string, turtle: string, resourceUrl: string): CategoryReading {
  const known = knownCategory(category)
  try {
    const store = new Store(parseTurtle(turtle, resourceUrl))
    return { values: valuesIn(store, known, resourceUrl) }
  } catch (error) {
    if (error instanceof DomainError && error.code === 'pod-unreadable') {
      return { values: {}, unreadable: error.message }
    }
    throw error
  }
}

const parsers = new Map<string, (value: unknown) => CategoryValues>()

export function valuesIn(store: Store, category: Category, resourceUrl: string): CategoryValues {
  const me = namedNode(`${resourceUrl}#me`)
  const values: Record<string, unknown> = {}
  for (const field of category.fields) {
    const value =
      field.rdf.as === 'node'
        ? readNodes(store, me, field, resourceUrl)
        : readPlain(store, me, field, resourceUrl)
    if (value !== undefined) values[field.name] = value
  }
  let parse = parsers.get(category.id)
  if (!parse) {
    parse = parser(`fields/${category.id}.json` as keyof Schemas) as (value: unknown) => CategoryValues
    parsers.set(category.id, parse)
  }
  try {
    return parse(values)
  } catch (error) {
    const name = (error as DomainError).violations?.[0]?.pointer.split('/')[1]
    const field = category.fields.find((one) => one.name === name)
    throw unreadable(field ?? category, 'does not have the expected form')
  }
}

/** A value without parts, or a list of such. */
function readPlain(store: Store, subject: Term, part: Part, resourceUrl: string): unknown {
  const objects = objectsOf(store, subject, part.rdf.predicate)
  const found = objects.map((object) => readTerm(object, part, resourceUrl))
  const values = [...new Set(found.filter((one) => one !== undefined))]
  if (values.length === 0) return undefined
  if (part.schema['type'] === 'array') return inOrder(values, store, subject, part)
  if (values.length > 1) throw unreadable(part, 'is there more than once')
  return values[0]
}

/**
 * The customer's own order where one was noted, the rest by code point: the same triples always read the
 * same.
 */
function inOrder(values: unknown[], store: Store, subject: Term, { rdf }: Part): unknown[] {
  const sorted = values.toSorted()
  if (rdf.ordered === undefined) return sorted
  const [noted] = objectsOf(store, subject, rdf.ordered)
  const order = noted?.termType === 'Literal' ? noted.value.split(' ') : []
  // Of a word that is noted twice the first counts. A document of thousands must not be searched for each of them.
  const ranks = new Map(order.toReversed().map((word, at) => [word, order.length - at]))
  const rank = (value: unknown) => ranks.get(String(value)) ?? order.length + 1
  return sorted.toSorted((one, other) => rank(one) - rank(other))
}

/** A value with parts, or a list of such, which has an order of its own: that of its text. */
function readNodes(store: Store, me: Term, field: StoredField, resourceUrl: string): unknown {
  const nodes = nodesOf(store, me, field, resourceUrl)
  const found = nodes.map((node) => readMembers(store, node, field, resourceUrl))
  if (!isList(field)) return found[0]
  const records = new Map(found.filter((one) => one !== undefined).map((one) => [JSON.stringify(one), one]))
  return records.size === 0 ? undefined : [...records.keys()].toSorted().map((text) => records.get(text))
}

/**
 * The nodes of this document that a field speaks of. In a list one of another class, or one that lies elsewhere, is
 * somebody else's; a single value that is not here, or there twice, cannot be read.
 */
export function nodesOf(store: Store, me: Term, field: StoredField, resourceUrl: string): Term[] {
  const nodes = objectsOf(store, me, field.rdf.predicate)
  const isHere = (node: Term) =>
    node.termType === 'BlankNode' ||
    (node.termType === 'NamedNode' && node.value.startsWith(`${resourceUrl}#`) && !node.equals(me))
  if (isList(field)) return nodes.filter((node) => isHere(node) && hasClass(store, node, field.rdf.type))
  if (nodes.length > 1) throw unreadable(field, 'is there more than once')
  if (!nodes.every(isHere)) throw unreadable(field, 'is not in the document itself')
  return nodes
}

function hasClass(store: Store, node: Term, type: string | undefined): boolean {
  return (
    type === undefined ||
    objectsOf(store, node, 'rdf:type').some((one) => spellings(iri(type)).includes(one.value))
  )
}

/** Always with its members in the order of the catalogue. */
export function readMembers(
  store: Store,
  node: Term,
  field: StoredField,
  resourceUrl: string,
): Record<string, unknown> | undefined {
  const entries = membersOf(field).flatMap(([name, member]) => {
    const value = readPlain(store, node, { ...member, title: field.title }, resourceUrl)
    return value === undefined ? [] : [[name, value] as const]
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** The parts of a value by name. */
export function membersOf({ rdf, schema, title }: Part): (readonly [string, Part])[] {
  const { properties } = (schema['type'] === 'array' ? schema['items'] : schema) as {
    properties?: Readonly<Record<string, ValueSchema>>
  }
  return Object.entries(rdf.properties ?? {}).map(
    ([name, mapping]) => [name, { title, rdf: mapping, schema: properties?.[name] ?? {} }] as const,
  )
}

export function isList({ schema }: Part): boolean {
  return schema['type'] === 'array'
}

/** The JSON value of one object. Undefined: somebody else's, to be left alone. */
export function readTerm(term: Term, part: Part, resourceUrl: string): unknown {
  switch (part.rdf.as) {
    case 'term':
      return readName(term, part)
    case 'image':
      // A picture stands in the document as its bytes, in a data URL. The address of one that lies elsewhere would name
      // the person, and fetching it is not ours.
      return term.value.startsWith('data:') ? term.value : undefined
    case 'iri':
      return readAddress(term, part, resourceUrl)
    default:
      return readLiteral(term, part, resourceUrl)
  }
}

const integers = ['integer', 'int', 'long', 'short', 'byte', 'nonNegativeInteger', 'positiveInteger', 'gYear']
const numbers = [...integers, 'decimal', 'double', 'float']

function readLiteral(term: Term, part: Part, resourceUrl: string): unknown {
  if (term.termType !== 'Literal') throw unreadable(part, 'is not a text')
  const { value } = term
  const datatype = term.datatype.value
  const isOf = (names: readonly string[]) => names.some((name) => datatype === iri(`xsd:${name}`))
  const type = itemType(part)
  if (type === 'boolean' && isOf(['boolean']) && /^(true|false|1|0)$/.test(value))
    return value === 'true' || value === '1'
  if (type === 'integer' && isOf(integers) && /^[+-]?[0-9]{1,15}$/.test(value)) return Number(value) + 0
  if (type === 'number' && isOf(numbers) && value !== '' && Number.isFinite(Number(value)))
    return Number(value) + 0
  const texts = ['xsd:string', 'rdf:langString', part.rdf.datatype ?? 'xsd:string'].map(iri)
  if (type !== 'string' || !texts.includes(datatype)) throw unreadable(part, 'has another type than expected')
  return withoutPodAddress(value, part, resourceUrl)
}

/** An address on the pod's own server would name the person to a business. */
function withoutPodAddress(text: string, part: Part, resourceUrl: string): string {
  if (text.toLowerCase().includes(`//${new URL(resourceUrl).host}`))
    throw unreadable(part, 'holds an address of the pod')
  return text
}

function readAddress(term: Term, part: Part, resourceUrl: string): string {
  const { prefix = '' } = part.rdf
  if (term.termType !== 'NamedNode' || !term.value.startsWith(prefix)) {
    throw unreadable(part, `is not an address that begins with ${prefix}`)
  }
  // Without a scheme of its own the value is a whole address, which stays as it is written.
  if (prefix === '') return withoutPodAddress(term.value, part, resourceUrl)
  try {
    return withoutPodAddress(decodeURIComponent(term.value.slice(prefix.length)), part, resourceUrl)
  } catch (error) {
    if (error instanceof DomainError) throw error
    throw unreadable(part, 'is wrongly encoded')
  }
}

/** Terms are open: one that the catalogue does not know is somebody else's and is left alone. */
function readName(term: Term, part: Part): string | undefined {
  if (term.termType !== 'NamedNode') throw unreadable(part, 'is not a term')
  const namespace = iri(part.rdf.namespace ?? '')
  const spelled = spellings(namespace).find((one) => term.value.startsWith(one))
  const name = spelled === undefined ? undefined : term.value.slice(spelled.length)
  return name !== undefined && knownTerms(part).includes(name) ? name : undefined
}

export function objectsOf(store: Store, subject: Term, predicate: string): Term[] {
  return spellings(iri(predicate)).flatMap((spelled) =>
    store.getObjects(subject as Quad['subject'], namedNode(spelled), null),
  )
}

function itemType({ schema }: Part): unknown {
  return ((schema['items'] as ValueSchema | undefined) ?? schema)['type']
}

function knownTerms({ schema }: Part): readonly string[] {
  return ((schema['items'] ?? schema) as { enum?: readonly string[] }).enum ?? []
}

export function knownCategory(id: string): Category {
  const category = findCategory(id)
  if (!category) throw new Error('no such category')
  return category
}

function unreadable(what: { title: string }, how: string): DomainError {
  return new DomainError('pod-unreadable', `${what.title} ${how}`)
}
