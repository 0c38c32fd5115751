import { createInterface } from 'node:readline'

/** One line of standard input, in answer to a question on standard error; `undefined` when there is none. */
export async function ask(question: string): Promise<string | undefined> {
  process.stderr.write(question)
  for await (const line of createInterface({ input: process.stdin })) return line
  return undefined
}
