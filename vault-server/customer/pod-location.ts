import { DataFactory, Store } from 'n3'
import { DomainError } from '#core/domain/errors.ts'
import { createPodClient, linksOf } from '#core/pods/client.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { parseRdf, readableRdf } from '#core/pods/rdf-formats.ts'

const { namedNode } = DataFactory
const storageType = 'http://www.w3.org/ns/pim/space#Storage'
const descriptionRelation = 'http://www.w3.org/ns/solid/terms#storageDescription'
/** Containers above a WebID's document that are looked at; deeper ones belong to nobody's pod root. */
const maxSteps = 8
const maxStorages = 20

/**
 * The roots of the storages that belong to a WebID (Solid Protocol 4.1), the one around the profile first: what the
 * profile names; else what the description of the profile's own storage names; else the nearest container above the
 * profile that says it is one. `fetch` is the customer's own. Refuses with `pod-unreadable` when there is none.
 */
export async function findStorages(
  webId: string,
  named: readonly string[],
  { fetch }: { fetch: PodFetch },
): Promise<readonly string[]> {
  const roots = named.filter(isRoot)
  const found = roots.length > 0 ? roots : await discover(webId, fetch)
  if (found.length === 0) throw new DomainError('pod-unreadable', 'The WebID does not lead to a storage')
  const around = found.filter((root) => webId.startsWith(root))
  return [...new Set([...around, ...found])].slice(0, maxStorages)
}

function isRoot(url: string): boolean {
  return /^https?:/.test(url) && url.endsWith('/') && !/[?#]/.test(url)
}

async function discover(webId: string, fetch: PodFetch): Promise<readonly string[]> {
  const document = webId.split('#', 1)[0] ?? webId
  const described = await readDescription(document, fetch)
  if (described.length > 0) return described
  let place = new URL('.', document)
  for (let step = 0; step < maxSteps; step++) {
    const reply = await ask(place.href, 'HEAD', fetch)
    if (typesOf(reply).includes(storageType)) return [place.href]
    if (place.pathname === '/') break
    place = new URL('..', place)
  }
  return []
}

/** Solid Protocol 4.1: every resource of a storage links to what describes the storage. */
async function readDescription(document: string, fetch: PodFetch): Promise<readonly string[]> {
  const links = linksOf((await ask(document, 'HEAD', fetch)).headers.get('link'))
  const address = links.find(({ relations }) => relations.includes(descriptionRelation))?.target
  if (address === undefined || !URL.canParse(address, document)) return []
  const { href, origin } = new URL(address, document)
  // Nobody else describes what lies here.
  if (origin !== new URL(document).origin) return []
  try {
    const { body, contentType = null } = await createPodClient({ fetch }).get(href, { accept: readableRdf })
    const store = new Store(await parseRdf(body, contentType, href))
    return store
      .getSubjects(namedNode('http://www.w3.org/1999/02/22-rdf-syntax-ns#type'), namedNode(storageType), null)
      .map(({ value }) => value)
      .filter((root) => isRoot(root) && document.startsWith(root))
  } catch (error) {
    // It helps or it does not; what is above the profile is looked at then.
    if (error instanceof DomainError && error.code !== 'pod-unreachable') return []
    throw error
  }
}

function typesOf(reply: Response): string[] {
  return linksOf(reply.headers.get('link')).flatMap(({ target, relations }) =>
    relations.includes('type') ? [target] : [],
  )
}

async function ask(url: string, method: string, fetch: PodFetch): Promise<Response> {
  try {
    return await fetch(url, { method })
  } catch (cause) {
    throw new DomainError('pod-unreachable', 'The pod does not answer', { cause, retryAfter: 5 })
  }
}

/**
 * A folder that a customer may give to Reach: inside one of her storages, no root of one, and none that her profile lies
 * in, so that what Reach can read is nothing but what is meant for it. Refuses with `invalid-input`.
 */
export function assertContainer(container: string, storages: readonly string[], webId: string): string {
  const { href, pathname } = new URL(container)
  const segments = pathname.split('/').slice(1, -1)
  const plain = segments.every(
    (segment) => segment !== '' && !segment.startsWith('.') && !/%2f|%5c/i.test(segment),
  )
  const storage = storages.find((root) => href.startsWith(root) && href !== root)
  if (!plain || storage === undefined || webId.startsWith(href)) {
    const violations = [{ pointer: '/container', detail: 'A folder of its own inside one of your storages' }]
    throw new DomainError('invalid-input', 'Reach cannot use this folder', { violations })
  }
  return storage
}
