import type { Request } from 'express'
import { languages } from '#core/domain/category-file.ts'
import type { Language } from '#core/domain/category-file.ts'

/** The language of the catalogue that the reader prefers, by `Accept-Language` (RFC 9110, section 12.5.4); else English. */
export function languageOf(request: Request): Language {
  const chosen = request.acceptsLanguages([...languages])
  return languages.find((language) => language === chosen) ?? 'en'
}
