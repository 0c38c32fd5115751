/**
 * A business at a Reach vault: asks customers, reads what they granted, keeps its copy in step, and checks the proof of
 * every answer against the vault's public log.
 */
import { SignJWT } from 'jose'
import type {
  CatalogueView,
  Disclosure,
  QueryRow,
  RequestCheck,
  VendorGrant,
  VendorGrants,
  VendorRequest,
  VendorRequests,
} from '../../schemas/types.gen.ts'
import {
  Authorization,
  type AccessRequest,
  type AccessToken,
  type Customer,
  type LinkRequest,
  type PendingRequest,
  type WaitingRequest,
} from './authorization.ts'
import { WebhookEndpoints } from './endpoints.ts'
import { jsonOf, noReply, ReachError, refusalOf, safeAddress } from './errors.ts'
import { Gateway, pause, unlessAborted, type GatewayRequest, type TokenSource } from './gateway.ts'
import type { KeyPair } from './keys.ts'
import { LogVerifier, memoryLogStore, NotProven, type LogStore } from './log.ts'
import { readRows, type Query, type RowsOptions } from './rows.ts'

export interface ReachOptions {
  /** Address of the vault, such as `https://vault.example`. */
  readonly vault: string
  /** Address of the gateway. */
  readonly gateway: string
  readonly clientId: string
  readonly redirectUri: string
  /** Signs client assertions; its `kid` is the registered one. */
  readonly assertionKey: KeyPair
  /** Binds tokens to this business; another pair than the one for assertions. */
  readonly dpopKey: KeyPair
  /** Where the newest checkpoint of the log is kept; in memory unless said otherwise. */
  readonly logStore?: LogStore | undefined
  /** Verifier key of the log (`<vault>/log/vkey`), from a source you trust. */
  readonly logKey?: string | undefined
  /** `false` trusts replies without checking their proof. */
  readonly verify?: boolean | undefined
  readonly fetch?: typeof globalThis.fetch | undefined
}

export interface GrantFilter {
  readonly state?: VendorGrant['state'] | undefined
  readonly subject?: string | undefined
  readonly purpose?: string | undefined
  readonly grant_id?: string | undefined
  readonly request_id?: string | undefined
}

export interface RequestFilter {
  readonly state?: VendorRequest['status'] | undefined
  readonly purpose?: string | undefined
  readonly grant_id?: string | undefined
  readonly request_id?: string | undefined
}

/** Rows in pages; `asOf`, once the iteration has begun, is where the next look for changes begins. */
export interface Listed<Row> extends AsyncIterable<Row> {
  readonly asOf: string | undefined
}

/** Tokens kept ready at most; the one that was fetched first is dropped first. */
const KEPT_TOKENS = 10_000

export class Reach {
  readonly #options: ReachOptions
  readonly #authorization: Authorization
  readonly #gateway: Gateway
  readonly #log: LogVerifier
  readonly #tokens = new Map<string, Promise<AccessToken>>()
  readonly webhooks: WebhookEndpoints

  /** Discovers the vault. Throws `ReachError`, or `TypeError` for addresses and keys that are none. */
  static async open(options: ReachOptions): Promise<Reach> {
    const { vault, clientId, redirectUri, assertionKey, dpopKey, fetch = globalThis.fetch } = options
    const issuer = `${safeAddress(vault, 'vault')}/oauth`
    for (const [name, key] of Object.entries<Partial<KeyPair> | undefined>({ assertionKey, dpopKey }))
      if (!(key?.privateKey instanceof CryptoKey))
        throw new TypeError(`${name} must be a key pair, as generateKey and importKey give it`)
    const at = { issuer, clientId, redirectUri, assertionKey, dpopKey, fetch }
    const authorization = await Authorization.open(at).catch(notThere)
    return new Reach(options, authorization)
  }

