import { errors } from 'oidc-provider'
import type { Client, ClientMetadata, KoaContextWithOIDC, Provider } from 'oidc-provider'

export const cibaGrant = 'urn:openid:params:grant-type:ciba'
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/**
 * Member of a stored client for what the library would take only with a `jwks_uri` and a `sector_identifier_uri`, both of
 * which it would fetch: pairwise clients of CIBA and links. Keys are given by value here and the sector is the business.
 */
export const pollingMember = 'polling'

interface Polling {
  readonly grant_types: readonly string[]
  /** Where to ping (CIBA); in development also on this machine over http, which the library would refuse. */
  readonly notification_endpoint?: string
}

/** What stands for the endpoint inside the library; the `fetch` hook answers for it, the outbox pings the real one. */
export const pingPlaceholder = 'https://ping.invalid/'

type Metadata = Record<string, unknown> & Partial<ClientMetadata>
type Policy = (ctx: KoaContextWithOIDC, metadata: Metadata) => Promise<void>

/** Members that a business may set besides those of every registration; their values are the library's to check. */
const ownMembers = [
  'require_signed_request_object',
  'request_object_signing_alg',
  'response_modes',
  'backchannel_token_delivery_mode',
  'backchannel_authentication_request_signing_alg',
] as const

/** What a browser can carry back without a script: a query, plain or as one signed JWT (JARM). */
export const responseModes: readonly string[] = ['query', 'jwt', 'query.jwt']

/** Registration with Message Signing, CIBA and links: the policy for everything else runs in between. */
export function withFeatures(policy: Policy, { allowLoopback }: { allowLoopback: boolean }): Policy {
  return async (ctx, metadata) => {
    const own = Object.fromEntries(
      ownMembers.flatMap((name) => (metadata[name] === undefined ? [] : [[name, metadata[name]]])),
    )
    const polling = pollingOf(metadata, allowLoopback)
    const asked = metadata['grant_types']
    if (Array.isArray(asked))
      metadata['grant_types'] = asked.filter((type) => type !== cibaGrant && type !== deviceGrant)
    await policy(ctx, metadata)
    const { response_modes: asModes, ...others } = own
    const modes = Array.isArray(asModes) ? asModes.filter((mode) => responseModes.includes(mode)) : []
    Object.assign(
      metadata,
      others,
      modes.length === 0 ? {} : { response_modes: modes },
      polling && { [pollingMember]: polling },
    )
    if (polling?.grant_types.includes(cibaGrant)) metadata['backchannel_token_delivery_mode'] ??= 'poll'
    else delete metadata['backchannel_token_delivery_mode']
    if (polling?.notification_endpoint !== undefined)
      metadata['backchannel_client_notification_endpoint'] = pingPlaceholder
  }
}

function pollingOf(metadata: Metadata, allowLoopback: boolean): Polling | undefined {
  const {
    grant_types: types,
    backchannel_token_delivery_mode: mode,
    backchannel_client_notification_endpoint: endpoint,
  } = metadata
  const polled = Array.isArray(types) ? [cibaGrant, deviceGrant].filter((type) => types.includes(type)) : []
  if (polled.length === 0) return undefined
  if (mode !== 'ping') return { grant_types: polled }
  const url = typeof endpoint === 'string' && endpoint.length <= 500 ? URL.parse(endpoint) : null
  const isHere = url?.protocol === 'http:' && allowLoopback && loopback.has(url.hostname)
  if (
    url === null ||
    !(url.protocol === 'https:' || isHere) ||
    url.username !== '' ||
    url.password !== '' ||
    url.hash !== ''
  )
    throw new errors.InvalidClientMetadata(
      'backchannel_client_notification_endpoint must be an https address',
    )
  return { grant_types: polled, notification_endpoint: url.href }
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Where this business wants to be pinged. */
export function notificationEndpoint(client: Client): string | undefined {
  return pollingIn(client)?.notification_endpoint
}

function pollingIn(client: Client | undefined): Polling | undefined {
  return client?.[pollingMember] as Polling | undefined
}

/** Lets clients use the grant types that are kept apart. */
export function allowPolling(provider: Provider): void {
  const prototype = provider.Client.prototype as Client
  const { grantTypeAllowed } = prototype
  prototype.grantTypeAllowed = function (this: Client, type: string) {
    return grantTypeAllowed.call(this, type) || pollingIn(this)?.grant_types.includes(type) === true
  }
}

/** A registration is read as it was made. */
export async function showFeatures(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next()
  if (!registrationRoutes.has(ctx.oidc?.route) || typeof ctx.body !== 'object' || ctx.body === null) return
  const { [pollingMember]: kept, grant_types: types, ...shown } = ctx.body as Record<string, unknown>
  const { grant_types: polled = [], notification_endpoint: endpoint } = (kept ?? {}) as Partial<Polling>
  ctx.body = {
    ...shown,
    ...(Array.isArray(types) ? { grant_types: [...types, ...polled] } : {}),
    ...(endpoint === undefined ? {} : { backchannel_client_notification_endpoint: endpoint }),
  }
}

const registrationRoutes = new Set<string | undefined>(['registration', 'client', 'client_update'])
