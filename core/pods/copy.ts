/** Copies documents from one container to another, each proven by what the new pod gives back. */
import { createHash } from 'node:crypto'
import { DataFactory } from 'n3'
import type { Quad, Term } from 'n3'
import { DomainError } from '#core/domain/errors.ts'
import { asItIs } from './client.ts'
import type { PodFetch } from './pod.ts'
import { parseTurtle, writeTurtle } from './rdf.ts'
import { isSameGraph } from './same-graph.ts'
import { codesOf, troubleOf, troubleOfStatus } from './trouble.ts'

const { namedNode } = DataFactory
const CONTAINS = 'http://www.w3.org/ns/ldp#contains'
const SIZE = 'http://www.w3.org/ns/posix/stat#size'
const MAX_FILES = 5_000
const MAX_DEPTH = 4
const TIMEOUT_MS = 10_000
/** Far above any listing that a move can handle. */
const LISTING = { triples: 100_000 }

export interface CopyEnd {
  readonly container: string
  readonly webId: string
  readonly fetch: PodFetch
  /** The same without reading a body before it is passed on: for files of any size. */
  readonly streams: PodFetch
}

/** Of more than may be read at once, or moved at all. */
export class FileTooLarge extends DomainError {
  constructor(cause: unknown) {
    super('pod-unreadable', 'There is a file too large to move', { cause })
  }
}

export interface ListedFile {
  /** Relative to the container. */
  readonly name: string
  /** As the listing has it, which need not be true. */
  readonly bytes?: number
}

/** All documents in a container and those below. Refuses with `pod-unreadable` when there are too many. */
export async function listFiles({
  container,
  fetch,
}: Pick<CopyEnd, 'container' | 'fetch'>): Promise<ListedFile[]> {
  const files: ListedFile[] = []
  async function walk(folder: string, depth: number): Promise<void> {
    const { bytes } = await read(fetch, folder, 'text/turtle')
    const listing = parseTurtle(bytes.toString('utf8'), folder, LISTING)
    const members = listing
      .filter(({ predicate }) => predicate.value === CONTAINS)
      .map(({ object }) => object.value)
    const sizes = new Map(
      listing
        .filter(({ predicate, object }) => predicate.value === SIZE && /^\d{1,15}$/.test(object.value))
        .map(({ subject, object }) => [subject.value, Number(object.value)]),
    )
    for (const member of members) {
      // A container lists what lies in it; anything else would lead elsewhere.
      if (!member.startsWith(folder) || member === folder || !isPlain(member, folder)) continue
      const size = sizes.get(member)
      if (!member.endsWith('/'))
        files.push({ name: member.slice(container.length), ...(size === undefined ? {} : { bytes: size }) })
      else if (depth < MAX_DEPTH) await walk(member, depth + 1)
      if (files.length > MAX_FILES)
        throw new DomainError('pod-unreadable', 'There are too many files to move')
    }
  }
  await walk(container, 0)
  return files
}

/**
 * What a pod lists goes into another one in the customer's own session: there it must be a document and nothing else. The
 * address of access rules, of metadata or of another folder would give whoever wrote the list a say in the new pod.
 */