  private constructor(options: ReachOptions, authorization: Authorization) {
    const { vault, gateway, dpopKey, logKey, logStore = memoryLogStore(), fetch = globalThis.fetch } = options
    this.#options = options
    this.#authorization = authorization
    this.#gateway = new Gateway({ url: safeAddress(gateway, 'gateway'), dpopKey, fetch })
    this.#log = new LogVerifier({
      url: `${safeAddress(vault, 'vault')}/log`,
      store: logStore,
      fetch,
      ...(logKey === undefined ? {} : { vkey: logKey }),
    })
    this.webhooks = new WebhookEndpoints(this.#gateway, this.#batchTokens)
  }

  /** Pushes a request. The customer's browser goes to `url` within a minute; keep `pending` in her session. */
  ask(request: AccessRequest): Promise<{ url: URL; pending: PendingRequest }> {
    return this.#authorization.ask(request)
  }

  /** What she granted, when her browser comes back to `callback`. Throws `ReachError` `access_denied` when she refused. */
  async redeem(callback: URL, pending: PendingRequest): Promise<Customer> {
    if (typeof (pending as PendingRequest | undefined)?.state !== 'string')
      throw new TypeError('pending must be what ask gave, from the session of the browser that came back')
    return this.#keep(await this.#authorization.redeem(callback, pending))
  }

  /** Puts a question on the list of a customer whom you know by an earlier grant (CIBA). */
  askKnown(
    subject: string,
    request: AccessRequest,
    options?: { bindingMessage?: string | undefined; expiresIn?: number | undefined },
  ): Promise<WaitingRequest> {
    return this.#authorization.askKnown(subject, request, options)
  }

  /** A link (for a QR code) and a code to compare, for a customer at your counter. */
  askByLink(request: AccessRequest): Promise<LinkRequest> {
    return this.#authorization.askByLink(request)
  }

  /**
   * Waits for the answer to `askKnown` or `askByLink`. `pickupCode` is called when she has allowed a link, for the six digits
   * that her phone shows then. Throws `ReachError` when she refuses or time runs out.
   */
  async answer(
    request: WaitingRequest,
    {
      pickupCode,
      signal,
    }: { pickupCode?: (() => Promise<string>) | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<Customer> {
    let { interval } = request
    let code: string | undefined
    for (;;) {
      try {
        return this.#keep(await unlessAborted(this.#authorization.poll(request, code, signal), signal))
      } catch (error) {
        if (!(error instanceof ReachError)) throw error
        if (error.code === 'slow_down') interval += 5
        else if (error.code === 'pickup_code_required' && pickupCode !== undefined)
          code = await unlessAborted(pickupCode(), signal)
        else if (error.code !== 'authorization_pending') throw error
        if (code === undefined || error.code !== 'pickup_code_required') await pause(interval * 1000, signal)
      }
    }
  }

  /**
   * Reads fields of one customer, and checks that the reply is on the public log. Throws `ReachError` (`subject-unavailable`
   * when there is no live grant any more), or `NotProven` when the proof does not hold.
   */
  async read(
    customer: Customer,
    { purpose, fields }: Query,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Disclosure> {
    const verifies = this.#options.verify !== false
    const asked = this.#log.size
    const disclosure = await this.#call<Disclosure>(
      {
        method: 'GET',
        path: `/v1/subjects/${encodeURIComponent(customer.subject)}`,
        query: { fields: fields.join(), purpose, proof: verifies ? '1' : undefined },
        signal,
      },
      this.#tokensOf(customer),
    )
    if (disclosure.subject !== customer.subject)
      throw new NotProven('the reply is about somebody else than was asked for')
    if (verifies) await unlessAborted(this.#log.verify(disclosure, { asked }), signal)
    return disclosure
  }

  /** Reads many customers: any number of subjects, one row for each as it comes, each with its proof checked. */
  async *query(
    query: Query,
    subjects: Iterable<string> | AsyncIterable<string>,
    options?: RowsOptions,
  ): AsyncGenerator<QueryRow, void, undefined> {
    // A text is iterable, too: each of its characters would be a subject.
    if (typeof subjects === 'string') throw new TypeError('subjects must be a list of them')
    const asked = this.#log.size
    const rows = readRows({ gateway: this.#gateway, tokens: this.#batchTokens }, query, subjects, options)
    for await (const row of rows) {
      if (this.#options.verify !== false && !('error' in row))
        await unlessAborted(this.#log.verify(row, { asked }), options?.signal)
      yield row
    }
  }

  /** Your grants, newest first; with `changedSince`, those that changed after that look. */
  grants(filter: GrantFilter & { changedSince?: string | undefined } = {}): Listed<VendorGrant> {
    return this.#listed<VendorGrant, VendorGrants>('/v1/grants', filter, (page) => page.grants)
  }

  /** Your requests, newest first; with `changedSince`, those that changed after that look. */
  requests(filter: RequestFilter & { changedSince?: string | undefined } = {}): Listed<VendorRequest> {
    return this.#listed<VendorRequest, VendorRequests>('/v1/requests', filter, (page) => page.requests)
  }

  grant(grantId: string): Promise<VendorGrant> {
    return this.#call({ method: 'GET', path: grantPath(grantId) }, this.#batchTokens)
  }

  /** Gives a grant back: it ends at once, and the customer sees that you ended it. */
  async giveBack(grantId: string): Promise<void> {
    await this.#gateway.send({ method: 'DELETE', path: grantPath(grantId) }, this.#batchTokens)
  }

  /** Signs that you have stopped (`withdrawal`), or stopped and deleted what you held (`deletion`). */
  async acknowledge(grantId: string, kind: 'withdrawal' | 'deletion'): Promise<void> {
    const { assertionKey, clientId, gateway } = this.#options
    const jws = await new SignJWT({
      iss: clientId,
      aud: safeAddress(gateway, 'gateway'),
      grant_id: grantId,
      kind,
    })
      .setProtectedHeader({
        alg: 'ES256',
        typ: 'reach-acknowledgement+jwt',
        ...(assertionKey.kid === undefined ? {} : { kid: assertionKey.kid }),
      })
      .setIssuedAt()
      .sign(assertionKey.privateKey)
    const path = `${grantPath(grantId)}/acknowledgement`
    await this.#gateway.send({ method: 'POST', path, body: { jws } }, this.#batchTokens)
  }

  /** Tries a request out before any customer is bothered: what would be refused, what asks for too much. */
  check(request: AccessRequest): Promise<RequestCheck> {
    const details = [{ type: 'urn:reach:access-request:1', ...request }]
    return this.#call(
      { method: 'POST', path: '/v1/requests/check', body: { authorization_details: details } },
      this.#batchTokens,
    )
  }

  /** The fields and purposes that can be asked for, in a language of yours. */
  async catalogue(language = 'en'): Promise<CatalogueView> {
    const { gateway, fetch = globalThis.fetch } = this.#options
    const response = await fetch(`${safeAddress(gateway, 'gateway')}/v1/catalogue`, {
      headers: { 'accept-language': language },
    }).catch(noReply)
    if (!response.ok) throw await refusalOf(response)
    return (await jsonOf(response)) as CatalogueView
  }

  /** Holds a reply that was kept to the log once more. Throws `NotProven`. */
  verify(disclosure: Disclosure): Promise<void> {
    return this.#log.verify(disclosure)
  }

  #listed<Row, Page extends { next?: string; as_of?: string }>(
    path: string,
    { changedSince, ...filter }: { changedSince?: string | undefined },
    rowsOf: (page: Page) => readonly Row[],
  ): Listed<Row> {
    const call = (after: string | undefined): Promise<Page> => {
      const query = { ...filter, changed_since: changedSince, after }
      return this.#call<Page>({ method: 'GET', path, query }, this.#batchTokens)
    }
    let asOf: string | undefined
    return {
      get asOf() {
        return asOf
      },
      async *[Symbol.asyncIterator]() {
        for (let after: string | undefined; ;) {
          const page = await call(after)
          asOf ??= page.as_of
          yield* rowsOf(page)
          after = page.next
          if (after === undefined) return
        }
      },
    }
  }

  async #call<Reply>(request: GatewayRequest, tokens: TokenSource): Promise<Reply> {
    const response = await this.#gateway.send(request, tokens)
    return (await jsonOf(response)) as Reply
  }

  #keep({ customer, token }: { customer: Customer; token: AccessToken }): Customer {
    this.#tokens.set(customer.refreshToken, Promise.resolve(token))
    return customer
  }

  readonly #batchTokens: TokenSource = (refused) =>
    this.#token('', () => this.#authorization.batchToken(), refused)

  #tokensOf({ refreshToken }: Customer): TokenSource {
    return (refused) =>
      this.#token(refreshToken, () => this.#authorization.refresh(refreshToken).catch(asEnded), refused)
  }

  /** One token at a time for one purpose: who asks while it is being fetched gets the same. */
  async #token(
    name: string,
    fetchToken: () => Promise<AccessToken>,
    refused: string | undefined,
  ): Promise<string> {
    const kept = this.#tokens.get(name)
    if (kept !== undefined) {
      const { token, expiresAt } = await kept
      if (token !== refused && expiresAt > Date.now()) return token
    }
    // Somebody else may have renewed it while this one waited.
    const newer = this.#tokens.get(name)
    if (newer !== undefined && newer !== kept) return (await newer).token
    const fetched = fetchToken()
    fetched.catch(() => this.#tokens.delete(name))
    this.#tokens.delete(name)
    this.#tokens.set(name, fetched)
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= KEPT_TOKENS) break
      this.#tokens.delete(oldest)
    }
    return (await fetched).token
  }
}

/** What answers there describes no authorization server. */
function notThere(error: unknown): never {
  if (!(error instanceof ReachError) || error.code !== 'invalid-reply') throw error
  const detail = `the address of the vault is that of another server, or lacks a part: ${error.detail}`
  throw new ReachError({ code: 'invalid-reply', status: error.status, detail })
}

/** A grant that has ended refreshes no token. Whoever reads is told the same as while an old token lasted. */
function asEnded(error: unknown): never {
  if (!(error instanceof ReachError) || error.code !== 'invalid_grant') throw error
  const { status, detail } = error
  throw new ReachError({ code: 'subject-unavailable', status, detail })
}

const grantPath = (grantId: string): string => `/v1/grants/${encodeURIComponent(grantId)}`
