import type { Recipient, RequestedItem, Vendor } from '#schemas/types.gen.ts'
import { canonical } from './canonical.ts'
import { findFieldIn } from './catalogue.ts'
import type { Language } from './category-file.ts'
import { durationInWords } from './durations.ts'
import { noticeWords } from './notice-words.ts'
import { findPurpose } from './purposes.ts'

/** What a customer reads before deciding, made from the scope that will be enforced and from nothing else. */
export interface Notice {
  /** BCP 47. */
  readonly language: Language
  readonly items: readonly NoticeItem[]
  readonly retention: string
  readonly recipients: string
  readonly ending: string
  /** Version of the page that showed it; absent where the page did not say, as no page did before version 0.3. */
  readonly screen?: string
}

export interface NoticeItem {
  readonly id: string
  readonly required: boolean
  /** Who does what with which data, until when. */
  readonly asks: string
  /** One for each derived field: what is learned, and what is not. */
  readonly learns: readonly string[]
  /** The business's own words. */
  readonly why: string
}

export interface NoticeSource {
  readonly vendor: Pick<Vendor, 'name'>
  readonly items: readonly RequestedItem[]
  /** ISO 8601 duration. */
  readonly retention: string
  readonly recipients: readonly Recipient[]
  /** Unix ms. */
  readonly until: number
}

/**
 * The notice in the language that the page showed, and the version of that page. It names fields, never their values: its hash goes into the log, and
 * a hash over values could be guessed.
 */
export function noticeOf(
  { vendor, items, retention, recipients, until }: NoticeSource,
  language: Language = 'en',
  screen?: string,
): Notice {
  const { name } = vendor
  const words = noticeWords[language]
  const end = new Date(until)
  // The day in UTC.
  const lastDay = words.date(end.getUTCDate(), end.getUTCMonth(), end.getUTCFullYear())
  const dataInWords = (id: string): string => {
    const field = findFieldIn(language, id)
    if (field === undefined) return id
    return field.kind === 'derived' ? words.answer(field.title) : words.data(field.title)
  }
  const answersInWords = (id: string): string[] => {
    const field = findFieldIn(language, id)
    if (field?.kind !== 'derived') return []
    const learns = words.learns(name, field.title)
    // A size in another system says as much as the size itself.
    return [field.hides ? `${learns} ${words.notLearned(words.or(field.from.map(dataInWords)))}` : learns]
  }
  return {
    language,
    items: items.map(({ id, required, purpose, fields, why }) => ({
      id,
      required,
      asks: words.asks(
        name,
        words.and(fields.map(dataInWords)),
        findPurpose(purpose, language)?.phrase ?? purpose,
        lastDay,
      ),
      learns: fields.flatMap(answersInWords),
      why,
    })),
    retention: words.retention(name, durationInWords(retention, language)),
    recipients:
      recipients.length === 0
        ? words.noRecipients(name)
        : words.recipients(name, words.and(recipients.map((one) => `${one.name} (${one.role})`))),
    ending: words.ending(name),
    ...(screen === undefined ? {} : { screen }),
  }
}

/** The text whose hash is the notice hash of request, grant, log entry and receipt. */
export function noticeText(notice: Notice): string {
  return canonical(notice)
}
