/**
 * The authorization server with the routes of a decision, on a real ledger and a real port. Who is signed in
 * is told by a header that only these flows know; values come from a table instead of a pod. Everything else
 * is the product.
 */
import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { DomainError } from '#core/domain/errors.ts'
import { pinHost } from '#core/http/host-pin.ts'
import { notFound, problemHandler } from '#core/http/problem.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Json, Ledger } from '#core/ledger/ledger.ts'
import { createLogger } from '#core/logger.ts'
import { createAccount } from '#core/records/accounts.ts'
import { gainAccess } from '#core/records/access.ts'
import { createNames } from '#core/records/names.ts'
import type { Names } from '#core/records/names.ts'
import { decisions } from '../vault-server/customer/decision.ts'
import { requestRoutes } from '../vault-server/customer/requests.ts'
import { openAuthorizationServer } from '../vault-server/oauth/provider.ts'
import type { AuthorizationServer } from '../vault-server/oauth/provider.ts'
import { requestLimits } from '../vault-server/oauth/request-limits.ts'
import type { RequestLimits } from '../vault-server/oauth/request-limits.ts'
import { vendorOperator } from '../vault-server/operator/vendors.ts'
import type { VendorOperator } from '../vault-server/operator/vendors.ts'
import { openSigningKeys } from '../vault-server/signing-keys.ts'
import type { Decision, DecisionResult, RequestView } from '../schemas/types.gen.ts'
import { BrowserJar } from './browser-jar.ts'
import { registerBusiness } from './business.ts'
import type { Business } from './business.ts'
import { faultyLedger } from './delayed-ledger.ts'
import type { LedgerFaults } from './delayed-ledger.ts'
import { ledgerFolders, openIn } from './level-ledger.ts'

export interface OAuthVault extends AsyncDisposable {
  /** Of 127.0.0.1, also when the vault's address is that of a proxy. */
  readonly port: number
  readonly vaultUrl: string
  readonly issuer: string
  readonly gatewayUrl: string
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly names: Names
  readonly authorization: AuthorizationServer
  readonly limits: RequestLimits
  readonly operator: VendorOperator
  /** Makes the pods answer with this refusal instead of values. */
  readonly pods: { refusal: DomainError | undefined }
  /** A customer with an open pod, in a browser of her own. */
  customer(): Promise<Customer>
  business(options?: Parameters<typeof registerBusiness>[2]): Promise<Registered>
  /** Stops and starts on the same folders: whatever was only in memory is gone. */
  restart(): Promise<void>
}

export type Registered = Business & { readonly vendorId: string }

export interface Customer {
  readonly accountId: string
  readonly webId: string
  readonly browser: BrowserJar
}

const values: Readonly<Record<string, Json>> = {
  'profile.name': 'Alma Quist',
  'diet.diet': ['VeganDiet'],
  'diet.allergies': ['peanut'],
}

/**
 * `path`: where the vault is mounted. `behind`: its address at a TLS proxy. `wrap`: a faulty double around
 * the ledger. `turnsWithClock`: the ledger goes by a clock that a test turns, and whose time never goes back.
 */
