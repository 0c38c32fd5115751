/**
 * The one mapping between a category's RDF in the pod and its JSON values, driven by the catalogue;
 * `vocabulary-edit.ts` is the way back. The person is `<resource#me>` in every resource; a value with parts
 * is a node of the same document.
 */
import { DataFactory, Store } from 'n3'
import type { Quad, Term } from 'n3'
import { findCategory } from '#core/domain/catalogue.ts'
import type { Category, StoredField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { parser } from '#core/http/validate.ts'
import type { Schemas } from '#schemas/types.gen.ts'
import type { CategoryValues } from './pod.ts'
import { iri, parseTurtle } from './rdf.ts'

const { namedNode } = DataFactory

export interface CategoryReading {
  readonly values: CategoryValues
  /** Why nothing can be read, for the customer. Names fields, never values. */
  readonly unreadable?: string
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
  const values: Record<string, unknown> = {}
  for (const field of category.fields) {
    const value = readField(store, field, resourceUrl)
    if (value !== undefined) values[field.name] = value
  }
  let parse = parsers.get(category.id)
  if (!parse) {
    parse = parser(`fields/${category.file.replace(/\.ttl$/, '.json')}` as keyof Schemas) as (
      value: unknown,
    ) => CategoryValues
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

function readField(store: Store, field: StoredField, resourceUrl: string): unknown {
  const { as } = field.rdf
  const objects = objectsOf(store, namedNode(`${resourceUrl}#me`), field.rdf.predicate)
  if (objects.length === 0) return undefined
  if (as === 'node') {
    const [node, another] = objects
    if (!node || another) throw unreadable(field, 'is there more than once')
    return readNode(store, field, node, resourceUrl)
  }
  const read = { literal: readLiteral, iri: readAddress, term: readTerm, image: readImage }[as]
  const found = objects.map((object) => read(object, field, resourceUrl)).filter((one) => one !== undefined)
  const values = [...new Set(found)]
  if (field.schema['type'] === 'array')
    return values.length === 0 ? undefined : inOrder(values, store, field, resourceUrl)
  if (values.length > 1) throw unreadable(field, 'is there more than once')
  return values[0]
}

/**
 * The customer's own order where one was noted, the rest by code point: the same triples always read the
 * same.
 */
function inOrder(values: string[], store: Store, field: StoredField, resourceUrl: string): string[] {
  const sorted = values.toSorted()
  if (!field.rdf.ordered) return sorted
  const [noted] = objectsOf(store, namedNode(`${resourceUrl}#me`), orderPredicate(field))
  const order = noted?.termType === 'Literal' ? noted.value.split(' ') : []
  const rank = (value: string) => (order.includes(value) ? order.indexOf(value) : order.length)
  return sorted.toSorted((one, other) => rank(one) - rank(other))
}

function readNode(store: Store, field: StoredField, node: Term, resourceUrl: string): unknown {
  const local = node.termType === 'BlankNode' || node.value.startsWith(`${resourceUrl}#`)
  if (!local || node.termType === 'Literal' || node.value === `${resourceUrl}#me`)
    throw unreadable(field, 'is not in the document itself')
  const entries = Object.entries(field.rdf.properties ?? {}).flatMap(([member, predicate]) => {
    const texts = new Set(
      objectsOf(store, node, predicate).map((object) => readLiteral(object, field, resourceUrl)),
    )
    if (texts.size > 1) throw unreadable(field, 'is there more than once')
    return [...texts].map((text) => [member, text] as const)
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

function readLiteral(term: Term, field: StoredField, resourceUrl: string): string {
  if (term.termType !== 'Literal') throw unreadable(field, 'is not a text')
  const allowed = ['xsd:string', 'rdf:langString', field.rdf.datatype ?? 'xsd:string'].map(iri)
  if (!allowed.includes(term.datatype.value)) throw unreadable(field, 'has another type than expected')
  // An address on the pod's own server would name the person to a business.
  if (term.value.includes(`//${new URL(resourceUrl).host}`))
    throw unreadable(field, 'holds an address of the pod')
  return term.value
}

function readAddress(term: Term, field: StoredField): string {
  const prefix = field.rdf.prefix ?? ''
  if (term.termType !== 'NamedNode' || !term.value.startsWith(prefix)) {
    throw unreadable(field, `is not an address that begins with ${prefix}`)
  }
  try {
    return decodeURIComponent(term.value.slice(prefix.length))
  } catch {
    throw unreadable(field, 'is wrongly encoded')
  }
}

/**
 * A picture stands in the document as its bytes, in a data URL. One that lies elsewhere is left alone: its
 * address would name the person, and fetching it is not ours.
 */
function readImage(term: Term): string | undefined {
  return isPicture(term.value) ? term.value : undefined
}

export function isPicture(url: string): boolean {
  return url.startsWith('data:')
}

/** Terms are open: one that the catalogue does not know is somebody else's and is left alone. */
function readTerm(term: Term, field: StoredField): string | undefined {
  const namespace = iri(field.rdf.namespace ?? '')
  if (term.termType !== 'NamedNode') throw unreadable(field, 'is not a term')
  const spelled = variants(namespace).find((one) => term.value.startsWith(one))
  const name = spelled && term.value.slice(spelled.length)
  return name !== undefined && knownTerms(field).includes(name) ? name : undefined
}

export function objectsOf(store: Store, subject: Term, predicate: string): Term[] {
  return variants(iri(predicate)).flatMap((variant) =>
    store.getObjects(subject as Quad['subject'], namedNode(variant), null),
  )
}

/** schema.org is written with https; much of the world still has http. */
export function variants(name: string): string[] {
  return name.startsWith('https://schema.org/') ? [name, name.replace('https:', 'http:')] : [name]
}

export function orderPredicate(field: StoredField): string {
  return `vrm:${field.name}Order`
}

export function knownTerms(field: StoredField): readonly string[] {
  return (field.schema as { items?: { enum?: readonly string[] } }).items?.enum ?? []
}

export function knownCategory(id: string): Category {
  const category = findCategory(id)
  if (!category) throw new Error('no such category')
  return category
}

function unreadable(what: { title: string }, how: string): DomainError {
  return new DomainError('pod-unreadable', `${what.title} ${how}`)
}
