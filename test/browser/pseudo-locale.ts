/** A language made of English by code: every letter of ours is a full-width one, so that any other letter bypassed the messages. */
import { parse } from '@formatjs/icu-messageformat-parser'
import { categoriesIn } from '#core/domain/catalogue.ts'
import { purposesIn } from '#core/domain/purposes.ts'
import { countryCodes, languageTags } from '../../consent-app/form/codes.ts'
import type { Page } from '@playwright/test'

/** The text with its mark. */
export function marked(text: string): string {
  return text.replace(/[A-Za-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
}

/** The module that the build makes of a language file, with the mark on all that stands in it. */
export function markedModule(texts: Readonly<Record<string, string>>): string {
  const compiled = Object.entries(texts).map(([id, text]) => [id, parse(text).map(markElement)])
  return `export default ${JSON.stringify(Object.fromEntries(compiled))}`
}

type Element = ReturnType<typeof parse>[number]

function markElement(element: Element): Element {
  if ('options' in element)
    return {
      ...element,
      options: Object.fromEntries(
        Object.entries(element.options).map(([form, { value, ...others }]) => [
          form,
          { ...others, value: value.map(markElement) },
        ]),
      ),
    } as Element
  if ('children' in element) return { ...element, children: element.children.map(markElement) } as Element
  return element.type === 0 ? ({ ...element, value: marked(element.value) } as Element) : element
}

/** What is read or heard of a page: its title, every text but data letter by letter, every name and description in an attribute. */
export function saidBy(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const said = [document.title]
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode())
      if (node.parentElement?.closest('script, style, noscript, pre') === null)
        said.push(node.textContent ?? '')
    const named = ['aria-label', 'aria-description', 'aria-roledescription', 'title', 'alt', 'placeholder']
    for (const name of named)
      for (const element of document.querySelectorAll(`[${name}]`))
        said.push(element.getAttribute(name) ?? '')
    return said.map((text) => text.trim()).filter((text) => text !== '')
  })
}

/** Words of the catalogue and purposes in English: the vault sends them in the reader's language, which other tests hold it to. */
const ofOthers: readonly string[] = [
  ...categoriesIn('en').flatMap((category) => [
    category.title,
    category.description,
    ...[...category.fields, ...category.derived].flatMap((field) => [
      field.title,
      field.description,
      ...(field.kind === 'derived' ? [field.rule] : []),
      ...wordsOf(field.schema),
    ]),
  ]),
  ...purposesIn('en').flatMap(({ title, phrase }) => [title, phrase]),
]

/** What the browser calls countries and languages. */
export function namesByIntl(page: Page): Promise<string[]> {
  return page.evaluate(
    (codes) =>
      Object.entries(codes).flatMap(([type, all]) => {
        const names = new Intl.DisplayNames(['en-GB'], { type: type as 'region' | 'language' })
        return all.map((code) => names.of(code) ?? code)
      }),
    { region: countryCodes, language: languageTags },
  )
}

/** Titles, descriptions and labels of a schema. */
function wordsOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([name, value]) => {
    if ((name === 'title' || name === 'description') && typeof value === 'string') return [value]
    if (name === 'x-labels') return Object.values(value as Record<string, string>)
    return wordsOf(value)
  })
}

/** Dates, times and lists as Intl writes them. */
const byIntl =
  /\b(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|and|at|am|pm)\b/g
const addresses = /https?:\/\/\S+|\b[\w.-]+@[\w.-]+/g
/** Files and ids, of which one in forty has no digit; the languages call themselves by their own names; what React Aria says in its own languages. */
const exact = /\bvrm\/\S*|\S*\d\S*|(?<![\w-])[\w-]{22}(?![\w-])|\b(?:English|Deutsch)\b|^Dismiss$/g

/** Of what is said, what has no mark although it is ours. `data` are values, names and words of others that the page may show. */
export function unmarked(said: readonly string[], data: readonly string[]): string[] {
  const known = [...new Set([...data, ...ofOthers])]
    .filter((text) => /[A-Za-z]/.test(text))
    .toSorted((one, other) => other.length - one.length)
  return said.filter((text) => {
    // What is taken out leaves a space, so that no two letters meet which were apart.
    if (!/[A-Za-z]{2}/.test(text)) return false
    let rest = text.replaceAll(addresses, ' ')
    for (const one of known) rest = rest.replaceAll(one, ' ')
    return /[A-Za-z]{2}/.test(rest.replaceAll(exact, ' ').replaceAll(byIntl, ' '))
  })
}
