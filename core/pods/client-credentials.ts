import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { DomainError } from '#core/domain/errors.ts'
import { dpopFetch } from './dpop-fetch.ts'
import type { PodFetch } from './pod.ts'
import { troubleOf, troubleOfStatus } from './trouble.ts'

const MAX_KEPT = 1_000
/** A token is renewed this long before it ends. */
const SPARE_MS = 30_000
const USUAL_TOKEN_S = 300
const LONGEST_TOKEN_S = 3600

export interface ClientCredentials {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

export interface CredentialLogin {
  /** As whom the pod server knows the bearer of these credentials. */
  readonly webId: string
  readonly fetch: PodFetch
}

/**
 * Comes to a pod by credentials that its owner made at her sign-in server (RFC 6749 section 4.4, with DPoP), for pod
 * servers that cannot reach the agent's own identity. Tokens are kept in memory and renewed. Refuses with
 * `sign-in-failed` when the server does not take them (any more), `pod-unreachable` when it does not answer. `fetch` is
 * guarded; `now` in Unix ms.
 */
export function createCredentialLogins(options: {
  fetch: PodFetch
  now: () => number
}): (credentials: ClientCredentials) => Promise<CredentialLogin> {
  const { fetch, now } = options
  const logins = new LRUCache<string, Promise<CredentialLogin>>({ max: MAX_KEPT })

  return (credentials) => {
    const { issuer, clientId, clientSecret } = credentials
    const name = JSON.stringify([issuer, clientId, clientSecret])
    const known = logins.get(name)
    if (known !== undefined) return known
    const login = open(credentials, { fetch, now })
    logins.set(name, login)
    login.catch(() => logins.delete(name))
    return login
  }
}

async function open(
  credentials: ClientCredentials,
  { fetch, now }: { fetch: PodFetch; now: () => number },
): Promise<CredentialLogin> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const jkt = await calculateJwkThumbprint(jwk)
  const endpoint = await tokenEndpoint(credentials.issuer, fetch)
  let token: Promise<{ text: string; until: number }> | undefined

  async function renew(): Promise<{ text: string; until: number }> {
    const at = now()
    const proof = await new SignJWT({ htu: endpoint, htm: 'POST', jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: jwk as { kty: string } })
      .setIssuedAt(Math.floor(at / 1000))
      .sign(privateKey)
    const { clientId, clientSecret } = credentials
    // RFC 6749 section 2.3.1: encoded as in a form first.
    const basic = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':')
    const reply = await json(fetch, endpoint, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        dpop: proof,
      },
      body: 'grant_type=client_credentials&scope=webid',
    })
    const { access_token: text, expires_in: seconds = USUAL_TOKEN_S } = reply
    if (typeof text !== 'string') throw refused('gave no token')
    const { cnf } = claimsOf(text)
    if ((cnf as { jkt?: unknown } | undefined)?.jkt !== jkt)
      throw refused('gave a token that anybody could use')
    return { text, until: at + Math.min(Number(seconds) || USUAL_TOKEN_S, LONGEST_TOKEN_S) * 1000 }
  }

  /** The promise is kept: callers that come while it is being fetched wait for the same token. */
  async function accessToken(): Promise<string> {
    const known = await token?.catch(() => undefined)
    if (known !== undefined && now() < known.until - SPARE_MS) return known.text
    if (known !== undefined || token === undefined) token = renew()
    const mine = token
    try {
      return (await mine).text
    } catch (error) {
      if (token === mine) token = undefined
      throw error
    }
  }

  const webId = claimsOf(await accessToken())['webid']
  if (typeof webId !== 'string' || !URL.canParse(webId)) throw refused('does not say whose they are')
  return { webId, fetch: await dpopFetch({ accessToken, privateKey, fetch, now }) }
}

async function tokenEndpoint(issuer: string, fetch: PodFetch): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const metadata = await json(fetch, address, { headers: { accept: 'application/json' } })
  const same = (one: string) => one.replace(/\/$/, '')
  const { issuer: named, token_endpoint: endpoint } = metadata
  // OpenID Connect Discovery 1.0, 4.3. And the secret goes to nobody but the server it was made at.
  if (typeof named !== 'string' || same(named) !== same(issuer) || typeof endpoint !== 'string')
    throw refused('does not describe itself')
  if (!URL.canParse(endpoint) || new URL(endpoint).origin !== new URL(issuer).origin)
    throw refused('keeps its tokens elsewhere')
  return endpoint
}

async function json(fetch: PodFetch, url: string, init: RequestInit): Promise<Record<string, unknown>> {
  const reply = await fetch(url, { ...init, redirect: 'manual' }).catch((cause: unknown) => {
    throw troubleOf(cause)
  })
  const trouble = troubleOfStatus(reply)
  if (trouble !== undefined) throw trouble
  if (!reply.ok) throw refused('does not take these credentials')
  const parsed: unknown = await reply.json().catch(() => undefined)
  if (typeof parsed !== 'object' || parsed === null) throw refused('answers no JSON')
  return parsed as Record<string, unknown>
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    return decodeJwt(token)
  } catch {
    throw refused('gave a token that cannot be read')
  }
}

function refused(how: string): DomainError {
  return new DomainError('sign-in-failed', `The sign-in server of the pod ${how}`)
}
