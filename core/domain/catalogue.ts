import accessibility from '#schemas/fields/accessibility.json' with { type: 'json' }
import belongings from '#schemas/fields/belongings.json' with { type: 'json' }
import brands from '#schemas/fields/brands.json' with { type: 'json' }
import contactRules from '#schemas/fields/contact-rules.json' with { type: 'json' }
import contact from '#schemas/fields/contact.json' with { type: 'json' }
import diet from '#schemas/fields/diet.json' with { type: 'json' }
import household from '#schemas/fields/household.json' with { type: 'json' }
import interests from '#schemas/fields/interests.json' with { type: 'json' }
import loyalty from '#schemas/fields/loyalty.json' with { type: 'json' }
import plans from '#schemas/fields/plans.json' with { type: 'json' }
import profile from '#schemas/fields/profile.json' with { type: 'json' }
import purchases from '#schemas/fields/purchases.json' with { type: 'json' }
import sizes from '#schemas/fields/sizes.json' with { type: 'json' }
import subscriptions from '#schemas/fields/subscriptions.json' with { type: 'json' }
import tastes from '#schemas/fields/tastes.json' with { type: 'json' }
import type { CategoryFile, Language, MemberFile, RdfNote, Words } from './category-file.ts'

/** Id of a field, `<category>.<name>`, stored or derived. Ids are for ever. */
export type FieldId = string

/**
 * A JSON Schema of a value with the words of one language: `title`, `description`, and as `x-labels` what the codes of
 * an `enum` stand for.
 */
export type ValueSchema = Readonly<Record<string, unknown>>

/** `special`: a special category of Art. 9 GDPR. */
export type Sensitivity = 'ordinary' | 'sensitive' | 'special'

/** How a value stands in the pod's RDF; names are prefixed as in `namespaces.ts`. */
export interface RdfMapping extends RdfNote {
  /** Nodes: how each member stands at the node. */
  readonly properties?: Readonly<Record<string, RdfMapping>>
}

interface FieldBase {
  readonly id: FieldId
  readonly category: string
  readonly name: string
  readonly title: string
  readonly description: string
  readonly sensitivity: Sensitivity
  /** W3C DPV personal-data type, such as `pd:Name`. */
  readonly dpv: string
  readonly schema: ValueSchema
}

/** A field that stands in the pod. */
export interface StoredField extends FieldBase {
  readonly kind: 'stored'
  readonly rdf: RdfMapping
}

/** An answer that is worked out inside; its sources do not leave. */
export interface DerivedField extends FieldBase {
  readonly kind: 'derived'
  readonly from: readonly FieldId[]
  /** The rule in words, as shown to people. */
  readonly rule: string
  /** The rule of `derivations.ts` and what it is told. */
  readonly compute: { readonly rule: string } & Readonly<Record<string, unknown>>
  /** Whether the answer says less than its source: a size in another system says as much. */
  readonly hides: boolean
}

export type Field = StoredField | DerivedField

/** One resource of the pod with its fields, in the order in which they are shown. */
export interface Category {
  readonly id: string
  readonly title: string
  readonly description: string
  /** Which part of somebody's life it belongs to, for finding one's way. */
  readonly group: string
  /** Name of the resource in `vrm/`. */
  readonly file: string
  readonly rdfType: string | undefined
  readonly fields: readonly StoredField[]
  readonly derived: readonly DerivedField[]
  /** JSON Schema of the category's values; its members are names without the category. */
  readonly schema: ValueSchema
}

/** In a language that a text is missing in, English stands for it. */
function inWords(words: Words | undefined, language: Language): string {
  return words?.[language] ?? words?.en ?? ''
}

function categoryOf(file: CategoryFile, language: Language): Category {
  const { category, group, file: name, rdfType, derived = {}, ...told } = file.reach
  const say = (words: Words | undefined) => inWords(words, language)
  const base = (field: string) => ({ id: `${category}.${field}`, category, name: field })
  return {
    id: category,
    title: say(told.title),
    description: say(told.description),
    group,
    file: name,
    rdfType,
    fields: Object.entries(file.properties).map(([field, schema]) => {
      const { title, description, sensitivity, dpv } = schema.reach
      return {
        ...base(field),
        kind: 'stored',
        title: say(title),
        description: say(description),
        sensitivity,
        dpv,
        schema: inLanguage(schema, language),
        rdf: mappingOf(schema),
      }
    }),
    derived: Object.entries(derived).map(([field, note]) => {
      const { title, description, rule, type, from, dpv, sensitivity, compute, hides = true } = note
      const words = { title: say(title), description: say(description) }
      const schema = {
        ...words,
        type,
        ...(note.enum === undefined ? {} : { enum: note.enum }),
        ...(note.pattern === undefined ? {} : { pattern: note.pattern }),
      }
      const told = { ...base(field), ...words, kind: 'derived', sensitivity, dpv, schema } as const
      return { ...told, from, rule: say(rule), compute, hides }
    }),
    schema: inLanguage(file, language),
  }
}

