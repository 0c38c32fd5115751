import type { RequestHandler } from 'express'
import type { Logger } from '#core/logger.ts'
import { requestId } from './request-id.ts'

/**
 * One line per answered request: its route as written in the code, never its path, which may name somebody. With
 * `quiet` what went well is told at level `debug`; metrics count all of it either way.
 */
export function requestLog({
  log,
  server,
  quiet = false,
}: {
  log: Logger
  server: string
  quiet?: boolean
}): RequestHandler {
  return (request, response, next) => {
    const started = performance.now()
    response.on('close', () => {
      const path: unknown = request.route?.path
      const fields = {
        requestId: requestId(request),
        server,
        method: request.method,
        route: typeof path === 'string' ? path : undefined,
        status: response.statusCode,
        ms: Math.round(performance.now() - started),
      }
      if (quiet && response.statusCode < 400) log.debug('request', fields)
      else log.info('request', fields)
    })
    next()
  }
}
