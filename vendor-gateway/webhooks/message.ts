import { formatTime } from '#core/domain/times.ts'
import type { Message } from '#core/records/webhook-deliveries.ts'
import type { WebhookMessage } from '#schemas/types.gen.ts'

/** The body of a message: the same text whenever it is sent. */
export function messageBody(message: Message): string {
  const { type, at, requestId, grantId, subject, status, fields, acknowledge, dueAt } = message
  const body: WebhookMessage = {
    type,
    timestamp: formatTime(at),
    data:
      type === 'webhook.test'
        ? {}
        : {
            request_id: requestId,
            ...(grantId === undefined ? {} : { grant_id: grantId }),
            ...(subject === undefined ? {} : { subject }),
            ...(status === undefined ? {} : { status }),
            ...(fields === undefined ? {} : { fields: [...fields] }),
            ...(acknowledge === undefined ? {} : { acknowledge }),
            ...(dueAt === undefined ? {} : { due_at: formatTime(dueAt) }),
          },
  }
  return JSON.stringify(body)
}
