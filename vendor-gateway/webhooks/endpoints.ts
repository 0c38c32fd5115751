import { randomBytes } from 'node:crypto'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { parseStrictJson } from '#core/http/strict-json.ts'
import { parser } from '#core/http/validate.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import { ascending, combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { newId } from '#core/records/ids.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import { queueDelivery } from '#core/records/webhook-deliveries.ts'
import type { WebhookDelivery } from '#core/records/webhook-deliveries.ts'
import {
  aimEndpoint,
  changeEndpoint,
  createEndpoint,
  dropEndpoint,
  listEndpoints,
  makingAlone,
  mostEndpoints,
  proveEndpoint,
  readEndpoint,
  removeEndpoint,
  rotateSecret,
  unreadable,
} from '#core/records/webhook-endpoints.ts'
import type { WebhookEndpoint } from '#core/records/webhook-endpoints.ts'
import { planRound } from '#core/records/webhook-rounds.ts'
import type { WebhookEndpointView, WebhookMessage, WebhookSettings } from '#schemas/types.gen.ts'
import type { Send } from './sender.ts'

export interface EndpointParts {
  readonly ledger: Ledger
  readonly send: Send
  /** Exact origins that may be plain http; none in production. */
  readonly outboundAllow: readonly string[]
  /** Unix ms. */
  readonly now: () => number
  /** Tells the worker that something is due. */
  readonly wake: () => void
}

/** The endpoints of one business. Names come from outside; one that is not there is `not-found`. */
export class Endpoints {
  readonly #parts: EndpointParts
  readonly #parseSettings = parser('api/webhook-settings.json')
  constructor(parts: EndpointParts) {
    this.#parts = parts
  }

  async list(vendorId: string): Promise<WebhookEndpointView[]> {
    const endpoints = await listEndpoints(this.#parts.ledger, vendorId)
    return endpoints.map(({ value }) => viewEndpoint(value))
  }

  async put(vendorId: string, name: string, body: unknown): Promise<WebhookEndpointView> {
    const { ledger, now } = this.#parts
    const settings = this.#parseSettings(body)
    this.#checkAddress(settings)
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) throw invalid('endpoint', 'is no name of an endpoint')
    const make = async () => {
      const found = await readEndpoint(ledger, vendorId, name)
      if (found !== undefined && found !== unreadable) {
        const next = aimEndpoint(found.value, settings, now())
        return { parts: changeEndpoint(found, next), result: viewEndpoint(next) }
      }
      const alone = await makingAlone(ledger, vendorId, now())
      if ((await listEndpoints(ledger, vendorId)).length >= mostEndpoints)
        throw new DomainError('conflict', `There are ${mostEndpoints} endpoints already: delete one first`)
      const { endpoint, parts } = createEndpoint({ vendorId, name, ...settings }, now(), found)
      return { parts: combine(alone, parts), result: viewEndpoint(endpoint, { showSecret: true }) }
    }
    // As many as there may be can be made at once: each time one of them is.
    return await commitAnew(ledger, make, 2 * mostEndpoints)
  }

