import { DomainError } from '#core/domain/errors.ts'
import { OutboundRefused } from '#core/http/public-address.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { parseRdf, readableRdf } from '#core/pods/rdf-formats.ts'

const solid = 'http://www.w3.org/ns/solid/terms#'
const space = 'http://www.w3.org/ns/pim/space#'
/** A profile that names more has something else in mind. */
const maxNamed = 10
const maxWebId = 1_000
const maxRedirects = 5

/** What a WebID's profile says about signing in and about where the data lies. */
export interface WebIdProfile {
  readonly issuers: readonly string[]
  readonly storages: readonly string[]
}

/**
 * The Solid-OIDC issuer behind what a person typed: an issuer, or her WebID, whose profile names one. Gives
 * the issuer as it spells itself. Refuses with `sign-in-failed`. `fetch` must be guarded: the address is the
 * person's.
 */
export async function findIssuer(typed: string, { fetch }: { fetch: PodFetch }): Promise<string> {
  // A URI by its form need not be an address: `https://256.256.256.256/` is none.
  const address = URL.parse(typed)
  if (address === null) throw new DomainError('sign-in-failed', 'This is no address')
  if (address.hash === '') {
    const issuer = await discover(typed, fetch)
    if (issuer !== undefined) return issuer
  }
  const { issuers } = await readWebIdProfile(typed, { fetch })
  for (const named of issuers) {
    const issuer = await discover(named, fetch)
    if (issuer !== undefined) return issuer
  }
  throw new DomainError('sign-in-failed', 'There is neither a sign-in server nor a WebID that names one')
}

/**
 * Whoever runs an issuer can vouch for any WebID. It counts only when the WebID's own profile names that
 * issuer (Solid-OIDC 0.1, section 5.3). Gives the profile.
 */
export async function verifyIssuerOf(
  webId: string,
  issuer: string,
  { fetch }: { fetch: PodFetch },
): Promise<WebIdProfile> {
  // The issuer's word so far, and so any text at all.
  if (!URL.canParse(webId) || webId.length > maxWebId) {
    throw new DomainError('sign-in-failed', 'The sign-in server gave no usable WebID')
  }
  const profile = await readWebIdProfile(webId, { fetch })
  if (!profile.issuers.some((named) => sameIssuer(named, issuer))) {
    throw new DomainError('sign-in-failed', 'The WebID does not name this sign-in server as its own')
  }
  return profile
}

/** A slash at the end is written by some and left out by others. */
function sameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '')
}

/**
 * `undefined` when there is no issuer; one that calls itself otherwise is none (OpenID Connect Discovery 1.0,
 * 4.3).
 */
async function discover(address: string, fetch: PodFetch): Promise<string | undefined> {
  const { href } = new URL(address)
  const configuration = `${href.replace(/\/$/, '')}/.well-known/openid-configuration`
  const reply = await get(configuration, 'application/json', { fetch })
  if (reply === undefined) return undefined
  try {
    const { issuer } = JSON.parse(reply.text) as { issuer?: unknown }
    return typeof issuer === 'string' && sameIssuer(issuer, href) ? issuer : undefined
  } catch {
    return undefined
  }
}

export async function readWebIdProfile(webId: string, { fetch }: { fetch: PodFetch }): Promise<WebIdProfile> {
  const document = new URL(webId)
  document.hash = ''
  const found = await get(document.href, readableRdf, { fetch, redirects: maxRedirects })
  const quads = found === undefined ? [] : await readProfile(found)
  const named = (predicate: string) =>
    quads
      .filter((quad) => quad.subject.value === webId && quad.predicate.value === predicate)
      .map((quad) => quad.object)
      .filter((object) => object.termType === 'NamedNode' && URL.canParse(object.value))
      .map((object) => object.value)
      .slice(0, maxNamed)
  return { issuers: named(`${solid}oidcIssuer`), storages: named(`${space}storage`) }
}

/** What cannot be read, or is more than a profile has, names nothing. */
async function readProfile({ text, type, url }: Found): ReturnType<typeof parseRdf> {
  try {
    return await parseRdf(text, type, url)
  } catch (error) {
    if (error instanceof DomainError) return []
    throw error
  }
}

interface Found {
  readonly text: string
  readonly type: string | null
  /** Where it was at last: what relative names in it begin with. */
  readonly url: string
}

/**
 * A document, behind so many redirects (each hop is guarded like the first); `undefined` when there is none. Silence or
 * trouble of its server is `pod-unreachable`.
 */
async function get(
  start: string,
  accept: string,
  { fetch, redirects = 0 }: { fetch: PodFetch; redirects?: number },
): Promise<Found | undefined> {
  let url = start
  for (let hop = 0; hop <= redirects; hop++) {
    let reply: Response
    try {
      reply = await fetch(url, { headers: { accept }, redirect: 'manual' })
    } catch (cause) {
      if (isRefused(cause))
        throw new DomainError('sign-in-failed', 'The address may not be asked from here', { cause })
      throw unreachable(cause)
    }
    if (reply.status >= 500) throw unreachable()
    const next = reply.headers.get('location')
    if ([301, 302, 303, 307, 308].includes(reply.status) && next !== null && URL.canParse(next, url)) {
      await reply.body?.cancel()
      url = new URL(next, url).href
      continue
    }
    return reply.ok ? { text: await reply.text(), type: reply.headers.get('content-type'), url } : undefined
  }
  return undefined
}

function isRefused(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundRefused) return true
  }
  return false
}

function unreachable(cause?: unknown): DomainError {
  return new DomainError('pod-unreachable', 'The address does not answer', { cause, retryAfter: 5 })
}
