import en from './en.json' with { type: 'json' }

export type MessageId = keyof typeof en

/** A complete language of the interface: its texts, and the direction it is written in. */
export interface Locale {
  readonly language: string
  /** What dates, numbers and lists are formatted in: the reader's own region where the language is the same. */
  readonly formats: string
  readonly direction: 'ltr' | 'rtl'
  readonly texts: Readonly<Record<MessageId, string>>
}

interface Language {
  readonly direction: 'ltr' | 'rtl'
  readonly load: () => Promise<Readonly<Record<MessageId, string>>>
}

/** A further language is one more JSON file and one more line here, loaded only by who reads it. */
const languages: Readonly<Record<string, Language>> = {
  en: { direction: 'ltr', load: () => Promise.resolve(en) },
}
const fallback = 'en'

/** The first language the reader prefers that Reach speaks. `preferred` are BCP 47 tags, best first. */
export function chooseLanguage(preferred: readonly string[]): { language: string; formats: string } {
  for (const tag of preferred) {
    const language = tag.split('-')[0]?.toLowerCase() ?? ''
    if (Object.hasOwn(languages, language)) return { language, formats: tag }
  }
  return { language: fallback, formats: fallback }
}

export async function loadLocale(preferred: readonly string[]): Promise<Locale> {
  const { language, formats } = chooseLanguage(preferred)
  const { direction, load } = languages[language] ?? { direction: 'ltr', load: () => Promise.resolve(en) }
  return { language, formats, direction, texts: await load() }
}
