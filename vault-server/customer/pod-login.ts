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
  /** Forgets the login, in memory and in storage. */
  end(podLogin: string): Promise<void>
}

interface Live {
  readonly fetch: PodFetch
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
  now: () => number
}): PodLogins {
  const { clientId, redirectUrl, storageOf, oidc, fetch, now } = options
  const live = new LRUCache<string, Live>({ max: maxLive, ttl: liveMs })
  const restoring = new Map<string, Promise<Live>>()

  async function keep(podLogin: string, tokens: SessionTokenSet | undefined): Promise<Live> {
    if (tokens?.accessToken === undefined || tokens.dpopKey === undefined) throw died()
    const { accessToken, dpopKey, expiresAt } = tokens
    const kept = {
      // The library's own fetch is the global one, which would follow a pod's address anywhere.
      fetch: await dpopFetch({
        accessToken: async () => accessToken,
        privateKey: dpopKey.privateKey,
        fetch,
        now,
      }),
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
      if (session === undefined) throw died()
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

  return {
    async begin(podLogin, issuer) {
      const storage = checkedStorage(storageOf(podLogin, 'begun'), oidc)
      const session = new Session({ storage, keepAlive: false }, podLogin)
      let location: string | undefined
      const handleRedirect = (url: string) => {
        location = url
      }
      await oidc.run(() =>
        session
          .login({ oidcIssuer: issuer, clientId, redirectUrl, handleRedirect })
          .catch((error: unknown) => {
            throw failed(error)
          }),
      )
      if (location === undefined) throw refused('The sign-in server of the pod has no sign-in page')
      return location
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
    async fetchOf(podLogin) {
      await usable(podLogin)
      return async (url, init) => {
        const used = await usable(podLogin)
        const reply = await used.fetch(url, init)
        if (reply.status !== 401) return reply
        // The pod takes the token for dead before its time: one more try with a new one.
        await reply.body?.cancel()
        if (live.get(podLogin) === used) live.delete(podLogin)
        return await (await usable(podLogin)).fetch(url, init)
      }
    },
    async end(podLogin) {
      live.delete(podLogin)
      await restoring.get(podLogin)?.catch(() => undefined)
      live.delete(podLogin)
      await storageOf(podLogin, 'completed').clear()
    },
  }
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