  async remove(vendorId: string, name: string): Promise<void> {
    await commitAnew(this.#parts.ledger, async () => {
      const isLost = (await readEndpoint(this.#parts.ledger, vendorId, name)) === unreadable
      const parts = isLost ? dropEndpoint(vendorId, name) : removeEndpoint(await this.#read(vendorId, name))
      return { parts, result: undefined }
    })
  }

  /** Refuses (`endpoint-not-proven`) unless the endpoint echoes a fresh challenge. */
  async prove(vendorId: string, name: string): Promise<WebhookEndpointView> {
    const { ledger, now, wake } = this.#parts
    const { value: challenged } = await this.#read(vendorId, name)
    await this.#challenge(challenged)
    const view = await commitAnew(ledger, async () => {
      const found = await this.#read(vendorId, name)
      const { endpointId, url } = found.value
      if (endpointId !== challenged.endpointId || url !== challenged.url)
        throw new DomainError('conflict', 'The endpoint was changed meanwhile')
      const next = proveEndpoint(found.value, now())
      const planned = await planRound(ledger, placeOf(next), { now: now(), endRest: true })
      return { parts: combine(changeEndpoint(found, next), planned), result: viewEndpoint(next) }
    })
    wake()
    return view
  }

  async #challenge(endpoint: WebhookEndpoint): Promise<void> {
    const { ledger, send, now } = this.#parts
    const standing = await readVendorStanding(ledger, endpoint.vendorId)
    if (standing?.value.state !== 'active')
      throw new DomainError('vendor-suspended', 'Nothing is sent to a business that is suspended')
    const challenge = randomBytes(24).toString('base64url')
    const message: WebhookMessage = {
      type: 'webhook.challenge',
      timestamp: formatTime(now()),
      data: { challenge },
    }
    const id = messageId('chl', now())
    const { answer, attempt } = await send(endpoint, { id, body: JSON.stringify(message) })
    if (answer === undefined || !echoes(answer, challenge))
      throw new DomainError('endpoint-not-proven', refusals[attempt.error ?? 'answer'])
  }

  async rotate(vendorId: string, name: string): Promise<WebhookEndpointView> {
    const { ledger, now } = this.#parts
    return await commitAnew(ledger, async () => {
      const found = await this.#read(vendorId, name)
      const next = rotateSecret(found.value, now())
      return { parts: changeEndpoint(found, next), result: viewEndpoint(next, { showSecret: true }) }
    })
  }

  async test(vendorId: string, name: string): Promise<WebhookDelivery> {
    const { ledger, now, wake } = this.#parts
    const { value: endpoint } = await this.#read(vendorId, name)
    assertProven(endpoint)
    const at = now()
    const id = messageId('evt', at)
    // A line of its own for each test: they wait for nothing and hold up nothing.
    const message = { v: 1, id, type: 'webhook.test', vendorId, at, requestId: id } as const
    const { delivery, parts } = queueDelivery(endpoint, message, { version: 0, now: at })
    await commitAnew(ledger, async () => {
      const planned = await planRound(ledger, placeOf(endpoint), { now: at, endRest: true })
      return { parts: combine(parts, planned), result: undefined }
    })
    wake()
    return delivery
  }

  async #read(vendorId: string, name: string): Promise<Stored<WebhookEndpoint>> {
    const found = await readEndpoint(this.#parts.ledger, vendorId, name)
    if (found === undefined) throw new DomainError('not-found', 'There is no endpoint of this name')
    if (found === unreadable)
      throw new DomainError('conflict', 'This endpoint was lost: put it anew, and prove it')
    return found
  }

  /** What a name resolves to is asked whenever something is sent; here only what the text says. */
  #checkAddress({ url }: WebhookSettings): void {
    const parsed = URL.parse(url)
    if (parsed === null) throw invalid('/url', 'is no address')
    const { protocol, origin, username, password } = parsed
    if (protocol !== 'https:' && !this.#parts.outboundAllow.includes(origin))
      throw invalid('/url', 'must be https')
    if (username !== '' || password !== '') throw invalid('/url', 'must hold no credentials')
  }
}

const refusals = {
  answer: 'The answer was not 200 with the challenge',
  'no-answer': 'No connection came about, or no answer within 10 seconds',
  'address-refused': 'The address is not a public one',
  'answer-too-large': 'The answer was too long',
} as const

export function assertProven({ state }: WebhookEndpoint): void {
  if (state !== 'proven') throw new DomainError('endpoint-not-proven', 'Prove the endpoint first')
}

export const placeOf = ({ endpointId, vendorId, name }: WebhookEndpoint) => ({
  endpointId,
  vendorId,
  endpoint: name,
})

const messageId = (kind: string, now: number) => `${kind}_${ascending(now)}_${newId()}`

function echoes(answer: string, challenge: string): boolean {
  try {
    const read = parseStrictJson(answer)
    return typeof read === 'object' && read !== null && 'challenge' in read && read.challenge === challenge
  } catch {
    return false
  }
}

function viewEndpoint(
  endpoint: WebhookEndpoint,
  { showSecret = false }: { showSecret?: boolean } = {},
): WebhookEndpointView {
  const { name, url, events, state, createdAt, provenAt, failingSince, secret, earlier } = endpoint
  return {
    endpoint: name,
    url,
    ...(events === undefined ? {} : { events: [...events] }),
    state,
    created_at: formatTime(createdAt),
    ...(provenAt === undefined ? {} : { proven_at: formatTime(provenAt) }),
    ...(failingSince === undefined ? {} : { failing_since: formatTime(failingSince) }),
    ...(showSecret ? { secret } : {}),
    ...(earlier === undefined ? {} : { earlier_secret_until: formatTime(earlier.until) }),
  }
}

function invalid(pointer: string, detail: string): DomainError {
  return new DomainError('invalid-input', 'The input is not valid', { violations: [{ pointer, detail }] })
}
