import ar from './words/ar.json' with { type: 'json' }
import de from './words/de.json' with { type: 'json' }
import en from './words/en.json' with { type: 'json' }

export type WordId = keyof typeof en
type Words = Readonly<Record<WordId, string>>

/** All of them are in the file: it can ask for nothing later. */
export const languages = {
  en: { name: 'English', direction: 'ltr', formats: 'en-GB', words: en },
  de: { name: 'Deutsch', direction: 'ltr', formats: 'de', words: de },
  ar: { name: 'العربية', direction: 'rtl', formats: 'ar-u-ca-gregory-nu-latn', words: ar },
} as const satisfies Readonly<
  Record<string, { name: string; direction: 'ltr' | 'rtl'; formats: string; words: Words }>
>

export type LanguageTag = keyof typeof languages

/** The first of `preferred` (BCP 47, best first) that this page speaks. */
export function chooseLanguage(preferred: readonly string[]): LanguageTag {
  const known = Object.keys(languages) as LanguageTag[]
  const tags = preferred.map((tag) => tag.split('-')[0]?.toLowerCase())
  return tags.flatMap((tag) => known.find((one) => one === tag) ?? []).at(0) ?? 'en'
}

/** A text with its placeholders filled. */
export function say(
  language: LanguageTag,
  id: WordId,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const { words, formats } = languages[language]
  return words[id].replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    if (value === undefined) return whole
    return typeof value === 'number' ? new Intl.NumberFormat(formats).format(value) : value
  })
}
