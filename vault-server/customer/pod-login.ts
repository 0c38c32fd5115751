import { EVENTS, Session, getSessionFromStorage, refreshSession } from '@inrupt/solid-client-authn-node'
import type { IStorage, SessionTokenSet } from '@inrupt/solid-client-authn-node'
import { LRUCache } from 'lru-cache'
import { DomainError } from '#core/domain/errors.ts'
import { OutboundRefused } from '#core/http/public-address.ts'
import { dpopFetch } from '#core/pods/dpop-fetch.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import type { PodLoginStorage } from '#core/records/pod-logins.ts'
import type { GuardedOidc } from './guarded-oidc.ts'

/** Logins kept in memory; the others come back from storage with one round trip to their issuer. */
const maxLive = 1_000
const liveMs = 3_600_000
/** An access token is not used in its last minute: a request may take a while to arrive. */
const spareMs = 60_000
/** How long an issuer that knows us is not asked about it again. */
const knowingMs = 600_000
/** Shown by an issuer where each login registers anew. */
const clientName = 'Reach'
/** For an issuer that does not say how long its tokens live. */
const usualTokenMs = 300_000

/**
 * Solid-OIDC logins (Solid-OIDC 0.1) of customers at the issuers of their pods, each under an opaque id of
 * ours.
 */
export interface PodLogins {
  /** Where the browser must go to sign in. `issuer` as the issuer itself spells it. */
  begin(podLogin: string, issuer: string): Promise<string>
  /** Ends it with the query the browser came back with. Gives the WebID the issuer vouches for. */
  complete(podLogin: string, query: string): Promise<string>
  /** A fetch as this customer. Refuses with `not-signed-in` once the login has died, or `pod-unreachable`. */
  fetchOf(podLogin: string): Promise<PodFetch>
  /** The same for files of any size: bodies are passed on while they come. One that was sent is not sent again. */
  streamsOf(podLogin: string): Promise<PodFetch>
  /** Forgets the login, in memory and in storage. */
  end(podLogin: string): Promise<void>
}

interface Live {
  readonly fetch: PodFetch
  readonly streams: PodFetch
  readonly usableUntil: number
}

