import type { Category, RdfMapping, ValueSchema } from './catalogue.ts'
import { iri } from './namespaces.ts'

type Context = Record<string, unknown>

/**
 * A JSON-LD 1.1 context in which values of the catalogue say what they mean: field ids, as they stand in replies, are
 * the properties of the pod's RDF, and `data` is no node of its own but part of the one round it. An e-mail address or
 * phone number, which a pod holds as an address, is here the text that it is in JSON.
 */
export function contextOf(categories: readonly Category[]): { readonly '@context': Context } {
  const terms = categories.flatMap(({ fields, derived }) => [
    ...fields.map(({ id, rdf, schema }) => [id, termOf(rdf, schema)] as const),
    ...derived.map(({ id }) => [id, { '@id': iri(`vrm:${id}`) }] as const),
  ])
  return { '@context': { '@version': 1.1, data: '@nest', ...Object.fromEntries(terms) } }
}

function termOf(rdf: RdfMapping, schema: ValueSchema): Context {
  const id = { '@id': iri(rdf.plain ?? rdf.predicate) }
  switch (rdf.as) {
    case 'node':
      return { ...id, '@context': membersOf(rdf, schema) }
    case 'term':
      return { ...id, '@type': '@vocab', '@context': { '@vocab': iri(rdf.namespace ?? '') } }
    case 'image':
      return { ...id, '@type': '@id' }
    case 'iri':
      return rdf.prefix === undefined ? { ...id, '@type': '@id' } : id
    default:
      return rdf.datatype === undefined ? id : { ...id, '@type': iri(rdf.datatype) }
  }
}

function membersOf({ properties = {} }: RdfMapping, schema: ValueSchema): Context {
  const { items = schema } = schema as { items?: ValueSchema }
  const schemas = items['properties'] as Readonly<Record<string, ValueSchema>> | undefined
  const members = Object.entries(properties)
  return Object.fromEntries(members.map(([name, rdf]) => [name, termOf(rdf, schemas?.[name] ?? {})]))
}
