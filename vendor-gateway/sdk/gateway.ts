/** Requests to the gateway: bound to the key of the business (DPoP, RFC 9449) and to their body (RFC 9530). */
import { base64url, SignJWT, type JWK } from 'jose'
import { ReachError, refusalOf, retryAfterOf } from './errors.ts'
import { publicJwk, type KeyPair } from './keys.ts'

export interface GatewayRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the gateway's address, such as `/v1/grants`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly accept?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export interface GatewayOptions {
  /** Address of the gateway without a slash at the end. */
  readonly url: string
  readonly dpopKey: KeyPair
  readonly fetch: typeof globalThis.fetch
  /** Seconds that one call may wait in all for a busy or limiting gateway; 60 unless said otherwise. */
  readonly patience?: number
}

/** Gives a token: another one than that which the gateway has refused, if it did. */
export type TokenSource = (refused?: string) => Promise<string>

const ATTEMPTS = 5

export class Gateway {
  readonly #options: GatewayOptions
  #jwk: Promise<JWK> | undefined
  #nonce: string | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /**
   * Sends a request and resolves to a reply of status 2xx or 304. Repeats what may be repeated: with the nonce that was
   * wanted, with a new token, and after `Retry-After` while patience lasts. Throws `ReachError`.
   */
  async send(request: GatewayRequest, tokens: TokenSource): Promise<Response> {
    let patience = this.#options.patience ?? 60
    let refused: string | undefined
    for (let attempt = 1; ; attempt++) {
      const token = await unlessAborted(tokens(refused), request.signal)
      const response = await this.#attempt(request, token)
      const nonce = response.headers.get('dpop-nonce')
      const wantsNonce = response.status === 401 && nonce !== null && nonce !== this.#nonce
      if (nonce !== null) this.#nonce = nonce
      if (response.ok || response.status === 304) return response
      const refusal = await refusalOf(response)
      if (attempt === ATTEMPTS) throw refusal
      if (wantsNonce || refusal.code === 'use-dpop-nonce') continue
      if (response.status === 401 && refusal.code === 'invalid-token' && refused === undefined) {
        refused = token
        continue
      }
      const wait = retryAfterOf(response)
      if ((response.status !== 429 && response.status !== 503) || wait === undefined || wait > patience)
        throw refusal
      patience -= wait
      await pause(wait * 1000, request.signal)
    }
  }

  async #attempt(request: GatewayRequest, token: string): Promise<Response> {
    const { method, path, query = {}, accept = 'application/json', signal } = request
    const url = new URL(this.#options.url + path)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, value)
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const headers = {
      accept,
      authorization: `DPoP ${token}`,
      dpop: await this.#proof(method, url, token, body),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    }
    try {
      return await this.#options.fetch(url, {
        method,
        headers,
        redirect: 'error',
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (cause) {
      if (signal?.aborted === true) throw cause
      throw new ReachError(
        { code: 'no-reply', status: 0, detail: 'the gateway cannot be reached' },
        { cause },
      )
    }
  }

  async #proof(method: string, url: URL, token: string, body: string | undefined): Promise<string> {
    const { privateKey, publicKey } = this.#options.dpopKey
    const jwk = await (this.#jwk ??= publicJwk({ privateKey, publicKey }))
    const digest = body === undefined ? undefined : await sha256(body)
    const claims = {
      htm: method,
      htu: url.origin + url.pathname,
      ath: base64url.encode(await sha256(token)),
      ...(this.#nonce === undefined ? {} : { nonce: this.#nonce }),
      ...(digest === undefined
        ? {}
        : { content_digest: `sha-256=:${btoa(String.fromCharCode(...digest))}:` }),
    }
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .setJti(crypto.randomUUID())
      .sign(privateKey)
  }
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** Gives up waiting as soon as the signal says so; the work goes on, since others may wait for it as well. */
export async function unlessAborted<Result>(work: Promise<Result>, signal?: AbortSignal): Promise<Result> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(reasonOf(signal))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function reasonOf(signal?: AbortSignal): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new Error('aborted')
}

/** Waits, or rejects as soon as the signal says so. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(reasonOf(signal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
