import accessibility from '#schemas/fields/accessibility.json' with { type: 'json' }
import contactRules from '#schemas/fields/contact-rules.json' with { type: 'json' }
import contact from '#schemas/fields/contact.json' with { type: 'json' }
import diet from '#schemas/fields/diet.json' with { type: 'json' }
import interests from '#schemas/fields/interests.json' with { type: 'json' }
import profile from '#schemas/fields/profile.json' with { type: 'json' }
import sizes from '#schemas/fields/sizes.json' with { type: 'json' }

/** Id of a field, `<category>.<name>`, stored or derived. Ids are for ever. */
export type FieldId = string

/** A JSON Schema of a value, as the field's file has it. */
export type ValueSchema = Readonly<Record<string, unknown>>

/** `special`: a special category of Art. 9 GDPR. */
export type Sensitivity = 'ordinary' | 'sensitive' | 'special'

/** How a value stands in the pod's RDF; names are prefixed as in `core/pods`. */
export interface RdfMapping {
  readonly predicate: string
  readonly as: 'literal' | 'iri' | 'term' | 'node' | 'image'
  /** Literals only. */
  readonly datatype?: string
  /** The order of several values is kept. */
  readonly ordered?: boolean
  /** Terms: what goes before the name. IRIs: the scheme that the value is without. */
  readonly namespace?: string
  readonly prefix?: string
  /** Nodes: their class, and member to predicate. */
  readonly type?: string
  readonly properties?: Readonly<Record<string, string>>
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
}

export type Field = StoredField | DerivedField

/** One resource of the pod with its fields, in the order in which they are shown. */
export interface Category {
  readonly id: string
  readonly title: string
  readonly description: string
  /** Name of the resource in `vrm/`. */
  readonly file: string
  readonly rdfType: string | undefined
  readonly fields: readonly StoredField[]
  readonly derived: readonly DerivedField[]
  /** JSON Schema of the category's values; its members are names without the category. */
  readonly schema: ValueSchema
}

interface FieldNote {
  readonly dpv: string
  readonly sensitivity: Sensitivity
  readonly rdf: RdfMapping
}

interface DerivedNote {
  readonly title: string
  readonly description: string
  readonly type: string
  readonly from: readonly FieldId[]
  readonly dpv: string
  readonly sensitivity: Sensitivity
  readonly rule: string
}

/** The form of the files under schemas/fields; test/unit/schemas.test.ts holds every file to it. */
interface CategoryFile {
  readonly title: string
  readonly description: string
  readonly properties: Readonly<
    Record<string, { readonly title: string; readonly description: string; readonly reach: FieldNote }>
  >
  readonly reach: {
    readonly category: string
    readonly order: number
    readonly file: string
    readonly rdfType?: string
    readonly derived?: Readonly<Record<string, DerivedNote>>
  }
}

function categoryOf(file: CategoryFile): Category {
  const { category, file: name, rdfType, derived = {} } = file.reach
  const base = (field: string) => ({ id: `${category}.${field}`, category, name: field })
  return {
    id: category,
    title: file.title,
    description: file.description,
    file: name,
    rdfType,
    fields: Object.entries(file.properties).map(([field, schema]) => {
      const { title, description, reach } = schema
      const { dpv, sensitivity, rdf } = reach
      return {
        ...base(field),
        kind: 'stored',
        title,
        description,
        sensitivity,
        dpv,
        schema: bare(schema),
        rdf,
      }
    }),
    derived: Object.entries(derived).map(
      ([field, { title, description, type, from, dpv, sensitivity, rule }]) => ({
        ...base(field),
        kind: 'derived',
        title,
        description,
        sensitivity,
        dpv,
        schema: { title, description, type },
        from,
        rule,
      }),
    ),
    schema: bare(file),
  }
}

/**
 * A schema without our own keyword, which a strict validator does not know; also in the schemas inside it.
 */
function bare(schema: object): ValueSchema {
  const kept = Object.entries(schema).filter(([keyword]) => keyword !== 'reach' && !keyword.startsWith('$'))
  return Object.fromEntries(
    kept.map(([keyword, value]) => [
      keyword,
      typeof value === 'object' && value !== null && !Array.isArray(value) ? bare(value) : value,
    ]),
  )
}

const files = [
  profile,
  contact,
  contactRules,
  interests,
  diet,
  sizes,
  accessibility,
] as readonly CategoryFile[]

/** Every category, in the order in which they are shown. */
export const categories: readonly Category[] = files
  .toSorted((one, other) => one.reach.order - other.reach.order)
  .map(categoryOf)

const byId: ReadonlyMap<FieldId, Field> = new Map(
  categories.flatMap((category) =>
    [...category.fields, ...category.derived].map((field) => [field.id, field]),
  ),
)
const categoriesById: ReadonlyMap<string, Category> = new Map(categories.map((one) => [one.id, one]))

/** Every field, stored and derived, in the order in which they are shown. */
export const fields: readonly Field[] = [...byId.values()]

export function isField(id: string): boolean {
  return byId.has(id)
}

/** `undefined` for an id that is no field. */
export function findField(id: string): Field | undefined {
  return byId.get(id)
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
