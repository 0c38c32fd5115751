import { Parser, Writer } from 'n3'
import type { Quad } from 'n3'
import { DomainError } from '#core/domain/errors.ts'
import { namespaces } from '#core/domain/namespaces.ts'

/** Far above what a category needs; small enough that reading the worst document holds nobody up. */
const MAX_BYTES = 64 * 1024
/** A picture comes on top: it is one token, however long. */
const PICTURE = /<data:image\/[a-z]{1,10};base64,[A-Za-z0-9+/=]*>/
const MAX_TRIPLES = 1_500

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
