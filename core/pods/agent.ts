import { randomUUID } from 'node:crypto'
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { JWK } from 'jose'
import { dpopFetch } from './dpop-fetch.ts'
import type { PodFetch } from './pod.ts'

const TOKEN_SECONDS = 300
/** A token is not used in its last seconds: it must still be good when it arrives. */
const SPARE_SECONDS = 30

/** The private key with which the agent's issuer signs; `kid` is its thumbprint (RFC 7638) and is published. */
export type AgentKey = JWK & { readonly kid: string }

export interface AgentCredentials {
  readonly webId: string
  readonly issuer: string
  readonly clientId: string
  /** The one that signs now. */
  readonly key: () => AgentKey
}

/**
 * A fetch as Reach's agent: access tokens it signs itself (Solid-OIDC 0.1, RFC 9068), bound to a DPoP key of
 * this process. `now` in Unix ms. Redirects are refused.
 */
export async function createAgentFetch(
  credentials: AgentCredentials,
  options: { fetch: PodFetch; now: () => number },
): Promise<PodFetch> {
  const { fetch, now } = options
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jkt = await calculateJwkThumbprint(await exportJWK(publicKey))

  // The promise is kept, not its value: callers that come while it is being signed wait for the same token.
  let token: Promise<string> | undefined
  let expires = 0
  let signedBy = ''

  function accessToken(): Promise<string> {
    const seconds = Math.floor(now() / 1000)
    const usable = seconds < expires - SPARE_SECONDS && seconds >= expires - TOKEN_SECONDS
    const { kid } = credentials.key()
    if (token && usable && kid === signedBy) return token
    signedBy = kid
    expires = seconds + TOKEN_SECONDS
    const signing = sign(seconds)
    token = signing
    signing.catch(() => {
      if (token === signing) token = undefined
    })
    return signing
  }

  async function sign(seconds: number): Promise<string> {
    const { webId, issuer, clientId } = credentials
    const key = credentials.key()
    return await new SignJWT({ webid: webId, client_id: clientId, cnf: { jkt } })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
      .setIssuer(issuer)
      .setSubject(webId)
      .setAudience('solid')
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + TOKEN_SECONDS)
      .setJti(randomUUID())
      .sign(await importJWK(key, 'ES256'))
  }

  return dpopFetch({ accessToken, privateKey, fetch, now })
}
