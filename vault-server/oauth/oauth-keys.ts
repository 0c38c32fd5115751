import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import type { JWK } from 'jose'
import type { KeyStore } from '#core/ledger/key-store.ts'

/**
 * What the authorization server signs and guards with. From the key store, so that a restart changes nothing.
 */
export interface OAuthKeys {
  readonly cookieKeys: readonly string[]
  /** 32 bytes from which the DPoP nonces of the token endpoint are made; the same at every replica. */
  readonly nonceSecret: Buffer
  /** Names customers differently to each business. Replacing it would rename every customer everywhere. */
  readonly pairwiseSecret: Buffer
}

export interface SigningKey extends JWK {
  readonly kty: 'EC'
  readonly kid: string
  readonly alg: 'ES256'
  readonly use: 'sig'
  readonly crv: string
  readonly x: string
  readonly y: string
  readonly d: string
}

export async function readOAuthKeys(keys: KeyStore): Promise<OAuthKeys> {
  return {
    cookieKeys: [(await keys.secret('oauth-cookies')).toString('base64url')],
    nonceSecret: await keys.secret('oauth-nonces'),
    pairwiseSecret: await keys.secret('pairwise'),
  }
}

/** The key that signs software statements; only this server verifies them. */
export function readStatementKey(keys: KeyStore): Promise<SigningKey> {
  return keys.document('software-statements', newSigningKey)
}

/** A fresh private ES256 key, named by its thumbprint (RFC 7638). */
export async function newSigningKey(): Promise<SigningKey & Record<string, string>> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const { kty, crv, x, y, d } = await exportJWK(privateKey)
  if (kty !== 'EC' || crv === undefined || x === undefined || y === undefined || d === undefined)
    throw new Error('an ES256 key has other members')
  return {
    kty: 'EC',
    crv,
    x,
    y,
    d,
    alg: 'ES256',
    use: 'sig',
    kid: await calculateJwkThumbprint({ kty, crv, x, y }),
  }
}

export function publicPart({ d: _private, ...key }: SigningKey): JWK {
  return key
}
