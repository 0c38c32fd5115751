/**
 * A business as tests play it: openid-client for everything a correct client does, and assertions, proofs and
 * requests by hand for what a correct client would never send.
 */
import { hash, randomUUID } from 'node:crypto'
import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from 'jose'
import type { JWK, JWTPayload } from 'jose'
import * as oauth from 'openid-client'
import type { AccessRequestDetails, GrantedDetails } from '../schemas/types.gen.ts'

export const requestType = 'urn:reach:access-request:1'
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

type Algorithm = 'ES256' | 'Ed25519'

export interface Business {
  readonly issuer: string
  readonly clientId: string
  readonly redirectUri: string
  /** The reply to the registration, with the access token for changing it. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly config: oauth.Configuration
  /** Signs client assertions. */
  readonly keys: CryptoKeyPair
  readonly algorithm: Algorithm
  readonly kid: string
  /** Binds tokens. */
  readonly dpopKeys: CryptoKeyPair
  readonly DPoP: oauth.DPoPHandle
}

export interface Admission {
  readonly admissionCode: string
  readonly softwareStatement: string
}

/** Body of a registration; `overrides` replace members, `undefined` leaves one out. */
export async function registrationBody(
  admission: Admission,
  key: { publicKey: CryptoKey; algorithm: Algorithm; kid: string; redirectUri: string },
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  const jwk = { ...(await exportJWK(key.publicKey)), alg: key.algorithm, use: 'sig', kid: key.kid }
  return defined({
    software_statement: admission.softwareStatement,
    redirect_uris: [key.redirectUri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: key.algorithm,
    jwks: { keys: [jwk] },
    ...overrides,
  })
}

/** `POST /oauth/reg` as it stands, for registrations that must fail. */
export function postRegistration(issuer: string, code: string | undefined, body: unknown): Promise<Response> {
  return fetch(`${issuer}/reg`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(code === undefined ? {} : { authorization: `Bearer ${code}` }),
    },
    body: JSON.stringify(body),
  })
}

/** Registers a business with what the operator handed out. */
export async function registerBusiness(
  issuer: string,
  admission: Admission,
  options: {
    redirectUri?: string
    algorithm?: Algorithm
    overrides?: Readonly<Record<string, unknown>>
  } = {},
): Promise<Business> {
  const { redirectUri = 'https://shop.example/callback', algorithm = 'ES256', overrides = {} } = options
  const keys = await generateKeyPair(algorithm, { extractable: true })
  const kid = `key-${randomUUID()}`
  const body = await registrationBody(
    admission,
    { publicKey: keys.publicKey, algorithm, kid, redirectUri },
    overrides,
  )
  const response = await postRegistration(issuer, admission.admissionCode, body)
  const metadata = (await response.json()) as Record<string, unknown>
  if (response.status !== 201)
    throw new Error(`registration refused: ${response.status} ${JSON.stringify(metadata)}`)
  const clientId = String(metadata['client_id'])
  const config = await oauth.discovery(
    new URL(issuer),
    clientId,
    { id_token_signed_response_alg: 'ES256' },
    oauth.PrivateKeyJwt({ key: keys.privateKey, kid }),
    { execute: [oauth.allowInsecureRequests] },
  )
  const dpopKeys = await oauth.randomDPoPKeyPair('ES256', { extractable: true })
  const DPoP = oauth.getDPoPHandle(config, dpopKeys)
  return { issuer, clientId, redirectUri, metadata, config, keys, algorithm, kid, dpopKeys, DPoP }
}

/** Details of an access request: by default a required name and an optional allergy item, for 90 days. */
export function accessRequest(overrides: Partial<AccessRequestDetails> = {}): AccessRequestDetails {
  return {
    type: requestType,
    items: [
      {
        id: 'name',
        purpose: 'dpv:CustomerOrderManagement',
        fields: ['profile.name'],
        why: 'To put your name on the order.',
        required: true,
      },
      {
        id: 'diet',
        purpose: 'dpv:ServicePersonalisation',
        fields: ['diet.diet', 'diet.allergies'],
        why: 'To leave out what you cannot eat.',
        required: false,
      },
    ],
    retention: 'P90D',
    recipients: [],
    until: new Date(Date.now() + 90 * 86_400_000).toISOString(),
    ...overrides,
  }
}

