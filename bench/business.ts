import { createPrivateKey, generateKeyPairSync, hash, randomBytes, randomUUID, sign } from 'node:crypto'
import type { JsonWebKey, KeyObject, SignKeyObjectInput } from 'node:crypto'
import { constants } from 'node:crypto'
import { thumbprint } from '../vendor-gateway/tokens/proof-key.ts'
import type { ProofAlgorithm } from '../vendor-gateway/tokens/signature.ts'

/** A key pair in the form JOSE needs it: to sign with, and to show. */
export interface SigningKey {
  readonly algorithm: ProofAlgorithm
  readonly privateKey: KeyObject
  readonly jwk: JsonWebKey
}

/** A business as the benchmark and the tests play it: its DPoP key and one access token bound to it. */
export interface Business {
  readonly clientId: string
  readonly key: SigningKey
  readonly token: string
  readonly tokenHash: string
  /** The encoded header of its proofs. */
  readonly header: string
}

/** The issuer as the gateway knows it. */
export interface Issuer {
  readonly url: string
  readonly audience: string
  readonly key: SigningKey
}

/** `rsa` says how an RSA key differs from a usual one. */
export function newKey(
  algorithm: ProofAlgorithm = 'ES256',
  rsa: { modulusLength?: number; publicExponent?: number } = {},
): SigningKey {
  const pair =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : algorithm === 'PS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048, ...rsa })
        : generateKeyPairSync('ed25519')
  return { algorithm, privateKey: pair.privateKey, jwk: pair.publicKey.export({ format: 'jwk' }) }
}

/** The same key in another process. */
export function exportKey({ algorithm, privateKey }: SigningKey): string {
  return JSON.stringify({ algorithm, jwk: privateKey.export({ format: 'jwk' }) })
}

export function importKey(text: string): SigningKey {
  const { algorithm, jwk }: { algorithm: ProofAlgorithm; jwk: JsonWebKey } = JSON.parse(text)
  const { d: _secret, ...shown } = jwk
  return { algorithm, privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), jwk: shown }
}

export const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A compact JWS over an encoded header; a payload that is text is taken as it is. */
export function jws(header: string, payload: unknown, { algorithm, privateKey }: SigningKey): string {
  const claims = typeof payload === 'string' ? Buffer.from(payload).toString('base64url') : encode(payload)
  const data = `${header}.${claims}`
  const digest = algorithm === 'ES256' || algorithm === 'PS256' ? 'sha256' : null
  return `${data}.${sign(digest, Buffer.from(data), withOptions(algorithm, privateKey)).toString('base64url')}`
}

function withOptions(algorithm: ProofAlgorithm, key: KeyObject): SignKeyObjectInput {
  if (algorithm === 'ES256') return { key, dsaEncoding: 'ieee-p1363' }
  if (algorithm === 'PS256') return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  return { key }
}

/** An access token as our issuer makes it; `claims` replace the usual ones, `undefined` leaves one out. */
export function accessToken(
  issuer: Issuer,
  bound: { clientId: string; jwk: JsonWebKey },
  claims: Readonly<Record<string, unknown>> = {},
): string {
  const issuedAt = Math.floor(Date.now() / 1000)
  const usual = {
    iss: issuer.url,
    aud: issuer.audience,
    sub: bound.clientId,
    client_id: bound.clientId,
    scope: 'batch',
    iat: issuedAt,
    exp: issuedAt + 300,
    jti: randomUUID(),
    cnf: { jkt: thumbprint(bound.jwk) },
  }
  const header = encode({ alg: issuer.key.algorithm, typ: 'at+jwt', kid: 'k1' })
  return jws(header, { ...usual, ...claims }, issuer.key)
}

export function newBusiness(
  issuer: Issuer,
  clientId: string,
  options: { key?: SigningKey; claims?: Readonly<Record<string, unknown>> } = {},
): Business {
  const key = options.key ?? newKey()
  const token = accessToken(issuer, { clientId, jwk: key.jwk }, options.claims)
  return {
    clientId,
    key,
    token,
    tokenHash: hash('sha256', token, 'base64url'),
    header: encode({ typ: 'dpop+jwt', alg: key.algorithm, jwk: key.jwk }),
  }
}

/** A fresh DPoP proof (RFC 9449 section 4.2); `claims` replace the usual ones, `undefined` leaves one out. */
export function proofFor(
  business: Pick<Business, 'header' | 'key' | 'tokenHash'>,
  target: { method: string; url: string; nonce?: string | undefined },
  claims: Readonly<Record<string, unknown>> = {},
): string {
  const usual = {
    jti: randomBytes(12).toString('base64url'),
    htm: target.method,
    htu: target.url,
    iat: Math.floor(Date.now() / 1000),
    ath: business.tokenHash,
    nonce: target.nonce,
  }
  return jws(business.header, { ...usual, ...claims }, business.key)
}
