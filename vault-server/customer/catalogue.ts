import { brotliCompressSync } from 'node:zlib'
import { Router } from 'express'
import { categoriesIn } from '#core/domain/catalogue.ts'
import type { Field } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { languageOf } from '#core/http/language.ts'
import type { CatalogueView } from '#schemas/types.gen.ts'

/**
 * `GET /catalogue`: what there can be in a pod, in the reader's language, for anybody. Public and the same for all, so it is made and
 * compressed once per language.
 */
export function catalogueRoutes(): Router {
  const router = Router({ strict: true, caseSensitive: true })
  const made = new Map<Language, { readonly plain: Buffer; readonly brotli: Buffer }>()
  router.get('/catalogue', (request, response) => {
    const language = languageOf(request)
    const known = made.get(language)
    const plain = known?.plain ?? Buffer.from(JSON.stringify(viewCatalogue(language)))
    const brotli = known?.brotli ?? brotliCompressSync(plain)
    made.set(language, { plain, brotli })
    response.set({
      'Content-Type': 'application/json; charset=utf-8',
      Vary: 'Accept-Language, Accept-Encoding',
    })
    if (request.acceptsEncodings('br') === 'br') response.set('Content-Encoding', 'br').end(brotli)
    else response.end(plain)
  })
  return router
}

function viewCatalogue(language: Language): CatalogueView {
  return {
    language,
    categories: categoriesIn(language).map(({ id, group, title, description, fields, derived }) => ({
      category: id,
      group,
      title,
      description,
      fields: [...fields, ...derived].map(viewField),
    })),
  }
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
