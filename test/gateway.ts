import { randomBytes } from 'node:crypto'
import { Agent, fetch as request } from 'undici'
import type { Headers } from 'undici'
import { pause, resume, withdraw } from '#core/domain/grant.ts'
import type { Committed, Ledger } from '#core/ledger/ledger.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { createLogger } from '#core/logger.ts'
import type { Slots } from '#core/jobs/slots.ts'
import { createPodCache } from '#core/pods/cache.ts'
import type { PodCache } from '#core/pods/cache.ts'
import { gainAccess, loseAccess } from '#core/records/access.ts'
import { noticeReading } from '#core/records/data-changes.ts'
import { grantEntry, vendorEntry } from '#core/records/entries.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import { createNames } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import { readVendor, readVendorStanding, reinstateVendor, suspendVendor } from '#core/records/vendors.ts'
import type { Account, Grant, GrantedItem } from '#schemas/types.gen.ts'
import { newBusiness, newKey, proofFor } from '../bench/business.ts'
import type { Business, Issuer } from '../bench/business.ts'
import { keySetOf } from '../bench/house.ts'
import { addCustomers, addGrants, addVendor } from '../bench/population.ts'
import type { House } from '../bench/population.ts'
import { createVendorGateway, startVendorGateway } from '../vendor-gateway/server.ts'
import type { GatewayTuning } from '../vendor-gateway/server.ts'
import { commitAgain } from './commit-again.ts'
import { openForeignPods } from './foreign-pods.ts'
import type { ForeignPods, Person } from './foreign-pods.ts'
import { freePort } from './free-ports.ts'
import { ledgerFolders, openIn } from './level-ledger.ts'

export const vaultUrl = 'https://vault.example'
export const delivery = 'dpv:DeliveryOfGoods'
export const marketing = 'dpv:DirectMarketing'

export interface TestVendor extends Business {
  readonly vendorId: string
}

export interface TestCustomer extends Account {
  readonly person: Person
}

export interface Call {
  readonly method?: string
  readonly path: string
  readonly as?: Business
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Replace claims of the proof; `undefined` leaves one out. */
  readonly proof?: Readonly<Record<string, unknown>>
}

export interface GatewayReply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Whatever `JSON.parse` gives: tests look into replies of every form. */
  readonly json: ReturnType<JSON['parse']>
}

export interface TestGatewayOptions {
  readonly tuning?: GatewayTuning
  /** Puts something between gateway and ledger. */
  readonly wrapLedger?: (ledger: Ledger) => Ledger
  readonly gatewayPath?: string
  /** Private origins that webhooks may reach. */
  readonly outboundAllow?: readonly string[]
  /** The clock moves by `advance` alone. */
  readonly standsStill?: boolean
  /** Changes in pods are noticed, and told of after a delay drawn by it. */
  readonly random?: () => number
}

/**
 * A gateway as it runs, on a ledger of its own, with pods of somebody else's. The vault's part is played by
 * records.
 */
export class TestGateway implements AsyncDisposable {
  readonly house: House
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly pods: ForeignPods
  readonly cache: PodCache
  readonly issuer: Issuer
  readonly logLines: string[] = []
  readonly #clock: { ahead: number }
  readonly #stack: AsyncDisposableStack
  readonly #options: TestGatewayOptions
  readonly port: number
  #gateway: (AsyncDisposable & { readonly delivery: Slots }) | undefined
  #people = 0
  #nonce: string | undefined
  #agent = new Agent()

  static async open(options: TestGatewayOptions = {}): Promise<TestGateway> {
    await using stack = new AsyncDisposableStack()
    const folders = stack.use(await ledgerFolders())
    const clock = { ahead: 0 }
    const begun = Date.now()
    const now = () => (options.standsStill === true ? begun : Date.now()) + clock.ahead
    const { ledger, keys } = await openIn(folders, { now })
    stack.use(ledger)
    const house = { ledger, names: createNames(await keys.secret('names')), now }
    const pods = stack.use(await openForeignPods())
    const onAccessLost = async (accountId: string, category?: string) => {
      if (category === undefined) await commitAgain(ledger, () => loseAccess(ledger, accountId))
    }
    const random = options.random
    const onRead = (accountId: string, category: string, fields: ReadonlyMap<string, string>) => {
      if (random)
        void noticeReading({ ...house, random, mode: 'production' }, { accountId, category, fields })
    }
    const noticing = random === undefined ? {} : { onRead }
    const cache = stack.use(createPodCache({ fetch, now, onAccessLost, ...noticing }))
    const port = await freePort()
    const gateway = new TestGateway({ house, keys, pods, cache, port, clock, options, stack: stack.move() })
    await gateway.start()
    return gateway
  }

