import { DataFactory } from 'n3'
import type { Quad } from 'n3'
import { categories } from '#core/domain/catalogue.ts'
import { contextOf } from '#core/domain/json-ld-context.ts'
import { iri, namespaces } from '#core/domain/namespaces.ts'
import { vocabularyIri, vocabularyTerms } from '#core/domain/vocabulary-terms.ts'
import type { VocabularyTerm } from '#core/domain/vocabulary-terms.ts'
import { writeTurtle } from '#core/pods/rdf.ts'

const { literal, namedNode, quad } = DataFactory
const title = 'The vocabulary of Reach'
const about =
  'What a personal data vault needs to say about its customer and schema.org, vCard and FOAF have no term for. Terms once had the namespace urn:reach:vrm: and are still read in it.'

/** The vocabulary in Turtle (RDF 1.1). */
export function vocabularyTurtle(): string {
  const whole = namedNode(vocabularyIri)
  const say = (subject: string, predicate: string, object: string) =>
    quad(namedNode(iri(subject)), namedNode(iri(predicate)), namedNode(iri(object)))
  const quads: Quad[] = [
    quad(whole, namedNode(iri('rdf:type')), namedNode(iri('owl:Ontology'))),
    quad(whole, namedNode(iri('rdfs:label')), literal(title, 'en')),
    quad(whole, namedNode(iri('rdfs:comment')), literal(about, 'en')),
  ]
  for (const term of vocabularyTerms()) {
    const { name, kind, domain, range } = term
    quads.push(say(name, 'rdf:type', kind === 'class' ? 'rdfs:Class' : 'rdf:Property'))
    for (const key of ['label', 'comment'] as const)
      for (const [language, text] of wordsOf(term, key))
        quads.push(quad(namedNode(iri(name)), namedNode(iri(`rdfs:${key}`)), literal(text, language)))
    if (domain !== undefined) quads.push(say(name, 'rdfs:domain', domain))
    if (range !== undefined) quads.push(say(name, 'rdfs:range', range))
    quads.push(quad(namedNode(iri(name)), namedNode(iri('rdfs:isDefinedBy')), whole))
  }
  return writeTurtle(quads)
}

/** The same in JSON-LD, and with it the context in which values of the catalogue say what they mean. */
export function vocabularyJsonLd(): string {
  const id = (name: string | undefined) => (name === undefined ? undefined : { '@id': iri(name) })
  const texts = (term: VocabularyTerm, key: 'label' | 'comment') =>
    wordsOf(term, key).map(([language, text]) => ({ '@language': language, '@value': text }))
  const graph = vocabularyTerms().map((term) => ({
    '@id': iri(term.name),
    '@type': iri(term.kind === 'class' ? 'rdfs:Class' : 'rdf:Property'),
    'rdfs:label': texts(term, 'label'),
    'rdfs:comment': texts(term, 'comment'),
    'rdfs:domain': id(term.domain),
    'rdfs:range': id(term.range),
    'rdfs:isDefinedBy': { '@id': vocabularyIri },
  }))
  const whole = {
    '@id': vocabularyIri,
    '@type': iri('owl:Ontology'),
    'rdfs:label': { '@language': 'en', '@value': title },
    'rdfs:comment': { '@language': 'en', '@value': about },
  }
  return JSON.stringify({ '@context': { rdfs: namespaces.rdfs }, '@graph': [whole, ...graph] })
}

/** The context of values by field id: the same in every Reach that has the same categories. */
export function contextJsonLd(): string {
  return JSON.stringify(contextOf(categories))
}

function wordsOf(term: VocabularyTerm, key: 'label' | 'comment'): [string, string][] {
  return Object.entries(term[key]).filter(([, text]) => text !== '')
}
