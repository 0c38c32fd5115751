import { Agent, request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { listen } from '#core/http/server.ts'

/** The account and sign-in endpoints parse whole bodies in memory. */
const MAX_API_BODY_BYTES = 64 * 1024
const MAX_BODY_BYTES = 64 * 1024 * 1024
const STOP_MS = 1500
/** Passwords one address may try in a minute; each costs the pod server a bcrypt. */
const SIGN_INS = { points: 20, duration: 60 }

/**
 * No answer to a password comes sooner. The pod server takes longer for an address that it knows, by a bcrypt; so that
 * nobody can tell, both wait for the same moment.
 */
export const SIGN_IN_TAKES_MS = 400

/**
 * Headers by which a client could pretend to have asked another origin: only what we set ourselves goes on.
 */
const FORWARDING = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
]
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'proxy-authorization',
]

export interface PodFront extends AsyncDisposable {
  readonly port: number
}

/**
 * The public side of the embedded pods. Listens at once, answers 503 until `isReady`, then passes everything
 * to the pod server's Unix socket: Host unchanged, bodies streamed, upgrades carried. Account creation never
 * passes.
 */
export async function startPodFront(options: {
  baseUrl: URL
  socket: string
  isReady: () => boolean
  /** Where a person goes who would like a new pod. */
  vaultUrl: string
  port: number
  host: string
}): Promise<PodFront> {
  const { baseUrl, socket, isReady, vaultUrl, port, host } = options
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const signIns = new RateLimiterMemory(SIGN_INS)
  const upgraded = new Set<Duplex>()

  async function onRequest(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const refusal = refuse(req) ?? (await refuseGuessing(req))
    if (refusal) answer(req, res, refusal)
    else forward(req, res)
  }

  async function refuseGuessing(req: IncomingMessage): Promise<Refusal | undefined> {
    if (!isSignIn(req)) return undefined
    try {
      await signIns.consume(addressOf(req))
      return undefined
    } catch {
      return { status: 429, title: 'Too many attempts to sign in', retryAfter: SIGN_INS.duration }
    }
  }

  function refuse(req: IncomingMessage): Refusal | undefined {
    const path = canonicalPath(req.url ?? '')
    if (path === undefined) return { status: 400, title: 'The request target is malformed' }
    if (req.headers.host !== baseUrl.host) return { status: 421, title: 'These pods have another address' }
    if (path.startsWith('/.account/login/password/register')) {
      return { status: 303, title: 'Pods are made in the vault', location: vaultUrl }
    }
    if (changes(req) && /^\/\.account\/account\/?$/i.test(path)) {
      return { status: 403, title: 'Accounts are made by the vault' }
    }
    // The vault keeps some names back, and gives one pod to one account.
    if (changes(req) && /^\/\.account\/account\/[^/]*\/pod\/?$/i.test(path)) {
      return { status: 403, title: 'Pods are made by the vault' }
    }
    if (Number(req.headers['content-length'] ?? 0) > bodyLimit(path)) {
      return { status: 413, title: 'The body is too large' }
    }
    if (!isReady()) return { status: 503, title: 'The pods are starting', retryAfter: 2 }
    return undefined
  }

  function forwardedHeaders(req: IncomingMessage): string[] {
    const headers: string[] = []
    for (let i = 0; i < req.rawHeaders.length; i += 2) {
      const name = req.rawHeaders[i] ?? ''
      if (FORWARDING.includes(name.toLowerCase()) || HOP_BY_HOP.includes(name.toLowerCase())) continue
      headers.push(name, req.rawHeaders[i + 1] ?? '')
    }
    // Without it the pod server would take itself for http behind our TLS termination.
    if (baseUrl.protocol === 'https:') headers.push('X-Forwarded-Proto', 'https')
    return headers
  }

  function forward(req: IncomingMessage, res: ServerResponse): void {
    const began = performance.now()
    const upstream = httpRequest(
      { socketPath: socket, agent, method: req.method, path: req.url, headers: forwardedHeaders(req) },
      (reply) => void passOn(reply).catch(() => res.destroy()),
    )
    async function passOn(reply: IncomingMessage): Promise<void> {
      if (isSignIn(req)) await sleep(Math.max(0, SIGN_IN_TAKES_MS - (performance.now() - began)))
      if (res.destroyed) return void reply.destroy()
      const headers = [...endToEnd(reply.rawHeaders), ...pageHeaders(req.url ?? '')]
      res.writeHead(reply.statusCode ?? 502, reply.statusMessage, headers)
      reply.pipe(res)
      reply.on('error', () => res.destroy())
    }
    upstream.on('error', () => {
      if (res.headersSent) res.destroy()
      else answer(req, res, { status: 503, title: 'The pods do not answer', retryAfter: 2 })
    })
    let received = 0
    const limit = bodyLimit(canonicalPath(req.url ?? '') ?? '')
    req.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received <= limit) return
      req.unpipe(upstream)
      upstream.destroy()
      if (!res.headersSent) answer(req, res, { status: 413, title: 'The body is too large' })
    })
    req.pipe(upstream)
    // A client that hangs up must not leave half a body waiting in the pod server.
    res.on('close', () => {
      if (!res.writableFinished) upstream.destroy()
    })
  }

  function onUpgrade(req: IncomingMessage, client: Duplex, head: Buffer): void {
    const refusal = refuse(req)
    if (refusal) {
      client.end(
        `HTTP/1.1 ${refusal.status} ${refusal.title}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      )
      return
    }
    const upstream = connect(socket)
    // An idle channel is none that hangs.
    if (client instanceof Socket) client.setTimeout(0)
    upgraded.add(client).add(upstream)
    const end = () => {
      client.destroy()
      upstream.destroy()
      upgraded.delete(client)
      upgraded.delete(upstream)
    }
    for (const side of [client, upstream]) side.on('error', end).on('close', end)
    const lines = forwardedHeaders(req)
    let text = `${req.method} ${req.url} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: ${req.headers.upgrade}\r\n`
    for (let i = 0; i < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`
    upstream.write(`${text}\r\n`)
    upstream.write(head)
    client.pipe(upstream).pipe(client)
  }

  const app = (req: IncomingMessage, res: ServerResponse) => void onRequest(req, res)
  const listening = await listen({ app, upgrade: onUpgrade, host, port, drainMs: STOP_MS })
  return {
    port: listening.port,
    async [Symbol.asyncDispose]() {
      for (const side of upgraded) side.destroy()
      await listening[Symbol.asyncDispose]()
      agent.destroy()
    },
  }
}

interface Refusal {
  readonly status: number
  readonly title: string
  readonly retryAfter?: number
  readonly location?: string
}

function answer(req: IncomingMessage, res: ServerResponse, refusal: Refusal): void {
  const { status, title, retryAfter, location } = refusal
  const html = (req.headers.accept ?? '').includes('text/html')
  res.writeHead(status, {
    'Content-Type': html ? 'text/html; charset=utf-8' : 'application/problem+json',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'",
    ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    ...(location !== undefined && { Location: location }),
    // What is left of a refused body is not read.
    ...(!req.complete && { Connection: 'close' }),
  })
  const refresh = retryAfter === undefined ? '' : `<meta http-equiv="refresh" content="${retryAfter}">`
  res.end(
    html
      ? `<!doctype html><html lang="en"><meta charset="utf-8">${refresh}<title>${title}</title><p>${title}.</p>`
      : JSON.stringify({ type: 'about:blank', title, status }),
  )
}

/**
 * The path as the pod server will see it (it decodes each segment once, joins repeated slashes and resolves
 * dots); `undefined` for anything but origin-form (RFC 9112, 3.2.1), and for a backslash, which it would take
 * for a slash.
 */
function canonicalPath(target: string): string | undefined {
  if (!target.startsWith('/') || /^[^?]*\\/.test(target)) return undefined
  const [path = ''] = target.split('?')
  try {
    const decoded = path.split('/').map((segment) => encodeURIComponent(decodeURIComponent(segment)))
    const url = new URL('http://pods.invalid')
    url.pathname = decoded.join('/').replaceAll(/\/{2,}/g, '/')
    return url.pathname
  } catch {
    return undefined
  }
}

function isSignIn(req: IncomingMessage): boolean {
  return changes(req) && /^\/\.account\/login\/password(\/|$)/i.test(canonicalPath(req.url ?? '') ?? '')
}

function changes({ method }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/** TLS ends before us, on this machine: then the address of the client is the one its proxy names last. */
function addressOf({ socket, headers }: IncomingMessage): string {
  const address = socket.remoteAddress ?? ''
  const named = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .at(-1)
    ?.trim()
  return named && /^(127\.|::1$|::ffff:127\.)/.test(address) ? named : address
}

/**
 * Every pod shares its origin with the pages on which people sign in and consent. So a document out of a pod,
 * which anybody may have written, runs nothing and reads nothing of that origin; and those pages are framed
 * by nobody.
 */
function pageHeaders(target: string): string[] {
  const ours = /^\/\.(account|oidc)\//.test(canonicalPath(target) ?? '')
  const policy = ours ? "frame-ancestors 'none'" : 'sandbox allow-downloads allow-popups'
  return ['Content-Security-Policy', policy, 'X-Content-Type-Options', 'nosniff']
}

function bodyLimit(path: string): number {
  return path.startsWith('/.') ? MAX_API_BODY_BYTES : MAX_BODY_BYTES
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const headers: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!HOP_BY_HOP.includes(name.toLowerCase())) headers.push(name, rawHeaders[i + 1] ?? '')
  }
  return headers
}
