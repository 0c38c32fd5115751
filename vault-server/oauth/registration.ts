import { createPublicKey, hash } from 'node:crypto'
import type { JsonWebKey } from 'node:crypto'
import { errors } from 'oidc-provider'
import type { ClientMetadata, KoaContextWithOIDC } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { vendorEntry } from '#core/records/entries.ts'
import { newHandle } from '#core/records/ids.ts'
import { readVendor, readVendorStanding, registerVendor } from '#core/records/vendors.ts'
import { requestType } from './access-request-type.ts'
import { collecting } from './collected.ts'
import type { SigningKey } from './oauth-keys.ts'
import { keyEpochMember, vendorIdOf } from './policies.ts'
import type { RequestLimits } from './request-limits.ts'
import { verifyStatement } from './software-statement.ts'

/** Members a business may set; everything else is ours to say or not used here. */
const ownMembers = ['redirect_uris', 'jwks', 'grant_types', 'token_endpoint_auth_signing_alg'] as const

/** Members that would make this server fetch something, or trust somebody else. */
const refusedMembers = ['jwks_uri', 'sector_identifier_uri', 'request_uris'] as const

/** What every client is, whatever it asked for. */
const forced = {
  application_type: 'web',
  token_endpoint_auth_method: 'private_key_jwt',
  dpop_bound_access_tokens: true,
  subject_type: 'pairwise',
  require_pushed_authorization_requests: true,
  response_types: ['code'],
  id_token_signed_response_alg: 'ES256',
  introspection_signed_response_alg: 'ES256',
  authorization_signed_response_alg: 'ES256',
  // Without it the type is "not allowed for this client".
  authorization_details_types: [requestType],
} as const

type Metadata = Record<string, unknown> & Partial<ClientMetadata>

/** An admission code and its statement belong together: the statement's jti is this hash of the code. */
export function codeHash(admissionCode: string): string {
  return hash('sha256', admissionCode, 'base64url')
}

/**
 * Registration of a business (RFC 7591) and change of its registration (RFC 7592). The operator's statement
 * says who it is; keys come by value; the client and the business become one in the commit of the whole
 * registration, which the caller collects. Changes the members in place, as the library wants it. Throws its
 * errors.
 */
export function registrationPolicy({
  vaultUrl,
  ledger,
  statementKey,
  now,
  limits,
  allowLoopback,
}: {
  vaultUrl: string
  ledger: LedgerReader
  statementKey: SigningKey
  now: () => number
  limits: RequestLimits
  /** Development: http redirect URIs to this machine. */
  allowLoopback: boolean
}) {
  return async (ctx: KoaContextWithOIDC, metadata: Metadata): Promise<void> => {
    const { route, client } = ctx.oidc
    if (client !== undefined) await limits.changed(client.clientId)
    const vendorId = route === 'registration' ? await admit(ctx, metadata) : vendorIdOf(client)
    const vendor = await readVendor(ledger, vendorId)
    if (vendor === undefined) throw new errors.UnapprovedSoftwareStatement('the business is not known')
    for (const member of refusedMembers)
      if (metadata[member] !== undefined) throw new errors.InvalidClientMetadata(`${member} is not supported`)
    assertRedirectUris(metadata['redirect_uris'], allowLoopback)
    assertKeys(metadata['jwks'], metadata['token_endpoint_auth_signing_alg'])
    const { keyEpoch } = vendor.value
    const own = new Set<string>([...ownMembers, 'client_id', 'client_id_issued_at'])
    for (const member of Object.keys(metadata)) if (!own.has(member)) delete metadata[member]
    Object.assign(metadata, structuredClone(forced), {
      client_name: vendor.value.name,
      software_id: vendorId,
      ...(keyEpoch === undefined ? {} : { [keyEpochMember]: keyEpoch }),
    })
  }

  /**
   * Checks the statement and spends the admission code; both and the business's new standing are one commit.
   */
  async function admit(ctx: KoaContextWithOIDC, metadata: Metadata): Promise<string> {
    const { InitialAccessToken: code, RegistrationAccessToken: token } = ctx.oidc.entities
    const collection = collecting()
    if (code === undefined || token === undefined || collection === undefined)
      throw new Error('a registration outside its commit')
    const statement = metadata['software_statement']
    if (typeof statement !== 'string')
      throw new errors.InvalidSoftwareStatement('software_statement is required')
    const { vendorId, codeHash: belongsTo } = await verifyStatement(statement, {
      issuer: vaultUrl,
      key: statementKey,
      now: now(),
    }).catch((cause: unknown) => {
      throw new errors.InvalidSoftwareStatement('software_statement is not valid', { cause })
    })
    if (belongsTo !== codeHash(code.jti))
      throw new errors.InvalidSoftwareStatement('software_statement belongs to another admission code')
    const [vendor, standing] = await Promise.all([
      readVendor(ledger, vendorId),
      readVendorStanding(ledger, vendorId),
    ])
    if (vendor === undefined || standing === undefined)
      throw new errors.UnapprovedSoftwareStatement('the business is not known')
    const { admission, awaitsKeys } = vendor.value
    if (admission !== undefined && admission !== belongsTo)
      throw new errors.InvalidSoftwareStatement('the admission code was replaced by another')
    // New keys for the client it had: grants, refresh tokens and settings of the business refer to its id.
    const clientId = vendor.value.clientId ?? String(metadata['client_id'])
    metadata['client_id'] = token.clientId = clientId
    // The library would choose it while saving; it is remembered, so that the token can be taken away with the keys.
    token.jti = newHandle()
    try {
      collection.add(registerVendor(vendor, standing, clientId, token.jti))
      if (awaitsKeys)
        collection.add({ entries: [vendorEntry({ type: 'vendor-keys-changed', vendor: vendorId })] })
    } catch (cause) {
      if (!(cause instanceof DomainError)) throw cause
      throw new errors.UnapprovedSoftwareStatement('the business cannot register now', { cause })
    }
    await code.destroy()
    return vendorId
  }
}

