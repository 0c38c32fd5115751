/** A business's own list of what it received, against the releases in the log. */
import { CommandFailed, EXIT } from './exit.ts'
import type { ProvenEntry } from './openings.ts'

export interface ListedRow {
  /** Line of the file, from 1. */
  readonly line: number
  readonly index: number
  /** What else the list says, by column. */
  readonly said: ReadonlyMap<string, string>
}

export interface Difference {
  readonly line?: number
  readonly index: number
  readonly what: string
}

const MAX_ROWS = 2_000_000
const compared = ['grant', 'seq', 'purpose', 'fields', 'time'] as const

/** RFC 4180 with a head line. Throws `CommandFailed` (usage) for what is no such list. */
export function parseList(text: string): ListedRow[] {
  const [head, ...rows] = parseCsv(text)
  const names = head?.cells.map((name) => name.trim().toLowerCase()) ?? []
  const at = names.indexOf('index')
  if (at < 0) throw usage(1, 'the head line must name a column index')
  if (new Set(names).size !== names.length) throw usage(1, 'the head line names a column twice')
  return rows.map(({ line, cells: asWritten }) => {
    // Spreadsheets, and exports for them, mark with a quote what is text and begins like a formula.
    const cells = asWritten.map((cell) => cell.replace(/^'(?=[=+\-@])/, ''))
    if (cells.length !== names.length) throw usage(line, `has ${cells.length} cells, not ${names.length}`)
    const index = cells[at]?.trim() ?? ''
    if (!/^(?:0|[1-9]\d{0,15})$/.test(index)) throw usage(line, 'has no log index')
    const said = new Map(names.map((name, i) => [name, cells[i]?.trim() ?? '']))
    return { line, index: Number(index), said }
  })
}

function parseCsv(text: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = []
  // As long as any cell of such a list: without an end a hostile one would fill the stack.
  const cell = /(?:"((?:[^"]|""){0,8192})"|([^",\r\n]*))(,|\r?\n|$)/y
  let line = 1
  let cells: string[] = []
  let begun = 1
  for (
    cell.lastIndex = text.startsWith('\ufeff') ? 1 : 0;
    cell.lastIndex < text.length || cells.length > 0;
  ) {
    const found = cell.exec(text)
    if (found === null) throw usage(line, 'is no CSV')
    const [whole, quoted, plain = '', end] = found
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    line += whole.split('\n').length - 1
    if (end === ',') continue
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: begun, cells })
    if (rows.length > MAX_ROWS) throw usage(line, 'the list is too long')
    cells = []
    begun = line
  }
  return rows
}

/** By what a list is compared: a column of another name is the business's own and says nothing here. */
export function comparedIn([first]: readonly ListedRow[]): string[] {
  return ['index', ...compared.filter((column) => first?.said.has(column))]
}

/** Every difference, those of the list first, by line. `releases`: all `disclosed` entries of the log. */
export function compareLists(
  rows: readonly ListedRow[],
  releases: readonly ProvenEntry[],
  vendor: string,
): Difference[] {
  const logged = new Map(releases.map((entry) => [entry.index, entry]))
  const seen = new Set<number>()
  const differences: Difference[] = []
  for (const { line, index, said } of rows) {
    const say = (what: string) => differences.push({ line, index, what })
    const fact = logged.get(index)?.fact
    if (seen.has(index)) say('stands in the list twice')
    seen.add(index)
    if (fact?.type !== 'disclosed') say('the log has no release there')
    else if (fact.vendor !== vendor) say('the log has a release to another business there')
    else
      for (const column of compared) {
        const given = said.get(column)
        if (given !== undefined && given !== '' && !isSame(column, given, fact))
          say(`the log says another ${column}: ${told(column, fact)}`)
      }
  }
  for (const { index, fact } of releases)
    if (fact.type === 'disclosed' && fact.vendor === vendor && !seen.has(index))
      differences.push({
        index,
        what: `a release that the list lacks (grant ${fact.grant}, number ${fact.seq})`,
      })
  return differences
}

type Release = Extract<ProvenEntry['fact'], { readonly type: 'disclosed' }>

function told(column: (typeof compared)[number], fact: Release): string {
  if (column === 'fields') return fact.fields.toSorted().join(' ')
  return column === 'time' ? new Date(fact.time).toISOString() : String(fact[column])
}

/** Two minutes of difference between clocks are none. Both in Unix ms; what is no time is not the same. */
export function isSameMoment(one: number, other: number): boolean {
  return Math.abs(one - other) <= 120_000
}

function isSame(column: (typeof compared)[number], given: string, fact: Release): boolean {
  if (column === 'time') return isSameMoment(Date.parse(given), fact.time)
  if (column === 'fields')
    return (
      given
        .split(/[\s;,]+/)
        .toSorted()
        .join(' ') === told(column, fact)
    )
  return given === told(column, fact)
}

function usage(line: number, message: string): CommandFailed {
  return new CommandFailed(EXIT.usage, `the list, line ${line}: ${message}`)
}
