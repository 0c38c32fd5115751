import type { errors, KoaContextWithOIDC, Provider } from 'oidc-provider'

/**
 * The library keeps why it refused to itself and tells all such callers the same ("client authentication failed"). Whoever
 * writes a client needs to know; nothing here tells more than the caller sent, and what is unknown, used, over or another
 * business's stays one answer. Words in the characters that RFC 6749 section 5.2 allows.
 */
export function sayWhy(provider: Provider): void {
  const tell = (ctx: KoaContextWithOIDC, refusal: errors.OIDCProviderError): void => {
    const { body } = ctx
    const words = wordsFor(ctx, refusal)
    if (words !== undefined && typeof body === 'object' && body !== null && 'error' in body)
      ctx.body = { ...body, error_description: words }
  }
  provider.on('grant.error', tell)
  provider.on('pushed_authorization_request.error', tell)
  provider.on('backchannel_authentication.error', tell)
  provider.on('device_authorization.error', tell)
  provider.on('introspection.error', tell)
  provider.on('revocation.error', tell)
  provider.on('registration_create.error', tell)
  provider.on('registration_read.error', tell)
  provider.on('registration_update.error', tell)
  provider.on('registration_delete.error', tell)
}

function wordsFor(ctx: KoaContextWithOIDC, refusal: errors.OIDCProviderError): string | undefined {
  const { error, error_description: said, error_detail: detail = said } = refusal
  if (detail === undefined) return undefined
  switch (error) {
    case 'invalid_request':
      return requestWords(said ?? detail)
    case 'invalid_request_object':
      return requestObjectWords(ctx, said ?? detail)
    case 'invalid_authorization_details':
      return said?.startsWith('could not parse') === true
        ? 'authorization_details must be a JSON array that holds one object'
        : undefined
    case 'invalid_client':
      return assertionWords(ctx, detail)
    case 'invalid_grant':
      return grantWords(ctx, detail)
    case 'invalid_dpop_proof':
      return proofWords(ctx, said ?? detail)
    case 'invalid_token':
      return ctx.oidc.route === 'registration'
        ? 'the admission code is unknown, used, replaced by a newer one, or older than 7 days: ask the operator for another'
        : 'the registration token is missing, another client has it, or the operator took it away'
    default:
      return undefined
  }
}

function requestObjectWords(ctx: KoaContextWithOIDC, said: string): string | undefined {
  if (said.includes('claims are invalid'))
    return `claims of the request object: iss must be your client_id, aud ${ctx.oidc.issuer}, nbf now or past and exp ahead`
  if (said.startsWith('could not validate'))
    return 'no key registered for this client_id signed the request object: compare kid and key with your registration'
  return undefined
}

const authenticate =
  'authenticate by private_key_jwt alone: client_assertion_type and client_assertion, in a body of type application/x-www-form-urlencoded'

function requestWords(detail: string): string | undefined {
  if (/client authentication .*mechanism/.test(detail)) return authenticate
  if (detail.startsWith('failed to parse'))
    return 'the body cannot be read: at most 56 kB of UTF-8, not compressed, of the content type of the endpoint'
  return undefined
}

function assertionWords(ctx: KoaContextWithOIDC, detail: string): string | undefined {
  if (/^(client not found|no applicable key|signature verification failed)/.test(detail))
    return 'no key registered for this client_id made the client assertion: compare client_id, kid and key with your registration'
  if (detail.includes('authentication mechanism')) return authenticate
  if (detail === 'alg mismatch')
    return 'the client assertion must be signed with the token_endpoint_auth_signing_alg of your registration'
  if (detail.includes('only be used once'))
    return 'the client assertion was used before: sign another one, with its own jti, for each request'
  const claims: readonly (readonly [RegExp, string])[] = [
    [/\b(iss|sub)\b/, 'iss and sub must be your client_id'],
    [/\baud\b|audience/, `aud must be ${ctx.oidc.issuer}, as one string`],
    [/\bexp\b|expir/, 'exp must lie ahead, by at most 300 s'],
    [/\biat\b|issued/, 'iat must be now, by a clock that is at most 10 s ahead'],
    [/\bnbf\b|active/, 'nbf must not lie ahead'],
    [/\bjti\b/, 'jti must be a text of up to 128 characters, another one each time'],
  ]
  const rule = claims.find(([pattern]) => pattern.test(detail))?.[1]
  return rule === undefined ? undefined : `claims of the client assertion: ${rule}`
}

/** What a token was asked for with, and what to do when it is good for nothing. */
const sources: Readonly<Record<string, string>> = {
  authorization_code:
    'the code is unknown or used, its minute is over, or the grant has ended: ask the customer again',
  refresh_token:
    'the refresh token is unknown or given back, or its grant has ended: look into /v1/grants, or ask the customer again',
  'urn:openid:params:grant-type:ciba': 'the auth_req_id is unknown or used, or its time is over: ask anew',
  'urn:ietf:params:oauth:grant-type:device_code':
    'the device_code is unknown or used, or its time or the tries of its pick-up code are over: ask anew',
}

function grantWords(ctx: KoaContextWithOIDC, detail: string): string | undefined {
  if (detail.includes('code_verifier')) return 'code_verifier does not fit the code_challenge of the request'
  if (detail.includes('redirect_uri')) return 'redirect_uri must be the one of the request'
  if (/^(missing DPoP|DPoP proof JWT not)/.test(detail))
    return 'a DPoP proof is needed, in the header DPoP (RFC 9449)'
  if (/jkt/.test(detail)) return 'the DPoP proof must be signed by the key that this is bound to'
  if (detail.includes('Replay'))
    return 'the DPoP proof was used before: sign another one, with its own jti, for each request'
  return sources[String(ctx.oidc.params?.['grant_type'])]
}

function proofWords(ctx: KoaContextWithOIDC, said: string): string | undefined {
  if (said.endsWith('htu mismatch'))
    return `htu of the DPoP proof must be ${ctx.oidc.urlFor(String(ctx.oidc.route))}`
  if (said.endsWith('htm mismatch')) return `htm of the DPoP proof must be ${ctx.method}`
  if (said.includes('key binding'))
    return 'the DPoP proof must be a JWT of typ dpop+jwt, signed by the public key that its header names as jwk'
  return undefined
}
