import { request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { DomainError } from '#core/domain/errors.ts'
import type { PodsInMaking } from './making.ts'

const MAX_ANSWER_BYTES = 256 * 1024
const TIMEOUT_MS = 15_000

/** Reaches the pod server past its public side; the only way to make accounts. */
export interface PodServerDoor {
  readonly baseUrl: string
  readonly socket: string
  readonly creationSecret: string
  /** Whether a pod had this address and was ended. */
  isRetired(podUrl: string): Promise<boolean>
  readonly making: PodsInMaking
}

export interface DoorAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/**
 * One request to the pod server over its socket, for a public URL of its own. Redirects are not followed.
 * Refuses with `pod-unreachable`, also for a URL elsewhere.
 */
export function knock(
  door: PodServerDoor,
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<DoorAnswer> {
  const target = new URL(url)
  const { host, origin, protocol } = new URL(door.baseUrl)
  if (target.origin !== origin) throw unreachable('The pod server pointed elsewhere')
  const { method = 'GET', headers = {}, body } = options
  return new Promise((resolve, reject) => {
    const req = httpRequest(
      {
        socketPath: door.socket,
        method,
        path: target.pathname + target.search,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          ...headers,
          host,
          ...(protocol === 'https:' && { 'x-forwarded-proto': 'https' }),
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        },
      },
      (res) => {
        const chunks: Buffer[] = []
        let size = 0
        res.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > MAX_ANSWER_BYTES) res.destroy(new Error('answer too large'))
          else chunks.push(chunk)
        })
        res.on('error', (cause) => reject(unreachable('The pod server broke off', cause)))
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text })
        })
      },
    )
    req.on('error', (cause) => reject(unreachable('The pod server does not answer', cause)))
    req.end(body)
  })
}

/** The JSON object of an answer; none is `pod-unreachable`. */
export function jsonOf(answer: DoorAnswer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(answer.text || '{}')
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw unreachable('The pod server answered no JSON')
}

/** Follows a path of names through nested `controls` (the account API's links) to the URL it ends at. */
export function control(controls: unknown, ...path: readonly string[]): string {
  let here = controls
  for (const name of path) here = (here as Record<string, unknown> | undefined)?.[name]
  if (typeof here !== 'string') throw unreachable(`The pod server offers no ${path.join('.')}`)
  return here
}

function unreachable(detail: string, cause?: unknown): DomainError {
  return new DomainError('pod-unreachable', detail, { retryAfter: 5, cause })
}