function isPlain(member: string, folder: string): boolean {
  const [segment = ''] = member.slice(folder.length).split('/')
  try {
    const name = decodeURIComponent(segment)
    const isAsWritten = decodeURIComponent(new URL(member).href) === decodeURIComponent(member)
    return isAsWritten && !/[?#]/.test(member) && !/^\.|[/\\]|\.(?:acl|acr|meta)$/i.test(name)
  } catch {
    return false
  }
}

/** The version that is there now, `undefined` for none. */
export async function versionOf(fetch: PodFetch, url: string): Promise<string | undefined> {
  const reply = await send(fetch, url, { method: 'HEAD', headers: { accept: '*/*' } })
  if (reply.status === 404 || reply.status === 410) return undefined
  if (reply.status === 401 || reply.status === 403)
    throw new DomainError('pod-access-lost', 'The pod refuses access')
  const etag = reply.ok ? reply.headers.get('etag') : null
  if (etag === null) throw unnumbered()
  return etag
}

/** What was copied, and proven. */
export interface Copied {
  /** Of the version that was copied. */
  readonly etag: string
  /** SHA-256 of what the new pod holds, base64url. */
  readonly digest: string
  readonly bytes: number
}

/**
 * Copies one document; what names its old place or its owner's old WebID names the new ones. Done again it changes
 * nothing, and a copy that was made before (`digest`) and not touched since is brought up to date, or taken away with its
 * original. `onBytes` is told how many bytes of a large one went so far, and ends it by throwing. Refuses with
 * `pod-changed` when there is another document of that name, with `pod-full`, and with `FileTooLarge`.
 */
export async function copyFile(
  from: CopyEnd,
  to: CopyEnd,
  { name, digest }: { readonly name: string; readonly digest?: string },
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Copied | undefined> {
  const target = to.container + name
  const source = await read(from.fetch, from.container + name, '*/*').catch((error: unknown) => {
    if (error instanceof FileTooLarge) return undefined
    throw error
  })
  if (source === undefined) return await copyLarge(from, to, { name, digest, onBytes })
  const held = digest === undefined ? undefined : await weigh(to.streams, target)
  const before = held?.digest === digest ? held?.etag : undefined
  if (source.status === 404) {
    if (before !== undefined) await removeVersion(to.fetch, target, before)
    return undefined
  }
  if (source.etag === undefined) throw unnumbered()
  const graph = graphOf(source, from, to, name)
  const body = graph === undefined ? source.bytes : Buffer.from(writeTurtle(graph))
  await put(to.fetch, target, { type: source.type, before, body: new Uint8Array(body), isKeptAnyway: true })
  const kept = await read(to.fetch, target, '*/*')
  const isProven =
    kept.bytes.equals(body) || (graph !== undefined && kept.status === 200 && isSame(kept, target, graph))
  if (!isProven) throw another()
  return { etag: source.etag, digest: digestOf(kept.bytes), bytes: kept.bytes.length }
}

/**
 * Byte by byte, with no more of them in memory than are on their way. One that lies there already, as after a crash, is
 * compared and not sent again.
 */
async function copyLarge(
  from: CopyEnd,
  to: CopyEnd,
  { name, digest, onBytes }: { name: string; digest: string | undefined; onBytes: (bytes: number) => void },
): Promise<Copied | undefined> {
  const [old, target] = [from.container + name, to.container + name]
  const held = await weigh(to.streams, target)
  const isOurs = held !== undefined && held.digest === digest
  const sent =
    held === undefined || isOurs
      ? await stream(from.streams, old, onBytes, (type, body) =>
          put(to.streams, target, { type, before: held?.etag, body }),
        )
      : await weigh(from.streams, old, onBytes)
  if (sent === undefined) {
    if (isOurs) await removeVersion(to.fetch, target, held.etag)
    return undefined
  }
  if (sent.etag === undefined) throw unnumbered()
  const kept = held === undefined || isOurs ? await weigh(to.streams, target) : held
  if (kept?.digest !== sent.digest) throw another()
  return { etag: sent.etag, digest: sent.digest, bytes: sent.bytes }
}

interface Weighed {
  readonly digest: string
  readonly bytes: number
  readonly etag: string | undefined
}

/** Reads it to the end and keeps nothing of it; `undefined` for what is not there. */
function weigh(
  streams: PodFetch,
  url: string,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Weighed | undefined> {
  return stream(streams, url, onBytes, (_type, body) => body.pipeTo(new WritableStream()))
}

/** Gives `use` what the pod sends, and what that was; it must have come to its end by then. */
async function stream(
  streams: PodFetch,
  url: string,
  onBytes: (bytes: number) => void,
  use: (type: string, body: ReadableStream<Uint8Array>) => Promise<void>,
): Promise<Weighed | undefined> {
  const hash = createHash('sha256')
  const stop = new AbortController()
  let bytes = 0
  let isWhole = false
  const through = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      hash.update(chunk)
      bytes += chunk.byteLength
      onBytes(bytes)
      controller.enqueue(chunk)
    },
    flush() {
      isWhole = true
    },
  })
  try {
    const reply = await send(streams, url, {
      headers: { accept: '*/*' },
      signal: stop.signal,
    })
    if (reply.status === 404 || reply.status === 410) return undefined
    assertGiven(reply)
    const body = (reply.body ?? new Blob([]).stream()) as ReadableStream<Uint8Array>
    await use(typeOf(reply), body.pipeThrough(through)).catch((cause: unknown) => {
      throw cause instanceof DomainError ? cause : failed(cause)
    })
    // Whoever says that it has all of it before all of it came does not.
    if (!isWhole) throw new DomainError('pod-unreadable', 'The new pod did not take all of a file')
    return { digest: hash.digest('base64url'), bytes, etag: reply.headers.get('etag') ?? undefined }
  } finally {
    // What is left of a body holds its connection.
    stop.abort()
  }
}

