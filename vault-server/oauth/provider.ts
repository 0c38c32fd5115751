import { Router } from 'express'
import type { RequestHandler } from 'express'
import { Provider } from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import { pinHost } from '#core/http/host-pin.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { LedgerBusy, LedgerStopped } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { limitPerAddress } from '../customer/limits.ts'
import { ledgerAdapter } from './adapter.ts'
import { allowPolling, showFeatures, withFeatures } from './client-features.ts'
import { oauthConfiguration } from './configuration.ts'
import { renderError } from './error-page.ts'
import { grantHooks } from './grant-hooks.ts'
import { openInteractions } from './interactions.ts'
import type { Interactions } from './interactions.ts'
import { tellModes } from './message-signing.ts'
import { linkPictureRoutes } from './link-picture.ts'
import { openSigningKeys } from '../signing-keys.ts'
import { publicPart, readOAuthKeys, readStatementKey } from './oauth-keys.ts'
import type { SigningKey } from './oauth-keys.ts'
import { refuseProofs } from './policies.ts'
import { registrationCommit } from './registration-commit.ts'
import { codeHash, registrationPolicy } from './registration.ts'
import { sayWhy } from './refusal-words.ts'
import { nameRequest } from './request-name.ts'
import { signStatement } from './software-statement.ts'
import { requestLimits } from './request-limits.ts'
import type { RequestLimits } from './request-limits.ts'
import { tokenStatus } from './token-status.ts'
import { linksToVault } from './without-browser.ts'

export interface AuthorizationServer {
  readonly issuer: string
  /** `/oauth` and `/link.svg`, to be mounted at the vault's base with no body parser in front. */
  readonly routes: Router
  /** RFC 8414 metadata, to be mounted at the root of the origin: its path holds that of the issuer. */
  readonly metadataRoutes: Router
  readonly interactions: Interactions
  /**
   * What a business registers with, once, within 7 days. The code is saved by the commit of the caller's
   * scope.
   */
  admit(vendor: { readonly vendorId: string; readonly name: string }): Promise<Admission>
}

export interface Admission {
  /** Initial access token of the registration (RFC 7591 section 3). */
  readonly admissionCode: string
  readonly softwareStatement: string
  readonly registrationEndpoint: string
}

const admissionLife = 7 * 86_400

/**
 * The vault's authorization server: node-oidc-provider, mounted, on our ledger. Opens nothing that needs
 * closing.
 */
export async function openAuthorizationServer({
  config,
  ledger,
  keys,
  now,
  log,
  limits = requestLimits(),
}: {
  config: {
    readonly vaultUrl: string
    readonly gatewayUrl: string
    readonly mode: 'development' | 'production'
  }
  ledger: Ledger
  keys: KeyStore
  now: () => number
  log: Logger
  limits?: RequestLimits
}): Promise<AuthorizationServer> {
  const { vaultUrl, gatewayUrl } = config
  const issuer = `${vaultUrl}/oauth`
  const oauthKeys = await readOAuthKeys(keys)
  const names = createNames(await keys.secret('names'))
  const statementKey = await readStatementKey(keys)
  const allowLoopback = config.mode === 'development'
  const policy = withFeatures(
    registrationPolicy({ vaultUrl, ledger, statementKey, now, limits, allowLoopback }),
    {
      allowLoopback,
    },
  )
  const tokenKeys = await openSigningKeys(keys, 'tokens', now)
  const adapter = ledgerAdapter({
    ledger,
    now,
    hooks: grantHooks({ ledger, names, now, random: Math.random, addresses: config, limits }),
  })

  /** The library takes its keys when it is made, and keeps nothing else in memory that another one would miss. */
  function makeProvider() {
    const signing = tokenKeys.valid()
    const addresses = config
    const made = new Provider(issuer, {
      ...oauthConfiguration({ addresses, ledger, names, keys: oauthKeys, signing, now, policy, limits }),
      adapter,
    })
    allowPolling(made)
    sayWhy(made)
    // The scheme is told by `pinHost`, which lets no forwarding header of others through.
    made.proxy = true
    made.use(answerFailures(log))
    made.use(refuseOtherSpellings)
    made.use(refuseProofs({ now }))
    made.use(withoutSessions)
    made.use(linksToVault({ vaultUrl }))
    made.use(tellModes)
    made.use(showFeatures)
    made.use(registrationCommit({ ledger, now }))
    made.use(tokenStatus({ addresses, ledger, issuerKeys: signing.map(publicPart), now }))
    made.use(nameGrant)
    made.use(nameRequest)
    made.on('server_error', (ctx, error) => {
      answerLedgerFailure(ctx, error)
      log.error('oauth-failed', { reason: ctx.oidc?.route?.replaceAll('_', '-') }, error)
    })
    return { provider: made, handle: made.callback(), kids: kidsOf(signing) }
  }
  let latest = makeProvider()
  // Nothing here signs: what is answered over HTTP comes from the latest.
  const { provider } = latest

  const mount: RequestHandler = async (request, response) => {
    if (kidsOf(tokenKeys.valid()) !== latest.kids) latest = makeProvider()
    await latest.handle(request, response)
  }
  const routes = Router({ strict: true, caseSensitive: true })
  routes.use('/oauth/reg', limitRegistrations())
  routes.use('/oauth', pinHost(vaultUrl), mount)
  routes.use(linkPictureRoutes({ vaultUrl }))

  const metadataRoutes = Router({ strict: true, caseSensitive: true })
  const { pathname } = new URL(issuer)
  metadataRoutes.get(
    `/.well-known/oauth-authorization-server${pathname}`,
    pinHost(vaultUrl),
    (request, response, next) => {
      request.url = '/.well-known/openid-configuration'
      request.originalUrl = `${pathname}${request.url}`
      return mount(request, response, next)
    },
  )

  return {
    issuer,
    routes,
    metadataRoutes,
    interactions: openInteractions({ provider, ledger, gatewayUrl, now, mode: config.mode }),
    async admit({ vendorId, name }) {
      const code = new provider.InitialAccessToken({ policies: ['business'], expiresIn: admissionLife })
      const admissionCode = await code.save()
      const statement = { vendorId, name, codeHash: codeHash(admissionCode) }
      return {
        admissionCode,
        softwareStatement: await signStatement(statement, {
          issuer: vaultUrl,
          key: statementKey,
          now: now(),
        }),
        registrationEndpoint: `${issuer}/reg`,
      }
    },
  }
}

