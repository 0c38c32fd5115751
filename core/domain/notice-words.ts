import type { Language } from './category-file.ts'

/** The sentences of a notice in one language. No locale of the machine may change a text that is hashed. */
export interface NoticeWords {
  readonly asks: (name: string, data: string, purpose: string, end: string) => string
  /** A field by its title, and a derived one, of which the answer alone leaves. */
  readonly data: (title: string) => string
  readonly answer: (title: string) => string
  readonly learns: (name: string, title: string) => string
  readonly notLearned: (data: string) => string
  readonly retention: (name: string, duration: string) => string
  readonly noRecipients: (name: string) => string
  readonly recipients: (name: string, others: string) => string
  readonly ending: (name: string) => string
  readonly and: (words: readonly string[]) => string
  readonly or: (words: readonly string[]) => string
  /** `month` from 0. */
  readonly date: (day: number, month: number, year: number) => string
  readonly units: Readonly<Record<'Y' | 'M' | 'W' | 'D', (count: number) => string>>
}

const counted =
  (one: string, others: string) =>
  (count: number): string =>
    `${count} ${count === 1 ? one : others}`

/** Arabic: one, two (in the genitive, since a duration stands after its noun), three to ten, eleven on, hundreds. */
const countedInArabic =
  (one: string, two: string, few: string, many: string, hundreds: string) =>
  (count: number): string => {
    if (count === 1) return one
    if (count === 2) return two
    const rest = count % 100
    return `${count} ${rest >= 3 && rest <= 10 ? few : rest >= 11 ? many : hundreds}`
  }

const joined =
  (comma: string, last: string) =>
  (words: readonly string[]): string =>
    words.length < 2 ? (words[0] ?? '') : words.slice(0, -1).join(comma) + last + words.at(-1)

const uncapitalised = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)

export const noticeWords: Readonly<Record<Language, NoticeWords>> = {
  en: {
    asks: (name, data, purpose, end) => `${name} asks to read ${data} to ${purpose}, until ${end}.`,
    data: (title) => `your ${uncapitalised(title)}`,
    answer: (title) => `the answer "${title}"`,
    learns: (name, title) => `${name} will learn: ${title}.`,
    notLearned: (data) => `Not ${data}.`,
    retention: (name, duration) => `${name} says it keeps what it read for ${duration}.`,
    noRecipients: (name) => `${name} says it gives it to nobody else.`,
    recipients: (name, others) => `${name} says it gives it to ${others}.`,
    ending: (name) =>
      `You can stop this at any time. ${name} can then no longer read. ${name} may still hold what it read before.`,
    and: joined(', ', ' and '),
    or: joined(', ', ' or '),
    date: (day, month, year) =>
      `${day} ${['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][month]} ${year}`,
    units: {
      Y: counted('year', 'years'),
      M: counted('month', 'months'),
      W: counted('week', 'weeks'),
      D: counted('day', 'days'),
    },
  },
  de: {
    asks: (name, data, purpose, end) => `${name} möchte ${data} lesen, um ${purpose}, bis ${end}.`,
    data: (title) => `„${title}“`,
    answer: (title) => `die Antwort „${title}“`,
    learns: (name, title) => `${name} erfährt: ${title}.`,
    notLearned: (data) => `Nicht: ${data}.`,
    retention: (name, duration) => `${name} sagt, dass es das Gelesene ${duration} lang aufbewahrt.`,
    noRecipients: (name) => `${name} sagt, dass es das Gelesene an niemanden weitergibt.`,
    recipients: (name, others) => `${name} sagt, dass es das Gelesene weitergibt an: ${others}.`,
    ending: (name) =>
      `Sie können das jederzeit widerrufen. ${name} kann dann nicht mehr lesen. ${name} hat vielleicht noch, was es vorher gelesen hat.`,
    and: joined(', ', ' und '),
    or: joined(', ', ' oder '),
    date: (day, month, year) =>
      `${day}. ${['Januar', 'Februar', 'März', 'April', 'Mai', 'Juni', 'Juli', 'August', 'September', 'Oktober', 'November', 'Dezember'][month]} ${year}`,
    units: {
      Y: counted('Jahr', 'Jahre'),
      M: counted('Monat', 'Monate'),
      W: counted('Woche', 'Wochen'),
      D: counted('Tag', 'Tage'),
    },
  },
  ar: {
    asks: (name, data, purpose, end) => `ترغب ${name} في قراءة ${data} ${purpose}، حتى ${end}.`,
    data: (title) => `«${title}»`,
    answer: (title) => `الإجابة «${title}»`,
    learns: (name, title) => `ستعرف ${name}: ${title}.`,
    notLearned: (data) => `ولن تعرف: ${data}.`,
    retention: (name, duration) => `تقول ${name} إنها تحتفظ بما قرأته مدة ${duration}.`,
    noRecipients: (name) => `تقول ${name} إنها لا تعطيه لأحد غيرها.`,
    recipients: (name, others) => `تقول ${name} إنها تعطيه لـ: ${others}.`,
    ending: (name) =>
      `يمكنك سحب هذا في أي وقت. عندها لا تستطيع ${name} القراءة بعد ذلك. وربما لا تزال ${name} تحتفظ بما قرأته سابقًا.`,
    and: joined('، ', ' و'),
    or: joined('، ', ' أو '),
    date: (day, month, year) =>
      `${day} ${['يناير', 'فبراير', 'مارس', 'أبريل', 'مايو', 'يونيو', 'يوليو', 'أغسطس', 'سبتمبر', 'أكتوبر', 'نوفمبر', 'ديسمبر'][month]} ${year}`,
    units: {
      Y: countedInArabic('سنة واحدة', 'سنتين', 'سنوات', 'سنة', 'سنة'),
      M: countedInArabic('شهر واحد', 'شهرين', 'أشهر', 'شهرًا', 'شهر'),
      W: countedInArabic('أسبوع واحد', 'أسبوعين', 'أسابيع', 'أسبوعًا', 'أسبوع'),
      D: countedInArabic('يوم واحد', 'يومين', 'أيام', 'يومًا', 'يوم'),
    },
  },
}
