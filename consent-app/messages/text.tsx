import { Fragment } from 'react'
import type { ReactNode } from 'react'
import { IntlProvider, useIntl } from 'react-intl'
import { parseDuration } from './duration.ts'
import type { Locale, MessageId } from './locale.ts'

export function TextProvider({ locale, children }: { locale: Locale; children: ReactNode }) {
  return (
    <IntlProvider locale={locale.formats} defaultLocale="en" messages={locale.texts}>
      {children}
    </IntlProvider>
  )
}

type Plain = string | number | Date | boolean
type Values = Readonly<Record<string, Plain>>
type RichValues = Readonly<Record<string, ReactNode | Date | ((parts: ReactNode[]) => ReactNode)>>

/** `text` gives a string, `rich` puts elements into a text: as arguments, or round a part of it (`<b>...</b>`). */
export function useText() {
  const intl = useIntl()
  return {
    text: (id: MessageId, values?: Values): string => intl.formatMessage({ id }, values),
    rich: (id: MessageId, values?: RichValues): ReactNode =>
      intl.formatMessage({ id }, { b: bold, ...values } as Parameters<typeof intl.formatMessage>[1]),
    has: (id: string): id is MessageId => Object.hasOwn(intl.messages, id),
  }
}

function bold(parts: ReactNode[]): ReactNode {
  return (
    <b>
      {parts.map((part, index) => (
        <Fragment key={index}>{part}</Fragment>
      ))}
    </b>
  )
}

/** Dates, times, lists and durations as the reader writes them. Dates are RFC 3339 strings or Unix ms. */
export function useFormats() {
  const intl = useIntl()
  const { text } = useText()
  return {
    locale: intl.locale,
    day: (time: string | number) => intl.formatDate(time, { dateStyle: 'long' }),
    shortDay: (time: string | number) => intl.formatDate(time, { dateStyle: 'medium' }),
    time: (time: string | number) => intl.formatTime(time, { timeStyle: 'short' }),
    moment: (time: string | number) => intl.formatDate(time, { dateStyle: 'medium', timeStyle: 'short' }),
    /** A calendar day without a time zone, such as a birth date: `YYYY-MM-DD`. */
    calendarDay: (day: string) => intl.formatDate(`${day}T00:00:00Z`, { dateStyle: 'long', timeZone: 'UTC' }),
    /** In kB or MB, as people read it. */
    size: (bytes: number) =>
      bytes < 1_000_000
        ? intl.formatNumber(Math.ceil(bytes / 1000), { style: 'unit', unit: 'kilobyte' })
        : intl.formatNumber(bytes / 1_000_000, { style: 'unit', unit: 'megabyte', maximumFractionDigits: 1 }),
    list: (parts: readonly string[]) => intl.formatList(parts, { type: 'conjunction' }),
    /** ISO 8601 such as P90D. */
    duration: (iso: string) => {
      const { years, months, weeks, days } = parseDuration(iso)
      const parts = [
        years > 0 ? text('duration.years', { count: years }) : '',
        months > 0 ? text('duration.months', { count: months }) : '',
        weeks > 0 ? text('duration.weeks', { count: weeks }) : '',
        days > 0 ? text('duration.days', { count: days }) : '',
      ].filter((part) => part !== '')
      return parts.length === 0 ? text('duration.none') : intl.formatList(parts, { type: 'conjunction' })
    },
    language: (tag: string) => displayName(intl.locale, 'language', tag),
    country: (code: string) => displayName(intl.locale, 'region', code),
  }
}

/** The tag itself where there is no name for it: what a pod holds need not be well formed. */
function displayName(locale: string, type: 'language' | 'region', code: string): string {
  try {
    return new Intl.DisplayNames([locale], { type }).of(code) ?? code
  } catch {
    return code
  }
}
