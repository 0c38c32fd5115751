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
  if (typeof key === 'string') return importKey(await jwkOfPem(key), kid)
  if (typeof key !== 'object' || key === null) throw notOurs()
  if ('privateKey' in key) {
    const pair = key as CryptoKeyPair
    for (const { algorithm } of [pair.privateKey, pair.publicKey])
      if (!('namedCurve' in algorithm) || algorithm.namedCurve !== ES256.namedCurve) throw notOurs()
    return withKid(pair, kid)
  }
  const { kty, crv, x, y, d } = key
  if (kty !== 'EC' || crv !== ES256.namedCurve || typeof d !== 'string') throw notOurs()
  const [privateKey, publicKey] = await Promise.all([
    importJWK({ ...key, key_ops: ['sign'] }, 'ES256', { extractable: true }),
    importJWK({ kty, crv, ...(x === undefined ? {} : { x }), ...(y === undefined ? {} : { y }) }, 'ES256', {
      extractable: true,
    }),
  ])
  return withKid({ privateKey: privateKey as CryptoKey, publicKey: publicKey as CryptoKey }, kid ?? key.kid)
}

async function jwkOfPem(pem: string): Promise<JWK> {
  if (pem.includes('BEGIN EC PRIVATE KEY'))
    throw new TypeError('the PEM is SEC 1: `openssl pkcs8 -topk8 -nocrypt` makes PKCS#8 of it')
  if (!pem.includes('BEGIN PRIVATE KEY'))
    throw new TypeError('the text is no PEM with a PRIVATE KEY (PKCS#8)')
  try {
    return await exportJWK(await importPKCS8(pem, 'ES256', { extractable: true }))
  } catch (cause) {
    throw notOurs(cause)
  }
}

const notOurs = (cause?: unknown) =>
  new TypeError('the key must be a private key on P-256 (ES256)', cause === undefined ? {} : { cause })

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
