/**
 * People and businesses on the whole of Reach, through its public surface only. Every name and value is
 * unique and kept, so that `checkEverything` can look for it where it must not be.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as oauth from 'openid-client'
import type {
  AccessRequestDetails,
  Decision,
  DecisionResult,
  GrantView,
  Me,
  RequestView,
} from '../schemas/types.gen.ts'
import { accessRequest, ask, redeem, registerBusiness } from './business.ts'
import type { Business, PendingRequest, Tokens } from './business.ts'
import type { Planted } from './check-everything.ts'
import { decide, openPage } from './consent.ts'
import type { OpenedPage } from './consent.ts'
import { ownFetch } from './pod-server.ts'
import { VaultBrowser } from './vault.ts'
import type { Answer, Person } from './vault.ts'
import { createWorld } from './world.ts'
import type { World, WorldOptions } from './world.ts'

export interface Customer extends Person {
  readonly podName: string
  readonly accountId: string
  /** Her `vrm/`. */
  readonly container: string
  readonly browser: VaultBrowser
}

export type Shop = Business & { readonly vendorId: string; readonly name: string }

/** A grant that its business has redeemed, and what was shown before it was given. */
export interface Relation {
  readonly shop: Shop
  readonly grantId: string
  readonly receiptId: string
  readonly subject: string
  readonly tokens: Tokens
  /** Where the browser came back to the business. */
  readonly callback: URL
  readonly view: RequestView
  readonly result: DecisionResult
}

export interface Reply {
  readonly status: number
  /** Without what differs from one connection or moment to the next. */
  readonly headers: readonly (readonly [string, string])[]
  readonly text: string
}

export type Values = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const orders = 'dpv:CustomerOrderManagement'
const passing = new Set(['date', 'connection', 'keep-alive', 'dpop-nonce', 'ratelimit'])

/** What the sample request asks for, each value found nowhere else. */
export function sampleValues(): Values {
  const mark = randomBytes(5).toString('hex')
  return {
    profile: { name: `Zerlina Quohog-${mark}`, birthDate: '1987-11-23' },
    diet: { diet: ['GlutenFreeDiet'], allergies: [`tansy ${mark}`, `lovage ${mark}`] },
  }
}

/** A pod server that misses a deadline of the vault's on a busy machine is asked again when the vault says. */
async function patiently(send: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await send()
    if (answer.status !== 503 || attempt === 5) return expectOk(answer)
    await sleep(Number(answer.headers.get('retry-after')) * 1_000)
  }
}

export class Story implements Planted, AsyncDisposable {
  readonly world: World
  readonly secrets: string[] = []
  readonly names: string[] = []
  readonly fields = ['profile.name', 'diet.diet', 'diet.allergies', 'birthDate', 'allergies']
  /** Every address that anybody was sent to. */
  readonly redirects: string[] = []

  readonly #nextMark: () => string

  /** `nextMark` gives what tells one business from another in its name and domain: different at every call. */
  static async open(
    options: WorldOptions = {},
    nextMark = () => randomBytes(6).toString('hex'),
  ): Promise<Story> {
    return new Story(await createWorld(options), nextMark)
  }

  private constructor(world: World, nextMark: () => string) {
    this.world = world
    this.#nextMark = nextMark
  }

  browser(): VaultBrowser {
    return new VaultBrowser(this.world.config.vaultUrl, this.redirects)
  }

  /** A new vault, connected, its pod filled. */
  async customer(values: Values = sampleValues()): Promise<Customer> {
    const browser = this.browser()
    const podName = `quohog-${randomBytes(8).toString('hex')}`
    const person = { email: `${randomBytes(8).toString('hex')}@zerlina.example`, password: randomUUID() }
    const made = await patiently(() => browser.post('/api/vaults', { podName, ...person }))
    const { accountId = '', webId = '', container = '' } = made.body as Me
    this.secrets.push(podName, person.email, person.password, webId)
    await patiently(() => browser.post('/api/pod/connect'))
    for (const [category, members] of Object.entries(values)) {
      this.plant(members)
      expectOk(await browser.put(`/api/categories/${category}`, { etag: null, values: members }))
    }
    return { ...person, podName, browser, accountId, webId, container }
  }

