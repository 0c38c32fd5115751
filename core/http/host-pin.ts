import type { RequestHandler } from 'express'
import { DomainError } from '#core/domain/errors.ts'

/**
 * Refuses every request whose Host is not that of `url` (`misdirected`, RFC 9110 section 15.5.20). What
 * derives URLs, audiences or DPoP targets from the Host then derives ours. Forwarding headers are dropped and
 * the scheme of `url` is put in their place, so that nobody else can say what the address of this server is.
 */
export function pinHost(url: string): RequestHandler {
  const { host, protocol } = new URL(url)
  const scheme = protocol.slice(0, -1)
  return (request, _response, next) => {
    if (request.headers.host?.toLowerCase() !== host)
      throw new DomainError('misdirected', 'This server does not answer for that host')
    for (const name of forwarding) delete request.headers[name]
    request.headers['x-forwarded-proto'] = scheme
    next()
  }
}

const forwarding = ['forwarded', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto']
