import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Config } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { createOutbound } from '#core/http/outbound.ts'
import type { Slots } from '#core/jobs/slots.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import type { Names } from '#core/records/names.ts'
import { jsonReply, noContent } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Caller } from '../tokens/authenticate.ts'
import { Acknowledgements } from './acknowledgement.ts'
import { deliveriesOf, redeliver, viewDelivery } from './deliveries.ts'
import { Endpoints } from './endpoints.ts'
import type { WebhookOperationId } from './operations.ts'
import { createSender, mostAnswerBytes, sendTimeoutMs } from './sender.ts'
import { startDelivery } from './worker.ts'

/** What an operation gets of its request. */
export interface WebhookAsked {
  readonly params: Readonly<Record<string, string>>
  readonly query: string
  /** Parsed JSON. */
  readonly body: () => Promise<unknown>
}

export interface Webhooks extends AsyncDisposable {
  readonly answers: Readonly<
    Record<WebhookOperationId, (caller: Caller, asked: WebhookAsked) => Promise<Reply>>
  >
  readonly delivery: Slots
}

/** Challenges, tests and redeliveries of one business in an hour: each makes us call an address of its choice. */
const callsPerHour = 60

/** Webhooks of all businesses of this ledger: what they ask of them, and their delivery, which begins here. */
export function openWebhooks(parts: {
  config: Pick<Config, 'gatewayUrl' | 'outboundAllow'>
  ledger: Ledger
  names: Names
  now: () => number
  log: Logger
}): Webhooks {
  const { config, ledger, names, now, log } = parts
  const { gatewayUrl, outboundAllow } = config
  const outbound = createOutbound({
    allow: outboundAllow,
    timeoutMs: sendTimeoutMs,
    maxBytes: mostAnswerBytes,
  })
  const send = createSender({ fetch: outbound.fetch, now })
  const stop = new AbortController()
  const delivery = startDelivery({ ledger, send, now, random: Math.random, log, stop: stop.signal })
  const wake = () => delivery.wake()
  const endpoints = new Endpoints({ ledger, send, outboundAllow, now, wake })
  const acknowledgements = new Acknowledgements({ ledger, names, gatewayUrl, now })
  const calls = new RateLimiterMemory({ points: callsPerHour, duration: 3_600 })

  return {
    delivery,
    answers: {
      listEndpoints: async ({ vendorId }) => json({ endpoints: await endpoints.list(vendorId) }),
      putEndpoint: async ({ vendorId }, { params, body }) =>
        json(await endpoints.put(vendorId, params['endpoint'] ?? '', await body())),
      async deleteEndpoint({ vendorId }, { params }) {
        await endpoints.remove(vendorId, params['endpoint'] ?? '')
        return noContent
      },
      async proveEndpoint({ vendorId }, { params }) {
        await take(calls, vendorId)
        return json(await endpoints.prove(vendorId, params['endpoint'] ?? ''))
      },
      rotateEndpointSecret: async ({ vendorId }, { params }) =>
        json(await endpoints.rotate(vendorId, params['endpoint'] ?? '')),
      async testEndpoint({ vendorId }, { params }) {
        await take(calls, vendorId)
        return json(viewDelivery(await endpoints.test(vendorId, params['endpoint'] ?? '')))
      },
      listDeliveries: async ({ vendorId }, { query }) => json(await deliveriesOf(ledger, vendorId, query)),
      async redeliver({ vendorId }, { params }) {
        const queued = await redeliver({ ledger, now }, vendorId, params['delivery_id'] ?? '')
        wake()
        return json(viewDelivery(queued))
      },
      acknowledgeEnd: async ({ vendorId, token }, { params, body }) =>
        json(
          await acknowledgements.take(
            { vendorId, clientId: token.clientId },
            params['grant_id'] ?? '',
            await body(),
          ),
        ),
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await outbound[Symbol.asyncDispose]()
      await delivery[Symbol.asyncDispose]()
    },
  }
}

const json = (value: object): Reply => jsonReply(JSON.stringify(value))

async function take(calls: RateLimiterMemory, vendorId: string): Promise<void> {
  try {
    await calls.consume(vendorId)
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    const retryAfter = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    throw new DomainError('rate-limited', `More than ${callsPerHour} calls of your endpoints in an hour`, {
      retryAfter,
    })
  }
}
