/** Keys of a business: ES256 (P-256), made here or brought along as PEM, JWK or CryptoKey. */
import { exportJWK, importJWK, importPKCS8, type JWK } from 'jose'

export interface KeyPair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** Which of the registered keys it is, for those that sign assertions. */
  readonly kid?: string
}

const ES256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** A new pair. Keep the private half in a secret store: `exportKey` gives it as JWK. */
export async function generateKey(kid?: string): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey(ES256, true, ['sign', 'verify'])
  return kid === undefined ? pair : { ...pair, kid }
}

/** The private key as JWK, to be stored. Throws for a key that does not leave its CryptoKey. */
export async function exportKey({ privateKey, kid }: KeyPair): Promise<JWK> {
  const jwk = await exportJWK(privateKey)
  return kid === undefined ? jwk : { ...jwk, kid }
}

/**
 * A pair from a private key: PKCS#8 as PEM text, a private JWK, or a `CryptoKeyPair`. Throws `TypeError` for anything
 * but ES256.
 */
export async function importKey(key: string | JWK | CryptoKeyPair, kid?: string): Promise<KeyPair> {
  if (typeof key === 'object' && 'privateKey' in key) return withKid(key as CryptoKeyPair, kid)
  const jwk =
    typeof key === 'string' ? await exportJWK(await importPKCS8(key, 'ES256', { extractable: true })) : key
  if (jwk.kty !== 'EC' || jwk.crv !== 'P-256' || typeof jwk.d !== 'string')
    throw new TypeError('the key must be a private key on P-256 (ES256)')
  const { kty, crv, x, y } = jwk
  const [privateKey, publicKey] = await Promise.all([
    importJWK({ ...jwk, key_ops: ['sign'] }, 'ES256', { extractable: true }),
    importJWK({ kty, crv, ...(x === undefined ? {} : { x }), ...(y === undefined ? {} : { y }) }, 'ES256', {
      extractable: true,
    }),
  ])
  return withKid({ privateKey: privateKey as CryptoKey, publicKey: publicKey as CryptoKey }, kid ?? jwk.kid)
}

function withKid({ privateKey, publicKey }: CryptoKeyPair, kid: string | undefined): KeyPair {
  return { privateKey, publicKey, ...(kid === undefined ? {} : { kid }) }
}

/** The public half as the authorization server registers it. */
export async function publicJwk({ publicKey, kid }: KeyPair): Promise<JWK> {
  const { kty, crv, x, y } = await exportJWK(publicKey)
  return {
    kty: kty ?? 'EC',
    crv: crv ?? 'P-256',
    ...(x === undefined ? {} : { x }),
    ...(y === undefined ? {} : { y }),
    ...(kid === undefined ? {} : { kid }),
  } as JWK
}
