import { DomainError } from '#core/domain/errors.ts'
import type { HostCircuit } from './circuit.ts'
import type { PodFetch } from './pod.ts'
import { PodTrouble, codesOf, troubleOf, troubleOfStatus } from './trouble.ts'

/** More than any category needs, a picture in it included; a parser never sees more. */
const MAX_BYTES = 512 * 1024
const TIMEOUT_MS = 10_000

export interface PodResource {
  readonly url: string
  readonly status: 'found' | 'unchanged' | 'missing'
  /** As the server sent it, quotes included. */
  readonly etag: string | undefined
  readonly contentType: string | undefined
  /** When it was last written, in Unix ms, where the server says so. */
  readonly modifiedAt: number | undefined
  readonly body: string
  /** Targets of `Link` headers by relation, absolute. */
  readonly links: ReadonlyMap<string, string>
}

/** Somebody in between answers everything, such as a page that says that the server is being moved. */
export function isWebPage({ contentType = '' }: Pick<PodResource, 'contentType'>): boolean {
  return /^text\/html\b/i.test(contentType)
}

export interface PodClient {
  /**
   * With `etag` answers `unchanged` (and no body) when the resource still has it. Accepts Turtle by default.
   */
  get(url: string, options?: { etag?: string | undefined; accept?: string }): Promise<PodResource>
  head(url: string): Promise<PodResource>
  /**
   * Conditional always: a lost update is impossible. `pod-changed` when the condition fails. Gives the new
   * ETag when the server tells it; many do only on the next HEAD.
   */
  put(
    url: string,
    body: string,
    condition: { ifMatch: string } | { ifNoneMatch: '*' },
    contentType?: string,
  ): Promise<{ etag: string | undefined }>
}

/** 403: this identity may not. 401: the pod does not know who we are, which can be its trouble or ours. */
export class PodRefusal extends DomainError {
  readonly status: 401 | 403
  constructor(status: 401 | 403) {
    super('pod-access-lost', 'The pod refuses access')
    this.status = status
  }
}

/**
 * HTTP to pods over somebody's fetch. Refuses with `pod-access-lost` (401, 403), `pod-changed` (409, 412),
 * `pod-unreachable` (network, timeout, 5xx and 429, `retryAfter` seconds) and `pod-unreadable` (all else, too
 * big). With a circuit, hosts in trouble are left alone.
 */
