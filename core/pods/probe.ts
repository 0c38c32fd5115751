/** What Reach can do in a pod right now, found out by trying and not by reading rules. */
import { randomUUID } from 'node:crypto'
import { categories } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Finding, Probe } from '#schemas/types.gen.ts'
import { receiptsOf } from './access.ts'
import { parseLinks } from './client.ts'
import type { PodFetch } from './pod.ts'
import { troubleOf, troubleOfStatus } from './trouble.ts'
import { resourceOf } from './vocabulary.ts'

const TIMEOUT_MS = 10_000

interface Probed {
  readonly container: string
  readonly podUrl: string
  readonly webId: string
  /** As whom Reach comes where that is not its own agent; the owner herself may do everything. */
  readonly actingAs?: string | undefined
}

/** Beside `vrm/`, where Reach has no business: the root of the pod, and around the WebID. */
export function placesElsewhere({ podUrl, webId, container }: Probed): string[] {
  const around = new URL('.', webId).href
  const places = [podUrl, ...(new URL(podUrl).origin === new URL(webId).origin ? [around] : [])]
  return [...new Set(places)].filter((place) => place !== container)
}

/**
 * Nothing is left behind in the pod. Expected is what `openAccess` gives, or nothing after `closeAccess`, and beyond it
 * only what everybody may elsewhere. What is neither expected nor seen of single resources is not listed. Refuses with
 * `pod-unreachable`.
 */
export async function probe(
  { agent, anyone }: { agent: PodFetch; anyone: PodFetch },
  account: Probed,
  expect: 'open' | 'closed',
  now: () => number,
): Promise<Probe> {
  const { container, webId, actingAs } = account
  const open = expect === 'open'
  const isOwner = actingAs === webId
  const receipts = receiptsOf(container)
  const look = (told: Told, resource: string, expected: boolean, seen: Promise<boolean>) =>
    seen.then((is) => finding(told, resource, expected || isOwner, is))

  const filled = await Promise.all(
    categories.map(async ({ id, title }) => {
      const url = resourceOf(container, id)
      return { about: { category: id, title }, url, status: await readStatus(agent, url) }
    }),
  )
  const inside = [
    look({ act: 'list' }, container, open, allowed(agent, container)),
    ...filled.map(({ about, url, status }) =>
      look({ act: 'read', about }, url, open, Promise.resolve(isAllowed(status))),
    ),
    look({ act: 'read-receipts' }, receipts, open, allowed(agent, receipts)),
    look({ act: 'add-receipt' }, receipts, open, mayWrite(agent, `${receipts}probe`)),
    look({ act: 'write' }, container, false, mayWrite(agent, `${container}probe`)),
    look({ act: 'control' }, container, false, mayControl(agent, container)),
  ]
  const outside = placesElsewhere(account).map(async (url) => {
    const [seen, everybody] = await Promise.all([allowed(agent, url), allowed(anyone, url)])
    return finding({ act: everybody ? 'elsewhere-open' : 'elsewhere' }, url, everybody || isOwner, seen)
  })
  const findings = await Promise.all([...inside, ...outside])
  const tooWide = await Promise.all([
    ...[container, receipts].map((url) => seenByAll(anyone, url)),
    // Of what is not there nobody sees more than of the folder.
    ...filled
      .filter(({ status }) => status !== 404 && status !== 410)
      .flatMap(({ about, url }) => [
        seenByAll(anyone, url, about),
        isOwner ? [] : changeable(agent, url, about),
      ]),
  ])
  findings.push(...tooWide.flat())
  const known = await attempt(agent, container, { method: 'HEAD' })
  const unreachable = open && actingAs === undefined && (known.status === 400 || known.status === 401)
  return {
    ok: findings.every(({ ok }) => ok),
    asOf: new Date(now()).toISOString(),
    identity: actingAs === undefined ? 'agent' : isOwner ? 'yourself' : 'credentials',
    ...(unreachable ? { unreachable } : {}),
    findings,
  }
}

/** Told only when it is so: everybody can read what is meant for Reach alone. */
async function seenByAll(anyone: PodFetch, url: string, about?: About): Promise<Finding[]> {
  const status = await readStatus(anyone, url)
  const told: Told = about === undefined ? { act: 'open-folder' } : { act: 'open-to-all', about }
  return status < 300 ? [finding(told, url, false, true)] : []
}

/** Told only when it is so: a rule of its own lets the agent change one resource. */
async function changeable(agent: PodFetch, url: string, about: About): Promise<Finding[]> {
  return (await mayWrite(agent, url, `"${randomUUID()}"`))
    ? [finding({ act: 'change', about }, url, false, true)]
    : []
}

interface About {
  readonly category: string
  readonly title: string
}

interface Told {
  readonly act: Finding['act']
  readonly about?: About
}

/** In English, for logs of programs and for tests; `act` and `category` say the same in any language. */
const words: Readonly<Record<Finding['act'], (title: string) => string>> = {
  list: () => 'list your vrm folder',
  read: (title) => `read ${title}`,
  'read-receipts': () => 'read receipts',
  'add-receipt': () => 'add a receipt',
  write: () => 'write into your vrm folder',
  control: () => 'change who has access',
  elsewhere: () => 'look elsewhere in your pod',
  'elsewhere-open': () => 'look elsewhere in your pod, where everybody may',
  'open-to-all': (title) => `see ${title}, and everybody else can, too`,
  'open-folder': () => 'see your vrm folder, and everybody else can, too',
  change: (title) => `change ${title}`,
}

function finding({ act, about }: Told, resource: string, expected: boolean, seen: boolean): Finding {
  return {
    what: words[act](about?.title.toLowerCase() ?? ''),
    act,
    ...(about && { category: about.category }),
    resource,
    expected,
    seen,
    ok: expected === seen,
  }
}

/** A resource that does not exist is as good as readable: the server would not say so to a stranger. */
function isAllowed(status: number): boolean {
  return status < 400 || status === 404 || status === 410
}

async function allowed(fetch: PodFetch, url: string): Promise<boolean> {
  return isAllowed(await readStatus(fetch, url))
}

async function readStatus(fetch: PodFetch, url: string): Promise<number> {
  return (await attempt(fetch, url, { headers: { accept: 'text/turtle' } })).status
}

/**
 * The two conditions can never hold together, so nothing is written: who may write hears 412, who may not 403. Over a
 * document that is there either must do by itself, since a server may know only one of them: `version` is one that it never
 * had. (Where there is nothing the community server takes such a version for good.)
 */
async function mayWrite(fetch: PodFetch, url: string, version = '*'): Promise<boolean> {
  const headers = { 'content-type': 'text/plain', 'if-match': version, 'if-none-match': '*' }
  const { status } = await attempt(fetch, url, { method: 'PUT', body: 'probe', headers })
  return status < 400 || status === 412 || status === 409
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
    throw cause instanceof DomainError ? cause : troubleOf(cause)
  }
  const trouble = troubleOfStatus(response)
  if (trouble !== undefined) throw trouble
  return { status: response.status, links: parseLinks(response.headers.get('link'), url) }
}
