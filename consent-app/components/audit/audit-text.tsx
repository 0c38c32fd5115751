import { Suspense, use } from 'react'
import type { ReactNode } from 'react'
import { IntlProvider, useIntl } from 'react-intl'
import type { LanguageTag, MessageId } from '../../messages/locale.ts'
import { useLanguage } from '../../messages/language.tsx'
import type english from '../../pages/audit/messages/en.json'
import { PageSkeleton } from '../skeleton.tsx'

type OwnId = keyof typeof english
type Texts = Readonly<Record<OwnId, string>>
export type AuditMessageId = OwnId | MessageId

/** Loaded by who reviews, and by nobody else. */
const loaders: Readonly<Record<LanguageTag, () => Promise<{ default: Texts }>>> = {
  en: () => import('../../pages/audit/messages/en.json', { with: { type: 'json' } }),
  de: () => import('../../pages/audit/messages/de.json', { with: { type: 'json' } }),
  ar: () => import('../../pages/audit/messages/ar.json', { with: { type: 'json' } }),
}
const loading = new Map<LanguageTag, Promise<Texts>>()

function textsOf(language: LanguageTag): Promise<Texts> {
  const known = loading.get(language)
  if (known !== undefined) return known
  const texts = loaders[language]().then((module) => module.default)
  // What did not come is asked for again.
  texts.catch(() => loading.delete(language))
  loading.set(language, texts)
  return texts
}

/** The words of the auditor's pages beside those of the app. */
export function AuditText({ children }: { children: ReactNode }) {
  return (
    <Suspense fallback={<PageSkeleton />}>
      <Words>{children}</Words>
    </Suspense>
  )
}

function Words({ children }: { children: ReactNode }) {
  const { locale, messages } = useIntl()
  const own = use(textsOf(useLanguage().language))
  return (
    <IntlProvider
      locale={locale}
      defaultLocale="en"
      messages={{ ...messages, ...own } as unknown as Record<string, string>}
    >
      {children}
    </IntlProvider>
  )
}

export function useAuditText(): {
  text: (id: AuditMessageId, values?: Readonly<Record<string, string | number>>) => string
  /** A type of entry, or the state of a consent, in words; one that has none is told as it is. */
  named: (kind: 'type' | 'state', name: string) => string
} {
  const intl = useIntl()
  return {
    text: (id, values) => intl.formatMessage({ id }, values),
    named: (kind, name) => {
      const id = `audit.${kind}.${name}`
      return id in intl.messages ? intl.formatMessage({ id }) : name
    },
  }
}