export function createPodLogins(options: {
  clientId: string
  redirectUrl: string
  /** The storage of one login; a login under way is kept for a shorter time than one that was completed. */
  storageOf: (podLogin: string, stage: 'begun' | 'completed') => PodLoginStorage
  oidc: GuardedOidc
  /** Guarded: a profile may name any pod. */
  fetch: PodFetch
  /** Guarded as well, with bodies of any size. */
  streams: PodFetch
  now: () => number
}): PodLogins {
  const { clientId, redirectUrl, storageOf, oidc, fetch, streams, now } = options
  const live = new LRUCache<string, Live>({ max: maxLive, ttl: liveMs })
  const restoring = new Map<string, Promise<Live>>()
  /** Issuers that read our client document a while ago. */
  const knowing = new LRUCache<string, true>({ max: maxLive, ttl: knowingMs })

  async function keep(podLogin: string, tokens: SessionTokenSet | undefined): Promise<Live> {
    if (tokens?.accessToken === undefined || tokens.dpopKey === undefined) throw died()
    const { accessToken, dpopKey, expiresAt } = tokens
    // The library's own fetch is the global one, which would follow a pod's address anywhere.
    const { privateKey } = dpopKey
    const over = (way: PodFetch) =>
      dpopFetch({ accessToken: async () => accessToken, privateKey, fetch: way, now })
    const kept = {
      fetch: await over(fetch),
      streams: await over(streams),
      usableUntil: expiresAt === undefined ? now() + usualTokenMs : expiresAt * 1000,
    }
    live.set(podLogin, kept)
    return kept
  }

  /** One at a time per login, in all processes: its refresh token is good for one use. */
  function restore(podLogin: string): Promise<Live> {
    const known = restoring.get(podLogin)
    if (known !== undefined) return known
    const made = storageOf(podLogin, 'completed')
      .alone(() => refresh(podLogin))
      .finally(() => restoring.delete(podLogin))
    restoring.set(podLogin, made)
    return made
  }

  async function refresh(podLogin: string): Promise<Live> {
    const storage = checkedStorage(storageOf(podLogin, 'completed'), oidc)
    return await oidc.run(async () => {
      const session = await getSessionFromStorage(podLogin, { storage, refreshSession: false })
      if (session === undefined || (await hasExpiredSecret(podLogin, storage, now()))) throw died()
      const tokens = tokensOf(session)
      try {
        await refreshSession(session, { storage })
      } catch (error) {
        throw failed(error)
      }
      return await keep(podLogin, tokens())
    })
  }

  async function usable(podLogin: string): Promise<Live> {
    const found = live.get(podLogin)
    return found !== undefined && now() < found.usableUntil - spareMs ? found : await restore(podLogin)
  }

  /** Where the browser must go: with a client id we have, or as one that is registered there for this login. */
  async function login(
    podLogin: string,
    issuer: string,
    client: { clientId: string } | { clientName: string },
  ): Promise<string> {
    const storage = checkedStorage(storageOf(podLogin, 'begun'), oidc)
    const session = new Session({ storage, keepAlive: false }, podLogin)
    let location: string | undefined
    const handleRedirect = (url: string) => {
      location = url
    }
    await oidc.run(() =>
      session
        .login({ oidcIssuer: issuer, ...client, redirectUrl, handleRedirect })
        .catch((error: unknown) => {
          throw 'clientName' in client
            ? refused('The sign-in server of the pod can neither look up this vault nor register it', error)
            : failed(error)
        }),
    )
    if (location === undefined) throw refused('The sign-in server of the pod has no sign-in page')
    return location
  }

  /**
   * Our client id is the address of a document that the issuer must read (Solid-OIDC 0.1, section 5.1). One that cannot
   * reach it answers with an error on its own page (the Community Solid Server with 500), and we would never hear of it: so
   * its page is asked for first. Another refusal may be of us alone, who are no browser.
   */
  async function knowsUs(issuer: string, location: string): Promise<boolean> {
    if (knowing.has(issuer)) return true
    const reply = await fetch(location, { headers: { accept: 'text/html' }, redirect: 'manual' }).catch(
      () => undefined,
    )
    await reply?.body?.cancel()
    if (reply !== undefined && (reply.status === 400 || reply.status === 401 || reply.status >= 500))
      return false
    knowing.set(issuer, true)
    return true
  }

  async function asCustomer(podLogin: string, way: 'fetch' | 'streams'): Promise<PodFetch> {
    await usable(podLogin)
    return async (url, init) => {
      const used = await usable(podLogin)
      const reply = await used[way](url, init)
      if (reply.status !== 401) return reply
      // The pod takes the token for dead before its time: one more try with a new one.
      if (live.get(podLogin) === used) live.delete(podLogin)
      if (init?.body instanceof ReadableStream) return reply
      await reply.body?.cancel()
      return await (await usable(podLogin))[way](url, init)
    }
  }

  return {
    async begin(podLogin, issuer) {
      const location = await login(podLogin, issuer, { clientId })
      if (await knowsUs(issuer, location)) return location
      // What was noted of the client that it does not know would be taken for the one to use.
      await storageOf(podLogin, 'begun').clear()
      return await login(podLogin, issuer, { clientName })
    },
    async complete(podLogin, query) {
      const storage = checkedStorage(storageOf(podLogin, 'completed'), oidc)
      return await oidc.run(async () => {
        // From storage, so that a restart since the redirect makes no difference.
        const session = await getSessionFromStorage(podLogin, { storage, refreshSession: false })
        if (session === undefined) throw refused('The sign-in took too long. Begin it again.')
        const tokens = tokensOf(session)
        const info = await session.handleIncomingRedirect(redirectUrl + query).catch((error: unknown) => {
          throw failed(error)
        })
        if (!info?.isLoggedIn || info.webId === undefined) throw refused('The sign-in was not completed.')
        await keep(podLogin, tokens())
        return info.webId
      })
    },
    fetchOf: (podLogin) => asCustomer(podLogin, 'fetch'),
    streamsOf: (podLogin) => asCustomer(podLogin, 'streams'),
    async end(podLogin) {
      live.delete(podLogin)
      await restoring.get(podLogin)?.catch(() => undefined)
      live.delete(podLogin)
      await storageOf(podLogin, 'completed').clear()
    },
  }
}

