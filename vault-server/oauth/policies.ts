import { decodeJwt, decodeProtectedHeader } from 'jose'
import { errors } from 'oidc-provider'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { isUsualRsa } from '#core/domain/rsa-key.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readVendorStanding } from '#core/records/vendors.ts'

/**
 * Scopes a business may ask a customer for; `batch` is a scope of the gateway and never asked of a customer.
 */
export const customerScopes = ['openid', 'offline_access']
export const batchScope = 'batch'

/** Seconds an access token lives at most. */
export const accessTokenLife = 300

/** The business behind a client: the vendor id that the software statement named. */
export function vendorIdOf(client: Client | undefined): string {
  const vendorId = client?.['software_id']
  if (typeof vendorId !== 'string') throw new Error('a client without a business')
  return vendorId
}

/**
 * Member of a client, and claim of its tokens: how often all keys of the business were taken away. The client's keys and its
 * epoch are one row, so a token made with old keys can never carry the new epoch. Absent: never.
 */
export const keyEpochMember = 'key_epoch'

export function keyEpochOf(client: Client | undefined): number | undefined {
  const epoch = client?.[keyEpochMember]
  return typeof epoch === 'number' ? epoch : undefined
}

type JwtClaims = Readonly<Record<string, unknown>>

/**
 * What a client assertion must hold beyond its signature (RFC 7523; FAPI 2.0 5.3.2.1). The hook replaces the
 * library's own audience check. Times are Unix seconds: made at most 10 s ahead and 300 s ago, living at most
 * 300 s.
 */
export function assertClientAssertion(
  claims: JwtClaims,
  { issuer, now }: { issuer: string; now: number },
): void {
  const seconds = Math.floor(now / 1000)
  const { aud, iat, exp, jti } = claims
  const good = {
    aud: aud === issuer,
    iat: isBetween(iat, seconds - 300, seconds + 10),
    exp: isBetween(exp, 0, seconds + 300),
    jti: typeof jti === 'string' && jti.length <= 128,
  }
  const bad = Object.entries(good).find(([, isGood]) => !isGood)?.[0]
  if (bad !== undefined) throw new errors.InvalidClientAuth(bad)
}

function isBetween(value: unknown, low: number, high: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high
}

/** FAPI 2.0 5.3.2.1: no JWT made more than 60 s ahead is taken. `iat` in Unix seconds, `now` in Unix ms. */
export function isFarAhead(iat: unknown, now: number): boolean {
  return typeof iat === 'number' && iat > now / 1000 + 60
}

/**
 * What the library takes of DPoP proofs and we do not: those dated far ahead, which it takes up to 300 s, and RSA keys that
 * cost much to check and that the gateway refuses. What it answers beyond 300 s by its nonce stays its own.
 */
export function refuseProofs({ now }: { now: () => number }) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const proof = ctx.get('DPoP')
    const { iat, nonce } = claimsOf(proof)
    const isBeyond = isFarAhead(iat, now() + 240_000) && nonce === undefined
    const why =
      isFarAhead(iat, now()) && !isBeyond
        ? 'the DPoP proof is dated ahead'
        : hasUnusualRsa(proof)
          ? 'the key of the DPoP proof is not acceptable'
          : undefined
    if (why === undefined) return next()
    ctx.status = 400
    ctx.body = { error: 'invalid_dpop_proof', error_description: why }
  }
}

function hasUnusualRsa(jwt: string): boolean {
  try {
    const { jwk } = decodeProtectedHeader(jwt)
    return jwk?.kty === 'RSA' && !isUsualRsa(jwk)
  } catch {
    return false
  }
}

function claimsOf(jwt: string): JwtClaims {
  try {
    return decodeJwt(jwt)
  } catch {
    return {}
  }
}

/** A suspended business neither bothers customers nor gets tokens; it may still give its tokens back. */
export async function assertNotSuspended(
  reader: LedgerReader,
  ctx: KoaContextWithOIDC,
  client: Client,
): Promise<void> {
  if (!stoppedRoutes.has(ctx.oidc.route)) return
  const standing = await readVendorStanding(reader, vendorIdOf(client))
  if (standing?.value.state !== 'active') throw new errors.UnauthorizedClient('the business is suspended')
}

const stoppedRoutes = new Set([
  'token',
  'pushed_authorization_request',
  'backchannel_authentication',
  'device_authorization',
])
