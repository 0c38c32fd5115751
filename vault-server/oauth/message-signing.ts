import { hash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { errors } from 'oidc-provider'
import type { KoaContextWithOIDC, UnknownObject } from 'oidc-provider'
import { responseModes } from './client-features.ts'
import { isFarAhead } from './policies.ts'

/**
 * FAPI 2.0 Message Signing: a signed request (JAR, RFC 9101) is good once. The library checks everything else of it; by
 * now the request is one that would be accepted, so that a business may send it again when it was refused.
 */
export async function assertNewRequestObject(ctx: KoaContextWithOIDC, now: number): Promise<void> {
  const { body, client, provider } = ctx.oidc
  const request: unknown = body?.['request']
  if (typeof request !== 'string' || client === undefined) return
  const { jti, exp, iat } = decodeJwt(request)
  if (isFarAhead(iat, now)) throw new errors.InvalidRequestObject('this request object is dated ahead')
  // Without an id of its own it is told apart by what was signed: a second good signature is anybody's to make (ECDSA).
  const id = jti ?? hash('sha256', request.slice(0, request.lastIndexOf('.')), 'base64url')
  const isNew = await provider.ReplayDetection.unique(
    `request object ${client.clientId}`,
    id,
    Number(exp) + 60,
  )
  if (!isNew) throw new errors.InvalidRequestObject('this request object was used before')
}

const signedStatus = 'application/token-introspection+jwt'

/** The answer to an introspection, as a JWT for whoever asks for one (RFC 9701). */
export async function tellStatus(ctx: KoaContextWithOIDC, status: UnknownObject): Promise<void> {
  const { client, provider } = ctx.oidc
  if (client === undefined || ctx.accepts('json', signedStatus) !== signedStatus) {
    ctx.body = status
    return
  }
  const token = Object.assign(new provider.IdToken({}, { ctx }), {
    extra: { token_introspection: status },
  })
  ctx.body = await token.issue({ use: 'introspection' })
  ctx.type = `${signedStatus}; charset=utf-8`
}

/** What an answer to an introspection says, signed or not. */
export function statusIn(body: unknown): unknown {
  return typeof body === 'string' && body !== '' ? decodeJwt(body)['token_introspection'] : body
}

/** Tells what is there where the library would tell what it has: response modes, and no user codes (CIBA Core 4). */
export async function tellModes(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next()
  const { body } = ctx
  if (typeof body !== 'object' || body === null || !('response_modes_supported' in body)) return
  body.response_modes_supported = [...responseModes]
  Object.assign(body, { backchannel_user_code_parameter_supported: false })
}
