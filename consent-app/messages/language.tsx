import { useQueryClient } from '@tanstack/react-query'
import { createContext, use, useState } from 'react'
import type { ReactNode } from 'react'
import { I18nProvider } from 'react-aria-components/I18nProvider'
import { declareLanguage, loadLocale } from './locale.ts'
import type { LanguageTag, Locale } from './locale.ts'
import { rememberLanguage, rememberedLanguage } from './remembered-language.ts'
import { TextProvider } from './text.tsx'

interface Choice {
  readonly language: LanguageTag
  readonly choose: (language: LanguageTag) => Promise<void>
  /** Speaks it where nobody chose one on this device, and does not keep it there. */
  readonly suggest: (language: LanguageTag) => void
}

const LanguageContext = createContext<Choice | undefined>(undefined)

/** The language that is shown, and the way to another one. */
export function useLanguage(): Choice {
  const choice = use(LanguageContext)
  if (choice === undefined) throw new Error('a page outside of LanguageProvider')
  return choice
}

/** Speaks the language it starts with until another is chosen. That changes words alone: what was ticked stays. */
export function LanguageProvider({ locale: first, children }: { locale: Locale; children: ReactNode }) {
  const client = useQueryClient()
  const [locale, setLocale] = useState(first)
  const speak = async (language: LanguageTag) => {
    const next = await loadLocale(navigator.languages, language)
    declareLanguage(language)
    setLocale(next)
    // Titles of fields and purposes come with the replies. Coming back from the sign-in counts once, and an auditor's look
    // is an entry in the log.
    await client.invalidateQueries({
      predicate: ({ queryKey }) => queryKey[0] !== 'signed-in' && queryKey[0] !== 'audit',
    })
  }
  const choose = (language: LanguageTag) => {
    rememberLanguage(language)
    return speak(language)
  }
  const suggest = (language: LanguageTag) => {
    if (rememberedLanguage() === undefined && language !== locale.language) void speak(language)
  }
  return (
    <LanguageContext value={{ language: locale.language, choose, suggest }}>
      <TextProvider locale={locale}>
        <I18nProvider locale={locale.formats}>{children}</I18nProvider>
      </TextProvider>
    </LanguageContext>
  )
}
