import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import express from 'express'
import type { Express } from 'express'
import { parseQuery } from './query.ts'
import { refuseUnreadable } from './unreadable.ts'

export interface Listening extends AsyncDisposable {
  /** `http://host:port` without a slash at the end. */
  readonly url: string
  readonly port: number
}

/** Limits against clients that send slowly, send much or send nothing. */
const limits: ServerOptions = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 20_000,
  connectionsCheckingInterval: 2_000,
  // Node would take the first of two `Host` or `Authorization`, a proxy before it perhaps the second: joined they are neither.
  joinDuplicateHeaders: true,
}
const maxHeaders = 100
const idleMs = 120_000
const maxConnections = 10_000

/**
 * An Express application without what we do not want: no banner, no ETag of computed replies, no lenient
 * paths, and a query parser that refuses a parameter given twice.
 */
export function leanExpress(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false)
  app.set('query parser', parseQuery)
  app.enable('strict routing')
  app.enable('case sensitive routing')
  return app
}

/**
 * Listens on `port` (0: any free one) of `host`. The host `localhost` means both loopback addresses, since
 * one client takes 127.0.0.1 and the next ::1. Disposing drains: no new connections, requests under way get
 * their answer, and what is left after `drainMs` is cut off. Rejects with the error of the system, such as
 * EADDRINUSE.
 */
export async function listen(options: {
  app: RequestListener
  /** Takes over connections that ask for another protocol; closing them is up to it. */
  upgrade?: UpgradeListener
  host: string
  port: number
  drainMs?: number
}): Promise<Listening> {
  const { host, drainMs = 5_000 } = options
  const servers: readonly [Server, ...Server[]] =
    host === 'localhost' ? await listenOnLoopback(options, options.port) : [await open(options, options)]
  const [first] = servers
  const port = portOf(first)
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => drain(server, drainMs)))
    },
  }
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

interface Handlers {
  readonly app: RequestListener
  readonly upgrade?: UpgradeListener
}

async function open({ app, upgrade }: Handlers, address: { host: string; port: number }): Promise<Server> {
  const server = createServer(limits, oneByOne(inOriginForm(app)))
  refuseUnreadable(server)
  if (upgrade) server.on('upgrade', upgrade)
  server.maxHeadersCount = maxHeaders
  server.maxConnections = maxConnections
  server.setTimeout(idleMs)
  server.listen({ host: address.host, port: address.port })
  await once(server, 'listening')
  return server
}

/**
 * What a client sends ahead on a connection begins when all before it is answered. Node takes it in at once, and tells it
 * nothing when the connection ends: it would wait for its reader for ever.
 */
function oneByOne(app: RequestListener): RequestListener {
  return (request, response) => {
    if (response.socket === null) response.once('socket', () => process.nextTick(app, request, response))
    else app(request, response)
  }
}

/**
 * A target in absolute form is served as the path in it (RFC 9112 section 3.2.2). Where it names another host than the Host
 * field, the request is for neither.
 */
function inOriginForm(app: RequestListener): RequestListener {
  return (request, response) => {
    const [, host, path = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(request.url ?? '') ?? []
    if (host !== undefined) {
      request.url = path.startsWith('/') ? path : `/${path}`
      if (host.toLowerCase() !== request.headers.host?.toLowerCase()) request.headers.host = ''
    }
    app(request, response)
  }
}

/**
 * A free port of 127.0.0.1 may be taken on ::1: then another is tried. A machine without IPv6 has one server.
 */
async function listenOnLoopback(handlers: Handlers, port: number): Promise<[Server, ...Server[]]> {
  for (let attempt = 1; ; attempt++) {
    const server = await open(handlers, { host: '127.0.0.1', port })
    try {
      return [server, await open(handlers, { host: '::1', port: portOf(server) })]
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return [server]
      await drain(server, 0)
      if (code !== 'EADDRINUSE' || port !== 0 || attempt === 10) throw error
    }
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/**
 * `server.close()` alone waits for kept-alive connections. So answers from now on say that the connection
 * ends, connections that fall idle are swept, and the deadline ends the rest.
 */
async function drain(server: Server, deadlineMs: number): Promise<void> {
  server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'))
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}
