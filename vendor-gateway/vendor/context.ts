import { fields } from '#core/domain/catalogue.ts'
import type { Field, RdfMapping } from '#core/domain/catalogue.ts'
import { iri, namespaces } from '#core/domain/namespaces.ts'

/**
 * The JSON-LD 1.1 context of replies, made from the mapping with which values stand in pods: a reply read with it says
 * of its subject what the pod says, as far as it was granted. `data` is the same text as in JSON, so the digest in the
 * log covers it in both forms. The position in the log and our reference to the grant say nothing of the person and are
 * left out of the graph. `version` is raised when a term is added; none ever changes its meaning.
 */
export function contextDocument(): object {
  return {
    version: 1,
    '@context': {
      '@version': 1.1,
      data: '@nest',
      subject: 'http://purl.org/dc/terms/identifier',
      grant_id: null,
      log: null,
      ...Object.fromEntries(fields.map((field) => [field.id, termOfField(field)])),
    },
  }
}

/** An answer that is worked out has no place in the pod: its term is ours. */
function termOfField(field: Field): object {
  return field.kind === 'derived' ? { '@id': namespaces.vrm + field.id } : termOf(field.rdf)
}

function termOf({ predicate, as, datatype, prefix, namespace, properties = {} }: RdfMapping): object {
  const term = { '@id': iri(predicate) }
  switch (as) {
    case 'literal':
      return datatype === undefined ? term : { ...term, '@type': iri(datatype) }
    case 'iri':
      return prefix === undefined ? { ...term, '@type': '@id' } : { ...term, ...namesIn(prefix) }
    case 'term':
      return { ...term, ...namesIn(iri(namespace ?? '')) }
    case 'image':
      return { ...term, '@type': '@id' }
    case 'node': {
      const members = Object.entries(properties).map(([name, mapping]) => [name, termOf(mapping)])
      return { ...term, '@context': Object.fromEntries(members) }
    }
  }
}

/** Values that are names in a vocabulary, or the rest of an address behind its scheme. */
function namesIn(vocabulary: string): object {
  return { '@type': '@vocab', '@context': { '@vocab': vocabulary } }
}
