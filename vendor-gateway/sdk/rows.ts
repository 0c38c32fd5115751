/** Reads many customers: streamed rows (NDJSON), asked again where something was missing or put off. */
import type { QueryRow } from '../../schemas/types.gen.ts'
import { parsed, ReachError } from './errors.ts'
import { pause, type Gateway, type TokenSource } from './gateway.ts'

export interface Query {
  readonly purpose: string
  readonly fields: readonly string[]
}

export interface RowsOptions {
  readonly signal?: AbortSignal | undefined
  /** Told after each chunk. */
  readonly onProgress?: ((progress: { readonly done: number; readonly of: number }) => void) | undefined
  /** How often a subject whose pod did not answer is asked again; 2 unless said otherwise. */
  readonly laterAttempts?: number | undefined
}

/** The most subjects of one request. */
const AT_ONCE = 1_000
const LATER_MS = 2_000
/** A stream that is cut off is asked again for what is left, so often without any row in between. */
const CUTS = 3

/**
 * One row for each subject, in no promised order: the values with their proof, or why there are none. Subjects may be
 * any number; they are taken as they are needed. Throws `ReachError`.
 */
export async function* readRows(
  { gateway, tokens }: { gateway: Gateway; tokens: TokenSource },
  query: Query,
  subjects: Iterable<string> | AsyncIterable<string>,
  options: RowsOptions = {},
): AsyncGenerator<QueryRow, void, undefined> {
  let done = 0
  let of = 0
  for await (const chunk of chunksOf(subjects)) {
    of += chunk.length
    let open = chunk
    for (let attempt = 0; open.length > 0; attempt++) {
      const isLast = attempt >= (options.laterAttempts ?? 2)
      const later: string[] = []
      for await (const row of everyRow({ gateway, tokens }, query, open, options.signal)) {
        if (!isLast && 'error' in row && row.error === 'later') {
          later.push(row.subject)
          continue
        }
        done++
        yield row
      }
      options.onProgress?.({ done, of })
      open = later
      if (open.length > 0) await pause(LATER_MS * 2 ** attempt, options.signal)
    }
  }
}

/** Rows of one request; what a cut stream left out is asked again. */
async function* everyRow(
  { gateway, tokens }: { gateway: Gateway; tokens: TokenSource },
  query: Query,
  subjects: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<QueryRow, void, undefined> {
  const open = new Set(subjects)
  for (let cuts = 0; open.size > 0;) {
    const asked = open.size
    const response = await gateway.send(
      {
        method: 'POST',
        path: '/v1/query',
        accept: 'application/x-ndjson',
        body: { ...query, subjects: [...open] },
        signal,
      },
      tokens,
    )
    let isWhole = false
    for await (const line of linesOf(response)) {
      if ('summary' in line) isWhole = true
      else if ('subject' in line && open.delete(line.subject)) yield line
    }
    if (isWhole) return
    if (open.size === asked && ++cuts === CUTS)
      throw new ReachError({
        code: 'stream-cut',
        status: 200,
        detail: 'the answer breaks off again and again',
      })
  }
}

type Line = QueryRow | { readonly progress: unknown } | { readonly summary: unknown }

async function* linesOf(response: Response): AsyncGenerator<Line, void, undefined> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const part of response.body ?? []) {
      text += decoder.decode(part as Uint8Array, { stream: true })
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield parsed(line, response.status) as Line
    }
  } catch (error) {
    // A broken connection is a cut like any other; a consumer that fails is not ours to catch.
    if (error instanceof ReachError) throw error
    if (!(error instanceof TypeError || (error instanceof Error && 'code' in error))) throw error
  }
}

async function* chunksOf(
  subjects: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string[], void, undefined> {
  let chunk: string[] = []
  for await (const subject of subjects) {
    if (chunk.push(subject) < AT_ONCE) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
