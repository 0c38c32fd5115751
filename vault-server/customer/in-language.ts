import type { RequestHandler } from 'express'
import { findFieldIn } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { findPurpose } from '#core/domain/purposes.ts'
import { languageOf } from '#core/http/language.ts'

/** Members whose content is the customer's or signed, not our words. */
const notOurs = new Set(['value', 'values', 'schema', 'payload'])

/**
 * Replies in the reader's language: whatever names a field of the catalogue by its id, as `field`, or a `purpose`, has
 * the words for it beside it in that language. What is stored and signed keeps the language it was made in.
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
  const words = { ...fieldWords(node, language), ...purposeWords(node, language) }
  return Object.fromEntries(Object.entries(words).filter(([name]) => Object.hasOwn(node, name)))
}

function fieldWords(node: object, language: Language): Record<string, string> {
  const field =
    'field' in node && typeof node.field === 'string' ? findFieldIn(language, node.field) : undefined
  if (field === undefined) return {}
  const { title, description } = field
  return { title, description, ...(field.kind === 'derived' ? { rule: field.rule } : {}) }
}

function purposeWords(node: object, language: Language): Record<string, string> {
  const purpose =
    'purpose' in node && typeof node.purpose === 'string' ? findPurpose(node.purpose, language) : undefined
  return purpose === undefined ? {} : { purposeTitle: purpose.title, purposePhrase: purpose.phrase }
}
