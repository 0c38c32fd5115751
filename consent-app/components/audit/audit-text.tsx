import type { ReactNode } from 'react'
import { IntlProvider, useIntl } from 'react-intl'
import type { MessageId } from '../../messages/locale.ts'
import english from '../../pages/audit/messages/en.json' with { type: 'json' }

export type AuditMessageId = keyof typeof english | MessageId

/** The words of the auditor's pages beside those of the app: loaded by who reviews, and by nobody else. In English only. */
export function AuditText({ children }: { children: ReactNode }) {
  const { locale, messages } = useIntl()
  return (
    <IntlProvider
      locale={locale}
      defaultLocale="en"
      messages={{ ...messages, ...english } as unknown as Record<string, string>}
    >
      <div lang="en" dir="ltr">
        {children}
      </div>
    </IntlProvider>
  )
}

export function useAuditText(): {
  text: (id: AuditMessageId, values?: Readonly<Record<string, string | number>>) => string
} {
  const intl = useIntl()
  return { text: (id, values) => intl.formatMessage({ id }, values) }
}
