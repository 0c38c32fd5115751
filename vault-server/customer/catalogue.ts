import { Router } from 'express'
import { categoriesIn } from '#core/domain/catalogue.ts'
import type { Field } from '#core/domain/catalogue.ts'
import { languageOf } from '#core/http/language.ts'
import type { CatalogueView } from '#schemas/types.gen.ts'

/** `GET /catalogue`: what there can be in a pod, in the reader's language, for anybody. */
export function catalogueRoutes(): Router {
  const router = Router({ strict: true, caseSensitive: true })
  router.get('/catalogue', (request, response) => {
    const language = languageOf(request)
    response.set('Vary', 'Accept-Language').json({
      language,
      categories: categoriesIn(language).map(({ id, group, title, description, fields, derived }) => ({
        category: id,
        group,
        title,
        description,
        fields: [...fields, ...derived].map(viewField),
      })),
    } satisfies CatalogueView)
  })
  return router
}

function viewField(field: Field): CatalogueView['categories'][number]['fields'][number] {
  const { id, title, description, sensitivity, schema } = field
  const derived = field.kind === 'derived'
  return {
    field: id,
    title,
    description,
    sensitivity,
    derived,
    ...(derived ? { from: [...field.from], rule: field.rule, hides: field.hides } : {}),
    schema,
  }
}
