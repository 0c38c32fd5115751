import { categoriesIn } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { purposesIn } from '#core/domain/purposes.ts'
import { publicReply } from '../reply.ts'
import type { Reply } from '../reply.ts'

/** What can be asked for, and for what. */
function catalogueDocument(language: Language): object {
  return {
    language,
    categories: categoriesIn(language).map((category) => ({
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
    purposes: purposesIn(language).map(({ id, title }) => ({ id, title })),
  }
}

/** GET /v1/catalogue in every language of the interface. */
export function catalogueReplies(): Readonly<Record<Language, Reply>> {
  const reply = (language: Language) => {
    const { headers, ...others } = publicReply(catalogueDocument(language))
    return { ...others, headers: { ...headers, 'Content-Language': language, Vary: 'Accept-Language' } }
  }
  return { en: reply('en'), de: reply('de'), ar: reply('ar') }
}