  private constructor(parts: {
    house: House
    keys: KeyStore
    pods: ForeignPods
    cache: PodCache
    port: number
    clock: { ahead: number }
    options: TestGatewayOptions
    stack: AsyncDisposableStack
  }) {
    this.house = parts.house
    this.ledger = parts.house.ledger
    this.keys = parts.keys
    this.pods = parts.pods
    this.cache = parts.cache
    this.port = parts.port
    this.#clock = parts.clock
    this.#options = parts.options
    this.#stack = parts.stack
    this.issuer = { url: `${vaultUrl}/oauth`, audience: this.url, key: newKey() }
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get url(): string {
    return this.origin + (this.#options.gatewayPath ?? '')
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#clock.ahead += ms
  }

  async start(): Promise<void> {
    const lines = { write: (line: string) => void this.logLines.push(line) }
    const options = {
      config: {
        vaultUrl,
        gatewayUrl: this.url,
        mode: 'development' as const,
        outboundAllow: this.#options.outboundAllow ?? [],
      },
      ledger: this.#options.wrapLedger?.(this.ledger) ?? this.ledger,
      keys: this.keys,
      pods: this.cache,
      now: this.house.now,
      log: createLogger({ level: 'info', stream: lines }),
      tuning: { issuerKeys: keySetOf(this.issuer), ...this.#options.tuning },
    }
    const listen = { host: '127.0.0.1', gatewayPort: this.port, vaultPort: 0, podsPort: 0 }
    this.#gateway =
      this.#options.gatewayPath === undefined
        ? await startVendorGateway({ ...options, config: { ...options.config, listen } })
        : await mounted(await createVendorGateway(options), this.#options.gatewayPath, this.port)
  }

  /** Resolves when every message that is due is on its way no more. */
  async settle(): Promise<void> {
    await this.#gateway?.delivery.settle()
  }

  /** Stops and starts the gateway; the ledger and the pod cache stay. */
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async stop(): Promise<void> {
    await this.#gateway?.[Symbol.asyncDispose]()
    this.#gateway = undefined
    await this.#agent.destroy()
    this.#agent = new Agent()
  }

  /** An admitted, registered business with a token of its own (scope `batch`). */
  async vendor(name: string, key = newKey()): Promise<TestVendor> {
    const clientId = `client-${name}`
    const vendorId = await addVendor(this.house, clientId)
    return { ...newBusiness(this.issuer, clientId, { key, claims: this.#times() }), vendorId }
  }

  /** A business with another token; `claims` replace the usual ones. */
  withToken(business: Business, claims: Readonly<Record<string, unknown>> = {}): Business {
    const { clientId, key } = business
    return newBusiness(this.issuer, clientId, { key, claims: { ...this.#times(), ...claims } })
  }

  /** A business with a token for one customer, as the code flow gives it. */
  withGrantToken(business: Business, grant: Grant, items: readonly GrantedItem[] = grant.items): Business {
    const until = new Date(grant.until).toISOString()
    const details = [{ type: 'urn:reach:access-request:1', grant_id: grant.grantId, items, until }]
    return this.withToken(business, {
      sub: grant.subject,
      scope: 'openid',
      grant_id: grant.grantId,
      authorization_details: details,
    })
  }

  #times() {
    const seconds = Math.floor(this.house.now() / 1000)
    return { iat: seconds, exp: seconds + 300 }
  }

  /** A customer whose pod is filled and open. */
  async customer(
    values: Readonly<Record<string, Readonly<Record<string, unknown>>>> = samples,
  ): Promise<TestCustomer> {
    const person = this.pods.person(this.#people++)
    for (const [category, members] of Object.entries(values)) this.pods.fill(person, category, members)
    const [account] = await addCustomers(this.house, [person])
    if (account === undefined) throw new Error('no account was made')
    return { ...account, person }
  }

  /** A redeemed grant of one item. */
  async grant(
    customer: Account,
    vendor: TestVendor,
    options: { purpose?: string; fields?: readonly string[]; until?: number } = {},
  ): Promise<Grant> {
    const { purpose = delivery, fields = ['profile.name', 'contact.email'], until } = options
    const items = [{ id: 'item-1', purpose, fields: [...fields] }]
    const to = { vendorId: vendor.vendorId, clientId: vendor.clientId, items }
    const [grant] = await addGrants(this.house, [customer], until === undefined ? to : { ...to, until })
    if (grant === undefined) throw new Error('no grant was made')
    return grant
  }

  /**
   * What a customer does with a grant, in one commit; the moment it is acknowledged is the moment this
   * resolves.
   */
  async change(
    { grantId }: Grant,
    change: 'paused' | 'resumed' | 'withdrawn',
  ): Promise<Committed | undefined> {
    const act = { paused: pause, resumed: resume, withdrawn: withdraw }[change]
    const { ledger, names, now } = this.house
    return commitAgain(ledger, async () => {
      const stored = await readGrant(ledger, grantId)
      if (stored === undefined) throw new Error('no such grant')
      const next = act(stored.value, now())
      if (next === stored.value) return undefined
      const part = await changeGrant({ reader: ledger, names }, stored, next)
      return combine(part, { entries: [grantEntry(stored.value, { type: change })] })
    })
  }

  /** The customer changes what one item covers, in one commit. */
  async changeFields({ grantId }: Grant, fields: readonly string[]): Promise<Committed | undefined> {
    const { ledger, names, now } = this.house
    return commitAgain(ledger, async () => {
      const stored = await readGrant(ledger, grantId)
      if (stored === undefined) throw new Error('no such grant')
      const [item] = stored.value.items
      if (item === undefined) throw new Error('a grant has items')
      const items = [{ ...item, fields: [...fields] }]
      const noticeHash = randomBytes(32).toString('base64url')
      const { until } = stored.value
      const changes = (stored.value.changes ?? 0) + 1
      const next = { ...stored.value, items, noticeHash, changes, termsFrom: now() }
      const fact = { type: 'changed', items, until, notice: noticeHash } as const
      const part = await changeGrant({ reader: ledger, names }, stored, next)
      return combine(part, { entries: [grantEntry(next, fact)] })
    })
  }

  loseAccess(accountId: string): Promise<Committed | undefined> {
    return commitAgain(this.ledger, () => loseAccess(this.ledger, accountId))
  }

  gainAccess(accountId: string): Promise<Committed | undefined> {
    return commitAgain(this.ledger, () => gainAccess(this.ledger, accountId))
  }

  async suspend(vendorId: string, suspended = true): Promise<Committed | undefined> {
    return commitAgain(this.ledger, async () => {
      const vendor = await readVendor(this.ledger, vendorId)
      const standing = await readVendorStanding(this.ledger, vendorId)
      if (vendor === undefined || standing === undefined) throw new Error('no such business')
      const type = suspended ? 'vendor-suspended' : 'vendor-reinstated'
      const part = suspended ? suspendVendor(standing) : reinstateVendor(vendor, standing)
      return combine(part, { entries: [vendorEntry({ type, vendor: vendorId })] })
    })
  }

  /**
   * One request with a proof of its own; the nonce is learned from the gateway's challenge, as clients do.
   */
  async call(call: Call): Promise<GatewayReply> {
    const reply = await this.#send(call)
    const renewed = reply.headers.get('dpop-nonce')
    if (renewed === null) return reply
    this.#nonce = renewed
    const isChallenge = reply.json?.code === 'use-dpop-nonce' && !(call.proof && 'nonce' in call.proof)
    return isChallenge ? this.#send(call) : reply
  }

  async #send({ method = 'GET', path, as, body, headers = {}, proof = {} }: Call): Promise<GatewayReply> {
    const url = this.url + path
    const target = { method, url: url.replace(/[?#].*/, ''), nonce: this.#nonce }
    const iat = Math.floor(this.house.now() / 1000)
    const credentials: Record<string, string> =
      as === undefined
        ? {}
        : { authorization: `DPoP ${as.token}`, dpop: proofFor(as, target, { iat, ...proof }) }
    const content: Record<string, string> =
      body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }
    const response = await request(url, {
      dispatcher: this.#agent,
      method,
      headers: { ...credentials, ...content, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '') && text !== ''
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    }
  }

  read(as: Business, subject: string, fields: string, purpose = delivery): Promise<GatewayReply> {
    return this.call({
      as,
      path: `/v1/subjects/${encodeURIComponent(subject)}?fields=${fields}&purpose=${purpose}`,
    })
  }

  query(as: Business, subjects: readonly string[], fields: readonly string[], purpose = delivery) {
    return this.call({ as, method: 'POST', path: '/v1/query', body: { purpose, fields, subjects } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.#stack.disposeAsync()
  }
}

export const samples = {
  profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' },
  contact: { email: 'ada@example.org', phone: '+44 20 123456' },
}

async function mounted(
  { app, delivery, [Symbol.asyncDispose]: close }: Awaited<ReturnType<typeof createVendorGateway>>,
  path: string,
  port: number,
): Promise<AsyncDisposable & { readonly delivery: Slots }> {
  await using stack = new AsyncDisposableStack()
  stack.defer(close)
  const outer = leanExpress()
  outer.use(path, app)
  stack.use(await listen({ app: outer, host: '127.0.0.1', port }))
  const open = stack.move()
  return { delivery, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
