import { Parser, Writer } from 'n3'
import type { Quad } from 'n3'
import { DomainError } from '#core/domain/errors.ts'

/** Far above what a category needs; small enough that reading the worst document holds nobody up. */
const MAX_BYTES = 64 * 1024
/** A picture comes on top: it is one token, however long. */
const PICTURE = /<data:image\/[a-z]{1,10};base64,[A-Za-z0-9+/=]*>/
const MAX_TRIPLES = 500

const namespaces = {
  rdf: 'http://www.w3.org/1999/02/22-rdf-syntax-ns#',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
  schema: 'https://schema.org/',
  vcard: 'http://www.w3.org/2006/vcard/ns#',
  foaf: 'http://xmlns.com/foaf/0.1/',
  acl: 'http://www.w3.org/ns/auth/acl#',
  acp: 'http://www.w3.org/ns/solid/acp#',
  notify: 'http://www.w3.org/ns/solid/notifications#',
  /** Ours, where the others have no term. For ever. */
  vrm: 'urn:reach:vrm:',
} as const

/** The IRI behind a prefixed name such as `vcard:fn`. An unknown prefix is a bug. */
export function iri(name: string): string {
  const cut = name.indexOf(':')
  const namespace = namespaces[name.slice(0, cut) as keyof typeof namespaces]
  if (cut < 0 || namespace === undefined) throw new Error(`no namespace for ${name}`)
  return namespace + name.slice(cut + 1)
}

/** The triples of a Turtle document (RDF 1.1). Anything else, or too much of it, is `pod-unreadable`. */
export function parseTurtle(turtle: string, baseIRI: string, limits = { triples: MAX_TRIPLES }): Quad[] {
  const picture = PICTURE.exec(turtle)?.[0].length ?? 0
  if (Buffer.byteLength(turtle) - picture > MAX_BYTES) throw unreadable('The document is too large')
  let quads: Quad[]
  try {
    quads = new Parser({ format: 'text/turtle', baseIRI }).parse(turtle)
  } catch (cause) {
    // The parser's message quotes the document: it may go into the cause, never into the detail.
    throw unreadable('The document is not Turtle', cause)
  }
  if (quads.length > limits.triples) throw unreadable('The document has too many triples')
  return quads
}

/** Turtle of these triples, in their order. */
export function writeTurtle(quads: Iterable<Quad>): string {
  const writer = new Writer({ prefixes: namespaces })
  writer.addQuads([...quads])
  let text = ''
  writer.end((error, result: string) => {
    if (error) throw error
    text = result
  })
  return text
}

function unreadable(detail: string, cause?: unknown): DomainError {
  return new DomainError('pod-unreadable', detail, { cause })
}
