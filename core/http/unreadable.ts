import { randomUUID } from 'node:crypto'
import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { lingerMs, problemOf } from './problem.ts'

/** By the codes of Node and its parser. */
const refusals: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The head of a request may have 16 KB and 100 fields'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The extensions of chunks are too long: leave them out'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The head of a request must come within 10 s, all of it within 30 s'],
}
const malformed = [
  400,
  'This cannot be read as HTTP/1.1 without doubt (RFC 9112): mend what sends it',
] as const

/**
 * Refuses in problem details, too, what never becomes a request: a head that is too large, comes too slowly or could be read
 * in two ways. Nothing is put into a reply that is under way. The connection ends with it, once what still comes was dropped.
 */
export function refuseUnreadable(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex & Replying) => {
    // It was refused before: this is more of the same.
    if (socket.writableEnded) return
    const isUnderWay = socket._httpMessage?.headersSent === true
    if (error.code === 'ECONNRESET' || !socket.writable || isUnderWay) return void socket.destroy(error)
    const [status, detail] = refusals[error.code ?? ''] ?? malformed
    const { title, ...problem } = problemOf(status, randomUUID())
    const body = JSON.stringify({ ...problem, title, detail })
    const fields = [
      `HTTP/1.1 ${status} ${title}`,
      'Content-Type: application/problem+json',
      'Cache-Control: no-store',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ]
    socket.end(`${fields.join('\r\n')}\r\n\r\n${body}`)
    const timer = setTimeout(() => socket.destroy(error), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  })
}

/** As Node keeps it by itself: the reply whose turn it is. A map of ours would keep the last one for as long as its connection. */
interface Replying {
  readonly _httpMessage?: ServerResponse | null
}
