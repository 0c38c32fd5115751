/**
 * "Take the tour": a throw-away customer with sample data and a sample business that has just asked her.
 * Everything goes through the public surface of the tour's own vault, as a customer's browser would;
 * development only.
 */
import { randomBytes } from 'node:crypto'
import express, { type Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { type SampleShop } from './sample-shop.ts'

const SAMPLE_DATA: Readonly<Record<string, Record<string, unknown>>> = {
  profile: { name: 'Alex Sample', birthDate: '1990-04-12', languages: ['en', 'de'] },
  contact: {
    email: 'alex@sample.example',
    phone: '+49 30 1234567',
    address: { street: 'Lindenweg 7', locality: 'Berlin', postalCode: '10115', country: 'DE' },
  },
  'contact-rules': { channels: ['email', 'post'], quietHours: { from: '20:00', to: '08:00' } },
  interests: { topics: ['hiking', 'jazz', 'sourdough'] },
  diet: { diet: ['VegetarianDiet'], allergies: ['peanuts'] },
  sizes: { shoe: { size: '42', system: 'EU' } },
}

/** One customer's calls to the tour's vault, with her cookies. */
class TourCustomer {
  readonly #vaultUrl: string
  /** Name to the `Set-Cookie` line that set it last. */
  readonly #cookies = new Map<string, string>()

  constructor(vaultUrl: string) {
    this.#vaultUrl = vaultUrl
  }

  /** What the browser that takes over must be given. */
  get setCookies(): string[] {
    return [...this.#cookies.values()]
  }

  async call<Reply>(method: string, path: string, body?: unknown): Promise<Reply> {
    const response = await fetch(this.#vaultUrl + path, {
      method,
      headers: {
        'content-type': 'application/json',
        origin: new URL(this.#vaultUrl).origin,
        'sec-fetch-site': 'same-origin',
        cookie: this.setCookies.map((line) => line.split(';', 1)[0]).join('; '),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    for (const line of response.headers.getSetCookie()) this.#cookies.set(line.split('=', 1)[0] ?? '', line)
    if (!response.ok) {
      const cause = new Error(`${method} ${path} answered ${response.status}`)
      if (response.status === 503)
        throw new DomainError('pod-unreachable', 'The pods do not answer yet.', {
          retryAfter: 3,
          cause,
        })
      throw cause
    }
    return (await response.json()) as Reply
  }
}

/**
 * POST / answers `{ location }`, the decision page of the sample request, and signs the browser in as the new
 * customer.
 */
export function tourRoutes({ vaultUrl, shop }: { vaultUrl: string; shop: SampleShop }): Router {
  const routes = express.Router()
  routes.post('/', async (_request, response) => {
    const name = `tour-${randomBytes(5).toString('hex')}`
    const customer = new TourCustomer(vaultUrl)
    const credentials = {
      podName: name,
      email: `${name}@sample.example`,
      password: randomBytes(18).toString('base64url'),
    }
    await customer.call('POST', '/api/vaults', credentials)
    await customer.call('POST', '/api/pod/connect', {})
    for (const [category, values] of Object.entries(SAMPLE_DATA))
      await customer.call('PUT', `/api/categories/${category}`, { etag: null, values })
    const { href } = await shop.ask()
    response.setHeader('set-cookie', customer.setCookies)
    response.set('cache-control', 'no-store').json({ location: href })
  })
  return routes
}
