import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Router } from 'express'
import type { Request, Response } from 'express'
import { languages } from '#core/domain/category-file.ts'
import type { Language } from '#core/domain/category-file.ts'
import { languageOf } from '#core/http/language.ts'
import { methodNotAllowed } from '#core/http/problem.ts'
import { vocabularyPage } from './page.ts'
import { contextJsonLd, vocabularyJsonLd, vocabularyTurtle } from './rdf.ts'

const policy =
  "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
const types = {
  html: 'text/html',
  ttl: 'text/turtle',
  jsonld: 'application/ld+json',
  css: 'text/css',
} as const

/**
 * `/vocabulary`: the vocabulary as a page, as Turtle and as JSON-LD, by what the reader accepts, and each form under a
 * name of its own. It says nothing about anybody and may be read by every page of every origin.
 */
export function vocabularyRoutes(): Router {
  const pages = new Map<Language, string>(languages.map((language) => [language, vocabularyPage(language)]))
  const texts = { ttl: vocabularyTurtle(), jsonld: vocabularyJsonLd() }
  const context = contextJsonLd()
  const style = readFileSync(join(import.meta.dirname, 'page.css'), 'utf8')

  const router = Router({ strict: true, caseSensitive: true })
  const serve = (
    path: string,
    form: (request: Request) => readonly [keyof typeof types, string | undefined],
  ) =>
    router
      .get(path, (request: Request, response: Response) => {
        const [kind, text = ''] = form(request)
        response.set({
          'Content-Type': `${types[kind]}; charset=utf-8`,
          'Cache-Control': 'public, max-age=3600',
          'Access-Control-Allow-Origin': '*',
          'Cross-Origin-Resource-Policy': 'cross-origin',
          Vary: 'Accept, Accept-Language',
        })
        if (kind === 'html') response.set('Content-Security-Policy', policy)
        response.end(text)
      })
      .all(path, methodNotAllowed('GET', 'HEAD'))
  const page = (request: Request) => ['html', pages.get(languageOf(request))] as const

  serve('/vocabulary', (request) => {
    // Whoever accepts everything alike, as most RDF tools do that say nothing, gets RDF.
    const chosen = request.accepts([
      types.ttl,
      types.html,
      'application/xhtml+xml',
      types.jsonld,
      'application/json',
    ])
    if (chosen === types.html || chosen === 'application/xhtml+xml') return page(request)
    return chosen === types.jsonld || chosen === 'application/json'
      ? ['jsonld', texts.jsonld]
      : ['ttl', texts.ttl]
  })
  serve('/vocabulary.html', page)
  serve('/vocabulary.ttl', () => ['ttl', texts.ttl])
  serve('/vocabulary.jsonld', () => ['jsonld', texts.jsonld])
  serve('/vocabulary/context.jsonld', () => ['jsonld', context])
  serve('/vocabulary/page.css', () => ['css', style])
  return router
}
