import { createHash, randomUUID } from 'node:crypto'
import { SignJWT, exportJWK } from 'jose'
import type { PodFetch } from '#core/pods/pod.ts'

/**
 * A fetch with the customer's access token and a fresh DPoP proof per request (RFC 9449). The library's own fetch is
 * the global one, which would follow a pod's address anywhere. Redirects are refused: a proof names one URL.
 */
export async function dpopFetch(options: {
  accessToken: string
  privateKey: CryptoKey
  fetch: PodFetch
  now: () => number
}): Promise<PodFetch> {
  const { accessToken, privateKey, fetch, now } = options
  const { kty, crv, x, y } = await exportJWK(privateKey)
  const jwk = { kty, crv, x, y } as { kty: string }
  const ath = createHash('sha256').update(accessToken).digest('base64url')
  return async (url, init = {}) => {
    const target = new URL(url)
    target.search = ''
    target.hash = ''
    const proof = await new SignJWT({ htu: target.href, htm: init.method ?? 'GET', jti: randomUUID(), ath })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt(Math.floor(now() / 1000))
      .sign(privateKey)
    const headers = new Headers(init.headers)
    headers.set('authorization', `DPoP ${accessToken}`)
    headers.set('dpop', proof)
    return await fetch(url, { ...init, headers, redirect: 'manual' })
  }
}
