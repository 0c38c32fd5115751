import { OutboundRefused } from '#core/http/public-address.ts'
import { ReplyTooLarge } from '#core/http/outbound.ts'
import type { Outbound } from '#core/http/outbound.ts'
import type { DeliveryAttempt } from '#core/records/webhook-deliveries.ts'
import { signingSecrets } from '#core/records/webhook-endpoints.ts'
import type { WebhookEndpoint } from '#core/records/webhook-endpoints.ts'
import { webhookSignature } from './signature.ts'

/** For one message with its answer. */
export const sendTimeoutMs = 10_000
/** Of an answer: it says yes or no, or echoes a challenge. */
export const mostAnswerBytes = 16_384

export interface Sent {
  readonly attempt: DeliveryAttempt
  /** Unix ms before which the endpoint wants nothing more, with 429 and 503. */
  readonly notBefore?: number
  /** Of a 2xx answer. */
  readonly answer?: string
}

export type Send = (endpoint: WebhookEndpoint, message: { id: string; body: string }) => Promise<Sent>

/**
 * Sends one signed message, through the guarded client: redirects are not followed, private addresses are refused at
 * every step. Never rejects; what went wrong is told in coarse words, since a business learns of it.
 */
export function createSender({ fetch, now }: Pick<Outbound, 'fetch'> & { now: () => number }): Send {
  return async (endpoint, { id, body }) => {
    const at = now()
    const timestamp = Math.floor(at / 1000)
    try {
      const reply = await fetch(endpoint.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Reach-Webhooks/1',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': webhookSignature(signingSecrets(endpoint, at), { id, timestamp, body }),
        },
        body,
      })
      const attempt = { at, status: reply.status }
      if (reply.ok) return { attempt, answer: await reply.text() }
      const notBefore = [429, 503].includes(reply.status)
        ? retryTime(reply.headers.get('retry-after'), at)
        : undefined
      return { attempt, ...(notBefore === undefined ? {} : { notBefore }) }
    } catch (error) {
      return { attempt: { at, error: reasonOf(error) } }
    }
  }
}

/** Seconds or an HTTP date (RFC 9110 section 10.2.3). */
function retryTime(text: string | null, now: number): number | undefined {
  if (text === null) return undefined
  const at = /^[0-9]{1,6}$/.test(text) ? now + Number(text) * 1000 : Date.parse(text)
  return Number.isFinite(at) && at > now ? at : undefined
}

function reasonOf(error: unknown): NonNullable<DeliveryAttempt['error']> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundRefused) return 'address-refused'
    if (cause instanceof ReplyTooLarge) return 'answer-too-large'
  }
  return 'no-answer'
}
