import type { Language } from '#core/domain/category-file.ts'

/** What a message is about. It names nobody and nothing: neither the customer, nor a business, nor what she keeps. */
export type About = 'confirm' | 'reminder'

interface MailWords {
  readonly subject: string
  /** Sentences before the address to open, and after it. */
  readonly before: string
  readonly after: string
}

interface Words {
  readonly confirm: MailWords
  readonly reminder: MailWords
  /** Before the address that ends these messages. */
  readonly stop: string
  /** A push. */
  readonly push: { readonly title: string; readonly body: string }
}

const words: Readonly<Record<Language, Words>> = {
  en: {
    confirm: {
      subject: 'Confirm this address for your vault',
      before:
        'Somebody, probably you, asked to be reminded at this address of what needs a look in their vault. To confirm it, open this page while signed in:',
      after: 'If it was not you, do nothing: nothing more is sent.',
    },
    reminder: {
      subject: 'Something in your vault wants your attention',
      before: 'There is something to look at in your vault:',
      after: 'For your privacy this message says no more.',
    },
    stop: 'To get no more of these messages:',
    push: { title: 'Your vault', body: 'Something in your vault wants your attention.' },
  },
  de: {
    confirm: {
      subject: 'Bestätigen Sie diese Adresse für Ihren Tresor',
      before:
        'Jemand, vermutlich Sie, möchte an diese Adresse erinnert werden, wenn im eigenen Tresor etwas anzusehen ist. Zum Bestätigen öffnen Sie angemeldet diese Seite:',
      after: 'Wenn Sie es nicht waren, tun Sie nichts: Es wird nichts weiter gesendet.',
    },
    reminder: {
      subject: 'In Ihrem Tresor gibt es etwas anzusehen',
      before: 'In Ihrem Tresor gibt es etwas anzusehen:',
      after: 'Zum Schutz Ihrer Privatsphäre sagt diese Nachricht nicht mehr.',
    },
    stop: 'Um keine dieser Nachrichten mehr zu bekommen:',
    push: { title: 'Ihr Tresor', body: 'In Ihrem Tresor gibt es etwas anzusehen.' },
  },
  ar: {
    confirm: {
      subject: 'أكّد هذا العنوان لخزنتك',
      before:
        'طلب شخص ما، ولعله أنت، أن يُذكَّر على هذا العنوان بما يستدعي النظر في خزنته. لتأكيده، افتح هذه الصفحة وأنت مسجّل الدخول:',
      after: 'إن لم تكن أنت، فلا تفعل شيئًا: لن يُرسَل شيء آخر.',
    },
    reminder: {
      subject: 'في خزنتك ما يستدعي نظرك',
      before: 'في خزنتك ما يستدعي نظرك:',
      after: 'حفاظًا على خصوصيتك لا تقول هذه الرسالة أكثر من ذلك.',
    },
    stop: 'لكيلا تصلك هذه الرسائل بعد الآن:',
    push: { title: 'خزنتك', body: 'في خزنتك ما يستدعي نظرك.' },
  },
}

export interface Message {
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly language: Language
}

/** One message, as text and as a page without anything to load. An address has a line of its own, whatever way the words run. */
export function mailOf(
  about: About,
  language: Language,
  { open, stop }: { readonly open: string; readonly stop: string },
): Message {
  const { [about]: said, stop: toStop } = words[language]
  const { subject, before, after } = said
  const lines = [before, open, after, toStop, stop]
  const shown = lines.map((line) =>
    line === open || line === stop
      ? `<p dir="ltr"><a href="${escapeHtml(line)}">${escapeHtml(line)}</a></p>`
      : `<p>${escapeHtml(line)}</p>`,
  )
  const direction = directionOf(language)
  const html = `<!doctype html><html lang="${language}" dir="${direction}"><meta charset="utf-8"><title>${escapeHtml(subject)}</title><body dir="${direction}">${shown.join('')}</body></html>`
  return { subject, text: [...lines, ''].join('\n\n'), html, language }
}

/** What a push carries, which only the browser can read: it shows these words and nothing else. */
export function pushOf(language: Language): string {
  return JSON.stringify({ ...words[language].push, lang: language, dir: directionOf(language) })
}

const directionOf = (language: Language) => (language === 'ar' ? 'rtl' : 'ltr')

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