export async function startOAuthVault({
  path = '',
  behind,
  mode = 'development',
  turnsWithClock = false,
  wrap = (ledger) => ledger,
}: {
  path?: string
  behind?: string
  mode?: 'development' | 'production'
  turnsWithClock?: boolean
  wrap?: (ledger: Ledger) => Ledger
} = {}): Promise<OAuthVault> {
  await using opened = new AsyncDisposableStack()
  const folders = opened.use(await ledgerFolders())
  let app: RequestListener = (_request, response) => response.writeHead(503).end()
  const { port } = opened.use(
    await listen({
      app: (request, response) => app(request, response),
      host: '127.0.0.1',
      port: 0,
      drainMs: 500,
    }),
  )
  const vaultUrl = (behind ?? `http://127.0.0.1:${port}`) + path
  const config = { vaultUrl, gatewayUrl: 'https://gateway.example', mode }
  const pods: OAuthVault['pods'] = { refusal: undefined }

  async function open() {
    const now = () => Date.now()
    const { ledger: real, keys } = await openIn(folders, turnsWithClock ? { now } : {})
    const ledger = wrap(real)
    const log = createLogger({ level: 'silent' })
    const limits = requestLimits()
    const authorization = await openAuthorizationServer({ config, ledger, keys, now, log, limits })
    const { interactions } = authorization
    const names = createNames(await keys.secret('names'))
    const receiptKeys = await openSigningKeys(keys, 'receipts', now)
    const decide = await decisions({ vaultUrl, ledger, keys, receiptKeys, interactions, now })
    const preview = async (_accountId: string, fields: readonly string[]) => {
      if (pods.refusal !== undefined) throw pods.refusal
      return new Map(fields.flatMap((field) => (values[field] === undefined ? [] : [[field, values[field]]])))
    }
    const routes = requestRoutes(
      { ledger, names, interactions, preview, now },
      {
        decide,
        vaultUrl,
        customerOf: async (request) => {
          const accountId = request.headers['x-test-customer']
          return typeof accountId === 'string' ? { accountId } : undefined
        },
      },
    )
    const express = leanExpress()
    express.use(pinHost(vaultUrl))
    express.use(authorization.metadataRoutes)
    express.use(path === '' ? '/' : path, authorization.routes, routes.consent)
    express.use(`${path}/api`, routes.api)
    express.use(notFound, problemHandler({ log }))
    app = express
    const operator = vendorOperator({ ledger, authorization, now })
    return { real, ledger, keys, authorization, operator, names, limits }
  }
  let running = await open()
  opened.defer(() => running.real[Symbol.asyncDispose]())
  const resources = opened.move()

  return {
    port,
    vaultUrl,
    gatewayUrl: config.gatewayUrl,
    issuer: running.authorization.issuer,
    pods,
    get ledger() {
      return running.ledger
    },
    get keys() {
      return running.keys
    },
    get names() {
      return running.names
    },
    get limits() {
      return running.limits
    },
    get authorization() {
      return running.authorization
    },
    get operator() {
      return running.operator
    },
    async customer() {
      const accountId = randomBytes(16).toString('base64url')
      const webId = `https://pods.example/${accountId}/profile/card#me`
      const { ledger, names } = running
      await ledger.commit(
        createAccount(names, {
          v: 1,
          accountId,
          webId,
          issuer: 'https://pods.example/',
          podUrl: `https://pods.example/${accountId}/`,
          container: `https://pods.example/${accountId}/vrm/`,
          createdAt: Date.now(),
        }),
      )
      await ledger.commit((await gainAccess(ledger, accountId)) ?? {})
      return { accountId, webId, browser: new BrowserJar() }
    },
    async business(options) {
      const admission = await running.operator.add({ name: 'Corner Shop', contact: 'privacy@shop.example' })
      const business = await registerBusiness(running.authorization.issuer, admission, options)
      return { ...business, vendorId: admission.vendorId }
    },
    async restart() {
      await running.real[Symbol.asyncDispose]()
      running = await open()
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** A vault with two businesses that have nothing to do with each other; `overrides` go into both registrations. */
export async function startTwoShops(
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<{ vault: OAuthVault; shop: Registered; rival: Registered }> {
  const vault = await startOAuthVault()
  const shop = await vault.business({ overrides })
  const redirectUri = 'https://rival.example/callback'
  return { vault, shop, rival: await vault.business({ redirectUri, algorithm: 'Ed25519', overrides }) }
}

export type SlowVault = OAuthVault & {
  readonly faults: LedgerFaults
  /** Every read and commit takes so many milliseconds longer while `act` runs. */
  slowly<Result>(delay: number, act: () => Promise<Result>): Promise<Result>
}

/** A vault whose ledger can be slow, or fail one commit. */
export async function startSlowVault(): Promise<SlowVault> {
  const faults: LedgerFaults = { delay: 0, failNext: undefined }
  const vault = await startOAuthVault({ wrap: (ledger) => faultyLedger(ledger, faults) })
  return Object.assign(vault, {
    faults,
    async slowly<Result>(delay: number, act: () => Promise<Result>): Promise<Result> {
      faults.delay = delay
      try {
        return await act()
      } finally {
        faults.delay = 0
      }
    },
  })
}

/** The same, eight times at once. */
export function eight<Result>(act: () => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: 8 }, act))
}

/** Headers of a page on which this customer is signed in. */
const signedIn = (customer: { readonly accountId: string }) => ({ 'x-test-customer': customer.accountId })

/** Goes from the business to the decision page; answers its address. */
export async function openPage(vault: OAuthVault, customer: Customer, start: URL): Promise<URL> {
  const consent = `${new URL(vault.vaultUrl).pathname.replace(/\/$/, '')}/consent/`
  const { url, response } = await customer.browser.follow(start, ({ pathname }) =>
    pathname.startsWith(consent),
  )
  if (response !== undefined) throw new Error(`no decision page: ${response.status} ${await response.text()}`)
  return url
}

export async function postOpen(page: URL, customer: Customer): Promise<Response> {
  return customer.browser.post(`${page.href}/open`, {}, signedIn(customer))
}

export async function postDecision(page: URL, customer: Customer, decision: Decision): Promise<Response> {
  return customer.browser.post(`${page.href}/decision`, decision, signedIn(customer))
}

/** Reads the page; throws unless it is shown. */
export async function readPage(page: URL, customer: Customer): Promise<RequestView> {
  const response = await postOpen(page, customer)
  if (response.status !== 200) throw new Error(`not shown: ${response.status} ${await response.text()}`)
  return (await response.json()) as RequestView
}

/** Allows everything that was asked until the suggested end; `overrides` replace parts of the answer. */
export function allowing(view: RequestView, overrides: Partial<Decision> = {}): Decision {
  return {
    accountId: view.accountId,
    requestHash: view.requestHash,
    decision: 'allow',
    items: view.items.map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) })),
    until: view.suggestedUntil,
    ...overrides,
  }
}

/** The whole way of a customer: page, decision, and back to the business's address. */
export async function decideAt(
  vault: OAuthVault,
  customer: Customer,
  start: URL,
  answer: (view: RequestView) => Decision = allowing,
): Promise<{ callback: URL; view: RequestView; result: DecisionResult }> {
  const page = await openPage(vault, customer, start)
  const view = await readPage(page, customer)
  const response = await postDecision(page, customer, answer(view))
  if (response.status !== 200) throw new Error(`not decided: ${response.status} ${await response.text()}`)
  const result = (await response.json()) as DecisionResult
  return { callback: await comeBack(vault, customer, result.returnTo), view, result }
}

/** From the decision's address back to the business, whose own address is not visited. */
export async function comeBack(
  vault: OAuthVault,
  customer: Customer,
  returnTo: string | undefined,
): Promise<URL> {
  if (returnTo === undefined) throw new Error('no browser goes back')
  const { origin } = new URL(vault.vaultUrl)
  const { url, response } = await customer.browser.follow(returnTo, (next) => next.origin !== origin)
  if (response !== undefined) throw new Error(`not sent back: ${response.status} ${await response.text()}`)
  return url
}