function assertRedirectUris(uris: unknown, allowLoopback: boolean): void {
  const refuse = (why: string): never => {
    throw new errors.InvalidClientMetadata(`redirect_uris ${why}`)
  }
  if (!Array.isArray(uris) || uris.length === 0 || uris.length > 10)
    return refuse('must hold 1 to 10 addresses')
  const hosts = new Set<string>()
  for (const uri of uris) {
    const url = typeof uri === 'string' && uri.length <= 500 ? URL.parse(uri) : null
    if (url === null || url.username !== '' || url.password !== '' || url.href.includes('#'))
      return refuse('must be absolute, without user information and fragment')
    // Another reading of a backslash, a dot segment or a letter that turns text round would be another address.
    if (url.href !== uri && url.href !== `${String(uri)}/`)
      return refuse(`must be written as browsers write them: ${url.href}`)
    const overHttp = url.protocol === 'http:' && allowLoopback && loopback.has(url.hostname)
    if (url.protocol !== 'https:' && !overHttp) return refuse('must be https')
    hosts.add(url.host)
  }
  // Pairwise subjects over several hosts would need a sector document, which nobody here fetches.
  if (hosts.size > 1) return refuse('must all be on one host')
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** What a business may sign with, and the keys that can. */
const keyTypes = new Map<unknown, string>([
  ['ES256', 'EC'],
  ['EdDSA', 'OKP'],
  ['Ed25519', 'OKP'],
])

/**
 * Public signing keys by value: P-256 or Ed25519, each with its own kid. With the algorithm that is named, if one is, at least
 * one of them can sign: a business would find out by being refused whatever it sends.
 */
function assertKeys(jwks: unknown, algorithm: unknown): void {
  const refuse = (): never => {
    throw new errors.InvalidClientMetadata(
      'jwks must hold 1 to 10 public P-256 or Ed25519 keys for signatures, each with its own kid',
    )
  }
  const keys = isObject(jwks) ? jwks['keys'] : undefined
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > 10) return refuse()
  for (const key of keys) {
    if (!isObject(key) || !isShort(key['kid']) || !isShort(key['x'])) return refuse()
    const isEc = key['kty'] === 'EC' && key['crv'] === 'P-256' && isShort(key['y'])
    const isOkp = key['kty'] === 'OKP' && key['crv'] === 'Ed25519'
    if (key['use'] !== undefined && key['use'] !== 'sig') return refuse()
    if (!(isEc || isOkp) || !isPoint(key) || privateMembers.some((member) => member in key)) return refuse()
  }
  if (new Set(keys.map((key) => key.kid)).size !== keys.length) return refuse()
  if (algorithm === undefined) return
  const name = 'token_endpoint_auth_signing_alg'
  if (!keyTypes.has(algorithm))
    throw new errors.InvalidClientMetadata(`${name} must be one of ${[...keyTypes.keys()].join(', ')}`)
  if (!keys.some(({ kty }) => kty === keyTypes.get(algorithm)))
    throw new errors.InvalidClientMetadata(`jwks must hold a key for the ${name}`)
}

/** Whether it is a key at all; a business would find out by being refused, and could not come back. */
function isPoint(key: JsonWebKey): boolean {
  try {
    return createPublicKey({ key, format: 'jwk' }).type === 'public'
  } catch {
    return false
  }
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 200
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
