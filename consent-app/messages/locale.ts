const loadEnglish = () => import('./en.json', { with: { type: 'json' } })

export type MessageId = keyof Awaited<ReturnType<typeof loadEnglish>>['default']
type Texts = Readonly<Record<MessageId, string>>

/** A complete language of the interface: its texts, and the direction it is written in. */
export interface Locale {
  readonly language: LanguageTag
  /** What dates, numbers and lists are formatted in: the reader's own region where the language is the same. */
  readonly formats: string
  readonly direction: 'ltr' | 'rtl'
  readonly texts: Texts
}

interface Language {
  readonly direction: 'ltr' | 'rtl'
  readonly load: () => Promise<{ default: Texts }>
  /** Unicode extension for the formats, where a region's own habits would not fit the texts. */
  readonly extension?: string
}

/** A further language is one more JSON file and one more line here, loaded only by who reads it. */
const known = {
  en: { direction: 'ltr', load: loadEnglish },
  de: { direction: 'ltr', load: () => import('./de.json', { with: { type: 'json' } }) },
  // The texts write digits as codes and dates of receipts have them, and every end is a Gregorian day.
  ar: {
    direction: 'rtl',
    load: () => import('./ar.json', { with: { type: 'json' } }),
    extension: '-u-ca-gregory-nu-latn',
  },
} as const satisfies Readonly<Record<string, Language>>

export type LanguageTag = keyof typeof known
export const languages = Object.keys(known) as readonly LanguageTag[]
const fallback = 'en'

function languageOf(tag: string): LanguageTag | undefined {
  const language = tag.split('-')[0]?.toLowerCase()
  return languages.find((one) => one === language)
}

/**
 * The language that was chosen here, else the first one the reader prefers that Reach speaks. `preferred` are BCP 47
 * tags, best first; the region for dates and numbers comes from them either way.
 */
export function chooseLanguage(
  preferred: readonly string[],
  chosen?: string,
): { language: LanguageTag; formats: string } {
  const tags = chosen === undefined ? preferred : [chosen]
  const language = tags.map(languageOf).find((one) => one !== undefined) ?? fallback
  const { extension = '' }: Language = known[language]
  const region = preferred.find((tag) => languageOf(tag) === language) ?? language
  return { language, formats: extension === '' ? region : region.replace(/-u-.*$/i, '') + extension }
}

export async function loadLocale(preferred: readonly string[], chosen?: string): Promise<Locale> {
  const { language, formats } = chooseLanguage(preferred, chosen)
  const { direction, load }: Language = known[language]
  return { language, formats, direction, texts: (await load()).default }
}

/** Says in the document what language it is in; what is asked of the vault comes in it. */
export function declareLanguage(language: LanguageTag): void {
  document.documentElement.lang = language
  document.documentElement.dir = known[language].direction
}

/** The language's own name, as those who read it look for it. */
export function ownName(language: LanguageTag): string {
  return new Intl.DisplayNames([language], { type: 'language' }).of(language) ?? language
}
