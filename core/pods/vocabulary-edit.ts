import {
  addStringNoLocale,
  addUrl,
  createThing,
  fromRdfJsDataset,
  getPropertyAll,
  getThing,
  getUrlAll,
  removeAll,
  removeUrl,
  setLiteral,
  setStringNoLocale,
  setThing,
  toRdfJsDataset,
} from '@inrupt/solid-client'
import type { SolidDataset, ThingPersisted } from '@inrupt/solid-client'
import { DataFactory, Store } from 'n3'
import type { Quad, Term } from 'n3'
import type { Category, StoredField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { CategoryValues } from './pod.ts'
import { iri, parseTurtle, writeTurtle } from './rdf.ts'
import {
  isPicture,
  knownCategory,
  knownTerms,
  objectsOf,
  orderPredicate,
  readCategory,
  valuesIn,
  variants,
} from './vocabulary.ts'

const { namedNode } = DataFactory

/**
 * The document with these values and no others of the catalogue, everything else kept. `values` fits the
 * category's schema; what cannot stand in a pod all the same, such as an address of the pod, is
 * `invalid-input`. `existing` is undefined for a new document; one that cannot be read is `pod-unreadable`,
 * not overwritten.
 */
export function writeCategory(
  category: string,
  values: CategoryValues,
  existing: string | undefined,
  resourceUrl: string,
): string {
  const known = knownCategory(category)
  const quads = parseTurtle(existing ?? '', resourceUrl)
  valuesIn(new Store(quads), known, resourceUrl)

  let dataset: SolidDataset = fromRdfJsDataset(new Store(nameNodes(quads, known, resourceUrl)))
  const meUrl = `${resourceUrl}#me`
  let me = getThing(dataset, meUrl) ?? createThing({ url: meUrl })
  if (known.rdfType !== undefined && !getUrlAll(me, iri('rdf:type')).includes(iri(known.rdfType))) {
    me = addUrl(me, iri('rdf:type'), iri(known.rdfType))
  }
  const nodes = new Set<string>()
  for (const field of known.fields) {
    const value = values[field.name]
    if (field.rdf.as === 'node') {
      const linked = linkedNode(me, field)
      // Somebody may have let two fields share one node; from now on each has its own.
      const nodeUrl = linked === undefined || nodes.has(linked) ? `${resourceUrl}#${field.name}` : linked
      nodes.add(nodeUrl)
      const node = writeNode(getThing(dataset, nodeUrl) ?? createThing({ url: nodeUrl }), field, value)
      dataset = setThing(dataset, node)
      for (const variant of variants(iri(field.rdf.predicate))) me = removeAll(me, variant)
      // Without a value the link stays only for the sake of what else somebody noted there.
      const noted = linked === nodeUrl && getPropertyAll(node).length > 0
      if (value !== undefined || noted) me = addUrl(me, iri(field.rdf.predicate), nodeUrl)
    } else {
      me = writePlain(me, field, value)
    }
  }
  const turtle = writeTurtle(toRdfJsDataset(setThing(dataset, me)) as unknown as Iterable<Quad>)
  // What could not be read again could never be put right here.
  const { unreadable } = readCategory(category, turtle, resourceUrl)
  if (unreadable !== undefined) {
    throw new DomainError('invalid-input', unreadable, {
      violations: [{ pointer: '/values', detail: unreadable }],
    })
  }
  return turtle
}

function writePlain(me: ThingPersisted, field: StoredField, value: unknown): ThingPersisted {
  const { as, datatype, predicate, prefix = '', namespace = '', ordered } = field.rdf
  let thing = me
  for (const variant of variants(iri(predicate))) {
    if (as === 'term') {
      for (const name of knownTerms(field)) {
        for (const spelled of variants(iri(namespace))) thing = removeUrl(thing, variant, spelled + name)
      }
    } else if (as === 'image') {
      for (const url of getUrlAll(thing, variant).filter(isPicture)) thing = removeUrl(thing, variant, url)
    } else thing = removeAll(thing, variant)
  }
  const texts = (value === undefined ? [] : Array.isArray(value) ? value : [value]) as string[]
  for (const text of texts) {
    if (as === 'iri') thing = addUrl(thing, iri(predicate), prefix + encodeAddress(text))
    else if (as === 'image') thing = addUrl(thing, iri(predicate), text)
    else if (as === 'term') thing = addUrl(thing, iri(predicate), iri(namespace) + text)
    else if (datatype === undefined) thing = addStringNoLocale(thing, iri(predicate), text)
    else thing = setLiteral(thing, iri(predicate), DataFactory.literal(text, namedNode(iri(datatype))))
  }
  if (!ordered) return thing
  const noted = orderPredicate(field)
  return texts.length > 1
    ? setStringNoLocale(thing, iri(noted), texts.join(' '))
    : removeAll(thing, iri(noted))
}

function writeNode(node: ThingPersisted, field: StoredField, value: unknown): ThingPersisted {
  const { type, properties = {} } = field.rdf
  let thing = node
  for (const [member, predicate] of Object.entries(properties)) {
    for (const variant of variants(iri(predicate))) thing = removeAll(thing, variant)
    const text = (value as Record<string, string> | undefined)?.[member]
    if (text !== undefined) thing = setStringNoLocale(thing, iri(predicate), text)
  }
  if (type === undefined) return thing
  if (value === undefined) return removeUrl(thing, iri('rdf:type'), iri(type))
  return getUrlAll(thing, iri('rdf:type')).includes(iri(type))
    ? thing
    : addUrl(thing, iri('rdf:type'), iri(type))
}

/**
 * Blank nodes that stand for fields get names, so that they can be edited; their other triples come along.
 */
function nameNodes(quads: readonly Quad[], category: Category, resourceUrl: string): Quad[] {
  const store = new Store([...quads])
  const names = new Map<string, string>()
  for (const field of category.fields.filter(({ rdf }) => rdf.as === 'node')) {
    const [node] = objectsOf(store, namedNode(`${resourceUrl}#me`), field.rdf.predicate)
    if (node?.termType === 'BlankNode') names.set(node.value, `${resourceUrl}#${field.name}`)
  }
  const named = <T extends Term>(term: T) => {
    const name = term.termType === 'BlankNode' ? names.get(term.value) : undefined
    return name === undefined ? term : namedNode(name)
  }
  return quads.map((quad) =>
    DataFactory.quad(
      named(quad.subject) as Quad['subject'],
      quad.predicate,
      named(quad.object) as Quad['object'],
    ),
  )
}

function linkedNode(me: ThingPersisted, field: StoredField): string | undefined {
  return variants(iri(field.rdf.predicate)).flatMap((variant) => getUrlAll(me, variant))[0]
}

/** What RFC 3987 does not allow in an IRI, and the percent sign itself. */
function encodeAddress(text: string): string {
  return text.replaceAll(/[\s%<>"{}|\\^`?#]/g, (character) => encodeURIComponent(character))
}
