import type { Grant } from '#schemas/types.gen.ts'
import { actOnGrant } from '../vault-server/customer/grants.ts'
import type { GrantAct } from '../vault-server/customer/grants.ts'
import { freePorts } from './free-ports.ts'
import { TestGateway } from './gateway.ts'
import type { GatewayReply, TestVendor } from './gateway.ts'
import { openReceiver } from './webhook-receiver.ts'
import type { Received, WebhookReceiver } from './webhook-receiver.ts'

export const endpoints = '/v1/webhooks/endpoints'

/** A gateway and the servers of two businesses that it may reach. */
export class WebhookWorld implements AsyncDisposable {
  readonly gateway: TestGateway
  readonly receiver: WebhookReceiver
  readonly other: WebhookReceiver
  #vendors = 0

  static async open(): Promise<WebhookWorld> {
    const [one, two] = await freePorts(2)
    const [receiver, other] = [await openReceiver(one), await openReceiver(two)]
    // What comes when is the test's to say, however slow the machine is.
    const outboundAllow = [receiver.origin, other.origin]
    const gateway = await TestGateway.open({ outboundAllow, standsStill: true })
    return new WebhookWorld(gateway, receiver, other)
  }

  private constructor(gateway: TestGateway, receiver: WebhookReceiver, other: WebhookReceiver) {
    this.gateway = gateway
    this.receiver = receiver
    this.other = other
  }

  put(as: TestVendor, url: string, settings: object = {}, name = 'main'): Promise<GatewayReply> {
    const path = `${endpoints}/${name}`
    return this.gateway.call({ as: this.renewed(as), method: 'PUT', path, body: { url, ...settings } })
  }

  post(as: TestVendor, path: string): Promise<GatewayReply> {
    return this.gateway.call({ as: this.renewed(as), method: 'POST', path })
  }

  /** The clock moves by days: a token as of now. */
  renewed(as: TestVendor): TestVendor {
    return { ...this.gateway.withToken(as), vendorId: as.vendorId }
  }

  /** A business with an endpoint that is proven, and its secret. */
  async business(url: string): Promise<{ shop: TestVendor; secret: string }> {
    const shop = await this.gateway.vendor(`shop-${this.#vendors++}`)
    const made = await this.put(shop, url)
    const proven = await this.post(shop, `${endpoints}/main/prove`)
    if (proven.json?.state !== 'proven') throw new Error(`not proven: ${made.text} ${proven.text}`)
    return { shop, secret: made.json.secret }
  }

  /** What the customer does. */
  act({ accountId, grantId }: Grant, what: GrantAct, askDeletion = false): Promise<Grant> {
    return actOnGrant({ accountId, grantId, act: what, askDeletion }, this.gateway.house)
  }

  async newGrant(vendor: TestVendor): Promise<Grant> {
    return this.gateway.grant(await this.gateway.customer(), vendor)
  }

  async deliveries(as: TestVendor, query = '') {
    const { json, status, text } = await this.gateway.call({
      as: this.renewed(as),
      path: `/v1/webhooks/deliveries${query}`,
    })
    if (status !== 200) throw new Error(text)
    return json.deliveries
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]()
    await this.receiver[Symbol.asyncDispose]()
    await this.other[Symbol.asyncDispose]()
  }
}

export const ofGrant = (at: WebhookReceiver, { grantId }: Grant): Received[] =>
  at.received.filter(({ message }) => message.data.grant_id === grantId)
export const typesOf = (at: WebhookReceiver, grant: Grant): string[] =>
  ofGrant(at, grant).map(({ message }) => String(message.type))