function mappingOf({ reach: { rdf }, items, properties = items?.properties }: MemberFile): RdfMapping {
  if (properties === undefined) return rdf
  const members = Object.entries(properties).map(([name, member]) => [name, mappingOf(member)] as const)
  return { ...rdf, properties: Object.fromEntries(members) }
}

/** A schema without our own keyword, which a strict validator does not know, and with the words of a language. */
function inLanguage(schema: object, language: Language): ValueSchema {
  const { reach, ...kept } = schema as { reach?: object }
  const { title, description, choices } = (reach ?? {}) as Partial<MemberFile['reach']>
  const labels = Object.entries(choices ?? {}).map(([code, words]) => [code, inWords(words, language)])
  return {
    ...(title === undefined ? {} : { title: inWords(title, language) }),
    ...(description === undefined ? {} : { description: inWords(description, language) }),
    ...Object.fromEntries(
      Object.entries(kept)
        .filter(([keyword]) => keyword !== 'title' && keyword !== 'description' && !keyword.startsWith('$'))
        .map(([keyword, value]) => [keyword, inner(keyword, value, language)]),
    ),
    ...(labels.length === 0 ? {} : { 'x-labels': Object.fromEntries(labels) }),
  }
}

function inner(keyword: string, value: unknown, language: Language): unknown {
  if (keyword === 'items') return inLanguage(value as object, language)
  if (keyword !== 'properties') return value
  const members = Object.entries(value as Record<string, object>)
  return Object.fromEntries(members.map(([name, member]) => [name, inLanguage(member, language)]))
}

// Whether they have the form is held by a test for these, and by the schema when an operator adds one.
const files = [
  profile,
  contact,
  contactRules,
  interests,
  diet,
  sizes,
  accessibility,
  household,
  tastes,
  brands,
  loyalty,
  belongings,
  subscriptions,
  purchases,
  plans,
] as unknown as CategoryFile[]

const spoken = new Map<Language, readonly Category[]>()

/** Every category with the words of a language, in the order in which they are shown. */
export function categoriesIn(language: Language): readonly Category[] {
  let known = spoken.get(language)
  if (known === undefined) {
    const sorted = files.toSorted((one, other) => one.reach.order - other.reach.order)
    known = sorted.map((file) => categoryOf(file, language))
    spoken.set(language, known)
  }
  return known
}

const english: Category[] = []
const everyField: Field[] = []
const byId = new Map<FieldId, Field>()
const categoriesById = new Map<string, Category>()
gather()

/** Every category in English, the language of whatever is signed or stored. Grows at start only. */
export const categories: readonly Category[] = english
/** Every field, stored and derived, in the order in which they are shown. */
export const fields: readonly Field[] = everyField

/**
 * Takes further categories into the catalogue of this process, before anything is opened that asks it. Each has the form
 * of `schemas/category-file.json`. Throws for what is there already, or is worked out from another category: a pod's
 * resource is cached by itself.
 */
export function addCategories(added: readonly CategoryFile[]): void {
  for (const file of added) {
    const { category, derived = {} } = file.reach
    if (categoriesById.has(category)) throw new Error(`the category ${category} is there already`)
    for (const { from } of Object.values(derived)) {
      const stranger = from.find((id) => !Object.hasOwn(file.properties, id.slice(category.length + 1)))
      if (stranger !== undefined) throw new Error(`${stranger} is no field of ${category}`)
    }
    files.push(file)
    spoken.clear()
    gather()
  }
}

function gather(): void {
  english.splice(0, Number.POSITIVE_INFINITY, ...categoriesIn('en'))
  everyField.splice(0, Number.POSITIVE_INFINITY)
  for (const category of english) {
    categoriesById.set(category.id, category)
    for (const field of [...category.fields, ...category.derived]) {
      everyField.push(field)
      byId.set(field.id, field)
    }
  }
}

export function isField(id: string): boolean {
  return byId.has(id)
}

/** `undefined` for an id that is no field. */
export function findField(id: string): Field | undefined {
  return byId.get(id)
}

/** The field with the words of a language. */
export function findFieldIn(language: Language, id: string): Field | undefined {
  const category = byId.get(id)?.category
  const found = categoriesIn(language).find((one) => one.id === category)
  return [...(found?.fields ?? []), ...(found?.derived ?? [])].find((field) => field.id === id)
}

export function findCategory(id: string): Category | undefined {
  return categoriesById.get(id)
}

/**
 * The stored fields behind a field: itself, or what a derived one is worked out from. Empty for an unknown
 * id.
 */
export function sourcesOf(id: FieldId): readonly FieldId[] {
  const field = byId.get(id)
  if (field === undefined) return []
  return field.kind === 'stored' ? [id] : field.from
}

/** The answers that are worked out from a field and say less than it does: what could be asked for instead. */
export function alternativesTo(id: FieldId): readonly DerivedField[] {
  return everyField.filter(
    (field): field is DerivedField => field.kind === 'derived' && field.hides && field.from.includes(id),
  )
}
