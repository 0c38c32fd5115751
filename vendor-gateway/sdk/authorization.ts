/**
 * Asks customers and receives what they granted: pushed requests in the browser (PAR, RAR, PKCE), customers who are
 * known and elsewhere (CIBA), and customers at a counter (a link or QR code). All through `oauth4webapi`.
 */
import * as oauth from 'oauth4webapi'
import type { AccessRequestDetails } from '../../schemas/types.gen.ts'
import { ReachError, retryAfterOf, safeAddress } from './errors.ts'
import { pause } from './gateway.ts'
import type { KeyPair } from './keys.ts'

/** What a business asks for; the type is filled in. */
export type AccessRequest = Omit<AccessRequestDetails, 'type'>

/** To be kept in the session of the customer's browser until it comes back. Holds no secret of the business. */
export interface PendingRequest {
  /** As webhooks and `requests` of the client name it. */
  readonly requestId: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** A customer as one business knows her. Store it; the refresh token is a secret. */
export interface Customer {
  readonly subject: string
  readonly grantId: string
  readonly refreshToken: string
}

/** A question that is answered elsewhere, to be polled with `answer`. */
export interface WaitingRequest {
  readonly kind: 'known' | 'link'
  readonly id: string
  readonly requestId: string
  /** Unix ms after which nobody can answer it. */
  readonly expiresAt: number
  /** Seconds between two polls. */
  readonly interval: number
}

export interface LinkRequest extends WaitingRequest {
  readonly url: string
  /** Address of the same link as a QR code (SVG), to be shown as an image. */
  readonly qrUrl: string
  /** To be shown large beside it: the customer compares it with the one on her phone. */
  readonly code: string
}

export interface AuthorizationOptions {
  /** `<vault>/oauth`. */
  readonly issuer: string
  readonly clientId: string
  readonly redirectUri: string
  readonly assertionKey: KeyPair
  readonly dpopKey: KeyPair
  readonly fetch: typeof globalThis.fetch
}

export interface AccessToken {
  readonly token: string
  /** Unix ms. */
  readonly expiresAt: number
}

const REQUEST_TYPE = 'urn:reach:access-request:1'
const SCOPE = 'openid offline_access'
/** Seconds before its end from which a token is not used any more. */
const MARGIN = 10
/** Seconds that one call may wait in all for a server that says when to come again. */
const PATIENCE = 60
const ATTEMPTS = 5
const CIBA = 'urn:openid:params:grant-type:ciba'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

interface HttpOptions {
  readonly [oauth.customFetch]: (url: string, options: unknown) => Promise<Response>
  readonly [oauth.allowInsecureRequests]: boolean
}

/** One client at one vault's authorization server. */
export class Authorization {
  readonly #options: AuthorizationOptions
  readonly #server: oauth.AuthorizationServer
  readonly #client: oauth.Client
  readonly #authentication: oauth.ClientAuth
  readonly #dpop: oauth.DPoPHandle
  readonly #http: HttpOptions

