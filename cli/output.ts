/**
 * Where commands print: results to standard output, remarks and failures to standard error. Logs, pods and vaults say what they
 * like, so what drives a terminal is written as an escape.
 */
export interface Output {
  line(text: string): void
  json(value: unknown): void
  remark(text: string): void
  /** How far long work is; shown to people at a terminal only. `total` 0 takes it away. */
  progress(done: number, total: number): void
}

const BAR = 30
/** Less is done before anybody has read it. */
const WORTH_SHOWING = 2_000

export function outputTo(
  out: NodeJS.WritableStream,
  err: NodeJS.WritableStream & { isTTY?: boolean },
): Output {
  let shown = ''
  return {
    line: (text) => void out.write(`${inertLines(text)}\n`),
    json: (value) => void out.write(`${inertJson(JSON.stringify(value, null, 2))}\n`),
    remark: (text) => void err.write(`${inertLines(text)}\n`),
    progress(done, total) {
      if (err.isTTY !== true) return
      const filled = total === 0 ? 0 : Math.round((BAR * done) / total)
      const bar = total < WORTH_SHOWING ? '' : `[${'#'.repeat(filled).padEnd(BAR)}] ${done} of ${total}`
      if (bar === shown) return
      err.write(`\r\u001b[K${bar}`)
      shown = bar
    },
  }
}

/** What drives a terminal, or ends a line, as an escape; but for the joiners that names in some scripts need. */
export function inert(text: string): string {
  return text.replaceAll(
    /[[\p{Cc}\p{Cf}\u2028\u2029]--[\u200c\u200d]]/gv,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

const inertLines = (text: string): string => text.split('\n').map(inert).join('\n')

/** The same value to whoever reads it. */
function inertJson(text: string): string {
  // The first plane alone: in the others there are marks, which end nothing and drive nothing.
  return text.replaceAll(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
