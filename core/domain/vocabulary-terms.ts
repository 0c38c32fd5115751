import { categoriesIn } from './catalogue.ts'
import type { Category, RdfMapping, ValueSchema } from './catalogue.ts'
import { languages } from './category-file.ts'
import type { Language } from './category-file.ts'
import { iri } from './namespaces.ts'

/** A term of our own vocabulary, as the catalogue uses it first. */
export interface VocabularyTerm {
  /** Prefixed, such as `vrm:allergen`. */
  readonly name: string
  readonly kind: 'class' | 'property'
  readonly label: Partial<Record<Language, string>>
  readonly comment: Partial<Record<Language, string>>
  /** Prefixed names, or nothing where there is more than one. */
  readonly domain: string | undefined
  readonly range: string | undefined
}

/** Every term of ours, made of the catalogue and of nothing else, in the order of their names. */
export function vocabularyTerms(): VocabularyTerm[] {
  const terms = new Map<string, VocabularyTerm>()
  for (const language of languages) {
    for (const term of categoriesIn(language).flatMap(termsOf)) {
      const known = terms.get(term.name)
      const say = (key: 'label' | 'comment') => ({
        [language]: term[key].en,
        ...known?.[key],
      })
      terms.set(term.name, {
        ...term,
        // Said by several fields, it belongs to no one kind of thing.
        domain: known === undefined || known.domain === term.domain ? term.domain : undefined,
        range: known === undefined || known.range === term.range ? term.range : undefined,
        label: say('label'),
        comment: say('comment'),
      })
    }
  }
  return [...terms.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

/** The words are those of the category's language, under `en`. */
function termsOf({ title, description, rdfType, fields, derived }: Category): VocabularyTerm[] {
  const told = { title, description }
  return [
    ...(rdfType === undefined ? [] : [classOf(rdfType, told)]),
    ...fields.flatMap(({ rdf, schema }) => propertiesOf(rdf, schema, rdfType)),
    ...derived.map(({ id, schema, rule, title: label }): VocabularyTerm => {
      const range = typeRange(schema['type'])
      const comment = { en: rule }
      return { name: `vrm:${id}`, kind: 'property', label: { en: label }, comment, domain: rdfType, range }
    }),
  ].filter(({ name }) => name.startsWith('vrm:'))
}

function propertiesOf(rdf: RdfMapping, schema: ValueSchema, domain: string | undefined): VocabularyTerm[] {
  const { items = schema } = schema as { items?: ValueSchema }
  const members = items['properties'] as Readonly<Record<string, ValueSchema>> | undefined
  const range = rdf.as === 'literal' ? (rdf.datatype ?? typeRange(items['type'])) : rdf.type
  const words = {
    label: { en: String(schema['title']) },
    comment: { en: String(schema['description'] ?? '') },
  }
  return [
    { name: rdf.predicate, kind: 'property', ...words, domain, range },
    ...(rdf.ordered === undefined
      ? []
      : [{ ...ordering(words.label.en), name: rdf.ordered, domain } satisfies VocabularyTerm]),
    ...(rdf.type === undefined
      ? []
      : [classOf(rdf.type, { title: words.label.en, description: words.comment.en })]),
    ...Object.entries(rdf.properties ?? {}).flatMap(([name, mapping]) =>
      propertiesOf(mapping, members?.[name] ?? {}, rdf.type),
    ),
  ]
}

function ordering(of: string) {
  return {
    kind: 'property' as const,
    label: { en: of },
    comment: { en: 'The order of several values, each once, with a space between them.' },
    range: 'xsd:string',
  }
}

function classOf(
  name: string,
  { title, description }: { title: string; description: string },
): VocabularyTerm {
  const [label, comment] = [{ en: title }, { en: description }]
  return { name, kind: 'class', label, comment, domain: undefined, range: undefined }
}

function typeRange(type: unknown): string {
  const names: Readonly<Record<string, string>> = {
    integer: 'xsd:integer',
    boolean: 'xsd:boolean',
    number: 'xsd:decimal',
  }
  return names[String(type)] ?? 'xsd:string'
}

/** The address of the vocabulary itself, behind which every term is a fragment. */
export const vocabularyIri = iri('vrm:').replace(/#$/, '')