/**
 * Whether the client that was registered for this login has outlived its secret (OpenID Connect Dynamic Client Registration
 * 1.0, 3.2.1). The library would register another one, to which no refresh token was given.
 */
async function hasExpiredSecret(podLogin: string, storage: IStorage, time: number): Promise<boolean> {
  const row: Record<string, unknown> = JSON.parse(
    (await storage.get(`solidClientAuthenticationUser:${podLogin}`)) ?? '{}',
  )
  // Seconds; 0 is never.
  const expires = Number(row['expiresAt'] ?? 0)
  return row['clientSecret'] !== undefined && expires > 0 && time >= expires * 1000
}

/** The newest tokens the library has told of; asked for only after the library is done. */
function tokensOf(session: Session): () => SessionTokenSet | undefined {
  let newest: SessionTokenSet | undefined
  // It tells when the token is old, an hour long, and keeps the process alive for that; we look at the time
  // ourselves.
  session.events.on(EVENTS.TIMEOUT_SET, clearTimeout)
  session.events.on(EVENTS.NEW_TOKENS, (tokens) => {
    newest = tokens
  })
  return () => newest
}

/**
 * The library stores an issuer's metadata each time before it acts on them, and checks nothing of what they
 * say. So it is checked here: they must be of the very issuer that was asked (OpenID Connect Discovery 1.0,
 * 4.3), else one issuer could speak for another; and each address in them must be one that may be asked.
 */
function checkedStorage(storage: PodLoginStorage, oidc: GuardedOidc): IStorage {
  const prefix = 'issuerConfig:'
  return {
    get: (key) => storage.get(key),
    delete: (key) => storage.delete(key),
    async set(key, value) {
      if (key.startsWith(prefix)) {
        const metadata: Record<string, unknown> = JSON.parse(value)
        if (metadata['issuer'] !== key.slice(prefix.length))
          throw new OutboundRefused('metadata of another issuer')
        for (const name of ['tokenEndpoint', 'jwksUri', 'registrationEndpoint']) {
          const address = metadata[name]
          if (typeof address === 'string') await oidc.check(address)
        }
      }
      await storage.set(key, value)
    },
  }
}

function died(): DomainError {
  return new DomainError('not-signed-in', 'The sign-in at your pod has ended. Sign in again to go on.')
}

function refused(detail: string, cause?: unknown): DomainError {
  return new DomainError('sign-in-failed', detail, { cause })
}

/** The library tells failures in words only: an answer of the issuer, an address we refused, or no answer. */
function failed(error: unknown): DomainError {
  if (error instanceof DomainError) return error
  const words = error instanceof Error ? `${error.name} ${error.message}` : ''
  if (/invalid_grant|invalid_client|invalid_token|access_denied/.test(words)) {
    return new DomainError('not-signed-in', 'The sign-in at your pod has ended. Sign in again to go on.', {
      cause: error,
    })
  }
  if (/ECONN|ENOTFOUND|EAI_AGAIN|timed out|fetch failed|took too long|got: 5\d\d/.test(words)) {
    return new DomainError('pod-unreachable', 'The sign-in server of the pod does not answer', {
      cause: error,
      retryAfter: 5,
    })
  }
  return refused('The sign-in server of the pod did not let this sign-in through', error)
}
