import type { Recipient, RequestedItem, Vendor } from '#schemas/types.gen.ts'
import { canonical } from './canonical.ts'
import { findField } from './catalogue.ts'
import type { Field } from './catalogue.ts'
import { durationInWords } from './durations.ts'
import { findPurpose } from './purposes.ts'

/** What a customer reads before deciding, made from the scope that will be enforced and from nothing else. */
export interface Notice {
  /** BCP 47. */
  readonly language: string
  readonly items: readonly NoticeItem[]
  readonly retention: string
  readonly recipients: string
  readonly ending: string
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
 * The notice in English, the first language of the app. It names fields, never their values: its hash goes
 * into the log, and a hash over values could be guessed.
 */
export function noticeOf({ vendor, items, retention, recipients, until }: NoticeSource): Notice {
  const { name } = vendor
  const end = dateInWords(until)
  return {
    language: 'en',
    items: items.map(({ id, required, purpose, fields, why }) => ({
      id,
      required,
      asks: `${name} asks to read ${list(fields.map(dataInWords))} to ${phraseOf(purpose)}, until ${end}.`,
      learns: fields
        .map(findField)
        .flatMap((field) => (field?.kind === 'derived' ? [answerInWords(name, field)] : [])),
      why,
    })),
    retention: `${name} says it keeps what it read for ${durationInWords(retention)}.`,
    recipients:
      recipients.length === 0
        ? `${name} says it gives it to nobody else.`
        : `${name} says it gives it to ${list(recipients.map((one) => `${one.name} (${one.role})`))}.`,
    ending: `You can stop this at any time. ${name} can then no longer read. ${name} may still hold what it read before.`,
  }
}

/** The text whose hash is the notice hash of request, grant, log entry and receipt. */
export function noticeText(notice: Notice): string {
  return canonical(notice)
}

function phraseOf(purpose: string): string {
  return findPurpose(purpose)?.phrase ?? purpose
}

function dataInWords(id: string): string {
  const field = findField(id)
  if (field === undefined) return id
  return field.kind === 'derived' ? `the answer "${field.title}"` : `your ${uncapitalised(field.title)}`
}

function answerInWords(name: string, field: Field & { kind: 'derived' }): string {
  const learns = `${name} will learn: ${field.title}.`
  // A size in another system says as much as the size itself.
  return field.hides ? `${learns} Not ${list(field.from.map(dataInWords), 'or')}.` : learns
}

function uncapitalised(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function list(words: readonly string[], last: 'and' | 'or' = 'and'): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The day in UTC; no locale of the machine may change a text that is hashed. */
function dateInWords(time: number): string {
  const date = new Date(time)
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}
