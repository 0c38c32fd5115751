import { createLocalJWKSet, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWK, JWTPayload } from 'jose'
import { errors } from 'oidc-provider'
import type { Client, KoaContextWithOIDC, UnknownObject } from 'oidc-provider'
import { liveness } from '#core/domain/grant.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readGrant } from '#core/records/grants.ts'
import { isTokenMarked, revokeToken } from '#core/records/token-marks.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import { statusIn, tellStatus } from './message-signing.ts'
import { keyEpochMember, keyEpochOf, vendorIdOf } from './policies.ts'
import { narrowed, readGrantBehind } from './token-details.ts'

type Next = () => Promise<void>

/**
 * Introspection (RFC 7662) and revocation (RFC 7009) of access tokens. The library refuses JWTs there, since
 * it keeps none of them; but it has authenticated the client by then, so this only puts the answer in place
 * of the refusal.
 */
export function tokenStatus({
  addresses,
  ledger,
  issuerKeys,
  now,
}: {
  addresses: { readonly vaultUrl: string; readonly gatewayUrl: string }
  ledger: Ledger
  /** Public ones. */
  issuerKeys: readonly JWK[]
  now: () => number
}) {
  const keySet = createLocalJWKSet({ keys: [...issuerKeys] } as JSONWebKeySet)

  return async (ctx: KoaContextWithOIDC, next: Next): Promise<void> => {
    await next()
    await keepToGrant(ctx)
    if (errorOf(ctx.body) !== 'unsupported_token_type') return
    const { route, client, params } = ctx.oidc
    const token = params?.['token']
    if (client === undefined || typeof token !== 'string') return
    const claims = await verify(token, client)
    ctx.status = 200
    if (route === 'introspection')
      await tellStatus(ctx, claims === undefined ? { active: false } : await describe(claims, client))
    else {
      if (claims !== undefined) await ledger.commit(revokeToken(claims.jti, claims.exp * 1000))
      ctx.body = ''
    }
  }

  /**
   * What the library still keeps, refresh tokens, is worth nothing to a business that may not use it or when the grant has
   * ended, and as much as the grant is as it stands now. The library keeps it for longer: a grant may be extended.
   */
  async function keepToGrant(ctx: KoaContextWithOIDC): Promise<void> {
    // What is no route of the library has no context of its own.
    if (ctx.oidc?.route !== 'introspection') return
    const { client, entities } = ctx.oidc
    const status = statusIn(ctx.body)
    if (client === undefined || !isActive(status)) return
    const standing = await readVendorStanding(ledger, vendorIdOf(client))
    const grant = await readGrantBehind(ledger, entities.Grant?.jti, now()).catch(asEnded)
    if (standing?.value.state !== 'active' || grant === undefined)
      return await tellStatus(ctx, { active: false })
    const exp = Math.min(Number(status['exp']), Math.floor(grant.until / 1000))
    await tellStatus(ctx, { ...status, exp, authorization_details: [narrowed(grant, undefined)] })
  }

  /** The claims of a good token of this client; a foreign, expired or forged one is nobody's. */
  async function verify(token: string, client: Client): Promise<TokenClaims | undefined> {
    try {
      const { payload } = await jwtVerify(token, keySet, {
        issuer: `${addresses.vaultUrl}/oauth`,
        audience: addresses.gatewayUrl,
        typ: 'at+jwt',
        algorithms: ['ES256'],
        currentDate: new Date(now()),
      })
      const isOurs =
        payload['client_id'] === client.clientId && payload[keyEpochMember] === keyEpochOf(client)
      return hasClaims(payload) && isOurs ? payload : undefined
    } catch {
      return undefined
    }
  }

  async function describe(claims: TokenClaims, client: Client): Promise<UnknownObject> {
    const grantId = typeof claims['grant_id'] === 'string' ? claims['grant_id'] : undefined
    const marked = await isTokenMarked(ledger, { jti: claims.jti, grantId })
    const standing = await readVendorStanding(ledger, vendorIdOf(client))
    const grant = grantId === undefined ? undefined : await readGrant(ledger, grantId)
    const live = grantId === undefined || (grant !== undefined && liveness(grant.value, now()) === 'live')
    if (marked || standing?.value.state !== 'active' || !live) return { active: false }
    return { active: true, token_type: 'DPoP', ...claims }
  }
}

type TokenClaims = JWTPayload & { readonly jti: string; readonly exp: number }

function hasClaims(payload: JWTPayload): payload is TokenClaims {
  return typeof payload.jti === 'string' && typeof payload.exp === 'number'
}

function errorOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
}

function asEnded(error: unknown): undefined {
  if (!(error instanceof errors.InvalidGrant)) throw error
}

function isActive(body: unknown): body is UnknownObject {
  return typeof body === 'object' && body !== null && 'active' in body && body.active === true
}
