/** A vault of its own on the shared pods, with a ledger in a temporary folder, and browsers for it. */
import { randomBytes, randomUUID } from 'node:crypto'
import { readConfig } from '#core/config.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import { createLogger } from '#core/logger.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vendorOperator } from '../vault-server/operator/vendors.ts'
import type { VendorOperator } from '../vault-server/operator/vendors.ts'
import { signInAtEmbeddedPods } from '../vault-server/pods/scripted-sign-in.ts'
import { openPods } from '../house.ts'
import { lookAtLostPods } from '../vault-server/customer/pod-watch.ts'
import { startVaultServer } from '../vault-server/server.ts'
import { startVendorGateway } from '../vendor-gateway/server.ts'
import type { Me, Redirect } from '../schemas/types.gen.ts'
import { BrowserJar } from './browser-jar.ts'
import { registerBusiness } from './business.ts'
import type { Business } from './business.ts'
import { freePort } from './free-ports.ts'
import type { TestPods } from './pod-server.ts'

/** What somebody types at the sign-in page of her pod. */
export interface Person {
  readonly email: string
  readonly password: string
  readonly webId: string
}

export interface TestVault extends AsyncDisposable {
  readonly url: string
  /** Where its gateway answers, if it was started. */
  readonly gatewayUrl: string
  readonly ledger: Ledger
  readonly operator: VendorOperator
  /** Moves the vault's clock, in ms. */
  readonly clock: { ahead: number }
  /** Moves the clock of what is kept of pods further, and nothing else. */
  readonly podClock: { ahead: number }
  /** Looks at lost pods again at once, as it would some time later. */
  lookAgain(): Promise<void>
  /** A browser that has been nowhere yet. */
  browser(): VaultBrowser
  /** A new vault with its pod and a signed-in browser. */
  customer(): Promise<Person & { browser: VaultBrowser; me: Me }>
  business(): Promise<Business & { vendorId: string }>
  /** Waits until the jobs of all decisions so far are done. */
  settle(): Promise<void>
  /** Stops the server and starts it on the same ledger: whatever was only in memory is gone. */
  restart(): Promise<void>
}

/**
 * `outboundAllow`: further origins the vault may ask although they are private. `gateway`: with the businesses' side. `settings`:
 * further ones of the environment. `wrap`: a fault double around the ledger.
 */
export async function startTestVault(
  pods: TestPods,
  options: {
    outboundAllow?: readonly string[]
    gateway?: boolean
    settings?: Readonly<Record<string, string>>
    wrap?: (ledger: Ledger) => Ledger
  } = {},
): Promise<TestVault> {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-test-vault-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const clock = { ahead: 0 }
  const now = () => Date.now() + clock.ahead
  const vaultPort = await pods.vaultPort()
  const url = `http://localhost:${vaultPort}`
  const read = readConfig(
    {
      REACH_VAULT_URL: url,
      REACH_PODS_URL: new URL(pods.server.baseUrl).origin,
      ...(options.gateway === true ? { REACH_GATEWAY_URL: `http://localhost:${await freePort()}` } : {}),
      ...options.settings,
    },
    folder,
  )
  const config = { ...read, outboundAllow: [...read.outboundAllow, ...(options.outboundAllow ?? [])] }
  const keys = await openKeyStore(join(folder, 'keys'))
  const anchorFile = join(folder, 'keys', 'anchor')
  const origin = `localhost:${vaultPort}/log`
  const own = await openLevelLedger({ folder: join(folder, 'ledger'), keys, anchorFile, origin, now })
  const ledger = opened.use(options.wrap?.(own) ?? own)
  const log = createLogger({ level: 'silent' })
  const podServer = pods.server
  const podClock = { ahead: 0 }
  const podNow = () => now() + podClock.ahead
  const cache = opened.use(await openPods({ config, ledger, keys, podServer, now: podNow, log }))
  const start = () => startVaultServer({ config, ledger, keys, podServer, pods: cache, now, log })
  let server = await start()
  opened.defer(() => server[Symbol.asyncDispose]())
  if (options.gateway === true)
    opened.use(await startVendorGateway({ config, ledger, keys, pods: cache, now, log }))
  const operator = vendorOperator({ ledger, authorization: server.authorization, now })
  const resources = opened.move()

  const browser = () => new VaultBrowser(url)
  return {
    url,
    gatewayUrl: config.gatewayUrl,
    ledger,
    operator,
    clock,
    podClock,
    lookAgain: () => lookAtLostPods({ ledger, pods: cache, now: () => now() + 3_600_000 }),
    browser,
    async customer() {
      const name = `v${randomBytes(8).toString('hex')}`
      const person = { email: `${name}@example.org`, password: randomUUID() }
      const mine = browser()
      const made = await mine.post('/api/vaults', { podName: name, ...person })
      if (made.status !== 201) throw new Error(`no vault: ${made.status} ${JSON.stringify(made.body)}`)
      const me = made.body as Me
      return { browser: mine, me, webId: String(me.webId), ...person }
    },
    async business() {
      const admission = await operator.add({ name: 'Corner Shop', contact: 'privacy@shop.example' })
      return { ...(await registerBusiness(`${url}/oauth`, admission)), vendorId: admission.vendorId }
    },
    settle: () => server.jobs.settle(),
    async restart() {
      await server[Symbol.asyncDispose]()
      server = await start()
      // Kept connections were closed with the server; a client that has not heard of it yet fails once.
      while (
        await fetch(url, { method: 'HEAD' }).then(
          () => false,
          () => true,
        )
      );
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** Pages of the vault in a browser: same-origin JSON both ways. */
export class VaultBrowser {
  readonly jar: BrowserJar
  readonly #vaultUrl: string

  /** `redirects` collects every address that a reply points to. */
  constructor(vaultUrl: string, redirects: string[] = []) {
    this.#vaultUrl = vaultUrl
    this.jar = new BrowserJar(redirects)
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send(path, { headers: { 'sec-fetch-site': 'same-origin', ...headers } })
  }

  post(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send(path, { method: 'POST', body: JSON.stringify(body), headers: this.#ofPage(headers) })
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.#send(path, { method: 'PUT', body: JSON.stringify(body), headers: this.#ofPage({}) })
  }

  /** As it stands in the cookie header, for whoever steals or plants it. */
  cookie(name: string): string | undefined {
    return this.jar.cookies.find((cookie) => cookie.name === `__Host-reach-${name}`)?.value
  }

  #ofPage(headers: Record<string, string>): Record<string, string> {
    const { origin } = new URL(this.#vaultUrl)
    return { origin, 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', ...headers }
  }

  async #send(path: string, init: RequestInit): Promise<Answer> {
    return await readAll(await this.jar.go(this.#vaultUrl + path, init))
  }
}

async function readAll(response: Response): Promise<Answer> {
  const text = await response.text()
  const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

/**
 * Begins a sign-in and types the password at the embedded pods' own page; gives the query of the way back.
 */
export async function signInAtPod(
  pods: TestPods,
  browser: VaultBrowser,
  person: Person,
  typed: { issuer: string; returnTo?: string },
): Promise<string> {
  const begun = await browser.post('/api/sign-in', typed)
  if (begun.status !== 200) throw new Error(`no sign-in: ${begun.status} ${JSON.stringify(begun.body)}`)
  const { location } = begun.body as Redirect
  return new URL(await signInAtEmbeddedPods(pods.server.door, location, person)).search
}