export function createPodClient(options: {
  fetch: PodFetch
  timeoutMs?: number
  circuit?: HostCircuit
}): PodClient {
  const { fetch, timeoutMs = TIMEOUT_MS, circuit } = options
  const exchange: typeof exchangeOnce = (url, init) =>
    circuit === undefined ? exchangeOnce(url, init) : circuit.run(url, () => exchangeOnce(url, init))

  async function exchangeOnce(url: string, init: RequestInit): Promise<PodResource> {
    const method = init.method ?? 'GET'
    const signal = AbortSignal.timeout(timeoutMs)
    let response: Response
    try {
      response = await send(
        url,
        { ...init, headers: asItIs(init.headers), redirect: 'manual', signal },
        method === 'GET' || method === 'HEAD',
      )
    } catch (cause) {
      if (codesOf(cause).includes('reply-too-large')) throw tooLarge(cause)
      throw troubleOf(cause)
    }
    const resource = {
      url,
      etag: response.headers.get('etag') ?? undefined,
      contentType: response.headers.get('content-type') ?? undefined,
      modifiedAt: timeOf(response.headers.get('last-modified')),
      links: parseLinks(response.headers.get('link'), url),
    }
    const { status } = response
    if (status === 200 || status === 201 || status === 204 || status === 205) {
      return {
        ...resource,
        status: 'found',
        body: method === 'GET' ? await text(response) : await drop(response),
      }
    }
    await drop(response)
    if (status === 304) return { ...resource, status: 'unchanged', body: '' }
    if (status === 404 || status === 410) return { ...resource, status: 'missing', body: '' }
    if (status === 401 || status === 403) throw new PodRefusal(status)
    if (status === 409 || status === 412)
      throw new DomainError('pod-changed', 'The pod was changed meanwhile')
    // 413 is what the Community Solid Server says when its own quota is used up.
    if (status === 413 || status === 507) throw new DomainError('pod-full', 'The pod has no room for this')
    const trouble = troubleOfStatus(response)
    if (trouble !== undefined) throw trouble
    throw new DomainError('pod-unreadable', `The pod answered ${status}`)
  }

  /**
   * A kept connection may have been closed by a server that restarted: what changes nothing is tried once
   * more.
   */
  async function send(url: string, init: RequestInit, safe: boolean): Promise<Response> {
    try {
      return await fetch(url, init)
    } catch (error) {
      if (!safe || !closedByOtherSide(error)) throw error
      return fetch(url, init)
    }
  }

  return {
    get: (url, { etag, accept = 'text/turtle' } = {}) =>
      exchange(url, { headers: etag === undefined ? { accept } : { accept, 'if-none-match': etag } }),
    head: (url) =>
      exchange(url, {
        method: 'HEAD',
        headers: { accept: 'text/turtle, application/ld+json;q=0.9, */*;q=0.1' },
      }),
    async put(url, body, condition, contentType = 'text/turtle') {
      const headers: Record<string, string> =
        'ifMatch' in condition
          ? { 'if-match': condition.ifMatch }
          : { 'if-none-match': condition.ifNoneMatch }
      const answer = await exchange(url, {
        method: 'PUT',
        body,
        headers: { ...headers, 'content-type': contentType },
      })
      if (answer.status === 'missing') throw new DomainError('pod-changed', 'The resource is gone')
      return { etag: answer.etag }
    },
  }
}

/**
 * Without packing on the way: a proxy that packs (such as nginx) takes the strength of an ETag away with it, and `If-Match`
 * holds for strong ones alone (RFC 9110, 13.1.1), so that nothing could be saved.
 */
export function asItIs(headers: RequestInit['headers']): Headers {
  const plain = new Headers(headers)
  plain.set('accept-encoding', 'identity')
  return plain
}

function timeOf(date: string | null): number | undefined {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : time
}

async function text(response: Response): Promise<string> {
  if (!response.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body) {
      size += chunk.length
      // Counted after decompression: what is sent small may unpack large.
      if (size > MAX_BYTES) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof DomainError) throw cause
    throw new PodTrouble('broke-off', 'The pod broke off', { cause })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new DomainError('pod-unreadable', 'The resource is not UTF-8', { cause })
  }
}

async function drop(response: Response): Promise<string> {
  await response.body?.cancel().catch(() => undefined)
  return ''
}

function tooLarge(cause?: unknown): DomainError {
  return new DomainError('pod-unreadable', 'The resource is too large', { cause })
}

function closedByOtherSide(error: unknown): boolean {
  return codesOf(error).some((code) => ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code))
}

/** `Link` (RFC 8288), as far as pods use it: absolute or relative targets with one or more relations. */
export function linksOf(header: string | null): { target: string; relations: string[] }[] {
  const links = [...(header ?? '').matchAll(/<([^<>]*)>((?:[^,<"]|"[^"]*")*)/g)]
  return links.map(([, target = '', parameters = '']) => {
    const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters)
    return { target, relations: (relation?.[1] ?? relation?.[2] ?? '').split(/\s+/).filter(Boolean) }
  })
}

/** The first target of each relation, as an address. */
export function parseLinks(header: string | null, base: string): Map<string, string> {
  const links = new Map<string, string>()
  for (const { target, relations } of linksOf(header)) {
    if (!URL.canParse(target, base)) continue
    for (const relation of relations)
      if (!links.has(relation)) links.set(relation, new URL(target, base).href)
  }
  return links
}
