import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { OutboundRefused, guardedLookup, refuseLiteral, refusePeer } from './public-address.ts'

export interface GuardedAgents {
  readonly http: http.Agent
  readonly https: https.Agent
}

interface Guard {
  /** Exact origins that may be reached although private or plain http. */
  readonly allow: readonly string[]
  /** For one connection, which serves one request. */
  readonly timeoutMs?: number
  /** On the wire, headers included. */
  readonly maxBytes?: number
}

type Target = https.RequestOptions & { socketPath?: string | null; path?: string | null }
type Done = (error: Error | null, socket: Duplex) => void
type Connect = (target: Target, done?: Done) => Duplex | null | undefined

/**
 * Agents for clients on node:http(s) that can be given no fetch, with the rules of `createOutbound`: https to
 * public addresses, or an allowed origin. A refusal is an `error` event of the request. Redirects are the
 * client's business; each is a new connection and checked like the first.
 */
export function guardedAgents(guard: Guard): GuardedAgents {
  class GuardedHttpAgent extends http.Agent {
    override createConnection(target: Target, done?: Done) {
      return connectGuarded('http:', guard, (...args) => super.createConnection(...args), target, done)
    }
  }
  class GuardedHttpsAgent extends https.Agent {
    override createConnection(target: Target, done?: Done) {
      return connectGuarded('https:', guard, (...args) => super.createConnection(...args), target, done)
    }
  }
  return { http: new GuardedHttpAgent(), https: new GuardedHttpsAgent() }
}

function connectGuarded(
  protocol: 'http:' | 'https:',
  guard: Guard,
  connect: Connect,
  target: Target,
  done?: Done,
): Duplex | null | undefined {
  const isAllowed = guard.allow.includes(originOf(protocol, target))
  let socket: net.Socket
  try {
    // With a path the connection goes to a Unix socket, whatever the host says.
    if (target.socketPath) throw new OutboundRefused('only TCP')
    if (!isAllowed) {
      if (protocol !== 'https:') throw new OutboundRefused('only https')
      refuseLiteral(target.host ?? '')
    }
    const guarded = isAllowed ? target : { ...target, lookup: guardedLookup() }
    socket = connect(guarded) as net.Socket
  } catch (error) {
    if (done === undefined) throw error
    // The request has no socket to report on: its agent passes this on as the request's error.
    done(error as Error, undefined as unknown as Duplex)
    return undefined
  }
  if (!isAllowed) socket.once('connect', () => destroyUnless(socket, () => refusePeer(socket.remoteAddress)))
  limit(socket, guard)
  return socket
}

function originOf(protocol: string, target: Target): string {
  const host = target.host ?? 'localhost'
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return URL.parse(`${protocol}//${bracketed}:${target.port ?? ''}`)?.origin ?? ''
}

function destroyUnless(socket: net.Socket, check: () => void): void {
  try {
    check()
  } catch (error) {
    socket.destroy(error as Error)
  }
}

function limit(socket: net.Socket, { timeoutMs = 5_000, maxBytes = 262_144 }: Guard): void {
  const deadline = setTimeout(() => socket.destroy(new OutboundRefused('took too long')), timeoutMs)
  deadline.unref()
  socket.once('close', () => clearTimeout(deadline))
  socket.prependListener('data', () => {
    if (socket.bytesRead > maxBytes) socket.destroy(new OutboundRefused('sent too much'))
  })
}
