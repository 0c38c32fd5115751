import type { RequestHandler } from 'express'
import { findFieldIn } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { languageOf } from '#core/http/language.ts'

/** Members whose content is the customer's or signed, not our words. */
const notOurs = new Set(['value', 'values', 'schema', 'payload'])

/**
 * Replies in the reader's language: whatever names a field of the catalogue by its id, as `field`, has the title,
 * description and rule beside it in the words of that language. What is stored and signed stays English.
 */
export function inReadersLanguage(): RequestHandler {
  return (request, response, next) => {
    const language = languageOf(request)
    if (language !== 'en') {
      const send = response.json.bind(response)
      response.json = (body) => send(inWords(body, language))
    }
    next()
  }
}

function inWords(node: unknown, language: Language): unknown {
  if (Array.isArray(node)) return node.map((one) => inWords(one, language))
  if (typeof node !== 'object' || node === null) return node
  const members = Object.entries(node).map(
    ([name, member]) => [name, notOurs.has(name) ? member : inWords(member, language)] as const,
  )
  return { ...Object.fromEntries(members), ...wordsOf(node, language) }
}

function wordsOf(node: object, language: Language): Record<string, string> {
  const field =
    'field' in node && typeof node.field === 'string' ? findFieldIn(language, node.field) : undefined
  if (field === undefined) return {}
  const { title, description } = field
  const words = { title, description, ...(field.kind === 'derived' ? { rule: field.rule } : {}) }
  return Object.fromEntries(Object.entries(words).filter(([name]) => Object.hasOwn(node, name)))
}
