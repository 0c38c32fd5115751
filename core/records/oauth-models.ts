import { hash } from 'node:crypto'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { part } from './parts.ts'

/**
 * Ids of the library are often the secret itself (codes, refresh tokens, admission codes): keys name their
 * hash.
 */
const hidden = (id: string) => hash('sha256', id, 'base64url')

/**
 * Keys of the authorization server's own records; their content is the library's (node-oidc-provider
 * adapter).
 */
export const oauthModelKey = (model: string, id: string) => `oauth/${part(model)}/${hidden(id)}`

/** Sessions are found by uid too. The row holds `{ id }`. */
export const oauthUidKey = (model: string, uid: string) => `oauth-uid/${part(model)}/${hidden(uid)}`

/**
 * Index of what was issued under an OAuth Grant (codes, refresh tokens). The row holds `{ key }` of the
 * record.
 */
export const oauthIssuedOf = (oauthGrantId: string) => `oauth-issued/${part(oauthGrantId)}/`
export const oauthIssuedPrefix = (oauthGrantId: string, model: string) =>
  `${oauthIssuedOf(oauthGrantId)}${part(model)}/`
export const oauthIssuedKey = (oauthGrantId: string, model: string, id: string) =>
  `${oauthIssuedPrefix(oauthGrantId, model)}${hidden(id)}`

/** The public keys that a client is registered with, as a JWK Set; none of a client that is gone. */
export async function readClientKeys(
  reader: LedgerReader,
  clientId: string,
): Promise<{ readonly keys: readonly Readonly<Record<string, unknown>>[] }> {
  type Client = { readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] } }
  const client = await reader.get<Client>(oauthModelKey('Client', clientId))
  return client?.value.jwks ?? { keys: [] }
}
