import type { IncomingMessage } from 'node:http'
import type { Express, Request, RequestHandler, Response } from 'express'
import { methodNotAllowed } from '#core/http/problem.ts'
import type { Logger } from '#core/logger.ts'
import type { Operation } from './operations.ts'
import { checkReply, send } from './reply.ts'
import type { HeaderFields, Reply } from './reply.ts'
import { sendStream } from './stream.ts'
import type { StreamReply } from './stream.ts'

/** An answer, and the fields that belong to whoever asked. */
export interface Handled {
  readonly reply: Reply | StreamReply
  readonly more: HeaderFields
}

export type Handler = (request: Request, response: Response) => Promise<Handled>

/** How long the reader of a stream may take for one piece, in ms: by so much at most is a row older than its arrival. */
const PATIENCE_MS = 10_000
/** A whole reply may be as large as several pieces: it may take so many times as long. */
const WHOLE = 6

/** Answers a request for good; rejects with what is to be told instead. */
export type Answering = (request: Request, response: Response) => Promise<void>

/**
 * Serves the operations of one path. HEAD is not served on guarded paths: a reply that nobody gets would still be a
 * disclosure on record.
 */
export function servePath(
  app: Express,
  path: string,
  served: readonly { readonly operation: Operation; readonly answer: Answering }[],
): void {
  const isPublic = served.every(({ operation }) => operation.access === 'public')
  const allowed = served.map(({ operation }) => operation.method.toUpperCase())
  const refuseOthers = methodNotAllowed(...allowed, ...(isPublic ? ['HEAD'] : []))
  const at = app.route(routeOf(path))
  if (!isPublic) at.head(refuseOthers)
  for (const { operation, answer } of served) at[operation.method](answer)
  at.all(refuseOthers)
}

/** As Express writes it. */
export function routeOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

/** Sends what the handler of an operation gives. */
export function answering(
  operation: Operation,
  handler: Handler,
  options: { log: Logger; checksReplies: boolean; streamPatienceMs?: number | undefined },
): Answering {
  const { log, checksReplies, streamPatienceMs: patienceMs = PATIENCE_MS } = options
  return async (request, response) => {
    const { reply, more } = await handler(request, response)
    if ('pieces' in reply) {
      await stream(response, reply, more)
      return
    }
    if (checksReplies) checkReply(operation.reply, reply)
    send(response, reply, more)
    if (response.writableLength > 0) hurry(response, WHOLE * patienceMs)
  }

  async function stream(response: Response, { headers, pieces }: StreamReply, more: HeaderFields) {
    try {
      const cut = await sendStream(response, { headers: { ...headers, ...more }, pieces }, { patienceMs })
      if (cut !== undefined) log.info('stream-cut', { reason: cut })
    } catch (error) {
      // With the head gone nobody can be answered any more.
      if (!response.headersSent) throw error
      log.warn('stream-cut', { reason: 'refused' }, error)
    }
  }
}

/** Cuts a reader off who has not taken a reply by then: it lies in our memory, and in its business's turn. */
function hurry(response: Response, ms: number): void {
  const timer = setTimeout(() => response.socket?.resetAndDestroy(), ms)
  response.once('close', () => clearTimeout(timer))
}

export function splitUrl({ url = '' }: Pick<IncomingMessage, 'url'>): { path: string; query: string } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) }
}

/** One field of a request by its name in lower case; several of one name come joined (RFC 9110 section 5.3). */
export function fieldOf({ headers }: Request, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** Turns a middleware that reads a body into a promise of it. */
export function bodyReader(
  middleware: RequestHandler,
): (request: Request, response: Response) => Promise<unknown> {
  return async (request, response) => {
    await new Promise<void>((resolve, reject) => {
      middleware(request, response, (error?: unknown) => {
        if (error === undefined) resolve()
        else reject(error)
      })
    })
    return request.body
  }
}

/** When a reply was taken, or its reader is gone. */
export function untilClosed(response: Response): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) resolve()
    else response.once('close', resolve)
  })
}

/** Whether the sender would rather have `type` than the first of the types of an operation (RFC 9110 section 12.5.1). */
export function prefers(request: Request, usual: string, type: string): boolean {
  const { accept } = request.headers
  return accept?.toLowerCase().includes(type) === true && request.accepts(usual, type) === type
}