export interface PendingRequest {
  /** Where the browser goes. */
  readonly url: URL
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** Parameters of an authorization request as a correct client sends them. */
export async function requestParameters(
  business: Business,
  details: unknown,
): Promise<{ parameters: Record<string, string>; pending: Omit<PendingRequest, 'url'> }> {
  const pending = {
    state: oauth.randomState(),
    nonce: oauth.randomNonce(),
    codeVerifier: oauth.randomPKCECodeVerifier(),
  }
  const parameters = {
    response_type: 'code',
    redirect_uri: business.redirectUri,
    scope: 'openid offline_access',
    prompt: 'consent',
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.codeVerifier),
    code_challenge_method: 'S256',
    authorization_details: JSON.stringify(details),
  }
  return { parameters, pending }
}

/** Pushes an access request (PAR, RAR). */
export async function ask(
  business: Business,
  details: AccessRequestDetails = accessRequest(),
  overrides: Readonly<Record<string, string>> = {},
): Promise<PendingRequest> {
  const { parameters, pending } = await requestParameters(business, [details])
  const { DPoP } = business
  const url = await oauth.buildAuthorizationUrlWithPAR(
    business.config,
    { ...parameters, ...overrides },
    { DPoP },
  )
  return { url, ...pending }
}

/** Pushes a request with parameters replaced, `undefined` leaving one out; without an answer the address leads nowhere. */
export async function push(
  business: Business,
  over: Readonly<Record<string, string | undefined>> = {},
  raw: Raw = {},
): Promise<{ reply: Response; pending: PendingRequest }> {
  const { parameters, pending } = await requestParameters(business, [accessRequest()])
  const form = defined({ ...parameters, ...over }) as Record<string, string>
  const reply = await postForm(business, 'request', form, raw)
  const { request_uri: uri = '' } = (await reply.clone().json()) as { request_uri?: string }
  const query = new URLSearchParams({ client_id: business.clientId, request_uri: uri })
  return { reply, pending: { ...pending, url: new URL(`${business.issuer}/auth?${query}`) } }
}

/** What a code is redeemed with. */
export function codeForm(
  business: Business,
  callback: URL,
  { codeVerifier }: Pick<PendingRequest, 'codeVerifier'>,
): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    code: String(callback.searchParams.get('code')),
    redirect_uri: business.redirectUri,
    code_verifier: codeVerifier,
  }
}

export interface Tokens {
  /** All that the token endpoint said. */
  readonly response: oauth.TokenEndpointResponse
  readonly accessToken: string
  readonly refreshToken: string
  readonly claims: JWTPayload
  readonly subject: string
  readonly grantId: string
  readonly granted: readonly GrantedDetails[]
  readonly expiresIn: number
}

/** Redeems the code in the address the browser came back to. */
export async function redeem(business: Business, callback: URL, pending: PendingRequest): Promise<Tokens> {
  const { config, DPoP } = business
  const checks = {
    expectedState: pending.state,
    expectedNonce: pending.nonce,
    pkceCodeVerifier: pending.codeVerifier,
    idTokenExpected: true,
  }
  const response = await oauth.authorizationCodeGrant(config, callback, checks, undefined, { DPoP })
  const tokens = readTokens(response)
  const idSubject = response.claims()?.sub
  if (idSubject !== tokens.subject) throw new Error('ID token and access token name two subjects')
  return tokens
}

/** A fresh access token; `less`: narrower details than granted. */
export async function refresh(business: Business, refreshToken: string, less?: unknown): Promise<Tokens> {
  const parameters: Record<string, string> =
    less === undefined ? {} : { authorization_details: JSON.stringify(less) }
  const { config, DPoP } = business
  return readTokens(await oauth.refreshTokenGrant(config, refreshToken, parameters, { DPoP }))
}

