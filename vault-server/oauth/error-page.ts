import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider'

/**
 * Errors of the authorization server: OAuth's JSON for programs; for a browser a page that says calmly what
 * happened. The page holds no input: only an error code of the closed form of RFC 6749 is repeated, as text.
 */
export function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): void {
  ctx.set('Cache-Control', 'no-store')
  if (ctx.accepts('json', 'html') !== 'html') {
    ctx.type = 'json'
    ctx.body = out
    return
  }
  ctx.type = 'html'
  ctx.body = page(out.error)
}

function page(code: string): string {
  const known = /^[a-z_]{1,60}$/.test(code) ? code : 'error'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>This request cannot go on</title>
<h1>This request cannot go on</h1>
<p>${explanations[known] ?? 'The business sent something that cannot be used. Nothing was shared.'}</p>
<p>You can close this page. If you still want to, start again at the business.</p>
<p><small>For the business: <code>${known}</code></small></p>
</html>
`
}

const explanations: Readonly<Record<string, string>> = {
  invalid_request:
    'It has expired, was answered already, or was begun in another browser. Nothing was shared by opening it here.',
  invalid_request_uri: 'It has expired or was answered already. Nothing was shared by opening it here.',
  server_error: 'Something went wrong on our side. Nothing was shared. Please try again in a while.',
}
