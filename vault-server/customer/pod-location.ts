import { DomainError } from '#core/domain/errors.ts'
import type { PodFetch } from '#core/pods/pod.ts'

const storageType = 'http://www.w3.org/ns/pim/space#Storage'
/** Containers above a WebID's document that are looked at; deeper ones belong to nobody's pod root. */
const maxSteps = 8

/**
 * The root of the storage that belongs to a WebID (Solid Protocol 4.1): what its profile names, the one
 * around the profile first; else the nearest container above the profile that says it is a storage. `fetch`
 * is the customer's own. Refuses with `pod-unreadable`.
 */
export async function findStorage(
  webId: string,
  named: readonly string[],
  { fetch }: { fetch: PodFetch },
): Promise<string> {
  const roots = named.filter((url) => /^https?:/.test(url) && url.endsWith('/') && !/[?#]/.test(url))
  const around = roots.find((root) => webId.startsWith(root)) ?? roots[0]
  if (around !== undefined) return around
  let place = new URL('.', webId)
  for (let step = 0; step < maxSteps; step++) {
    if (await isStorage(place.href, fetch)) return place.href
    if (place.pathname === '/') break
    place = new URL('..', place)
  }
  throw new DomainError('pod-unreadable', 'The WebID does not lead to a storage')
}

async function isStorage(url: string, fetch: PodFetch): Promise<boolean> {
  try {
    const reply = await fetch(url, { method: 'HEAD' })
    const links = [...(reply.headers.get('link') ?? '').matchAll(/<([^<>]*)>([^<]*)/g)]
    return links.some(
      ([, target, parameters = '']) => target === storageType && /\brel="?type"?/i.test(parameters),
    )
  } catch (cause) {
    throw new DomainError('pod-unreachable', 'The pod does not answer', { cause, retryAfter: 5 })
  }
}
