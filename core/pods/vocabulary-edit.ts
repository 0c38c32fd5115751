import { DataFactory, Store } from 'n3'
import type { NamedNode, Quad, Term } from 'n3'
import type { Category, StoredField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { iri, spellings } from '#core/domain/namespaces.ts'
import type { CategoryValues } from './pod.ts'
import { parseTurtle, writeTurtle } from './rdf.ts'
import {
  isList,
  knownCategory,
  membersOf,
  nodesOf,
  readCategory,
  readMembers,
  readTerm,
  valuesIn,
} from './vocabulary.ts'
import type { Part } from './vocabulary.ts'

const { literal, namedNode, quad } = DataFactory
const rdfType = namedNode(iri('rdf:type'))

type Values = Readonly<Record<string, unknown>>

/** A document being edited. `me` is the person, who has the same name in every document. */
interface Draft {
  readonly store: Store
  readonly url: string
  readonly me: NamedNode
}

/**
 * The document with these values and no others of the catalogue, everything else kept. `values` fits the
 * category's schema; what cannot stand in a pod all the same, such as an address of the pod, is
 * `invalid-input`. `existing` is undefined for a new document; one that cannot be read is `pod-unreadable`,
 * not overwritten. Terms in an earlier spelling are written in today's.
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

  const draft = { store: new Store(quads), url: resourceUrl, me: namedNode(`${resourceUrl}#me`) }
  nameNodes(draft, known)
  setClass(draft, draft.me, known.rdfType, true)
  const taken = new Set<string>()
  for (const field of known.fields) {
    const value = values[field.name]
    if (field.rdf.as !== 'node') writePlain(draft, draft.me, field, value)
    else if (isList(field)) writeNodes(draft, field, (value ?? []) as readonly Values[])
    else writeNode(draft, field, value as Values | undefined, taken)
  }
  const turtle = writeTurtle(draft.store.getQuads(null, null, null, null))
  // What could not be read again could never be put right here.
  const { unreadable } = readCategory(category, turtle, resourceUrl)
  if (unreadable !== undefined) {
    throw new DomainError('invalid-input', unreadable, {
      violations: [{ pointer: '/values', detail: unreadable }],
    })
  }
  return turtle
}

function writePlain({ store, url }: Draft, subject: Term, part: Part, value: unknown): void {
  const { predicate, ordered } = part.rdf
  for (const old of quadsOf(store, subject, predicate))
    if (readTerm(old.object, part, url) !== undefined) store.removeQuad(old)
  const values = value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value]
  for (const one of values) store.addQuad(statement(subject, predicate, termOf(one, part)))
  if (ordered === undefined) return
  store.removeQuads(quadsOf(store, subject, ordered))
  if (values.length > 1) store.addQuad(statement(subject, ordered, literal(values.join(' '))))
}

function termOf(value: unknown, { rdf }: Part): Term {
  const text = String(value)
  switch (rdf.as) {
    case 'iri':
      return namedNode(rdf.prefix === undefined ? text : rdf.prefix + encodeAddress(text))
    case 'image':
      return namedNode(text)
    case 'term':
      return namedNode(iri(rdf.namespace ?? '') + text)
    default:
      return literal(text, datatypeOf(value, rdf.datatype))
  }
}

function datatypeOf(value: unknown, datatype: string | undefined): NamedNode {
  if (datatype !== undefined) return namedNode(iri(datatype))
  if (typeof value === 'boolean') return namedNode(iri('xsd:boolean'))
  if (typeof value !== 'number') return namedNode(iri('xsd:string'))
  // A decimal has no exponent.
  if (/e/.test(String(value))) return namedNode(iri('xsd:double'))
  return namedNode(iri(Number.isInteger(value) ? 'xsd:integer' : 'xsd:decimal'))
}

/** A value with parts, at the node it had, or at one named like the field. */
function writeNode(draft: Draft, field: StoredField, value: Values | undefined, taken: Set<string>): void {
  const { store, url, me } = draft
  const [linked] = nodesOf(store, me, field, url)
  // Somebody may have let two fields share one node; from now on each has its own.
  const node = linked === undefined || taken.has(linked.value) ? namedNode(`${url}#${field.name}`) : linked
  taken.add(node.value)
  writeMembers(draft, node, field, value)
  store.removeQuads(quadsOf(store, me, field.rdf.predicate))
  if (value !== undefined || (linked === node && isNoted(store, node)))
    store.addQuad(statement(me, field.rdf.predicate, node))
}

/**
 * Records keep their nodes, and with them what others noted there: first those that did not change, then those whose
 * first part is the same. The others get nodes of their own.
 */
function writeNodes(draft: Draft, field: StoredField, records: readonly Values[]): void {
  const { store, url, me } = draft
  const free = new Map(
    nodesOf(store, me, field, url).map((node) => [node, readMembers(store, node, field, url)] as const),
  )
  const names = membersOf(field).map(([name]) => name)
  const places = new Map<Values, Term>()
  const place = (isSame: (known: Values, record: Values) => boolean) => {
    for (const record of records.filter((one) => !places.has(one))) {
      const found = [...free].find(([, known]) => known !== undefined && isSame(known, record))
      if (found === undefined) continue
      places.set(record, found[0])
      free.delete(found[0])
    }
  }
  place((known, record) => names.every((name) => known[name] === record[name]))
  place((known, record) => known[names[0] ?? ''] === record[names[0] ?? ''])

  for (const node of free.keys()) {
    writeMembers(draft, node, field, undefined)
    // Without a value the link stays only for the sake of what else somebody noted there.
    if (!isNoted(store, node))
      store.removeQuads(quadsOf(store, me, field.rdf.predicate).filter((one) => one.object.equals(node)))
  }
  for (const [record, node] of places) writeMembers(draft, node, field, record)
  let number = 0
  for (const record of records.filter((one) => !places.has(one))) {
    let node: NamedNode
    do node = namedNode(`${url}#${field.name}-${++number}`)
    while (isNoted(store, node) || store.countQuads(null, null, node, null) > 0)
    writeMembers(draft, node, field, record)
    places.set(record, node)
  }
  for (const node of places.values()) {
    store.removeQuads(quadsOf(store, me, field.rdf.predicate).filter((one) => one.object.equals(node)))
    store.addQuad(statement(me, field.rdf.predicate, node))
  }
}

function writeMembers(draft: Draft, node: Term, field: StoredField, value: Values | undefined): void {
  for (const [name, member] of membersOf(field)) writePlain(draft, node, member, value?.[name])
  setClass(draft, node, field.rdf.type, value !== undefined)
}

function setClass({ store }: Draft, node: Term, type: string | undefined, is: boolean): void {
  if (type === undefined) return
  const spelled = spellings(iri(type))
  store.removeQuads(quadsOf(store, node, 'rdf:type').filter(({ object }) => spelled.includes(object.value)))
  if (is) store.addQuad(quad(node as Quad['subject'], rdfType, namedNode(iri(type))))
}

function isNoted(store: Store, node: Term): boolean {
  return store.countQuads(node as Quad['subject'], null, null, null) > 0
}

/** Blank nodes that stand for fields get names, so that they can be edited; their other triples come along. */
function nameNodes({ store, url, me }: Draft, category: Category): void {
  for (const field of category.fields.filter(({ rdf }) => rdf.as === 'node')) {
    for (const node of nodesOf(store, me, field, url).filter((one) => one.termType === 'BlankNode')) {
      let name = namedNode(`${url}#${field.name}`)
      for (let number = 1; isList(field) || isNoted(store, name); number++) {
        name = namedNode(`${url}#${field.name}-${number}`)
        if (!isNoted(store, name)) break
      }
      rename(store, node, name)
    }
  }
}

function rename(store: Store, node: Term, name: NamedNode): void {
  const touched = [
    ...store.getQuads(node as Quad['subject'], null, null, null),
    ...store.getQuads(null, null, node as Quad['object'], null),
  ]
  store.removeQuads(touched)
  const named = <T extends Term>(term: T) => (term.equals(node) ? name : term)
  for (const { subject, predicate, object } of touched)
    store.addQuad(quad(named(subject) as Quad['subject'], predicate, named(object) as Quad['object']))
}

function quadsOf(store: Store, subject: Term, predicate: string): Quad[] {
  return spellings(iri(predicate)).flatMap((spelled) =>
    store.getQuads(subject as Quad['subject'], namedNode(spelled), null, null),
  )
}

function statement(subject: Term, predicate: string, object: Term): Quad {
  return quad(subject as Quad['subject'], namedNode(iri(predicate)), object as Quad['object'])
}

/** What RFC 3987 does not allow in an IRI, and the percent sign itself. */
function encodeAddress(text: string): string {
  return text.replaceAll(/[\s%<>"{}|\\^`?#]/g, (character) => encodeURIComponent(character))
}
