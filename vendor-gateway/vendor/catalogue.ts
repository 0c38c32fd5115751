import { categories } from '#core/domain/catalogue.ts'
import { purposes } from '#core/domain/purposes.ts'

/** GET /v1/catalogue: what can be asked for, and for what. */
export function catalogueDocument(): object {
  return {
    categories: categories.map((category) => ({
      id: category.id,
      title: category.title,
      description: category.description,
      fields: [...category.fields, ...category.derived].map((field) => ({
        id: field.id,
        title: field.title,
        description: field.description,
        sensitivity: field.sensitivity,
        dpv: field.dpv,
        schema: field.schema,
        ...(field.kind === 'derived' ? { derived_from: field.from, rule: field.rule } : {}),
      })),
    })),
    purposes: purposes.map(({ id, title }) => ({ id, title })),
  }
}
