import { createHash, randomUUID } from 'node:crypto'
import { SignJWT, exportJWK } from 'jose'
import type { CryptoKey } from 'jose'
import type { PodFetch } from './pod.ts'

/**
 * A fetch that sends an access token with a fresh DPoP proof per request (RFC 9449 section 4.2). `privateKey`
 * is the ES256 key the token is bound to and must be extractable: its public part goes into every proof.
 * `now` in Unix ms. Redirects are refused: a proof names one URL.
 */
export async function dpopFetch(options: {
  /** Asked for each request, so that a token can be replaced before it ends. */
  accessToken: () => Promise<string>
  privateKey: CryptoKey
  fetch: PodFetch
  now: () => number
}): Promise<PodFetch> {
  const { accessToken, privateKey, fetch, now } = options
  const { kty, crv, x, y } = await exportJWK(privateKey)
  const jwk = { kty, crv, x, y } as { kty: string }
  return async (url, init = {}) => {
    const token = await accessToken()
    const target = new URL(url)
    target.search = ''
    target.hash = ''
    const ath = createHash('sha256').update(token).digest('base64url')
    const proof = await new SignJWT({ htu: target.href, htm: init.method ?? 'GET', jti: randomUUID(), ath })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt(Math.floor(now() / 1000))
      .sign(privateKey)
    const headers = new Headers(init.headers)
    headers.set('authorization', `DPoP ${token}`)
    headers.set('dpop', proof)
    return await fetch(url, { ...init, headers, redirect: 'manual' })
  }
}
