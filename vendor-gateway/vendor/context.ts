import { categories } from '#core/domain/catalogue.ts'
import { contextOf } from '#core/domain/json-ld-context.ts'

/**
 * The JSON-LD 1.1 context of replies, made from the mapping with which values stand in pods: a reply read with it says
 * of its subject what the pod says, as far as it was granted. `data` is the same text as in JSON, so the digest in the
 * log covers it in both forms. The position in the log and our reference to the grant say nothing of the person and are
 * left out of the graph. `version` is raised when a term is added; none ever changes its meaning.
 */
export function contextDocument(): object {
  const { '@context': terms } = contextOf(categories)
  const ours = { subject: 'http://purl.org/dc/terms/identifier', grant_id: null, log: null }
  return { version: 1, '@context': { ...terms, ...ours } }
}
