/** Messages that a vault sends to a business (Standard Webhooks 1.0): verified, and typed. */
import type { WebhookMessage } from '../../schemas/types.gen.ts'
import { ReachError } from './errors.ts'

export interface ReceivedMessage {
  /** The same for each time this event is sent: remember those you have seen. */
  readonly id: string
  readonly message: WebhookMessage
}

type HeaderSource = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** Unix seconds that a message may be older or newer than the clock here. */
const TOLERANCE = 300

/**
 * Reads a message as it came. `body` is the raw text of the request, or its bytes, never parsed and written again. Several
 * secrets may hold at a time while one is rotated. `now` in Unix ms. Throws `ReachError` `webhook-invalid`, and `TypeError` for
 * a body that a parser had before.
 */
export async function readMessage(
  { headers, body: raw }: { headers: HeaderSource; body: string | Uint8Array },
  secrets: string | readonly string[],
  { now = Date.now() }: { now?: number | undefined } = {},
): Promise<ReceivedMessage> {
  if (typeof raw !== 'string' && !(raw instanceof Uint8Array))
    throw new TypeError('the body must be the text or bytes of the request as they came, before any parser')
  const body = typeof raw === 'string' ? raw : new TextDecoder().decode(raw)
  const header = headerReader(headers)
  const id = header('webhook-id')
  const timestamp = header('webhook-timestamp')
  const signatures = header('webhook-signature').split(' ')
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN
  if (id === '' || Number.isNaN(seconds)) throw invalid('headers are missing')
  if (Math.abs(now / 1000 - seconds) > TOLERANCE) throw invalid('it is too old, or this clock is wrong')
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`)
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    const key = await hmacKey(secret)
    for (const signature of signatures) {
      const bytes = signature.startsWith('v1,') ? fromBase64(signature.slice(3)) : undefined
      if (bytes !== undefined && (await crypto.subtle.verify('HMAC', key, bytes, signed)))
        return { id, message: JSON.parse(body) as WebhookMessage }
    }
  }
  throw invalid('no signature of it is by this secret')
}

/**
 * What to answer, as JSON with status 200, to the message that proves an endpoint; `undefined` for any other message.
 */
export function challengeAnswer(message: WebhookMessage): { challenge: string } | undefined {
  const { type, data } = message as { type: string; data: { challenge?: unknown } }
  return type === 'webhook.challenge' && typeof data.challenge === 'string'
    ? { challenge: data.challenge }
    : undefined
}

function headerReader(headers: HeaderSource): (name: string) => string {
  if (headers instanceof Headers) return (name) => headers.get(name) ?? ''
  const found = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return (name) => {
    const value = found.get(name)
    return typeof value === 'string' ? value : (value?.[0] ?? '')
  }
}

async function hmacKey(secret: string): Promise<CryptoKey> {
  const bytes = secret.startsWith('whsec_') ? fromBase64(secret.slice('whsec_'.length)) : undefined
  if (bytes === undefined) throw new TypeError('a webhook secret begins with whsec_')
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

function invalid(detail: string): ReachError {
  return new ReachError({ code: 'webhook-invalid', status: 400, detail })
}
