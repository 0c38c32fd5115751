/** What stands in the form of a category, read off its JSON Schema. Pure. */

export interface FieldSchema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly format?: string
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly items?: FieldSchema
  readonly properties?: Readonly<Record<string, FieldSchema>>
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  /** What the codes of an `enum` stand for. */
  readonly 'x-labels'?: Readonly<Record<string, string>>
}

export type FieldKind =
  | 'text'
  | 'email'
  | 'phone'
  | 'date'
  | 'time'
  | 'country'
  | 'picture'
  | 'choice'
  | 'choices'
  | 'language'
  | 'languages'
  | 'number'
  | 'yes-no'
  | 'texts'
  | 'group'
  | 'records'

export interface FormField {
  readonly name: string
  readonly kind: FieldKind
  readonly title: string
  readonly description: string | undefined
  readonly schema: FieldSchema
}

export function formFields(schema: FieldSchema): FormField[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    kind: kindOf(property),
    title: property.title ?? name,
    description: property.description,
    schema: property,
  }))
}

/** How a value is typed in. Patterns of the catalogue that have a better control than a line of text are known here. */
export function kindOf(schema: FieldSchema): FieldKind {
  if (schema.type === 'object') return 'group'
  if (schema.type === 'array') {
    if (schema.items?.enum !== undefined) return 'choices'
    if (schema.items?.type === 'object') return 'records'
    return kindOf(schema.items ?? {}) === 'language' ? 'languages' : 'texts'
  }
  if (schema.type === 'boolean') return 'yes-no'
  if (schema.type === 'integer' || schema.type === 'number') return 'number'
  if (schema.enum !== undefined) return 'choice'
  if (schema.format === 'date') return 'date'
  if (schema.format === 'email') return 'email'
  if (schema.pattern?.startsWith('^data:image/') === true) return 'picture'
  if (schema.pattern === '^[A-Z]{2}$') return 'country'
  if (schema.pattern?.startsWith('^[a-z]{2,3}') === true) return 'language'
  if (schema.pattern?.startsWith('^([01][0-9]|2[0-3])') === true) return 'time'
  if (schema.pattern?.startsWith('^\\+') === true) return 'phone'
  return 'text'
}
