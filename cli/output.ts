/** Where commands print: results to standard output, remarks and failures to standard error. */
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
    line: (text) => void out.write(`${text}\n`),
    json: (value) => void out.write(`${JSON.stringify(value, null, 2)}\n`),
    remark: (text) => void err.write(`${text}\n`),
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
