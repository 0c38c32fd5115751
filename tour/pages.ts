/**
 * Pages of the tour's sample shop. They belong to the business, not to Reach: another origin, another look,
 * marked as sample.
 */

export const STYLE = `
:root { color-scheme: light dark; font: 17px/1.55 ui-serif, Georgia, serif; }
body { margin: 0; background: light-dark(#fbf6ec, #1d1a15); color: light-dark(#2b2418, #efe6d6); }
main { max-width: 40rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
header { display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; }
h1 { font-size: 1.9rem; margin: 0; letter-spacing: -.01em; }
.mark { font: 600 .8rem/1.4 ui-sans-serif, system-ui, sans-serif; padding: .15rem .55rem; border-radius: 1rem;
  background: light-dark(#7a4b12, #e7b565); color: light-dark(#fff, #221a0c); }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .25rem; }
dl { display: grid; grid-template-columns: minmax(9rem, auto) 1fr; gap: .35rem 1.25rem; margin: .75rem 0 0; }
dt { color: light-dark(#6b5a3d, #b9a88a); } dd, code { margin: 0; overflow-wrap: anywhere; }
p.note { color: light-dark(#6b5a3d, #b9a88a); }
nav { display: flex; gap: .75rem; flex-wrap: wrap; margin-top: 2.5rem; }
a.button { font: 600 1rem/1.2 ui-sans-serif, system-ui, sans-serif; padding: .75rem 1.1rem; border-radius: .6rem; text-decoration: none;
  border: 1.5px solid currentColor; color: inherit; }
a.button.first { background: light-dark(#2b2418, #efe6d6); color: light-dark(#fbf6ec, #1d1a15); border-color: transparent; }
a.button:focus-visible { outline: 3px solid light-dark(#1d5fd1, #8ab4ff); outline-offset: 2px; }
`

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const inert = (text: string): string => text.replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? '')

export interface ShopAnswer {
  readonly purpose: string
  readonly status: number
  /** Field id to value as text; empty when nothing was released. */
  readonly values: readonly (readonly [field: string, value: string])[]
  readonly logIndex?: number
}

/** A whole page; `base` is the path under which the shop is mounted, with a slash at the end. */
function page(base: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Corner Shop (sample)</title><link rel="stylesheet" href="${inert(base)}style.css"></head>
<body><main><header><h1>Corner Shop</h1><span class="mark">Sample business of the tour</span></header>${body}</main></body></html>`
}

/** What the shop knows about this customer right now. */
export function orderPage(
  base: string,
  vaultUrl: string,
  subject: string,
  answers: readonly ShopAnswer[],
): string {
  const parts = answers.map(({ purpose, status, values, logIndex }) => {
    const rows = values.map(([field, value]) => `<dt>${inert(field)}</dt><dd>${inert(value)}</dd>`).join('')
    const told = status === 200 ? `entry ${String(logIndex)} of the log` : `answer ${status}: nobody here`
    return `<section><h2>${inert(purpose)}</h2><p class="note">${told}</p><dl>${rows}</dl></section>`
  })
  return page(
    base,
    `<p>This is everything the shop received, asked for just now with its token. It knows you as
<code>${inert(subject)}</code>; another business would know you by another name.</p>${parts.join('')}
<nav><a class="button first" href="">Ask again</a>
<a class="button" href="${inert(vaultUrl)}/activity">See this read in your vault</a>
<a class="button" href="${inert(vaultUrl)}/relationships">Withdraw there, then ask again</a></nav>`,
  )
}

/** The customer said no, or later, or the page was opened out of turn. */
export function nothingPage(base: string, vaultUrl: string, why: string): string {
  return page(
    base,
    `<p>${inert(why)}</p><nav><a class="button first" href="${inert(base)}ask">Let the shop ask again</a>
<a class="button" href="${inert(vaultUrl)}/">Back to your vault</a></nav>`,
  )
}
