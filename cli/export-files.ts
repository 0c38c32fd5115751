/** The forms in which entries leave a log: same checkpoint and filter, same bytes, whoever makes them and when. */
import type { Fact } from '#core/domain/facts.ts'
import { grantIn, vendorIn } from '#core/domain/audit.ts'
import { ConsentRecords, processingRows, releasedKey } from '#core/domain/consent-records.ts'
import type { ProcessingRow } from '#core/domain/consent-records.ts'
import type { ProvenEntry } from './openings.ts'

export const formats = ['csv', 'jsonl', '27560', 'ropa', 'html'] as const
export type Format = (typeof formats)[number]

/** Whether a format tells how consents stand, which takes all entries of each. */
export function isOfConsents(format: Format): boolean {
  return format === '27560' || format === 'ropa'
}

/** Collects entries, and gives the files of a format by name once the log has proved to hold. */
export interface Exporter {
  see(entry: ProvenEntry): void
  /** `origin` of the log; `names` of businesses as the operator tells them. */
  files(about: ExportAbout): ReadonlyMap<string, { readonly text: string; readonly count: number }>
}

export interface ExportAbout {
  readonly origin: string
  readonly size: number
  readonly root: string
  readonly checkpoint: string
  readonly names: ReadonlyMap<string, string>
}

export function exporter(format: Format): Exporter {
  switch (format) {
    case 'csv':
      return lines('entries.csv', csvLine, `${columns.join()}\r\n`)
    case 'jsonl':
      return lines('entries.jsonl', jsonLine)
    case 'html':
      return page()
    case '27560':
      return records()
    case 'ropa':
      return processing()
  }
}

function lines(name: string, write: (entry: ProvenEntry) => string, head = ''): Exporter {
  const parts: string[] = []
  return {
    see: (entry) => void parts.push(write(entry)),
    files: () => new Map([[name, { text: head + parts.join(''), count: parts.length }]]),
  }
}

/** With the salt, so that each line can be held against the public entry by itself. */
function jsonLine({ index, line, salt }: ProvenEntry): string {
  return `${JSON.stringify({ index, facts: JSON.parse(line) as unknown, line, salt })}\n`
}

const columns = [
  'index',
  'time',
  'type',
  'business',
  'grant',
  'request',
  'purpose',
  'fields',
  'seq',
  'until',
  'salt',
  'facts',
]

function cellsOf({ index, line, salt, fact }: ProvenEntry): string[] {
  const items = itemsOf(fact)
  const iso = (time: number) => new Date(time).toISOString()
  return [
    String(index),
    iso(fact.time),
    fact.type,
    vendorIn(fact) ?? '',
    grantIn(fact) ?? '',
    'request' in fact ? fact.request : '',
    [...new Set(items.map(({ purpose }) => purpose))].join(' '),
    [...new Set(items.flatMap(({ fields }) => fields))].join(' '),
    'seq' in fact ? String(fact.seq) : '',
    'until' in fact ? iso(fact.until) : '',
    salt,
    line,
  ]
}

function itemsOf(fact: Fact): readonly { readonly purpose: string; readonly fields: readonly string[] }[] {
  if ('items' in fact) return fact.items
  return fact.type === 'disclosed' ? [fact] : []
}

/** RFC 4180. What a spreadsheet would take for a formula is told to be text. */
function csvLine(entry: ProvenEntry): string {
  const cells = cellsOf(entry).map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell))
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join()}\r\n`
}

function records(): Exporter {
  const consents = new ConsentRecords()
  return {
    see: (entry) => consents.see(entry),
    files({ origin, names }) {
      const all = [...consents.records(origin, names)]
      return new Map([['consents.jsonld', { text: `${JSON.stringify(all, null, 2)}\n`, count: all.length }]])
    },
  }
}

function processing(): Exporter {
  const consents = new ConsentRecords()
  const released = new Map<string, number>()
  return {
    see(entry) {
      consents.see(entry)
      const { fact } = entry
      if (fact.type !== 'disclosed') return
      const key = releasedKey(fact.vendor, fact.purpose)
      released.set(key, (released.get(key) ?? 0) + 1)
    },
    files(about) {
      const rows = processingRows(consents.grants(), released, about.names)
      return new Map([
        ['processing.json', { text: `${JSON.stringify(rows, null, 2)}\n`, count: rows.length }],
        ['processing.html', { text: processingPage(rows, about), count: rows.length }],
      ])
    },
  }
}

function page(): Exporter {
  const rows: string[][] = []
  return {
    see: (entry) => void rows.push(cellsOf(entry).slice(0, 10)),
    files(about) {
      const text = html('Entries of the log', about, table(columns.slice(0, 10), rows))
      return new Map([['entries.html', { text, count: rows.length }]])
    },
  }
}

function processingPage(rows: readonly ProcessingRow[], about: ExportAbout): string {
  const heads = [
    'Controller',
    'Purpose',
    'Categories of data',
    'Special categories',
    'Data subjects',
    'Recipients',
    'Consents',
    'Releases',
    'Time limit',
  ]
  const cells = rows.map((row) => [
    `${row.controllerName} (${row.controller})`,
    `${row.purposeTitle} (${row.purpose})`,
    row.categories.join(', '),
    row.specialCategories.join(', '),
    row.dataSubjects,
    row.recipients,
    Object.entries(row.consents)
      .map(([state, count]) => `${count} ${state}`)
      .join(', '),
    String(row.disclosures),
    row.latestEnd,
  ])
  return html('Record of processing (GDPR Art. 30)', about, table(heads, cells))
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>\n`
  return `<table><thead>${row(heads, 'th')}</thead><tbody>\n${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table>`
}

function html(title: string, { origin, size, root, checkpoint }: ExportAbout, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>${escaped(title)}</title>
<style>
body { font: 11px/1.4 system-ui, sans-serif; margin: 2rem; color: #111; background: #fff }
table { border-collapse: collapse; width: 100% } thead { display: table-header-group }
th, td { border-bottom: 1px solid #bbb; padding: 3px 6px; text-align: left; vertical-align: top; overflow-wrap: anywhere }
tr { break-inside: avoid } pre { white-space: pre-wrap; overflow-wrap: anywhere }
</style>
<h1>${escaped(title)}</h1>
<p>${escaped(origin)}: ${size} entries, root ${escaped(root)}. Files and digests: manifest.json.</p>
<pre>${escaped(checkpoint)}</pre>
${body}
</html>
`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
