/**
 * Opens and closes the pod for Reach's agent by writing whole access documents in the customer's own session, and
 * tells by trying what the agent can see. `universalAccess` of solid-client is no way: it writes half of WAC and none of
 * ACP, and says that all went well. Withdrawing a grant never comes here: that is a commit in the ledger.
 */
import { categories } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Finding, Probe } from '#schemas/types.gen.ts'
import { accessDocument } from './access-document.ts'
import type { AccessWanted } from './access-document.ts'
import { createPodClient, parseLinks } from './client.ts'
import type { PodClient } from './client.ts'
import type { PodFetch } from './pod.ts'
import { resourceOf } from './vocabulary.ts'

const ATTEMPTS = 3
const TIMEOUT_MS = 10_000

interface Parties {
  /** URL of `vrm/`. */
  readonly container: string
  readonly owner: string
  readonly agent: string
}

/** Where the agent leaves receipts: it may add and read there, never change. */
export function receiptsOf(container: string): string {
  return `${container}receipts/`
}

/**
 * Gives the agent Read on `vrm/`, Append and Read on `vrm/receipts/`, and makes both where they are missing. `owner` is
 * the WebID behind `fetch`. Safe to repeat. Refuses with the codes of `createPodClient`.
 */
export async function openAccess(fetch: PodFetch, { container, owner, agent }: Parties): Promise<void> {
  const client = createPodClient({ fetch })
  await makeContainer(client, container)
  await makeContainer(client, receiptsOf(container))
  const common = { owner, agent }
  await setAccess(client, { ...common, container: receiptsOf(container), agentModes: ['Read', 'Append'] })
  await setAccess(client, { ...common, container, agentModes: ['Read'] })
}

/** Takes the agent out of both documents: the one of `receipts/` hides what it would inherit. Safe to repeat. */
export async function closeAccess(fetch: PodFetch, { container, owner, agent }: Parties): Promise<void> {
  const client = createPodClient({ fetch })
  for (const each of [container, receiptsOf(container)]) {
    const closed = { container: each, owner, agent, agentModes: [] }
    if ((await client.head(each)).status === 'found') await setAccess(client, closed)
  }
}

async function makeContainer(client: PodClient, container: string): Promise<void> {
  if ((await client.head(container)).status === 'found') return
  try {
    await client.put(container, '', { ifNoneMatch: '*' })
  } catch (error) {
    // Somebody was faster: that is as good.
    if (!(error instanceof DomainError && error.code === 'pod-changed')) throw error
  }
}

async function setAccess(client: PodClient, wanted: AccessWanted): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { url, kind } = await findAccessDocument(client, wanted.container)
    // 404 says that access is inherited so far.
    const current = await client.get(url)
    const existing = current.status === 'found' ? current.body : undefined
    const { turtle, changed } = accessDocument(kind, url, wanted, existing)
    if (!changed) return
    const { etag } = current
    if (existing !== undefined && etag === undefined) {
      throw new DomainError('pod-unreadable', 'The pod gives its access documents no version')
    }
    try {
      await client.put(url, turtle, etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag })
      return
    } catch (error) {
      const raced = error instanceof DomainError && error.code === 'pod-changed'
      if (!raced || attempt === ATTEMPTS) throw error
    }
  }
}

async function findAccessDocument(
  client: PodClient,
  container: string,
): Promise<{ url: string; kind: 'wac' | 'acp' }> {
  const { status, links } = await client.head(container)
  const url = links.get('acl')
  if (status !== 'found' || url === undefined) {
    throw new DomainError('pod-unreadable', 'The pod names no access document')
  }
  if (new URL(url).origin !== new URL(container).origin) {
    throw new DomainError('pod-unreadable', 'The pod keeps its access documents elsewhere')
  }
  return { url, kind: new URL(url).pathname.endsWith('.acr') ? 'acp' : 'wac' }
}

/**
 * What the agent can do right now, by trying; nothing is left behind in the pod. Expected is what `openAccess` gives, or
 * nothing after `closeAccess`, and beyond it only what everybody may. Refuses with `pod-unreachable`.
 */
export async function probe(
  fetches: { agent: PodFetch; anyone: PodFetch },
  account: { container: string; podUrl: string; webId: string },
  expect: 'open' | 'closed',
  now: () => number,
): Promise<Probe> {
  const { agent, anyone } = fetches
  const { container, podUrl, webId } = account
  const open = expect === 'open'
  const receipts = receiptsOf(container)
  const reads = (url: string) => allowed(agent, url)
  const inside: [what: string, url: string, expected: boolean, seen: Promise<boolean>][] = [
    ['list your vrm folder', container, open, reads(container)],
    ...categories.map(({ id, title }): (typeof inside)[number] => {
      const url = resourceOf(container, id)
      return [`read ${title.toLowerCase()}`, url, open, reads(url)]
    }),
    ['read receipts', receipts, open, reads(receipts)],
    ['add a receipt', receipts, open, mayWrite(agent, `${receipts}probe`)],
    ['write into your vrm folder', container, false, mayWrite(agent, `${container}probe`)],
    ['change who has access', container, false, mayControl(agent, container)],
  ]
  const outside = [...new Set([podUrl, new URL('.', webId).href])].map(async (url): Promise<Finding> => {
    const [seen, everybody] = await Promise.all([reads(url), allowed(anyone, url)])
    const what = everybody ? 'look elsewhere in your pod, where everybody may' : 'look elsewhere in your pod'
    return finding(what, url, everybody, seen)
  })
  const findings = await Promise.all([
    ...inside.map(async ([what, url, expected, seen]) => finding(what, url, expected, await seen)),
    ...outside,
  ])
  return { ok: findings.every(({ ok }) => ok), asOf: new Date(now()).toISOString(), findings }
}

function finding(what: string, resource: string, expected: boolean, seen: boolean): Finding {
  return { what, resource, expected, seen, ok: expected === seen }
}

/** A resource that does not exist is as good as readable: the server would not say so to a stranger. */
async function allowed(fetch: PodFetch, url: string): Promise<boolean> {
  const { status } = await attempt(fetch, url, { headers: { accept: 'text/turtle' } })
  return status < 400 || status === 404 || status === 410
}

/**
 * The two conditions can never hold together, so nothing is written: who may write hears 412, who may not 403. (The
 * community server takes an ETag that nothing has for good where there is nothing.)
 */
async function mayWrite(fetch: PodFetch, url: string): Promise<boolean> {
  const headers = { 'content-type': 'text/plain', 'if-match': '*', 'if-none-match': '*' }
  const { status } = await attempt(fetch, url, { method: 'PUT', body: 'probe', headers })
  return status !== 401 && status !== 403
}

/** Whether this identity may read who has access to a container, which is for whoever controls it. */
export async function mayControl(fetch: PodFetch, container: string): Promise<boolean> {
  const { links, status } = await attempt(fetch, container, { method: 'HEAD' })
  if (status === 401 || status === 403) return false
  const document = links.get('acl')
  return document !== undefined && (await allowed(fetch, document))
}

async function attempt(fetch: PodFetch, url: string, init: RequestInit) {
  let response: Response
  try {
    response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
    await response.body?.cancel()
  } catch (cause) {
    throw new DomainError('pod-unreachable', 'The pod does not answer', { cause, retryAfter: 5 })
  }
  if (response.status >= 500)
    throw new DomainError('pod-unreachable', 'The pod is in trouble', { retryAfter: 5 })
  return { status: response.status, links: parseLinks(response.headers.get('link'), url) }
}
