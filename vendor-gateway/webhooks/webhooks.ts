import { RateLimiterRes } from 'rate-limiter-flexible'
import type { RateLimiterAbstract } from 'rate-limiter-flexible'
import type { Config } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { countedHere } from '#core/http/limiter-store.ts'
import type { LimiterStore } from '#core/http/limiter-store.ts'
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

/** What one business may do in an hour: challenges, tests and redeliveries make us call an address of its choice. */
const points = 600
const cost = { call: 10, change: 1 }

/** Webhooks of all businesses of this ledger: what they ask of them, and their delivery, which begins here. */
export function openWebhooks(parts: {
  config: Pick<Config, 'gatewayUrl' | 'outboundAllow'>
  ledger: Ledger
  names: Names
  now: () => number
  log: Logger
  limiterStore?: LimiterStore | undefined
}): Webhooks {
  const { config, ledger, names, now, log, limiterStore = countedHere } = parts
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
  const limiter = limiterStore({ name: 'webhooks', points, duration: 3_600 })
  const take = (vendorId: string, what: keyof typeof cost) => takeOf(limiter, vendorId, cost[what])

  return {
    delivery,
    answers: {
      listEndpoints: async ({ vendorId }) => json({ endpoints: await endpoints.list(vendorId) }),
      async putEndpoint({ vendorId }, { params, body }) {
        await take(vendorId, 'change')
        return json(await endpoints.put(vendorId, params['endpoint'] ?? '', await body()))
      },
      async deleteEndpoint({ vendorId }, { params }) {
        await take(vendorId, 'change')
        await endpoints.remove(vendorId, params['endpoint'] ?? '')
        return noContent
      },
      async proveEndpoint({ vendorId }, { params }) {
        await take(vendorId, 'call')
        return json(await endpoints.prove(vendorId, params['endpoint'] ?? ''))
      },
      async rotateEndpointSecret({ vendorId }, { params }) {
        await take(vendorId, 'change')
        return json(await endpoints.rotate(vendorId, params['endpoint'] ?? ''))
      },
      async testEndpoint({ vendorId }, { params }) {
        await take(vendorId, 'call')
        return json(viewDelivery(await endpoints.test(vendorId, params['endpoint'] ?? '')))
      },
      listDeliveries: async ({ vendorId }, { query }) => json(await deliveriesOf(ledger, vendorId, query)),
      async redeliver({ vendorId }, { params }) {
        await take(vendorId, 'call')
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

async function takeOf(limiter: RateLimiterAbstract, vendorId: string, amount: number): Promise<void> {
  try {
    await limiter.consume(vendorId, amount)
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    const retryAfter = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    throw new DomainError('rate-limited', 'More was done to endpoints than a business may in an hour', {
      retryAfter,
    })
  }
}
