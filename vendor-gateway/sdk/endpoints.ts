/** Where a business is told what happens: its webhook endpoints and what went to them. */
import type {
  WebhookDeliveriesView,
  WebhookDeliveryView,
  WebhookEndpointsView,
  WebhookEndpointView,
  WebhookSettings,
} from '../../schemas/types.gen.ts'
import { jsonOf } from './errors.ts'
import type { Gateway, GatewayRequest, TokenSource } from './gateway.ts'

export interface DeliveryFilter {
  readonly endpoint?: string | undefined
  readonly state?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export class WebhookEndpoints {
  readonly #gateway: Gateway
  readonly #tokens: TokenSource

  constructor(gateway: Gateway, tokens: TokenSource) {
    this.#gateway = gateway
    this.#tokens = tokens
  }

  async list(): Promise<WebhookEndpointsView['endpoints']> {
    const { endpoints } = await this.#call<WebhookEndpointsView>({
      method: 'GET',
      path: '/v1/webhooks/endpoints',
    })
    return endpoints
  }

  /** Makes or changes an endpoint. The reply to the making holds its secret, which is never shown again. */
  put(endpoint: string, settings: WebhookSettings): Promise<WebhookEndpointView> {
    return this.#call({ method: 'PUT', path: pathOf(endpoint), body: settings })
  }

  /** Has the endpoint answer a challenge; from then on events go there. */
  prove(endpoint: string): Promise<WebhookEndpointView> {
    return this.#call({ method: 'POST', path: `${pathOf(endpoint)}/prove` })
  }

  rotateSecret(endpoint: string): Promise<WebhookEndpointView> {
    return this.#call({ method: 'POST', path: `${pathOf(endpoint)}/rotate-secret` })
  }

  test(endpoint: string): Promise<WebhookDeliveryView> {
    return this.#call({ method: 'POST', path: `${pathOf(endpoint)}/test` })
  }

  async delete(endpoint: string): Promise<void> {
    await this.#gateway.send({ method: 'DELETE', path: pathOf(endpoint) }, this.#tokens)
  }

  /** Newest first, with every attempt. */
  async *deliveries(filter: DeliveryFilter = {}): AsyncGenerator<WebhookDeliveryView, void, undefined> {
    const { signal, ...query } = filter
    for (let after: string | undefined; ;) {
      const page = await this.#call<WebhookDeliveriesView>({
        method: 'GET',
        path: '/v1/webhooks/deliveries',
        query: { ...query, after },
        signal,
      })
      yield* page.deliveries
      after = page.next
      if (after === undefined) return
    }
  }

  redeliver(deliveryId: string): Promise<WebhookDeliveryView> {
    const path = `/v1/webhooks/deliveries/${encodeURIComponent(deliveryId)}/redeliver`
    return this.#call({ method: 'POST', path })
  }

  async #call<Reply>(request: GatewayRequest): Promise<Reply> {
    const response = await this.#gateway.send(request, this.#tokens)
    return (await jsonOf(response)) as Reply
  }
}

const pathOf = (endpoint: string): string => `/v1/webhooks/endpoints/${encodeURIComponent(endpoint)}`
