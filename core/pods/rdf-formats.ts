import { getJsonLdParser } from '@inrupt/solid-client'
import type { Quad } from 'n3'
import { DomainError } from '#core/domain/errors.ts'
import { parseTurtle } from './rdf.ts'

/** For `Accept`, the best first: what `parseRdf` reads. */
export const readableRdf =
  'text/turtle, application/n-triples;q=0.9, application/ld+json;q=0.8, text/n3;q=0.5'

const MAX_JSON_BYTES = 64 * 1024
const MAX_QUADS = 500
/** Terms times values: all contexts may be worked through anew at each value. */
const MAX_WORK = 20_000

/**
 * The triples of a document in Turtle, N-Triples, the Turtle part of N3, or JSON-LD whose contexts stand in the document
 * itself: fetching others would be one more address that somebody else chose. All else is `pod-unreadable`.
 */
export async function parseRdf(text: string, contentType: string | null, base: string): Promise<Quad[]> {
  const type = (contentType ?? 'text/turtle').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (
    ['text/turtle', 'application/n-triples', 'text/n3', 'application/x-turtle', 'text/plain'].includes(type)
  )
    return parseTurtle(text, base)
  if (type === 'application/ld+json' || type === 'application/json') return await parseJsonLd(text, base)
  throw unreadable('The document is in a format that Reach does not read')
}

async function parseJsonLd(text: string, base: string): Promise<Quad[]> {
  if (Buffer.byteLength(text) > MAX_JSON_BYTES) throw unreadable('The document is too large')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw unreadable('The document is no JSON', cause)
  }
  const seen = { terms: 0, values: 0 }
  if (refersElsewhere(document, seen)) throw unreadable('The document needs a context that lies elsewhere')
  if (seen.terms * seen.values > MAX_WORK)
    throw unreadable('The document has too many terms for so many values')
  const parser = getJsonLdParser()
  const quads: Quad[] = []
  let failure: unknown
  parser.onQuad((quad) => void (quads.length <= MAX_QUADS && quads.push(quad as unknown as Quad)))
  parser.onError((error) => (failure = error))
  parser.onComplete(() => undefined)
  // What was looked at and not what was sent: of a name that is there twice only the last was seen.
  await parser.parse(JSON.stringify(document), {
    internal_resourceInfo: { sourceIri: base, isRawData: false, linkedResources: {} },
  } as unknown as Parameters<typeof parser.parse>[1])
  if (failure !== undefined) throw unreadable('The document is not JSON-LD', failure)
  if (quads.length > MAX_QUADS) throw unreadable('The document has too many triples')
  return quads
}

/** Whether a context is named by its address, anywhere inside; counts terms and values on the way. */
function refersElsewhere(
  value: unknown,
  seen: { terms: number; values: number },
  depth = 0,
  isContext = false,
): boolean {
  if (!isContext) seen.values++
  if (typeof value !== 'object' || value === null) return false
  if (depth > 50) return true
  const entries = Object.entries(value)
  if (isContext) seen.terms += entries.length
  return entries.some(
    ([name, member]) =>
      name === '@import' ||
      refersElsewhere(member, seen, depth + 1, isContext || name === '@context') ||
      (name === '@context' && [member].flat(Infinity).some((one) => typeof one === 'string')),
  )
}

function unreadable(detail: string, cause?: unknown): DomainError {
  return new DomainError('pod-unreadable', detail, { cause })
}
