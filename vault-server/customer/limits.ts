import { isIPv6 } from 'node:net'
import type { Request, RequestHandler } from 'express'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { DomainError } from '#core/domain/errors.ts'

/**
 * At most `points` requests per address in `seconds`; more are refused with `rate-limited`. For routes that
 * cost others something: a bcrypt at the pod server, a request to an address that somebody typed.
 */
export function limitPerAddress(options: { points: number; seconds: number }): RequestHandler {
  const take = limitPer(options)
  return async (request, _response, next) => {
    await take(addressGroup(request))
    next()
  }
}

/** The same per whatever the caller names. */
export function limitPer(options: { points: number; seconds: number }): (key: string) => Promise<void> {
  const limiter = new RateLimiterMemory({ points: options.points, duration: options.seconds })
  return async (key) => {
    try {
      await limiter.consume(key)
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal
      throw new DomainError('rate-limited', 'Too many of these in a short time', {
        retryAfter: refusal.msBeforeNext / 1000,
      })
    }
  }
}

/** Whoever has one IPv6 address has a whole /64 of them. */
function addressGroup(request: Request): string {
  const address = request.ip ?? ''
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail = ''] = address.split('::')
  const before = head.split(':').filter((part) => part !== '')
  const after = tail.split(':').filter((part) => part !== '')
  const zeros = address.includes('::') ? Array<string>(8 - before.length - after.length).fill('0') : []
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