  /** Every text within, of which another one is unlikely to turn up by chance. */
  plant(value: unknown): void {
    if (typeof value === 'string' && value.length >= 8) this.secrets.push(value)
    else if (typeof value === 'object' && value !== null)
      Object.values(value).forEach((one) => this.plant(one))
  }

  /** Her pod as another Solid app of hers sees it. */
  appOf(customer: Customer): ReturnType<typeof ownFetch> {
    const { podServer } = this.world.reach
    if (podServer === undefined) throw new Error('no embedded pods')
    return ownFetch(podServer, customer)
  }

  /** Admitted by the operator and registered by itself. */
  async shop(overrides: Readonly<Record<string, unknown>> = {}): Promise<Shop> {
    const mark = this.#nextMark()
    const [name, host] = [`Corner Shop ${mark}`, `shop-${mark}.example`]
    this.names.push(name, host)
    const admission = await this.world.operator.add({ name, contact: `privacy@${host}` })
    const issuer = `${this.world.config.vaultUrl}/oauth`
    const registered = await registerBusiness(issuer, admission, {
      redirectUri: `https://${host}/callback`,
      overrides,
    })
    return { ...registered, vendorId: admission.vendorId, name }
  }

  /** From the business to the customer's decision page. */
  async ask(
    { browser }: Customer,
    shop: Shop,
    details: Partial<AccessRequestDetails> = {},
  ): Promise<OpenedPage & { pending: PendingRequest }> {
    const pending = await ask(shop, accessRequest(details))
    return { ...(await openPage({ url: this.world.config.vaultUrl }, browser, pending)), pending }
  }

  /** The browser goes back to the business, which redeems its code. */
  async redeem(
    { browser }: Customer,
    shop: Shop,
    page: { view: RequestView; pending: PendingRequest },
    result: DecisionResult,
  ): Promise<Relation> {
    const { origin } = new URL(this.world.config.vaultUrl)
    this.redirects.push(String(result.returnTo))
    const { url } = await browser.jar.follow(String(result.returnTo), (next) => next.origin !== origin)
    const tokens = await redeem(shop, url, page.pending)
    const { grantId = '', receipt } = result
    const { subject } = tokens
    const receiptId = String(receipt?.receiptId)
    return { shop, grantId, receiptId, subject, tokens, callback: url, view: page.view, result }
  }

  /** She allows all that is asked, or what `answers` say, and the business redeems its code. */
  async allow(
    customer: Customer,
    shop: Shop,
    {
      answers = {},
      details = {},
    }: { answers?: Partial<Decision>; details?: Partial<AccessRequestDetails> } = {},
  ): Promise<Relation> {
    const page = await this.ask(customer, shop, details)
    const decided = expectOk(await decide(customer.browser, page, answers))
    return this.redeem(customer, shop, page, decided.body as DecisionResult)
  }

  async act(
    customer: Customer,
    { grantId }: Relation,
    act: 'withdraw' | 'pause' | 'resume',
  ): Promise<GrantView> {
    return expectOk(await customer.browser.post(`/api/grants/${grantId}/${act}`)).body as GrantView
  }

  /** Any request of a business to the gateway, by a standard client. */
  async call(shop: Business, token: string, path: string, body?: unknown): Promise<Reply> {
    const response = await oauth.fetchProtectedResource(
      shop.config,
      token,
      new URL(this.world.config.gatewayUrl + path),
      body === undefined ? 'GET' : 'POST',
      body === undefined ? null : JSON.stringify(body),
      new Headers(body === undefined ? {} : { 'content-type': 'application/json' }),
      { DPoP: shop.DPoP },
    )
    const headers = [...response.headers].filter(([name]) => !passing.has(name))
    return { status: response.status, headers, text: await response.text() }
  }

  /** Reads fields of the customer, or of another subject, with the token of the grant or another one. */
  read(
    { shop, tokens, subject }: Pick<Relation, 'shop' | 'tokens' | 'subject'>,
    { fields = ['profile.name'], purpose = orders, of = subject, token = tokens.accessToken }: Read = {},
  ): Promise<Reply> {
    return this.call(shop, token, `/v1/subjects/${of}?fields=${fields.join()}&purpose=${purpose}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]()
  }
}

interface Read {
  readonly fields?: readonly string[]
  readonly purpose?: string
  readonly of?: string
  readonly token?: string
}

export function expectOk(answer: Answer): Answer {
  if (answer.status >= 300) throw new Error(`refused: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer
}
