/**
 * The tour's sample business: a standard OAuth client behind a few pages of its own. What it remembers of its
 * visitors is in memory and bounded: a tour is thrown away.
 */
import { randomBytes } from 'node:crypto'
import express, { type Router } from 'express'
import { LRUCache } from 'lru-cache'
import { type PendingRequest, type Shop, type ShopCustomer } from '../examples/shop.ts'
import { findField } from '#core/domain/catalogue.ts'
import { purposes } from '#core/domain/purposes.ts'
import { nothingPage, orderPage, type ShopAnswer, STYLE } from './pages.ts'

const DAY = 86_400_000

export const SAMPLE_REQUEST = {
  items: [
    {
      purpose: 'dpv:DeliveryOfGoods',
      fields: ['profile.name', 'contact.address'],
      why: 'Corner Shop needs your name and address to deliver what you order.',
      required: true,
    },
    {
      purpose: 'dpv:AgeVerification',
      fields: ['profile.ageOver18'],
      why: 'Corner Shop sells wine only to people of age; it learns yes or no.',
      required: false,
    },
    {
      purpose: 'dpv:ServicePersonalisation',
      fields: ['diet.allergies', 'sizes.shoe'],
      why: 'Corner Shop would hide what you cannot eat and show shoes that fit.',
      required: false,
    },
  ],
  retention: 'P90D',
  recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
} as const

export interface SampleShop {
  /** Pushes the sample request; the address to which the customer's browser goes. */
  ask(): Promise<URL>
  /** The shop's pages, to be mounted at `base`. */
  readonly routes: Router
}

/**
 * `base` is the public path of the routes with a slash at the end, `vaultUrl` the tour's vault, `gatewayUrl`
 * its gateway.
 */
export function sampleShop(options: {
  shop: Shop
  base: string
  vaultUrl: string
  gatewayUrl: string
  now: () => number
}): SampleShop {
  const { shop, base, vaultUrl, gatewayUrl, now } = options
  const pending = new LRUCache<string, PendingRequest>({ max: 1_000, ttl: DAY })
  const customers = new LRUCache<string, ShopCustomer>({ max: 1_000, ttl: DAY })

  async function ask(): Promise<URL> {
    const asked = await shop.ask({ ...SAMPLE_REQUEST, until: new Date(now() + 120 * DAY) })
    pending.set(asked.pending.state, asked.pending)
    return asked.url
  }

  /** After a withdrawal there is no new token; the old one then shows what the gateway answers. */
  async function fresh(visit: string, customer: ShopCustomer): Promise<ShopCustomer> {
    if (now() < customer.expiresAt) return customer
    const renewed = await shop.refresh(customer).catch(() => customer)
    customers.set(visit, renewed)
    return renewed
  }

  async function readAll(customer: ShopCustomer): Promise<ShopAnswer[]> {
    const granted = (customer.granted as { items: { purpose: string; fields: string[] }[] }[]).flatMap(
      ({ items }) => items,
    )
    return Promise.all(
      granted.map(async ({ purpose, fields }) => {
        const response = await shop.read(gatewayUrl, customer, fields, purpose).catch(() => undefined)
        if (response === undefined) return { purpose: titleOf(purpose), status: 401, values: [] }
        if (response.status !== 200) return { purpose: titleOf(purpose), status: response.status, values: [] }
        const { data, log } = (await response.json()) as {
          data: Record<string, unknown>
          log: { index: number }
        }
        const values = Object.entries(data).map(
          ([field, value]) => [findField(field)?.title ?? field, plain(value)] as const,
        )
        return { purpose: titleOf(purpose), status: 200, values, logIndex: log.index }
      }),
    )
  }

  const routes = express.Router()
  routes.use((_request, response, next) => {
    response.set({
      'content-security-policy':
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    next()
  })
  routes.get('/style.css', (_request, response) => void response.type('css').send(STYLE))
  routes.get('/ask', async (_request, response) => response.redirect(303, (await ask()).href))
  routes.get('/callback', async (request, response) => {
    const known = pending.get(String(request.query['state']))
    if (known === undefined) {
      response.status(400).send(nothingPage(base, vaultUrl, 'The shop does not know this visit any more.'))
      return
    }
    pending.delete(known.state)
    const callback = new URL(
      `callback${request.originalUrl.replace(/^[^?]*/, '')}`,
      new URL(base, gatewayUrl),
    )
    const customer = await shop.redeem(callback, known).catch(() => undefined)
    if (customer === undefined) {
      response.send(nothingPage(base, vaultUrl, 'You allowed nothing, so the shop knows nothing about you.'))
      return
    }
    const visit = randomBytes(16).toString('base64url')
    customers.set(visit, customer)
    response.redirect(303, `${base}visits/${visit}`)
  })
  routes.get('/visits/:visit', async (request, response) => {
    const customer = customers.get(request.params.visit)
    if (customer === undefined) {
      response.status(404).send(nothingPage(base, vaultUrl, 'The shop does not know this visit any more.'))
      return
    }
    response.send(
      orderPage(base, vaultUrl, customer.subject, await readAll(await fresh(request.params.visit, customer))),
    )
  })
  return { ask, routes }
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map(plain).join(', ')
  if (typeof value === 'object' && value !== null) return Object.values(value).map(plain).join(', ')
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
}

function titleOf(purpose: string): string {
  return purposes.find(({ id }) => id === purpose)?.title ?? purpose
}
