/**
 * A business as its engineers would write it: nothing but a standard OAuth client (openid-client) and two key
 * pairs. The tour's sample shop is made of it.
 */
import * as client from 'openid-client'

const REQUEST_TYPE = 'urn:reach:access-request:1'

/** What a shop must keep: its client id and its two private keys (ES256, as JWK). */
export interface ShopRegistration {
  readonly issuer: string
  readonly clientId: string
  readonly redirectUri: string
  /** Signs client assertions (private_key_jwt, RFC 7523). */
  readonly assertionKey: JsonWebKey
  /** Binds tokens to the shop (DPoP, RFC 9449). */
  readonly dpopKey: JsonWebKey
}

/** What the shop remembers while the customer decides: opaque to everybody else. */
export interface PendingRequest {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** A customer as the shop knows her: the pairwise subject and the token for reading. */
export interface ShopCustomer {
  readonly subject: string
  readonly accessToken: string
  readonly refreshToken: string | undefined
  /** Unix ms from which the access token is too old to be used. */
  readonly expiresAt: number
  readonly grantId: string
  readonly granted: unknown
}

export interface AskedItem {
  readonly purpose: string
  readonly fields: readonly string[]
  readonly why: string
  readonly required: boolean
}

export interface Shop {
  /** Pushes an access request (PAR, RFC 9126; RAR, RFC 9396); the customer's browser goes to `url`. */
  ask(request: {
    items: readonly AskedItem[]
    retention: string
    recipients: readonly { name: string; role: string }[]
    until: Date
  }): Promise<{ url: URL; pending: PendingRequest }>
  /** Redeems the code in the address to which the browser came back. Throws when the customer said no. */
  redeem(callback: URL, pending: PendingRequest): Promise<ShopCustomer>
  /** A new access token. Throws once the customer has withdrawn. */
  refresh(customer: ShopCustomer): Promise<ShopCustomer>
  /** Reads fields for one purpose (the gateway's answer as it came). */
  read(
    gatewayUrl: string,
    customer: ShopCustomer,
    fields: readonly string[],
    purpose: string,
  ): Promise<Response>
}

async function signingKey(jwk: JsonWebKey): Promise<CryptoKey> {
  return crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
}

async function keyPair(jwk: JsonWebKey): Promise<CryptoKeyPair> {
  const { d: _private, key_ops: _ops, ...publicJwk } = jwk
  const publicKey = await crypto.subtle.importKey(
    'jwk',
    publicJwk,
    { name: 'ECDSA', namedCurve: 'P-256' },
    true,
    ['verify'],
  )
  return { privateKey: await signingKey(jwk), publicKey }
}

async function newKey(): Promise<JsonWebKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])
  return crypto.subtle.exportKey('jwk', pair.privateKey)
}

function fromTokens(tokens: client.TokenEndpointResponse) {
  const margin = 5
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresAt: Date.now() + ((tokens.expires_in ?? 0) - margin) * 1000,
    granted: tokens.authorization_details,
  }
}

/** Plain http is for a Reach on this machine only. */
function overHttp(issuer: string): { execute?: ((config: client.Configuration) => void)[] } {
  return issuer.startsWith('http:') ? { execute: [client.allowInsecureRequests] } : {}
}

/**
 * Registers with what the operator handed out (RFC 7591): admission code and software statement, each good
 * for one use.
 */
export async function registerShop(admission: {
  issuer: string
  admissionCode: string
  softwareStatement: string
  redirectUri: string
}): Promise<ShopRegistration> {
  const { issuer, redirectUri } = admission
  const assertionKey = await newKey()
  const { kty, crv, x, y } = assertionKey
  const config = await client.dynamicClientRegistration(
    new URL(issuer),
    {
      software_statement: admission.softwareStatement,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [{ kty, crv, x, y, alg: 'ES256', use: 'sig', kid: 'shop-1' }] },
    } as Partial<client.ClientMetadata>,
    client.None(),
    { initialAccessToken: admission.admissionCode, ...overHttp(issuer) },
  )
  return {
    issuer,
    clientId: config.clientMetadata().client_id,
    redirectUri,
    assertionKey,
    dpopKey: await newKey(),
  }
}

/** Opens a registered shop: discovers the authorization server and loads the shop's keys. */
export async function openShop(registration: ShopRegistration): Promise<Shop> {
  const { issuer, clientId, redirectUri } = registration
  const config = await client.discovery(
    new URL(issuer),
    clientId,
    { id_token_signed_response_alg: 'ES256' },
    client.PrivateKeyJwt({ key: await signingKey(registration.assertionKey), kid: 'shop-1' }),
    overHttp(issuer),
  )
  const DPoP = client.getDPoPHandle(config, await keyPair(registration.dpopKey))

  return {
    async ask({ items, retention, recipients, until }) {
      const pending = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        codeVerifier: client.randomPKCECodeVerifier(),
      }
      const details = { type: REQUEST_TYPE, items, retention, recipients, until: until.toISOString() }
      const url = await client.buildAuthorizationUrlWithPAR(
        config,
        {
          redirect_uri: redirectUri,
          scope: 'openid offline_access',
          prompt: 'consent',
          state: pending.state,
          nonce: pending.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
          code_challenge_method: 'S256',
          authorization_details: JSON.stringify([details]),
        },
        { DPoP },
      )
      return { url, pending }
    },

    async redeem(callback, pending) {
      const tokens = await client.authorizationCodeGrant(
        config,
        callback,
        {
          expectedState: pending.state,
          expectedNonce: pending.nonce,
          pkceCodeVerifier: pending.codeVerifier,
        },
        undefined,
        { DPoP },
      )
      const subject = tokens.claims()?.sub
      if (subject === undefined) throw new Error('the token response names nobody')
      return { subject, grantId: String(tokens['grant_id']), ...fromTokens(tokens) }
    },

    async refresh(customer) {
      if (customer.refreshToken === undefined) throw new Error('the shop was given no refresh token')
      const tokens = await client.refreshTokenGrant(config, customer.refreshToken, undefined, { DPoP })
      return { ...customer, ...fromTokens(tokens) }
    },

    read(gatewayUrl, customer, fields, purpose) {
      const url = new URL(`${gatewayUrl}/v1/subjects/${encodeURIComponent(customer.subject)}`)
      url.searchParams.set('fields', fields.join(','))
      url.searchParams.set('purpose', purpose)
      return client.fetchProtectedResource(config, customer.accessToken, url, 'GET', null, undefined, {
        DPoP,
      })
    },
  }
}
