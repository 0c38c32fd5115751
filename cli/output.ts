/** Where commands print: results to standard output, remarks and failures to standard error. */
export interface Output {
  line(text: string): void
  json(value: unknown): void
  remark(text: string): void
}

export function outputTo(out: NodeJS.WritableStream, err: NodeJS.WritableStream): Output {
  return {
    line: (text) => void out.write(`${text}\n`),
    json: (value) => void out.write(`${JSON.stringify(value, null, 2)}\n`),
    remark: (text) => void err.write(`${text}\n`),
  }
}
