import type dns from 'node:dns'
// undici's own fetch: an Agent of ours does not work with the global one, which belongs to another undici.
import { Agent, buildConnector, fetch as undiciFetch } from 'undici'
import { GuardedSocket } from './guarded-socket.ts'
import { OutboundRefused, guardedLookup, refuseLiteral, refusePeer } from './public-address.ts'

export interface Outbound extends AsyncDisposable {
  /**
   * Like the global fetch, for addresses that others chose. Rejects with `OutboundRefused`, possibly as the
   * cause of a TypeError, for what is not public https; with a TimeoutError; or with `ReplyTooLarge`. The
   * body of the reply is read already, unless it `streams`. Redirects are followed for GET and HEAD only, up to
   * `maxRedirects`, each hop checked anew.
   */
  readonly fetch: typeof globalThis.fetch
  /** A WebSocket with the same guard. A message is bounded like a body, and so is what comes in a minute. */
  openSocket(url: string): GuardedSocket
}

export interface OutboundOptions {
  /** Exact origins that may be reached although private or plain http. */
  readonly allow: readonly string[]
  /** For one call with all its redirects and the body. */
  readonly timeoutMs?: number
  /** Of the decoded body. */
  readonly maxBytes?: number
  /** 0, unless said otherwise: a redirect is then a reply like any other. */
  readonly maxRedirects?: number
  /** Bodies of either side are passed on while they come, not read before: then `timeoutMs` is for each silence. */
  readonly streams?: boolean
  readonly lookup?: typeof dns.lookup
}

export class ReplyTooLarge extends Error {
  override readonly name = 'ReplyTooLarge'
  readonly code = 'reply-too-large'
}

/** A guarded fetch and the connections behind it; disposing ends them. */
export function createOutbound(options: OutboundOptions): Outbound {
  const { timeoutMs = 5_000, maxBytes = 65_536, maxRedirects = 0, streams = false } = options
  const allowed = new Set(options.allow)
  const connect = guardedConnector(allowed, timeoutMs, options.lookup)
  const dispatcher = new Agent({
    connect,
    connections: 32,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })

  async function exchange(request: Request, signal: AbortSignal): Promise<Response> {
    const sent = { method: request.method, body: streams ? request.body : await bodyOf(request) }
    const headers = new Headers(request.headers)
    let url = new URL(request.url)
    for (let redirects = 0; ; redirects++) {
      refuseProtocol(url, allowed)
      const way = { dispatcher, redirect: 'manual' as const, duplex: 'half' as const, signal }
      const options = { ...sent, headers: [...headers], ...way }
      const reply = await undiciFetch(url, options)
      const next = redirects < maxRedirects ? redirectTarget(request.method, reply, url) : undefined
      if (next === undefined)
        return await (streams ? passOn : readReply)(reply, { url, redirected: redirects > 0, maxBytes })
      await reply.body?.cancel()
      if (next.origin !== url.origin) for (const name of credentials) headers.delete(name)
      url = next
    }
  }

  return {
    openSocket: (url) => new GuardedSocket(url, { connect, timeoutMs, maxBytes }),
    async fetch(input, init) {
      const request = new Request(input, init)
      const { signal } = request
      return await exchange(
        request,
        streams ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      )
    },
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy()
    },
  }
}

/** A proof or token for one origin is of no use to another, and none of its business. */
const credentials = ['authorization', 'dpop', 'cookie', 'proxy-authorization']

/** fetch knows data: and blob: as well, which no guard of connections sees. */
function refuseProtocol(url: URL, allowed: ReadonlySet<string>): void {
  const plain = url.protocol === 'http:' && allowed.has(url.origin)
  if (url.protocol !== 'https:' && !plain) throw new OutboundRefused('only https')
}

function guardedConnector(
  allowed: ReadonlySet<string>,
  timeout: number,
  lookup: typeof dns.lookup | undefined,
): buildConnector.connector {
  const connect = buildConnector({ timeout, allowH2: false })
  const connectGuarded = buildConnector({ timeout, allowH2: false, lookup: guardedLookup(lookup) })
  return (target, done) => {
    const url = new URL(`${target.protocol}//${target.host ?? target.hostname}`)
    if (allowed.has(url.origin)) return connect(target, done)
    try {
      refuseProtocol(url, allowed)
      refuseLiteral(target.hostname)
    } catch (error) {
      return done(error as OutboundRefused, null)
    }
    connectGuarded(target, (...[error, socket]) => {
      if (error !== null) return done(error, null)
      try {
        refusePeer(socket.remoteAddress)
        done(null, socket)
      } catch (refusal) {
        socket.destroy()
        done(refusal as OutboundRefused, null)
      }
    })
  }
}

type UndiciResponse = Awaited<ReturnType<typeof undiciFetch>>

function redirectTarget(method: string, reply: UndiciResponse, base: URL): URL | undefined {
  const location = reply.headers.get('location')
  if (location === null || ![301, 302, 303, 307, 308].includes(reply.status)) return undefined
  if (method !== 'GET' && method !== 'HEAD') return undefined
  return URL.parse(location, base.href) ?? undefined
}

interface Origin {
  readonly url: URL
  readonly redirected: boolean
  readonly maxBytes: number
}

async function bodyOf(request: Request): Promise<ArrayBuffer | null> {
  const bytes = await request.arrayBuffer()
  return bytes.byteLength === 0 ? null : bytes
}

async function readReply(reply: UndiciResponse, from: Origin): Promise<Response> {
  const chunks: Uint8Array[] = []
  const count = counting(from.maxBytes)
  for await (const chunk of reply.body ?? []) {
    count(chunk)
    chunks.push(chunk)
  }
  return response(reply, Buffer.concat(chunks), from)
}

function passOn(reply: UndiciResponse, from: Origin): Response {
  const count = counting(from.maxBytes)
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      count(chunk)
      controller.enqueue(chunk)
    },
  })
  return response(
    reply,
    (reply.body as ReadableStream<Uint8Array> | null)?.pipeThrough(counted) ?? null,
    from,
  )
}

/** Counts decoded bytes, since a few bytes of gzip can unpack to very many. */
function counting(maxBytes: number): (chunk: Uint8Array) => void {
  let size = 0
  return ({ byteLength }) => {
    size += byteLength
    if (size > maxBytes) throw new ReplyTooLarge(`more than ${maxBytes} bytes`)
  }
}

function response(reply: UndiciResponse, body: BodyInit | null, from: Origin): Response {
  const headers = new Headers([...reply.headers])
  headers.delete('content-encoding')
  headers.delete('content-length')
  const { status, statusText } = reply
  const answer = new Response([204, 205, 304].includes(status) ? null : body, { status, statusText, headers })
  // A Response made here has no address of its own, but readers of RDF resolve relative names by it.
  Object.defineProperties(answer, {
    url: { value: from.url.href },
    redirected: { value: from.redirected },
  })
  return answer
}
