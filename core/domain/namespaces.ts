/** The vocabularies that the catalogue and the pods are written in, by prefix. */
export const namespaces = {
  rdf: 'http://www.w3.org/1999/02/22-rdf-syntax-ns#',
  rdfs: 'http://www.w3.org/2000/01/rdf-schema#',
  owl: 'http://www.w3.org/2002/07/owl#',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
  schema: 'https://schema.org/',
  vcard: 'http://www.w3.org/2006/vcard/ns#',
  foaf: 'http://xmlns.com/foaf/0.1/',
  acl: 'http://www.w3.org/ns/auth/acl#',
  acp: 'http://www.w3.org/ns/solid/acp#',
  notify: 'http://www.w3.org/ns/solid/notifications#',
  pd: 'https://w3id.org/dpv/pd#',
  /** Ours, where the others have no term. The same in every installation, and for ever. */
  vrm: 'https://w3id.org/reach/vrm#',
} as const

/** How our own terms were written at first: still read, and replaced when a document is saved. */
const earlierVrm = 'urn:reach:vrm:'

/** The IRI behind a prefixed name such as `vcard:fn`; a whole one is itself. An unknown prefix is a bug. */
export function iri(name: string): string {
  if (name.startsWith('https://')) return name
  const cut = name.indexOf(':')
  const namespace = namespaces[name.slice(0, cut) as keyof typeof namespaces]
  if (cut < 0 || namespace === undefined) throw new Error(`no namespace for ${name}`)
  return namespace + name.slice(cut + 1)
}

/**
 * How an IRI may be written in a pod, the way we write it first. schema.org is written with https; much of the world
 * still has http.
 */
export function spellings(term: string): string[] {
  const { schema, vrm } = namespaces
  if (term.startsWith(schema)) return [term, term.replace('https:', 'http:')]
  return term.startsWith(vrm) ? [term, earlierVrm + term.slice(vrm.length)] : [term]
}
