/** A vault of its own on the shared pods, with a ledger in a temporary folder, and browsers for it. */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../core/config.ts'
import { openKeyStore } from '../core/ledger/key-store.ts'
import type { KeyStore } from '../core/ledger/key-store.ts'
import type { Ledger } from '../core/ledger/ledger.ts'
import { openLevelLedger } from '../core/ledger/level-ledger.ts'
import { createLogger } from '../core/logger.ts'
import { startVaultServer } from '../vault-server/server.ts'
import type { Me } from '../schemas/types.gen.ts'
import type { TestPods } from './pod-server.ts'

export interface TestVault extends AsyncDisposable {
  readonly url: string
  readonly ledger: Ledger
  readonly keys: KeyStore
  /** Moves the vault's clock, in ms. */
  readonly clock: { ahead: number }
  /** A browser that has been nowhere yet. */
  browser(): TestBrowser
  /** A new vault with its pod and a signed-in browser. */
  customer(): Promise<{ browser: TestBrowser; me: Me; email: string; password: string }>
  /** Stops the server and starts it on the same ledger: whatever was only in memory is gone. */
  restart(): Promise<void>
}

/** `outboundAllow`: further origins the vault may ask although they are private. */
export async function startTestVault(
  pods: TestPods,
  options: { outboundAllow?: readonly string[] } = {},
): Promise<TestVault> {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-test-vault-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const clock = { ahead: 0 }
  const now = () => Date.now() + clock.ahead
  const vaultPort = await pods.vaultPort()
  const url = `http://localhost:${vaultPort}`
  const config = {
    ...readConfig({ REACH_VAULT_URL: url, REACH_PODS_URL: new URL(pods.server.baseUrl).origin }, folder),
    logLevel: 'silent' as const,
  }
  const allowed = { ...config, outboundAllow: [...config.outboundAllow, ...(options.outboundAllow ?? [])] }
  const keys = await openKeyStore(join(folder, 'keys'))
  const ledger = opened.use(
    await openLevelLedger({
      folder: join(folder, 'ledger'),
      keys,
      anchorFile: join(folder, 'keys', 'anchor'),
      origin: `localhost:${vaultPort}/log`,
      now,
    }),
  )
  const log = createLogger({ level: 'silent' })
  const start = () =>
    startVaultServer({ config: allowed, ledger, keys, podServer: pods.server, now, log })
  let server = await start()
  opened.defer(() => server[Symbol.asyncDispose]())
  const resources = opened.move()

  const browser = () => new TestBrowser(url)
  return {
    url,
    ledger,
    keys,
    clock,
    browser,
    async customer() {
      const name = `v${randomBytes(8).toString('hex')}`
      const person = { email: `${name}@example.org`, password: randomUUID() }
      const mine = browser()
      const made = await mine.post('/api/vaults', { podName: name, ...person })
      if (made.status !== 201) throw new Error(`no vault: ${made.status} ${JSON.stringify(made.body)}`)
      return { browser: mine, me: made.body as Me, ...person }
    },
    async restart() {
      await server[Symbol.asyncDispose]()
      server = await start()
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** Keeps the cookies of one site and sends what a page of the vault would send. */
export class TestBrowser {
  readonly cookies = new Map<string, string>()
  readonly #vaultUrl: string

  constructor(vaultUrl: string) {
    this.#vaultUrl = vaultUrl
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send('GET', path, undefined, headers)
  }

  post(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send('POST', path, body, headers)
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.#send('PUT', path, body, {})
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const response = await fetch(this.#vaultUrl + path, {
      method,
      redirect: 'manual',
      headers: {
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': 'same-origin',
        ...(body === undefined
          ? {}
          : { origin: new URL(this.#vaultUrl).origin, 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(line) ?? []
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    }
  }
}
