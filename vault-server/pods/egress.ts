import net from 'node:net'
import { OutboundRefused, guardedLookup, refuseLiteral } from '#core/http/public-address.ts'

/**
 * The pod server fetches WebIDs, issuers and client documents that strangers name, with several HTTP clients
 * that cannot be given an agent. All of them connect by `net.Socket.connect`: from now on, in this process,
 * that reaches public addresses only, and the hosts and ports of `allow` (exact origins).
 */
export function guardOutboundConnections(options: { allow: readonly string[] }): void {
  const allowed = new Set(options.allow.map(hostAndPort))
  const lookup = guardedLookup()
  const connect = net.Socket.prototype.connect as (this: net.Socket, ...args: unknown[]) => net.Socket
  function guarded(this: net.Socket, ...args: unknown[]): net.Socket {
    // Within node a call arrives as one array of [options, callback].
    const [target, ...rest] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args
    try {
      if (typeof target !== 'object' || target === null)
        throw new OutboundRefused('unknown form of connecting')
      const {
        host = 'localhost',
        port,
        path,
      } = target as Partial<net.TcpSocketConnectOpts & net.IpcSocketConnectOpts>
      if (path) throw new OutboundRefused('only TCP')
      const callback = rest.filter((argument) => typeof argument === 'function')
      if (allowed.has(`${host.toLowerCase()}:${port}`)) return connect.call(this, target, ...callback)
      refuseLiteral(host)
      return connect.call(this, { ...target, lookup }, ...callback)
    } catch (error) {
      process.nextTick(() => this.destroy(error as Error))
      return this
    }
  }
  net.Socket.prototype.connect = guarded as typeof net.Socket.prototype.connect
}

function hostAndPort(origin: string): string {
  const { hostname, port, protocol } = new URL(origin)
  return `${hostname.replaceAll(/[[\]]/g, '')}:${port || (protocol === 'https:' ? 443 : 80)}`
}
