import { DomainError } from '#core/domain/errors.ts'
import { OutboundRefused } from '#core/http/public-address.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { parseTurtle } from '#core/pods/rdf.ts'

const solid = 'http://www.w3.org/ns/solid/terms#'
const space = 'http://www.w3.org/ns/pim/space#'
/** A profile that names more has something else in mind. */
const maxNamed = 10
const maxWebId = 1_000

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
  const reply = await get(
    `${href.replace(/\/$/, '')}/.well-known/openid-configuration`,
    'application/json',
    fetch,
  )
  if (reply === undefined) return undefined
  try {
    const { issuer } = JSON.parse(reply) as { issuer?: unknown }
    return typeof issuer === 'string' && sameIssuer(issuer, href) ? issuer : undefined
  } catch {
    return undefined
  }
}

async function readWebIdProfile(webId: string, { fetch }: { fetch: PodFetch }): Promise<WebIdProfile> {
  const document = new URL(webId)
  document.hash = ''
  const text = await get(document.href, 'text/turtle', fetch)
  const quads = text === undefined ? [] : readTurtle(text, document.href)
  const named = (predicate: string) =>
    quads
      .filter((quad) => quad.subject.value === webId && quad.predicate.value === predicate)
      .map((quad) => quad.object)
      .filter((object) => object.termType === 'NamedNode' && URL.canParse(object.value))
      .map((object) => object.value)
      .slice(0, maxNamed)
  return { issuers: named(`${solid}oidcIssuer`), storages: named(`${space}storage`) }
}

/** What is no Turtle, or more of it than a profile has, names nothing. */
function readTurtle(text: string, base: string): ReturnType<typeof parseTurtle> {
  try {
    return parseTurtle(text, base)
  } catch (error) {
    if (error instanceof DomainError) return []
    throw error
  }
}

/**
 * The text of a document, `undefined` when there is none. Silence or trouble of its server is
 * `pod-unreachable`.
 */
async function get(url: string, accept: string, fetch: PodFetch): Promise<string | undefined> {
  let reply: Response
  try {
    reply = await fetch(url, { headers: { accept } })
  } catch (cause) {
    if (isRefused(cause))
      throw new DomainError('sign-in-failed', 'The address may not be asked from here', { cause })
    throw unreachable(cause)
  }
  if (reply.status >= 500) throw unreachable()
  return reply.ok ? await reply.text() : undefined
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
