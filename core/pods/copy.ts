/** Copies documents from one container to another, each proven by what the new pod gives back. */
import { createHash } from 'node:crypto'
import { DataFactory } from 'n3'
import type { Quad, Term } from 'n3'
import { DomainError } from '#core/domain/errors.ts'
import type { PodFetch } from './pod.ts'
import { parseTurtle, writeTurtle } from './rdf.ts'
import { isSameGraph } from './same-graph.ts'
import { codesOf, troubleOf, troubleOfStatus } from './trouble.ts'

const { namedNode } = DataFactory
const CONTAINS = 'http://www.w3.org/ns/ldp#contains'
const MAX_FILES = 5_000
const MAX_DEPTH = 4
const TIMEOUT_MS = 10_000
/** Far above any listing that a move can handle. */
const LISTING = { triples: 100_000 }

export interface CopyEnd {
  readonly container: string
  readonly webId: string
  readonly fetch: PodFetch
}

/** Of more than may be read at once: such a file stays where it is. */
export class FileTooLarge extends DomainError {
  constructor(cause: unknown) {
    super('pod-unreadable', 'There is a file too large to move', { cause })
  }
}

/** Names of all documents in a container and those below, relative to it. Refuses with `pod-unreadable` when too many. */
export async function listFiles({ container, fetch }: Omit<CopyEnd, 'webId'>): Promise<string[]> {
  const files: string[] = []
  async function walk(folder: string, depth: number): Promise<void> {
    const { bytes } = await read(fetch, folder, 'text/turtle')
    const members = parseTurtle(bytes.toString('utf8'), folder, LISTING)
      .filter(({ predicate }) => predicate.value === CONTAINS)
      .map(({ object }) => object.value)
    for (const member of members) {
      // A container lists what lies in it; anything else would lead elsewhere.
      if (!member.startsWith(folder) || member === folder || !isPlain(member, folder)) continue
      if (!member.endsWith('/')) files.push(member.slice(container.length))
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
  if (etag === null) throw new DomainError('pod-unreadable', 'The pod does not number its versions')
  return etag
}

/**
 * Copies one document; what names its old place or its owner's old WebID names the new ones. Done again it changes
 * nothing, and a copy that was made before (`digest`) and not touched since is brought up to date, or taken away with its
 * original. Gives the version copied and the digest of what the new pod holds. Refuses with `pod-changed` when there is
 * another document of that name.
 */
export async function copyFile(
  from: CopyEnd,
  to: CopyEnd,
  { name, digest }: { readonly name: string; readonly digest?: string },
): Promise<{ etag: string; digest: string } | undefined> {
  const source = await read(from.fetch, from.container + name, '*/*')
  const before = digest === undefined ? undefined : await versionWith(to.fetch, to.container + name, digest)
  if (source.status === 404) {
    if (before !== undefined) await removeVersion(to.fetch, to.container + name, before)
    return undefined
  }
  if (source.etag === undefined)
    throw new DomainError('pod-unreadable', 'The pod does not number its versions')
  const target = to.container + name
  const graph = graphOf(source, from, to, name)
  const body = graph === undefined ? source.bytes : Buffer.from(writeTurtle(graph))
  const put = await send(to.fetch, target, {
    method: 'PUT',
    headers: {
      'content-type': source.type,
      ...(before === undefined ? { 'if-none-match': '*' } : { 'if-match': before }),
    },
    body: new Uint8Array(body),
  })
  await put.body?.cancel()
  if (!put.ok && put.status !== 412)
    throw new DomainError('pod-access-lost', 'The new pod takes no documents')
  const kept = await read(to.fetch, target, '*/*')
  const isProven =
    kept.bytes.equals(body) || (graph !== undefined && kept.status === 200 && isSame(kept, target, graph))
  if (!isProven) throw new DomainError('pod-changed', 'The new pod holds another document of this name')
  return { etag: source.etag, digest: digestOf(kept.bytes) }
}

/** The version that holds just these bytes. */
async function versionWith(fetch: PodFetch, url: string, digest: string): Promise<string | undefined> {
  const { bytes, etag } = await read(fetch, url, '*/*')
  return digestOf(bytes) === digest ? etag : undefined
}

/** Whether the new pod still gives back what was proven. */
export async function isKept(fetch: PodFetch, url: string, digest: string): Promise<boolean> {
  return digestOf((await read(fetch, url, '*/*')).bytes) === digest
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
  if (reply.status === 401 || reply.status === 403)
    throw new DomainError('pod-access-lost', 'The pod refuses access')
  if (!reply.ok && reply.status !== 404)
    throw new DomainError('pod-unreadable', `The pod answered ${reply.status}`)
  const bytes = Buffer.from(
    await reply.arrayBuffer().catch((cause: unknown) => {
      throw troubleOf(cause)
    }),
  )
  const type = reply.headers.get('content-type') ?? 'application/octet-stream'
  return { status: reply.status, bytes, type, etag: reply.headers.get('etag') ?? undefined }
}

async function send(fetch: PodFetch, url: string, init: RequestInit): Promise<Response> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const reply = await fetch(url, { ...init, redirect: 'manual', signal }).catch((cause: unknown) => {
    if (codesOf(cause).includes('reply-too-large')) throw new FileTooLarge(cause)
    throw troubleOf(cause)
  })
  const trouble = troubleOfStatus(reply)
  if (trouble !== undefined) throw trouble
  return reply
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