  /** Discovers the authorization server. Throws `ReachError` `no-reply` when it cannot be reached. */
  static async open(options: AuthorizationOptions): Promise<Authorization> {
    const issuer = new URL(options.issuer)
    const http = httpOptions(options)
    const server = await told(async () =>
      oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http)),
    )
    return new Authorization(options, server)
  }

  private constructor(options: AuthorizationOptions, server: oauth.AuthorizationServer) {
    this.#options = options
    this.#server = server
    this.#http = httpOptions(options)
    this.#client = { client_id: options.clientId, id_token_signed_response_alg: 'ES256' }
    const { privateKey, kid } = options.assertionKey
    this.#authentication = oauth.PrivateKeyJwt(
      { key: privateKey, ...(kid === undefined ? {} : { kid }) },
      {
        // FAPI 2.0: the issuer is the only audience there is.
        [oauth.modifyAssertion]: (_header, payload) => {
          payload['aud'] = server.issuer
        },
      },
    )
    this.#dpop = oauth.DPoP(this.#client, options.dpopKey)
  }

  /** Pushes a request. The customer's browser goes to `url` within a minute; keep `pending` in her session. */
  async ask(request: AccessRequest): Promise<{ url: URL; pending: PendingRequest }> {
    const pending = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      codeVerifier: oauth.generateRandomCodeVerifier(),
    }
    const parameters = {
      response_type: 'code',
      redirect_uri: this.#options.redirectUri,
      scope: SCOPE,
      prompt: 'consent',
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.codeVerifier),
      code_challenge_method: 'S256',
      authorization_details: detailsOf(request),
    }
    const pushed = await told(() =>
      this.#patiently(async () =>
        oauth.processPushedAuthorizationResponse(
          this.#server,
          this.#client,
          await oauth.pushedAuthorizationRequest(
            this.#server,
            this.#client,
            this.#authentication,
            parameters,
            { ...this.#http, DPoP: this.#dpop },
          ),
        ),
      ),
    )
    const url = new URL(String(this.#server.authorization_endpoint))
    url.searchParams.set('client_id', this.#options.clientId)
    url.searchParams.set('request_uri', pushed.request_uri)
    return { url, pending: { requestId: String(pushed['request_id']), ...pending } }
  }

  /**
   * Redeems the code with which the browser came back to `callback`. Throws `ReachError`: `access_denied` when she refused,
   * `interaction_required` when she decides later.
   */
  async redeem(callback: URL, pending: PendingRequest): Promise<{ customer: Customer; token: AccessToken }> {
    return told(async () => {
      const parameters = oauth.validateAuthResponse(this.#server, this.#client, callback, pending.state)
      const tokens = await this.#patiently(async () =>
        oauth.processAuthorizationCodeResponse(
          this.#server,
          this.#client,
          await oauth.authorizationCodeGrantRequest(
            this.#server,
            this.#client,
            this.#authentication,
            parameters,
            this.#options.redirectUri,
            pending.codeVerifier,
            { ...this.#http, DPoP: this.#dpop },
          ),
          { expectedNonce: pending.nonce, requireIdToken: true },
        ),
      )
      return received(tokens)
    })
  }

  /** A new access token of one customer. Throws `ReachError` `invalid_grant` once her grant has ended. */
  async refresh(refreshToken: string): Promise<AccessToken> {
    return told(async () => {
      const tokens = await this.#patiently(async () =>
        oauth.processRefreshTokenResponse(
          this.#server,
          this.#client,
          await oauth.refreshTokenGrantRequest(
            this.#server,
            this.#client,
            this.#authentication,
            refreshToken,
            { ...this.#http, DPoP: this.#dpop },
          ),
        ),
      )
      return accessToken(tokens)
    })
  }

  /** A token of the business, for many customers. */
  async batchToken(): Promise<AccessToken> {
    return told(async () => {
      const tokens = await this.#patiently(async () =>
        oauth.processClientCredentialsResponse(
          this.#server,
          this.#client,
          await oauth.clientCredentialsGrantRequest(
            this.#server,
            this.#client,
            this.#authentication,
            { scope: 'batch' },
            { ...this.#http, DPoP: this.#dpop },
          ),
        ),
      )
      return accessToken(tokens)
    })
  }

  /**
   * Asks a customer whom this business knows by a grant, past or live; the question is on her list. `bindingMessage` (1 to
   * 20 of A-Z a-z 0-9 . _ + / ! ? # -) is shown to her, and by you.
   */
  async askKnown(
    subject: string,
    request: AccessRequest,
    options: { bindingMessage?: string | undefined; expiresIn?: number | undefined } = {},
  ): Promise<WaitingRequest> {
    const parameters = {
      scope: SCOPE,
      login_hint: subject,
      authorization_details: detailsOf(request),
      ...(options.bindingMessage === undefined ? {} : { binding_message: options.bindingMessage }),
      ...(options.expiresIn === undefined ? {} : { requested_expiry: String(options.expiresIn) }),
    }
    const reply = await told(() =>
      this.#patiently(async () =>
        oauth.processBackchannelAuthenticationResponse(
          this.#server,
          this.#client,
          await oauth.backchannelAuthenticationRequest(
            this.#server,
            this.#client,
            this.#authentication,
            parameters,
            this.#http,
          ),
        ),
      ),
    )
    return { kind: 'known', id: reply.auth_req_id, ...waiting(reply) }
  }

  /** A link, and a code to compare, for a customer who is there and not yet known. */
  async askByLink(request: AccessRequest): Promise<LinkRequest> {
    const parameters = { scope: SCOPE, authorization_details: detailsOf(request) }
    const reply = await told(() =>
      this.#patiently(async () =>
        oauth.processDeviceAuthorizationResponse(
          this.#server,
          this.#client,
          await oauth.deviceAuthorizationRequest(
            this.#server,
            this.#client,
            this.#authentication,
            parameters,
            this.#http,
          ),
        ),
      ),
    )
    return {
      kind: 'link',
      id: reply.device_code,
      url: reply.verification_uri_complete ?? reply.verification_uri,
      qrUrl: String(reply['verification_qr_uri']),
      code: reply.user_code,
      ...waiting(reply),
    }
  }

  /**
   * Asks once whether there is an answer. Throws `ReachError`: `authorization_pending` not yet, `pickup_code_required` the six
   * digits on her phone are needed, `access_denied` refused, `expired_token` over.
   */
  async poll(
    request: WaitingRequest,
    pickupCode?: string,
    signal?: AbortSignal,
  ): Promise<{ customer: Customer; token: AccessToken }> {
    const [grantType, id] = request.kind === 'known' ? [CIBA, 'auth_req_id'] : [DEVICE, 'device_code']
    const parameters = { [id]: request.id, ...(pickupCode === undefined ? {} : { pickup_code: pickupCode }) }
    return told(async () => {
      const tokens = await this.#patiently(
        async () =>
          oauth.processGenericTokenEndpointResponse(
            this.#server,
            this.#client,
            await oauth.genericTokenEndpointRequest(
              this.#server,
              this.#client,
              this.#authentication,
              grantType,
              parameters,
              { ...this.#http, DPoP: this.#dpop },
            ),
          ),
        signal,
      )
      return received(tokens)
    }, signal)
  }

  /**
   * The server may want a nonce of its own in the proof: then once more (RFC 9449 section 8). One that is busy, or limits what is
   * asked, is asked again when it says so, as long as that is soon.
   */
  async #patiently<Result>(send: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    let patience = PATIENCE
    for (let attempt = 1; ; attempt++) {
      try {
        return await send()
      } catch (error) {
        if (attempt === ATTEMPTS) throw error
        if (oauth.isDPoPNonceError(error)) continue
        const wait = waitOf(error)
        if (wait === undefined || wait > patience) throw error
        patience -= wait
        await pause(wait * 1000, signal)
      }
    }
  }
}