/** Writes what replaces the version `before`, or nothing. */
async function put(
  fetch: PodFetch,
  url: string,
  {
    type,
    before,
    body,
    isKeptAnyway = false,
  }: {
    readonly type: string
    readonly before: string | undefined
    readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
    /** Whether what lies there otherwise is looked at afterwards. */
    readonly isKeptAnyway?: boolean
  },
): Promise<void> {
  const reply = await send(fetch, url, {
    method: 'PUT',
    headers: {
      'content-type': type,
      ...(before === undefined ? { 'if-none-match': '*' } : { 'if-match': before }),
    },
    body: body as BodyInit,
    // However long it takes: its connection says when it is silent.
    ...(body instanceof ReadableStream && { duplex: 'half', signal: null }),
  })
  await reply.body?.cancel()
  if (reply.status === 413 || reply.status === 507)
    throw new DomainError('pod-full', 'The new pod has no room for this')
  if (reply.status === 412) {
    if (isKeptAnyway) return
    throw another()
  }
  if (!reply.ok) throw new DomainError('pod-access-lost', 'The new pod takes no documents')
}

/** Whether the new pod still gives back what was proven. */
export async function isKept(streams: PodFetch, url: string, digest: string): Promise<boolean> {
  return (await weigh(streams, url))?.digest === digest
}

function another(): DomainError {
  return new DomainError('pod-changed', 'The new pod holds another document of this name')
}

function unnumbered(): DomainError {
  return new DomainError('pod-unreadable', 'The pod does not number its versions')
}

/** Deletes this version and no other; what is gone is gone. */
export async function removeVersion(fetch: PodFetch, url: string, etag: string | undefined): Promise<void> {
  const reply = await send(fetch, url, {
    method: 'DELETE',
    ...(etag === undefined ? {} : { headers: { 'if-match': etag } }),
  })
  await reply.body?.cancel()
  if (!reply.ok && reply.status !== 404)
    throw new DomainError('pod-changed', 'Something in the old pod cannot be deleted')
}

interface Found {
  readonly status: number
  readonly bytes: Buffer
  readonly type: string
  readonly etag: string | undefined
}

async function read(fetch: PodFetch, url: string, accept: string): Promise<Found> {
  const reply = await send(fetch, url, { headers: { accept } })
  if (reply.status !== 404) assertGiven(reply)
  const bytes = Buffer.from(
    await reply.arrayBuffer().catch((cause: unknown) => {
      throw failed(cause)
    }),
  )
  return { status: reply.status, bytes, type: typeOf(reply), etag: reply.headers.get('etag') ?? undefined }
}

function assertGiven({ status, ok }: Response): void {
  if (status === 401 || status === 403) throw new DomainError('pod-access-lost', 'The pod refuses access')
  if (!ok) throw new DomainError('pod-unreadable', `The pod answered ${status}`)
}

function typeOf({ headers }: Response): string {
  return headers.get('content-type') ?? 'application/octet-stream'
}

/** Waits no longer than usual, unless a `signal` of its own says how long. */
async function send(fetch: PodFetch, url: string, init: RequestInit): Promise<Response> {
  const { signal = AbortSignal.timeout(TIMEOUT_MS) } = init
  const headers = asItIs(init.headers)
  const reply = await fetch(url, { ...init, headers, redirect: 'manual', signal }).catch((cause: unknown) => {
    throw failed(cause)
  })
  const trouble = reply.status === 507 ? undefined : troubleOfStatus(reply)
  if (trouble !== undefined) throw trouble
  return reply
}

function failed(cause: unknown): DomainError {
  if (cause instanceof DomainError) return cause
  return codesOf(cause).includes('reply-too-large') ? new FileTooLarge(cause) : troubleOf(cause)
}

/** `undefined` for what is no RDF that we read: then it is moved byte by byte. */
function graphOf(source: Found, from: CopyEnd, to: CopyEnd, name: string): Quad[] | undefined {
  if (!/^text\/turtle\b/i.test(source.type)) return undefined
  try {
    const quads = parseTurtle(source.bytes.toString('utf8'), from.container + name)
    const moved = (term: Term): Term => {
      if (term.termType !== 'NamedNode') return term
      if (term.value.startsWith(from.container))
        return namedNode(to.container + term.value.slice(from.container.length))
      return term.value === from.webId ? namedNode(to.webId) : term
    }
    return quads.map(({ subject, predicate, object }) =>
      DataFactory.quad(moved(subject) as Quad['subject'], predicate, moved(object) as Quad['object']),
    )
  } catch (error) {
    if (error instanceof DomainError) return undefined
    throw error
  }
}

function isSame(kept: Found, url: string, graph: readonly Quad[]): boolean {
  try {
    return isSameGraph(parseTurtle(kept.bytes.toString('utf8'), url), graph)
  } catch (error) {
    if (error instanceof DomainError) return false
    throw error
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url')
}
