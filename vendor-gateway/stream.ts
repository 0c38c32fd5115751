import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { HeaderFields } from './reply.ts'

/** Pieces of a text that is sent while it is made. The next piece is asked for when the one before is out of our hands. */
export interface StreamReply {
  readonly headers: HeaderFields
  readonly pieces: AsyncGenerator<string, void, undefined>
}

/** Why a stream ended before its end. */
export type StreamCut = 'reader-slow' | 'reader-gone'

/**
 * Sends a stream, piece by piece. A piece is made only when the one before has left this process, so a slow reader holds
 * one piece in memory and not the rest, and what he gets was released at most `patienceMs` before. Who takes longer is
 * cut off by a reset, so that what still waits in the kernel is gone as well. After the head an error can be shown in one
 * way only: the connection is destroyed, and the text never ends cleanly. What fails before the first piece is thrown with nothing sent, to be answered as any other refusal; later
 * faults are thrown when the connection is gone.
 */
export async function sendStream(
  response: ServerResponse,
  { headers, pieces }: StreamReply,
  { patienceMs }: { patienceMs: number },
): Promise<StreamCut | undefined> {
  let piece = await pieces.next()
  let cut: StreamCut | undefined
  const digest = createHash('sha256')
  // Some proxies speak HTTP/1.0 to us, which has no chunks and so no trailers: the last line is then all there is.
  const hasTrailers = response.req.httpVersion !== '1.0'
  try {
    response.writeHead(200, hasTrailers ? { ...headers, Trailer: 'Content-Digest' } : headers)
    for (; piece.done !== true; piece = await pieces.next()) {
      if (response.destroyed) return (cut = 'reader-gone')
      digest.update(piece.value)
      if (!response.write(piece.value)) await drained(response, patienceMs)
    }
    if (hasTrailers) response.addTrailers({ 'Content-Digest': `sha-256=:${digest.digest('base64')}:` })
    response.end()
    return undefined
  } catch (error) {
    if (!(error instanceof NotDrained)) throw error
    return (cut = error.cut)
  } finally {
    if (cut === 'reader-slow') response.socket?.resetAndDestroy()
    // What was released before the fault still goes out, and then no end of the text.
    else if (response.headersSent && !response.writableEnded) response.socket?.destroySoon()
    await pieces.return()
  }
}

class NotDrained extends Error {
  readonly cut: StreamCut
  constructor(cut: StreamCut) {
    super(cut)
    this.cut = cut
  }
}

async function drained(response: ServerResponse, patienceMs: number): Promise<void> {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), patienceMs)
  const gone = () => over.abort('gone')
  response.once('close', gone)
  try {
    await once(response, 'drain', { signal: over.signal })
  } catch (cause) {
    if (!over.signal.aborted) throw cause
    throw new NotDrained(over.signal.reason === 'gone' ? 'reader-gone' : 'reader-slow')
  } finally {
    clearTimeout(timer)
    response.off('close', gone)
  }
}
