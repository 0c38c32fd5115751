/** An invented customer, played through the public surface of a vault as her browser would: nothing she does has a way of its own. */
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { DomainError } from '#core/domain/errors.ts'
import type { ErrorCode } from '#core/domain/errors.ts'
import { problems } from '#core/http/problem.ts'
import type { Me, Problem } from '#schemas/types.gen.ts'

export type SampleData = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export const SAMPLE_DATA: SampleData = {
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

interface Cookie {
  readonly pair: string
  readonly path: string
  /** As it was set. */
  readonly line: string
}

/** Redirects of the vault to itself that one visit may take. */
const mostHops = 12

/** A browser at one vault. It goes nowhere else: where the vault sends it elsewhere, the visit ends with that address. */
export class SampleBrowser {
  readonly #vaultUrl: string
  /** By path and name. */
  readonly #cookies = new Map<string, Cookie>()

  /** `cookies`: those of a session begun earlier, `name=value`. */
  constructor(vaultUrl: string, cookies: readonly string[] = []) {
    this.#vaultUrl = vaultUrl
    for (const pair of cookies) this.#keep(`${pair}; Path=/`)
  }

  /** `Set-Cookie` lines, for a browser that takes over. */
  get setCookies(): string[] {
    return [...this.#cookies.values()].map(({ line }) => line)
  }

  /** What belongs to the whole vault: the session. */
  get sessionCookies(): string[] {
    return [...this.#cookies.values()].filter(({ path }) => path === '/').map(({ pair }) => pair)
  }

  /** One call of the vault's pages to their server. Its refusals come back as the `DomainError` they were. */
  async call<Reply>(method: string, path: string, body?: unknown): Promise<Reply> {
    const response = await this.#send(new URL(this.#vaultUrl + path), {
      method,
      headers: {
        'content-type': 'application/json',
        origin: new URL(this.#vaultUrl).origin,
        'sec-fetch-site': 'same-origin',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw await refusalOf(response, `${method} ${path}`)
    return (await response.json()) as Reply
  }

  /** Follows an address of the vault to the page that stays, or to the first address outside. */
  async visit(start: string): Promise<URL> {
    let url = new URL(start)
    for (let hop = 0; hop < mostHops && this.#isOurs(url); hop++) {
      const response = await this.#send(url, { headers: { accept: 'text/html' } })
      await response.body?.cancel()
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || location === null) {
        if (response.ok) return url
        throw new DomainError('conflict', `The vault answered this address with ${response.status}.`)
      }
      url = new URL(location, url)
    }
    return url
  }

  #isOurs({ origin, pathname }: URL): boolean {
    const vault = new URL(this.#vaultUrl)
    return origin === vault.origin && pathname.startsWith(`${vault.pathname.replace(/\/$/, '')}/`)
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    const sent = [...this.#cookies.values()].filter(({ path }) => url.pathname.startsWith(path))
    if (sent.length > 0) headers.set('cookie', sent.map(({ pair }) => pair).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    return response
  }

  #keep(line: string): void {
    const [pair = ''] = line.split(';', 1)
    const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '/'
    const key = `${path} ${pair.split('=', 1)[0]}`
    const isGone = /;\s*expires=Thu, 01 Jan 1970/i.test(line)
    if (isGone) this.#cookies.delete(key)
    else this.#cookies.set(key, { pair, path, line })
  }
}

async function refusalOf(response: Response, call: string): Promise<Error> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>
  const { code, detail, errors: violations = [] } = problem
  const cause = new Error(`${call} answered ${response.status}`)
  if (typeof code !== 'string' || !Object.hasOwn(problems, code) || response.status === 500) return cause
  const after = Number(response.headers.get('retry-after'))
  return new DomainError(code as ErrorCode, detail ?? 'The vault refused this.', {
    cause,
    violations,
    ...(after > 0 ? { retryAfter: after } : {}),
  })
}

/** Makes a vault with a pod at the embedded pod server and connects it. `prefix` begins the pod's name. */
export async function createSampleCustomer(
  vaultUrl: string,
  prefix: string,
): Promise<{ readonly browser: SampleBrowser; readonly me: Me }> {
  const podName = `${prefix}-${randomBytes(10).toString('hex')}`
  const browser = new SampleBrowser(vaultUrl)
  const wanted = {
    podName,
    email: `${podName}@sample.example`,
    password: randomBytes(18).toString('base64url'),
  }
  const me = await whenPodsAreUp(() => browser.call<Me>('POST', '/api/vaults', wanted))
  await browser.call('POST', '/api/pod/connect', {})
  return { browser, me }
}

/** Right after a start the pods are not there yet, and say when to come again. */
async function whenPodsAreUp<Result>(act: () => Promise<Result>): Promise<Result> {
  for (let waited = 0; ;) {
    try {
      return await act()
    } catch (error) {
      const { code, retryAfter = Infinity } = error instanceof DomainError ? error : {}
      if (code !== 'pod-unreachable' || waited + retryAfter > longestWaitSeconds) throw error
      const seconds = Math.max(5, retryAfter)
      await setTimeout(seconds * 1_000)
      waited += seconds
    }
  }
}
const longestWaitSeconds = 45

/** Writes values into an empty pod, by category. What is wrong with them is pointed at in `data`. */
export async function fillPod(browser: SampleBrowser, data: SampleData): Promise<void> {
  for (const [category, values] of Object.entries(data))
    await browser
      .call('PUT', `/api/categories/${encodeURIComponent(category)}`, { etag: null, values })
      .catch((error: unknown) => {
        if (!(error instanceof DomainError) || error.code !== 'invalid-input') throw error
        const violations = error.violations.map(({ pointer, detail }) => ({
          pointer: pointer.replace(/^\/values/, `/data/${category}`),
          detail,
        }))
        throw new DomainError('invalid-input', error.message, { cause: error, violations })
      })
}
