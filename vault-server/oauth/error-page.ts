import { hash } from 'node:crypto'
import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider'
import { languages } from '#core/domain/category-file.ts'
import type { Language } from '#core/domain/category-file.ts'

/**
 * Errors of the authorization server: OAuth's JSON for programs; for a browser a page that says calmly, in the language
 * it prefers, what happened. The page holds no input: only an error code of the closed form of RFC 6749 is repeated, as
 * text.
 */
export function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): void {
  ctx.set('Cache-Control', 'no-store')
  if (ctx.accepts('json', 'html') !== 'html') {
    ctx.type = 'json'
    ctx.body = out
    return
  }
  const preferred = ctx.acceptsLanguages([...languages])
  ctx.type = 'html'
  ctx.set('Content-Security-Policy', policy)
  ctx.body = page(out.error, languages.find((language) => language === preferred) ?? 'en')
}

/** As the app looks: its tokens do not reach a page that loads nothing. */
const style = `
:root { color-scheme: light dark; background: light-dark(#f6f8f7, #0f1615); color: light-dark(#12201d, #edf4f1);
  font: 1.0625rem/1.5 -apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif; }
main { max-width: 40rem; margin: 12vh auto; padding: 0 1.25rem; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 620; text-wrap: balance; }
small, code { color: light-dark(#4a5c57, #a9bab4); }
`
const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; frame-ancestors 'none'; base-uri 'none'`

function page(code: string, language: Language): string {
  const known = /^[a-z_]{1,60}$/.test(code) ? code : 'error'
  const { title, explanations, other, next, forBusiness } = words[language]
  return `<!doctype html>
<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
<main>
<h1>${title}</h1>
<p>${explanations[known] ?? other}</p>
<p>${next}</p>
<p><small>${forBusiness} <code dir="ltr">${known}</code></small></p>
</main>
</html>
`
}

interface Words {
  readonly title: string
  readonly explanations: Readonly<Record<string, string>>
  readonly other: string
  readonly next: string
  readonly forBusiness: string
}

const words: Readonly<Record<Language, Words>> = {
  en: {
    title: 'This request cannot go on',
    explanations: {
      invalid_request:
        'It has expired, was answered already, or was begun in another browser. Nothing was shared by opening it here.',
      invalid_request_uri: 'It has expired or was answered already. Nothing was shared by opening it here.',
      server_error: 'Something went wrong on our side. Nothing was shared. Please try again in a while.',
    },
    other: 'The business sent something that cannot be used. Nothing was shared.',
    next: 'You can close this page. If you still want to, start again at the business.',
    forBusiness: 'For the business:',
  },
  de: {
    title: 'Diese Anfrage geht nicht weiter',
    explanations: {
      invalid_request:
        'Ihre Zeit ist abgelaufen, sie wurde schon beantwortet, oder sie wurde in einem anderen Browser begonnen. Durch das Öffnen hier wurde nichts weitergegeben.',
      invalid_request_uri:
        'Ihre Zeit ist abgelaufen, oder sie wurde schon beantwortet. Durch das Öffnen hier wurde nichts weitergegeben.',
      server_error:
        'Bei uns ist etwas schiefgegangen. Es wurde nichts weitergegeben. Versuchen Sie es später noch einmal.',
    },
    other: 'Das Unternehmen hat etwas gesendet, das nicht verwendbar ist. Es wurde nichts weitergegeben.',
    next: 'Sie können diese Seite schließen. Wenn Sie noch möchten, beginnen Sie beim Unternehmen neu.',
    forBusiness: 'Für das Unternehmen:',
  },
  ar: {
    title: 'لا يمكن متابعة هذا الطلب',
    explanations: {
      invalid_request: 'انتهى وقته، أو أُجيب عنه من قبل، أو بدأ في متصفح آخر. لم تتم مشاركة أي شيء بفتحه هنا.',
      invalid_request_uri: 'انتهى وقته أو أُجيب عنه من قبل. لم تتم مشاركة أي شيء بفتحه هنا.',
      server_error: 'حدث خطأ من جانبنا. لم تتم مشاركة أي شيء. حاول مجددًا بعد حين.',
    },
    other: 'أرسلت الشركة شيئًا لا يمكن استخدامه. لم تتم مشاركة أي شيء.',
    next: 'يمكنك إغلاق هذه الصفحة. إن كنت لا تزال ترغب في ذلك فابدأ من جديد لدى الشركة.',
    forBusiness: 'للشركة:',
  },
}
