import type { KoaContextWithOIDC } from 'oidc-provider'
import { requestIdOf } from './received.ts'

/** What the business gets to hold, by the endpoint that gives it. */
const held = {
  pushed_authorization_request: 'PushedAuthorizationRequest',
  backchannel_authentication: 'BackchannelAuthenticationRequest',
  device_authorization: 'DeviceCode',
} as const

/** `request_id` beside it: by this name webhooks and `/v1/requests` tell of the request. */
export async function nameRequest(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next()
  const { oidc, body } = ctx
  const name = Object.entries(held).find(([route]) => route === oidc?.route)?.[1]
  const id = name && oidc.entities[name]?.jti
  if (id === undefined || typeof body !== 'object' || body === null || 'error' in body) return
  ctx.body = { ...body, request_id: requestIdOf(id) }
}
