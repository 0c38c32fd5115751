import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { RateLimiterAbstract } from 'rate-limiter-flexible'

/**
 * Where counts lie: in this process, or in a store that replicas share (any of rate-limiter-flexible). `name` tells what is
 * counted; `duration` in seconds.
 */
export type LimiterStore = (options: {
  name: string
  points: number
  duration: number
}) => RateLimiterAbstract

export const countedHere: LimiterStore = ({ points, duration }) => new RateLimiterMemory({ points, duration })
