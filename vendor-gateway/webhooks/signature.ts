import { createHmac } from 'node:crypto'

/** What goes out: the exact text of the body, and its id and time (Unix seconds) that are signed with it. */
export interface SignedText {
  readonly id: string
  readonly timestamp: number
  readonly body: string
}

/**
 * Value of `webhook-signature` (Standard Webhooks 1.0, symmetric): one signature per secret, so that a receiver that
 * knows either of two accepts it during a rotation. Secrets as `whsec_` and base64.
 */
export function webhookSignature(secrets: readonly string[], { id, timestamp, body }: SignedText): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
    })
    .join(' ')
}
