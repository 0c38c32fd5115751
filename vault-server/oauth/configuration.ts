import type { Configuration } from 'oidc-provider'
import { errors, interactionPolicy } from 'oidc-provider'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readAccount } from '#core/records/accounts.ts'
import type { Names } from '#core/records/names.ts'
import { assertNarrowing, readAccessRequest, requestType } from './access-request-type.ts'
import { clockTolerance } from './adapter.ts'
import { renderError } from './error-page.ts'
import { pingPlaceholder, pollingMember, responseModes } from './client-features.ts'
import { assertNewRequestObject } from './message-signing.ts'
import type { OAuthKeys, SigningKey } from './oauth-keys.ts'
import { pairwiseSubject } from './pairwise.ts'
import {
  accessTokenLife,
  assertClientAssertion,
  assertNotSuspended,
  batchScope,
  customerScopes,
  keyEpochMember,
  keyEpochOf,
  vendorIdOf,
} from './policies.ts'
import type { registrationPolicy } from './registration.ts'
import type { RequestLimits } from './request-limits.ts'
import { narrowed, readGrantBehind } from './token-details.ts'
import { linkLife, questionLifeOf, withoutBrowser } from './without-browser.ts'

/** Businesses may sign with these; EdDSA and Ed25519 are two names of one algorithm (RFC 9864). */
const businessAlgorithms = ['ES256', 'EdDSA', 'Ed25519'] as const
/** What the gateway takes, too: a token bound to a key that one of the two refuses would be of no use. */
const proofAlgorithms = ['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const
const ourAlgorithms = ['ES256'] as const

const minute = 60
const day = 86_400

/** Seconds a customer has from the opening of the page to the decision. */
const interactionLife = 60 * minute

/**
 * node-oidc-provider as FAPI 2.0 Security Profile server with pushed, rich requests (RFC 9126, RFC 9396),
 * DPoP (RFC 9449) and pairwise subjects. What its `fapi` feature leaves open is set here too: algorithms,
 * client authentication, rotation, PAR. Everything else is off, and nothing here makes an outbound request.
 */
export function oauthConfiguration({
  addresses,
  ledger,
  names,
  keys,
  signing,
  now,
  policy,
  limits,
}: {
  addresses: { readonly vaultUrl: string; readonly gatewayUrl: string }
  ledger: LedgerReader
  names: Names
  keys: OAuthKeys
  /** Private ES256 keys; the first one signs. */
  signing: readonly SigningKey[]
  now: () => number
  policy: ReturnType<typeof registrationPolicy>
  limits: RequestLimits
}): Configuration {
  const { vaultUrl, gatewayUrl } = addresses
  const issuer = `${vaultUrl}/oauth`
  const cookiePath = new URL(issuer).pathname

  return {
    fetch: (url) => {
      // An outbox job pings, once the answer is committed.
      if (String(url) === pingPlaceholder) return Promise.resolve(new Response(null, { status: 204 }))
      throw new Error('the authorization server makes no outbound requests')
    },
    jwks: { keys: structuredClone(signing) },
    cookies: {
      keys: keys.cookieKeys,
      names: { session: 'reach-oauth', interaction: 'reach-consent', resume: 'reach-resume' },
      long: { httpOnly: true, sameSite: 'lax', path: cookiePath, signed: true },
      short: { httpOnly: true, sameSite: 'lax', signed: true },
    },
    clientBasedCORS: () => false,
    enableHttpPostMethods: false,
    clockTolerance,

    clientAuthMethods: ['private_key_jwt'],
    enabledJWA: {
      clientAuthSigningAlgValues: [...businessAlgorithms],
      dPoPSigningAlgValues: [...proofAlgorithms],
      requestObjectSigningAlgValues: [...businessAlgorithms],
      idTokenSigningAlgValues: [...ourAlgorithms],
      introspectionSigningAlgValues: [...ourAlgorithms],
      authorizationSigningAlgValues: [...ourAlgorithms],
      userinfoSigningAlgValues: [...ourAlgorithms],
    },
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'private_key_jwt',
      dpop_bound_access_tokens: true,
      subject_type: 'pairwise',
      require_pushed_authorization_requests: true,
      id_token_signed_response_alg: 'ES256',
      introspection_signed_response_alg: 'ES256',
      authorization_signed_response_alg: 'ES256',
    },
    extraClientMetadata: { properties: ['software_id', keyEpochMember, pollingMember] },
    // Comes behind the signature.
    assertJwtClientAuthClaimsAndHeader: async (ctx, claims, _header, client) => {
      assertClientAssertion(claims, { issuer, now: now() })
      await limits.called(client.clientId)
      await assertNotSuspended(ledger, ctx, client)
    },
    responseTypes: ['code'],
    // A scope of the gateway among these would ask for consent again and again.
    scopes: customerScopes,
    subjectTypes: ['pairwise'],
    pairwiseIdentifier: (_ctx, accountId, client) =>
      pairwiseSubject(keys.pairwiseSecret, vendorIdOf(client), accountId),
    acceptQueryParamAccessTokens: false,
    allowOmittingSingleRegisteredRedirectUri: false,
    // Runs for every pushed and every opened request, also for one without authorization_details.
    extraParams: {
      authorization_details: async (ctx, details, client) => {
        const { id_token_hint: hint, response_mode: mode = 'query' } = ctx.oidc.params ?? {}
        if (hint !== undefined) throw new errors.InvalidRequest('id_token_hint is not supported')
        // A form needs an inline script; a fragment is for other response types.
        if (!responseModes.includes(String(mode)))
          throw new errors.InvalidRequest(`response_mode must be one of ${responseModes.join(', ')}`)
        readAccessRequest(details, { vendorId: vendorIdOf(client), gatewayUrl, now: now() })
        if (ctx.oidc.route === 'authorization')
          return limits.opened(ctx.oidc.entities.PushedAuthorizationRequest?.jti ?? client.clientId)
        await limits.asked(client.clientId)
        await assertNewRequestObject(ctx, now())
      },
    },

    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      clientCredentials: { enabled: true },
      fapi: { enabled: true, profile: '2.0' },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: true,
        allowUnregisteredRedirectUris: false,
      },
      dPoP: { enabled: true, nonceSecret: keys.nonceSecret, allowReplay: false, requireNonce: () => false },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId,
      },
      requestObjects: { enabled: true, requireSignedRequestObject: false },
      jwtResponseModes: { enabled: true },
      jwtIntrospection: { enabled: true },
      ...withoutBrowser({ reader: ledger, names }),
      registration: { enabled: true, initialAccessToken: true, policies: { business: policy } },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => gatewayUrl,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => {
          if (resource !== gatewayUrl) throw new errors.InvalidTarget()
          return {
            scope: batchScope,
            audience: gatewayUrl,
            accessTokenFormat: 'jwt',
            accessTokenTTL: accessTokenLife,
            jwt: { sign: { alg: 'ES256' } },
          }
        },
      },
      richAuthorizationRequests: {
        enabled: true,
        types: {
          [requestType]: {
            validate: (ctx, detail) => {
              if (ctx.oidc.route === 'token') assertNarrowing(detail)
            },
          },
        },
        authorizationDetailsForGrantSource: (ctx) => ctx.oidc.grant?.rar,
        authorizationDetailsForAccessToken: async (ctx, _token, _source, grantType) => {
          const asked = ctx.oidc.params?.['authorization_details']
          if (grantType === 'client_credentials')
            throw new errors.InvalidAuthorizationDetails('the customers decide, one by one, not the token')
          const grant = await readGrantBehind(ledger, ctx.oidc.entities.Grant?.jti, now())
          return [narrowed(grant, asked)]
        },
        authorizationDetailsForIntrospection: (_ctx, token) => token.rar,
      },
    },

    findAccount: async (_ctx, accountId) => {
      const account = await readAccount(ledger, accountId)
      return account === undefined ? undefined : { accountId, claims: () => ({ sub: accountId }) }
    },
    interactions: {
      url: (_ctx, interaction) => `${vaultUrl}/consent/${interaction.uid}`,
      policy: prompts(),
    },
    // One decision, one Grant: what was granted before is never reused for another request.
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId
      if (grantId === undefined) return undefined
      const grant = await ctx.oidc.provider.Grant.find(grantId)
      if (grant === undefined) throw new errors.AccessDenied('what was allowed has ended already')
      return grant
    },
    extraTokenClaims: async (ctx, token) => {
      const epoch = keyEpochOf(ctx.oidc.client)
      const keys = epoch === undefined ? {} : { [keyEpochMember]: epoch }
      if (token.kind !== 'AccessToken') {
        if (token.scope !== batchScope)
          throw new errors.InvalidScope(`ask for scope ${batchScope}`, token.scope ?? '')
        return keys
      }
      const { grantId } = await readGrantBehind(ledger, token.grantId, now())
      return { grant_id: grantId, ...keys }
    },
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: false,
    ttl: {
      AccessToken: (_ctx, token) => lifeWithin(accessTokenLife, secondsLeft(token.rar, now())),
      ClientCredentials: accessTokenLife,
      IdToken: accessTokenLife,
      AuthorizationCode: minute,
      BackchannelAuthenticationRequest: questionLifeOf,
      DeviceCode: linkLife,
      Interaction: interactionLife,
      // Only the way back from the consent page needs it: no sign-in of a customer rests on it.
      Session: 10 * minute,
      Grant: 366 * day,
      RefreshToken: (ctx) => lifeWithin(366 * day, ctx.oidc.entities.Grant?.remainingTTL),
    },
    renderError,
  }
}

/**
 * Of the customer's grant as it is now, which the details of a token tell: the library's own Grant outlives a change of
 * its end.
 */
function secondsLeft(details: unknown, now: number): number | undefined {
  const [granted] = Array.isArray(details) ? (details as readonly { readonly until?: string }[]) : []
  return granted?.until === undefined ? undefined : Math.floor((Date.parse(granted.until) - now) / 1000)
}

/** Nothing outlives the grant it comes from; seconds, at least 1. */
function lifeWithin(life: number, remaining: number | undefined): number {
  return Math.max(1, Math.min(life, remaining ?? life))
}

/**
 * When the customer is asked: always, for every request. Who is signed in is decided by the vault's own
 * session in the decision, so checks about earlier sessions of this server have nothing to look at.
 */
function prompts(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base()
  const login = policy.get('login')
  for (const reason of [
    'max_age',
    'id_token_hint',
    'claims_id_token_sub_value',
    'essential_acrs',
    'essential_acr',
  ])
    login?.checks.remove(reason)
  return policy
}