/** A token for many subjects (client credentials, scope `batch`). */
export async function batchToken(business: Business): Promise<string> {
  const { config, DPoP } = business
  const response = await oauth.clientCredentialsGrant(config, { scope: 'batch' }, { DPoP })
  return response.access_token
}

function readTokens(response: oauth.TokenEndpointResponse): Tokens {
  const claims = decodeJwt(response.access_token)
  return {
    response,
    accessToken: response.access_token,
    refreshToken: String(response.refresh_token),
    claims,
    subject: String(claims.sub),
    grantId: String(response['grant_id']),
    granted: response.authorization_details as unknown as readonly GrantedDetails[],
    expiresIn: Number(response.expires_in),
  }
}

/** What a call of openid-client came to: `accepted`, or status and OAuth error. */
export function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'accepted',
    (error: { status?: number; error?: string; code?: string }) =>
      `${error.status ?? ''} ${error.error ?? error.code ?? String(error)}`.trim(),
  )
}

interface Signing {
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: CryptoKey | Uint8Array
}

/** A client assertion by hand (RFC 7523); a claim set to `undefined` is left out. */
export function assertion(
  business: Business,
  claims: Readonly<Record<string, unknown>> = {},
  { header = {}, key = business.keys.privateKey }: Signing = {},
): Promise<string> {
  const payload = {
    iss: business.clientId,
    sub: business.clientId,
    aud: business.issuer,
    iat: seconds(),
    exp: seconds() + 60,
    jti: randomUUID(),
  }
  return new SignJWT(defined({ ...payload, ...claims }))
    .setProtectedHeader({ alg: business.algorithm, kid: business.kid, ...header })
    .sign(key)
}

/** A DPoP proof by hand (RFC 9449); a claim set to `undefined` is left out. */
export async function proof(
  keys: CryptoKeyPair,
  target: { readonly htm: string; readonly htu: string; readonly accessToken?: string },
  claims: Readonly<Record<string, unknown>> = {},
  { header = {}, key = keys.privateKey }: Signing = {},
): Promise<string> {
  const { htm, htu, accessToken } = target
  const ath = accessToken === undefined ? undefined : hash('sha256', accessToken, 'base64url')
  const jwk: JWK = await exportJWK(keys.publicKey)
  return new SignJWT(defined({ jti: randomUUID(), htm, htu, iat: seconds(), ath, ...claims }))
    .setProtectedHeader(defined({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header }) as { alg: string })
    .sign(key)
}

export interface Raw {
  /** Replaces the good assertion. */
  readonly assertion?: string
  /** Replaces the good proof; `null` sends none. */
  readonly proof?: string | null
  /** Proofs sent besides. */
  readonly moreProofs?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * An authenticated form to one of the endpoints by hand, such as `token`, `request`, `token/introspection`.
 */
export async function postForm(
  business: Business,
  endpoint: string,
  parameters: Readonly<Record<string, string>> | URLSearchParams,
  raw: Raw = {},
): Promise<Response> {
  const url = `${business.issuer}/${endpoint}`
  const body = new URLSearchParams(parameters)
  if (!body.has('client_id')) body.set('client_id', business.clientId)
  body.append('client_assertion_type', assertionType)
  body.append('client_assertion', raw.assertion ?? (await assertion(business)))
  const headers = new Headers(raw.headers)
  const dpop = raw.proof === undefined ? await proof(business.dpopKeys, { htm: 'POST', htu: url }) : raw.proof
  for (const one of [...(dpop === null ? [] : [dpop]), ...(raw.moreProofs ?? [])]) headers.append('dpop', one)
  return fetch(url, { method: 'POST', headers, body })
}

/** Status and OAuth error of a reply: `200`, `400 invalid_grant`. */
export async function verdict(response: Response | Promise<Response>): Promise<string> {
  const reply = await response
  if (reply.ok) return String(reply.status)
  const { error } = (await reply.json()) as { error?: string }
  return `${reply.status} ${error}`
}

export function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

function defined<Members extends object>(members: Members): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
