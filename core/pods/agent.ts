import { createHash, randomUUID } from 'node:crypto'
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import type { PodFetch } from './pod.ts'

const TOKEN_SECONDS = 300
/** A token is not used in its last seconds: it must still be good when it arrives. */
const SPARE_SECONDS = 30

/** The key with which the agent's issuer signs; `kid` is its thumbprint (RFC 7638) and is published. */
export interface AgentKey {
  readonly kid: string
  readonly privateJwk: JWK
}

export interface AgentCredentials {
  readonly webId: string
  readonly issuer: string
  readonly clientId: string
  readonly key: AgentKey
}

/**
 * A fetch as Reach's agent: access tokens it signs itself (Solid-OIDC 0.1, RFC 9068), bound to a DPoP key of this
 * process (RFC 9449), a fresh proof per request. `now` in Unix ms. Redirects are refused: a proof names one URL.
 */
export async function createAgentFetch(
  credentials: AgentCredentials,
  options: { fetch: PodFetch; now: () => number },
): Promise<PodFetch> {
  const { fetch, now } = options
  const signingKey = (await importJWK(credentials.key.privateJwk, 'ES256')) as CryptoKey
  const proofKeys = await generateKeyPair('ES256', { extractable: true })
  const proofJwk = await exportJWK(proofKeys.publicKey)
  const jkt = await calculateJwkThumbprint(proofJwk)

  interface Token {
    readonly text: string
    readonly hash: string
  }
  // The promise is kept, not its value: callers that come while it is being signed wait for the same token.
  let token: Promise<Token> | undefined
  let expires = 0

  function accessToken(): Promise<Token> {
    const seconds = Math.floor(now() / 1000)
    const usable = seconds < expires - SPARE_SECONDS && seconds >= expires - TOKEN_SECONDS
    if (token && usable) return token
    expires = seconds + TOKEN_SECONDS
    const signing = sign(seconds)
    token = signing
    signing.catch(() => {
      if (token === signing) token = undefined
    })
    return signing
  }

  async function sign(seconds: number): Promise<Token> {
    const { webId, issuer, clientId, key } = credentials
    const text = await new SignJWT({ webid: webId, client_id: clientId, cnf: { jkt } })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
      .setIssuer(issuer)
      .setSubject(webId)
      .setAudience('solid')
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + TOKEN_SECONDS)
      .setJti(randomUUID())
      .sign(signingKey)
    return { text, hash: createHash('sha256').update(text).digest('base64url') }
  }

  return async (url, init = {}) => {
    const { text, hash } = await accessToken()
    const htu = new URL(url)
    htu.search = ''
    htu.hash = ''
    const proof = await new SignJWT({
      htu: htu.href,
      htm: init.method ?? 'GET',
      jti: randomUUID(),
      ath: hash,
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: proofJwk })
      .setIssuedAt(Math.floor(now() / 1000))
      .sign(proofKeys.privateKey)
    const headers = new Headers(init.headers)
    headers.set('authorization', `DPoP ${text}`)
    headers.set('dpop', proof)
    return fetch(url, { ...init, headers, redirect: 'manual' })
  }
}