/** Seconds, when trying again is worth it. */
function waitOf(error: unknown): number | undefined {
  const isLater = error instanceof oauth.ResponseBodyError && (error.status === 429 || error.status === 503)
  return isLater ? retryAfterOf(error.response) : undefined
}

function httpOptions({ issuer, fetch }: AuthorizationOptions): HttpOptions {
  const isOverHttp = safeAddress(issuer, 'vault').startsWith('http:')
  return {
    [oauth.customFetch]: (url, options) => fetch(url, options as RequestInit),
    [oauth.allowInsecureRequests]: isOverHttp,
  }
}

function detailsOf(request: AccessRequest): string {
  return JSON.stringify([{ type: REQUEST_TYPE, ...request }])
}

function waiting(reply: oauth.BackchannelAuthenticationResponse | oauth.DeviceAuthorizationResponse) {
  const { expires_in: seconds, interval = 5, request_id: requestId } = reply
  return { requestId: String(requestId), expiresAt: Date.now() + seconds * 1000, interval }
}

function accessToken({ access_token: token, expires_in = 60 }: oauth.TokenEndpointResponse): AccessToken {
  return { token, expiresAt: Date.now() + Math.max(0, expires_in - MARGIN) * 1000 }
}

function received(tokens: oauth.TokenEndpointResponse): { customer: Customer; token: AccessToken } {
  const subject = oauth.getValidatedIdTokenClaims(tokens)?.sub
  const { refresh_token: refreshToken, grant_id: grantId } = tokens
  if (subject === undefined || refreshToken === undefined || typeof grantId !== 'string')
    throw new ReachError({ code: 'no-token', status: 0, detail: 'the token reply names no customer' })
  return { customer: { subject, grantId, refreshToken }, token: accessToken(tokens) }
}

/**
 * One kind of error for all that the authorization server or the way to it can come up with. The library's own errors hold
 * whole replies, tokens included, so they do not become causes: whoever logs an error must not log a token.
 */
async function told<Result>(act: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof ReachError) throw error
    signal?.throwIfAborted()
    if (error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError) {
      const status = 'status' in error && typeof error.status === 'number' ? error.status : 0
      throw new ReachError({
        code: error.error,
        status,
        detail: error.error_description ?? 'the authorization server refused',
        retryAfter: waitOf(error),
      })
    }
    if (error instanceof TypeError && error.message === 'fetch failed')
      throw new ReachError(
        { code: 'no-reply', status: 0, detail: 'the vault cannot be reached' },
        { cause: error },
      )
    const detail = error instanceof Error ? error.message : 'no valid reply'
    throw new ReachError({ code: 'invalid-reply', status: 0, detail })
  }
}