const kidsOf = (keys: readonly SigningKey[]): string => keys.map(({ kid }) => kid).join()

/** Registrations from one address in a minute, and changes of them. They need a code or token; this is for whoever guesses. */
const registrations = { points: 120, seconds: 60 }

function limitRegistrations(): RequestHandler {
  const limit = limitPerAddress(registrations)
  return async (request, response, next) => {
    try {
      await limit(request, response, () => undefined)
    } catch (refusal) {
      if (!(refusal instanceof DomainError)) throw refusal
      response.set('Retry-After', String(Math.ceil(refusal.retryAfter ?? 1)))
      response
        .status(429)
        .json({ error: 'temporarily_unavailable', error_description: 'too many registrations' })
      return
    }
    next()
  }
}

type Next = () => Promise<void>

/**
 * The library takes `/REG` and `/reg/` for `/reg`. What looks at a path here knows one spelling, such as the commit that puts a
 * change of keys on record: the others are none.
 */
async function refuseOtherSpellings(ctx: KoaContextWithOIDC, next: Next): Promise<void> {
  if (!/^\/[^/]*[A-Z]|.\/$/.test(ctx.path)) await next()
}

/**
 * The library's own browser session means nothing here: who decides is told by the vault's session, anew in
 * every decision. Without its cookie no earlier sign-in can answer, or get in the way of, a later one.
 */
async function withoutSessions(ctx: KoaContextWithOIDC, next: Next): Promise<void> {
  const isSession = (cookie: string) => /^\s*reach-oauth(?:\.sig)?=/.test(cookie)
  const { cookie } = ctx.req.headers
  if (cookie !== undefined)
    ctx.req.headers.cookie = cookie
      .split(';')
      .filter((pair) => !isSession(pair))
      .join(';')
  await next()
  const set = ctx.response.headers['set-cookie']
  if (!Array.isArray(set)) return
  const kept = set.filter((line) => !isSession(line))
  if (kept.length === 0) ctx.remove('Set-Cookie')
  else ctx.set('Set-Cookie', kept)
}

/** Names the grant beside the token, so that the business need not look into a token made for the gateway. */
async function nameGrant(ctx: KoaContextWithOIDC, next: Next): Promise<void> {
  await next()
  const body: unknown = ctx.body
  if (typeof body !== 'object' || body === null || !('access_token' in body)) return
  const details = 'authorization_details' in body ? body.authorization_details : undefined
  const grantId: unknown = Array.isArray(details) ? details[0]?.grant_id : undefined
  if (typeof grantId === 'string') Object.assign(body, { grant_id: grantId })
}

const nothingHere = {
  error: 'invalid_request',
  error_description: 'nothing is here for this method: /.well-known/openid-configuration names the endpoints',
}

/** What our own steps around the library throw; its errors it answers itself. No answer to a POST is ever kept. */
function answerFailures(log: Logger) {
  return async (ctx: KoaContextWithOIDC, next: Next): Promise<void> => {
    if (ctx.method !== 'GET') ctx.set('Cache-Control', 'no-store')
    try {
      await next()
      if (ctx.status !== 404 || ctx.body !== undefined) return
      ctx.status = 404
      renderError(ctx, nothingHere)
    } catch (error) {
      log.error('oauth-failed', {}, error)
      ctx.status = 500
      ctx.body = { error: 'server_error', error_description: 'something went wrong' }
      answerLedgerFailure(ctx, error)
    }
  }
}

/** A ledger that takes nothing more is no fault of the request: 503, and when to come again. */
function answerLedgerFailure(ctx: KoaContextWithOIDC, error: unknown): void {
  if (!(error instanceof LedgerBusy || error instanceof LedgerStopped)) return
  ctx.status = 503
  ctx.set('Retry-After', error instanceof LedgerBusy ? '1' : '30')
  if (typeof ctx.body === 'object')
    ctx.body = { error: 'temporarily_unavailable', error_description: 'nothing can be recorded now' }
}
