/** Registers a business with what the operator of a vault handed out (RFC 7591), and changes its keys (RFC 7592). */
import type { JWK } from 'jose'
import { noReply, ReachError, retryAfterOf, safeAddress } from './errors.ts'
import { publicJwk, type KeyPair } from './keys.ts'

/** Keep all of it; the token is as secret as a private key. */
export interface Registration {
  readonly clientId: string
  /** Where this client reads and changes its registration, and the token for it. */
  readonly registrationUrl: string
  readonly registrationToken: string
}

export interface Admission {
  /** As the operator's command prints them. */
  readonly registrationEndpoint: string
  readonly admissionCode: string
  readonly softwareStatement: string
}

/** Which ways of asking a business wants: in the browser always; customers elsewhere by CIBA, by link or QR code. */
export interface RegistrationOptions {
  readonly redirectUris: readonly string[]
  /** Signs client assertions; has a `kid`. */
  readonly assertionKey: KeyPair
  readonly asksKnownCustomers?: boolean | undefined
  readonly asksByLink?: boolean | undefined
  readonly fetch?: typeof globalThis.fetch | undefined
}

/** Registers once: admission code and software statement are each good for one use. Throws `ReachError`. */
export async function register(admission: Admission, options: RegistrationOptions): Promise<Registration> {
  const reply = await send(options.fetch, admission.registrationEndpoint, {
    method: 'POST',
    token: admission.admissionCode,
    body: {
      software_statement: admission.softwareStatement,
      redirect_uris: options.redirectUris,
      grant_types: [
        'authorization_code',
        'refresh_token',
        'client_credentials',
        ...(options.asksKnownCustomers === true ? ['urn:openid:params:grant-type:ciba'] : []),
        ...(options.asksByLink === true ? ['urn:ietf:params:oauth:grant-type:device_code'] : []),
      ],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [await registered(options.assertionKey)] },
    },
  })
  const text = (name: string): string => {
    const value = reply[name]
    if (typeof value === 'string') return value
    throw new ReachError({ code: 'invalid-reply', status: 201, detail: `the registration has no ${name}` })
  }
  return {
    clientId: text('client_id'),
    registrationUrl: text('registration_client_uri'),
    registrationToken: text('registration_access_token'),
  }
}

/**
 * Puts these keys in the place of the registered ones. To change keys without a gap: register old and new, go over to
 * the new one everywhere, register the new one alone. Throws `ReachError`.
 */
export async function registerKeys(
  { registrationUrl, registrationToken }: Registration,
  keys: readonly KeyPair[],
  { fetch }: { fetch?: typeof globalThis.fetch | undefined } = {},
): Promise<void> {
  const now = await send(fetch, registrationUrl, { method: 'GET', token: registrationToken })
  // RFC 7592 section 2.2: what the server assigned must not be sent back.
  const {
    registration_access_token: _token,
    registration_client_uri: _uri,
    client_id_issued_at: _issued,
    client_secret_expires_at: _expires,
    ...metadata
  } = now
  const jwks = { keys: await Promise.all(keys.map(registered)) }
  await send(fetch, registrationUrl, {
    method: 'PUT',
    token: registrationToken,
    body: { ...metadata, jwks },
  })
}

async function registered(key: KeyPair): Promise<JWK> {
  if (key.kid === undefined) throw new TypeError('a registered key needs a kid')
  return { ...(await publicJwk(key)), alg: 'ES256', use: 'sig' }
}

async function send(
  fetch: typeof globalThis.fetch = globalThis.fetch,
  url: string,
  {
    method,
    token,
    body,
  }: {
    method: string
    token: string
    body?: object
  },
): Promise<Record<string, unknown>> {
  const response = await fetch(safeAddress(url, 'registration endpoint'), {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: 'error',
  }).catch(noReply)
  const reply: unknown = await response.json().catch(() => undefined)
  const members = typeof reply === 'object' && reply !== null ? (reply as Record<string, unknown>) : {}
  if (response.ok) return members
  throw new ReachError({
    code: String(members['error'] ?? 'unknown'),
    status: response.status,
    detail: String(members['error_description'] ?? 'the registration was refused'),
    retryAfter: retryAfterOf(response),
  })
}
