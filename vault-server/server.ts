import { join } from 'node:path'
import { Router } from 'express'
import type { Config } from '#core/config.ts'
import { isSandboxLog } from '#core/domain/sandbox.ts'
import { pinHost } from '#core/http/host-pin.ts'
import type { LimiterStore } from '#core/http/limiter-store.ts'
import { notFound, problemHandler } from '#core/http/problem.ts'
import { requestLog } from '#core/http/request-log.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { every } from '#core/jobs/every.ts'
import { startJobs } from '#core/jobs/worker.ts'
import type { Jobs } from '#core/jobs/worker.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Policy } from '#core/ledger/policy.ts'
import type { Logger } from '#core/logger.ts'
import { endGrantsJob, endVendorGrants } from '#core/records/departures.ts'
import { recordEnds } from '#core/records/ends.ts'
import { eraseCustomer, eraseJob } from '#core/records/erasure.ts'
import { createNames } from '#core/records/names.ts'
import { shownCheckpoints } from '#core/records/shown-checkpoints.ts'
import { podLoginStorage } from '#core/records/pod-logins.ts'
import { auditorAccess } from './audit/access.ts'
import { logRoutes } from './audit/log.ts'
import { mlDsaSigner, withSecondSignature } from './audit/second-signature.ts'
import { reviewRoutes } from './audit/review.ts'
import { witnessedLog } from './audit/witnesses.ts'
import { activityRoutes } from './customer/activity.ts'
import { newestBuild } from './customer/app-build.ts'
import { appRoutes } from './customer/app-files.ts'
import { boundaryRoutes } from './customer/boundaries.ts'
import { browserHeaders } from './customer/browser-headers.ts'
import { catalogueRoutes } from './customer/catalogue.ts'
import { clientDocumentRoutes, clientIdOf, redirectUrlOf } from './customer/client-document.ts'
import { hostCookie } from './customer/cookies.ts'
import { sameOriginOnly } from './customer/csrf.ts'
import { evidenceRoutes } from './customer/evidence.ts'
import { exportRoutes } from './customer/export.ts'
import { fieldsLeftRoutes } from './customer/profile-left.ts'
import { watchGrantedData } from './customer/granted-data-watch.ts'
import { grantRoutes } from './customer/grants.ts'
import { guardOidc } from './customer/guarded-oidc.ts'
import { importRoutes } from './customer/import.ts'
import { inReadersLanguage } from './customer/in-language.ts'
import { isPodHere, leaveRoutes } from './customer/leave.ts'
import { startLive } from './customer/live.ts'
import { meOf, meRoutes } from './customer/me.ts'
import { notificationJobs, tellingBy } from './customer/notification-jobs.ts'
import { notifications } from './customer/notifications.ts'
import { podConnectionRoutes } from './customer/pod-connection.ts'
import { watchLostPods } from './customer/pod-watch.ts'
import { podCredentialRoutes } from './customer/pod-credentials.ts'
import { createPodLogins } from './customer/pod-login.ts'
import { passkeyRoutes } from './customer/passkeys.ts'
import { podMoveRoutes } from './customer/pod-move.ts'
import { podPlaceRoutes } from './customer/pod-place.ts'
import { profileRoutes } from './customer/profile.ts'
import { decisions } from './customer/decision.ts'
import { previewOf } from './customer/preview.ts'
import { receiptDelivery } from './customer/receipt-delivery.ts'
import { reminderRoutes, remindOfDue } from './customer/reminders.ts'
import { requestRoutes } from './customer/requests.ts'
import { receiptChecker, receiptCheckerRoutes } from './customer/receipt-checker.ts'
import { receiptRoutes } from './customer/receipts.ts'
import { createSessions, customerOf, longestSessionMs, signedInOnly } from './customer/session.ts'
import { sessionRoutes } from './customer/sessions.ts'
import { signInMs, signInRoutes } from './customer/sign-in.ts'
import { termsRoutes } from './customer/terms.ts'
import { turnedAwayJobs } from './customer/turned-away.ts'
import { vaultRoutes } from './customer/vaults.ts'
import type { ThrowAway } from './customer/vaults.ts'
import { vaultsElsewhere } from './customer/vaults-elsewhere.ts'
import { vendorLogoRoutes } from './customer/vendor-logos.ts'
import { createMailer } from './mail/mailer.ts'
import { createPush, publicPoint } from './mail/web-push.ts'
import { cibaPings } from './oauth/ciba-ping.ts'
import { newSigningKey } from './oauth/oauth-keys.ts'
import { openAuthorizationServer } from './oauth/provider.ts'
import type { AuthorizationServer } from './oauth/provider.ts'
import { requestLimits } from './oauth/request-limits.ts'
import { checkDomains } from './operator/domain-checks.ts'
import type { EmbeddedPods } from './pods/embedded.ts'
import { vocabularyRoutes } from './vocabulary/routes.ts'
import type { ReachPods } from './pods/reach-pods.ts'
import { openSigningKeys } from './signing-keys.ts'
import { webhookRoutes } from './pods/webhook-routes.ts'

const appBuilds = join(import.meta.dirname, '../dist/consent-app')
/** Ends are in force when they come; this is how soon they stand in the log. */
const recordEndsEveryMs = 15_000
/** How soon what customers should be reminded of is looked for. */
const remindEveryMs = 600_000
/** How soon a business's proof of its domain that is due is looked for. */
const checkDomainsEveryMs = 600_000

export interface VaultParts {
  /** `vaultUrl` may carry a path: then the vault is to be mounted there. */
  readonly config: Pick<
    Config,
    'mode' | 'tour' | 'vaultUrl' | 'gatewayUrl' | 'podOrigins' | 'podsHere' | 'outboundAllow' | 'mail'
  > &
    Partial<Pick<Config, 'logName' | 'logMlDsa' | 'storeUrl'>>
  readonly ledger: Ledger
  readonly keys: KeyStore
  /** `undefined` where there are no embedded pods, or where they run beside another vault. */
  readonly podServer: EmbeddedPods | undefined
  /** The same that releases read by. */
  readonly pods: ReachPods
  /** Where vaults are made to be thrown away. */
  readonly throwAway?: ThrowAway | undefined
  /** Whether another house on the same pods has an account for this WebID. */
  readonly belongsElsewhere?: ((webId: string) => Promise<boolean>) | undefined
  /** Where the log is watched by witnesses. */
  readonly witnessPolicy?: Policy | undefined
  /** Where replicas count together what businesses ask; in this process when left out. */
  readonly limiterStore?: LimiterStore | undefined
  /** Unix ms. */
  readonly now: () => number
  readonly log: Logger
}

export interface VaultServer extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string
  readonly authorization: AuthorizationServer
  readonly jobs: Jobs
}

/**
 * The vault server on its own port: the vault at the root, and `mounts` beside it. `url` is where it listens.
 */
export async function startVaultServer(
  options: Omit<VaultParts, 'config'> & {
    config: Config
    /** Further routers by path, such as the tour; they take what comes before the vault does. */
    mounts?: Readonly<Record<string, Router>>
    /** Ends the streams of what is mounted. */
    closeMounted?: () => void
  },
): Promise<VaultServer> {
  const { config, log, mounts = {}, closeMounted } = options
  await using opened = new AsyncDisposableStack()
  const vault = opened.use(await openVault(options))
  const app = leanExpress()
  // TLS ends before us, on this machine: the address of the client is the one its proxy names.
  app.set('trust proxy', 'loopback')
  app.use(requestLog({ log, server: 'vault' }), pinHost(config.vaultUrl))
  for (const [path, router] of Object.entries(mounts)) app.use(path, router)
  app.use(vault.originRouter, vault.router, notFound, problemHandler({ log }))
  const { host, vaultPort: port } = config.listen
  const { url } = opened.use(await listen({ app, host, port }))
  // Before the port is shut: a stream that stays open would hold it up.
  opened.defer(() => {
    vault.closeStreams()
    closeMounted?.()
  })
  const resources = opened.move()
  return {
    url,
    authorization: vault.authorization,
    jobs: vault.jobs,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

export interface Vault extends AsyncDisposable {
  /** Everything under `vaultUrl`. */
  readonly router: Router
  /** What must stand at the root of the origin, wherever the vault is mounted. */
  readonly originRouter: Router
  readonly authorization: AuthorizationServer
  readonly jobs: Jobs
  /** Ends what pages are told while they are open. */
  closeStreams(): void
}

/** The vault without a port: everything under `config.vaultUrl`, as one list. */
export async function openVault(parts: VaultParts): Promise<Vault> {
  const { config, ledger, keys, podServer, pods, now, log } = parts
  const { vaultUrl, podOrigins, outboundAllow: allow } = config
  await using opened = new AsyncDisposableStack()
  const { agent, anyone: fetch } = pods
  const second = config.logMlDsa === true ? await mlDsaSigner(ledger.log.origin, keys) : undefined
  const source = second === undefined ? ledger.log : withSecondSignature(ledger.log, second, now)
  const publicLog =
    parts.witnessPolicy === undefined
      ? source
      : opened.use(
          witnessedLog({
            source,
            policy: parts.witnessPolicy,
            fetch,
            now,
            log,
            together: config.storeUrl === undefined ? undefined : shownCheckpoints(ledger),
          }),
        )
  const names = createNames(await keys.secret('names'))
  const limits = requestLimits(parts.limiterStore)
  const authorization = await openAuthorizationServer({ config, ledger, keys, now, log, limits })
  const receiptKeys = await openSigningKeys(keys, 'receipts', now)
  const publicKeys = () => receiptKeys.published()
  const appFolder = newestBuild(appBuilds) ?? appBuilds
  const checker = receiptChecker({ appFolder, vaultUrl, publicLog, publicKeys, now })
  const { interactions } = authorization
  const decide = await decisions({ vaultUrl, ledger, interactions, keys, receiptKeys, now })

  const oidc = guardOidc({ allow, fetch })

  const cookie = hostCookie('session', vaultUrl)
  const sessions = createSessions({ ledger, names, cookie, now })
  const live = opened.use(startLive({ ledger, sessions, now, log }))
  const podLogins = createPodLogins({
    clientId: clientIdOf(vaultUrl),
    redirectUrl: redirectUrlOf(vaultUrl),
    storageOf: (podLogin, stage) =>
      podLoginStorage({ ledger, names, now }, podLogin, stage === 'begun' ? signInMs : longestSessionMs),
    oidc,
    fetch,
    streams: pods.streams,
    now,
  })

  const sendMail = config.mail === undefined ? undefined : createMailer(config.mail, { now })
  const pushKey = await keys.document('push', newSigningKey)
  const byMail = sendMail !== undefined
  const sendPush = createPush({ key: pushKey, vaultUrl, fetch, now })
  const notified = notifications({ ledger, names, sessions, byMail, pushKey: publicPoint(pushKey), now })
  const tell = tellingBy({ reader: ledger, byMail })

  const handlers = {
    ...notificationJobs({ ledger, vaultUrl, sendMail, sendPush }),
    ...receiptDelivery({ ledger, publicLog, agentFetch: agent.fetch }),
    [endGrantsJob]: endVendorGrants({ ledger, names, now }),
    // Left to the vault that the embedded pods run beside: her pod may be one of them.
    ...((config.podsHere || podOrigins.length === 0) && {
      [eraseJob]: eraseCustomer({
        ledger,
        names,
        keys,
        now,
        endLogin: (podLogin) => podLogins.end(podLogin),
        removePod: async (account) => {
          if (podServer !== undefined && isPodHere({ podOrigins }, account))
            await podServer.removePod(account.podUrl)
        },
      }),
    }),
    ...turnedAwayJobs({ ledger, interactions, now }),
    ...cibaPings({ reader: ledger, fetch, now }),
  }
  const jobs = opened.use(startJobs({ ledger, handlers, now, random: Math.random, log }))
  opened.use(
    every(recordEndsEveryMs, () =>
      recordEnds({ ledger, names, now }).catch((error: unknown) => log.error('jobs-failed', {}, error)),
    ),
  )
  opened.use(
    every(remindEveryMs, () =>
      remindOfDue({ ledger, now }, tell).catch((error: unknown) => log.error('jobs-failed', {}, error)),
    ),
  )
  opened.use(watchLostPods({ ledger, pods, now, log }))
  opened.use(watchGrantedData({ reader: ledger, pods, now, log }))
  opened.use(
    every(checkDomainsEveryMs, () =>
      checkDomains({ ledger, outboundAllow: allow, now }).catch((error: unknown) =>
        log.error('jobs-failed', {}, error),
      ),
    ),
  )
  const signInParts = { ledger, names, podLogins, sessions, fetch, now, admits: parts.throwAway?.admits }
  const preview = previewOf({ reader: ledger, pods })
  const requests = requestRoutes(
    { ledger, names, interactions, preview, now },
    {
      vaultUrl,
      // The body may have come long after the session was looked up.
      async customerOf(request) {
        const customer = customerOf(request)
        await sessions.holding(request)
        return customer
      },
      async decide(...asked) {
        const result = await decide(...asked)
        jobs.wake()
        return result
      },
    },
  )
  const showMe = meOf({
    reader: ledger,
    config,
    podServer,
    pods,
    sandbox: isSandboxLog(ledger.log.origin),
  })

  const auditorCookie = hostCookie('auditor', vaultUrl)
  const access = auditorAccess({ ledger, names, cookie: auditorCookie, vaultUrl, now })
  const api = Router()
  api.use('/audit', reviewRoutes({ ledger, publicLog, now }, { access }), notFound)
  api.use(sameOriginOnly({ origin: new URL(vaultUrl).origin }), sessions.load)
  api.use(inReadersLanguage())
  api.use(meRoutes({ ledger, showMe }))
  api.use(catalogueRoutes())
  api.use(signInRoutes(signInParts, { cookie: hostCookie('sign-in', vaultUrl), vaultUrl, oidc, pods }))
  const passkeyParts = { ledger, names, sessions, podLogins, now }
  api.use(passkeyRoutes(passkeyParts, { cookie: hostCookie('passkey', vaultUrl), vaultUrl, showMe }))
  if (podServer !== undefined)
    api.use(
      vaultRoutes(signInParts, {
        podServer,
        showMe,
        cookie: hostCookie('new-vault', vaultUrl),
        throwAway: parts.throwAway,
        belongsElsewhere: parts.belongsElsewhere,
      }),
    )
  else if (podOrigins.length > 0) api.use('/vaults', vaultsElsewhere)
  api.use(vendorLogoRoutes({ reader: ledger }))
  api.use(receiptRoutes({ ledger, publicLog, publicKeys }))
  api.use(signedInOnly)
  const podParts = { ledger, podLogins, pods, now }
  api.use(podConnectionRoutes(podParts), podPlaceRoutes(podParts), podCredentialRoutes(podParts))
  api.use(podMoveRoutes({ ...podParts, names, sessions }))
  api.use(profileRoutes({ reader: ledger, podLogins, now }), fieldsLeftRoutes({ ledger }))
  api.use(requests.api)
  api.use(grantRoutes({ ledger, names, now }), boundaryRoutes({ ledger, names, now }))
  api.use(termsRoutes({ ledger, names, now, vaultUrl, receiptKeys, preview }, { changed: () => jobs.wake() }))
  api.use(activityRoutes({ ledger }), live.routes, reminderRoutes({ ledger, now }), notified.api)
  api.use(sessionRoutes({ ledger, podLogins, now }))
  api.use(importRoutes({ reader: ledger, podLogins, now }))
  api.use(
    exportRoutes({
      ledger,
      publicLog,
      publicKeys,
      receiptChecker: checker,
      vaultUrl,
      podLogins,
      now,
    }),
  )
  api.use(
    leaveRoutes(
      { ledger, names, sessions, podLogins, pods, podOrigins, now },
      { changed: () => jobs.wake() },
    ),
  )
  api.use(evidenceRoutes({ ledger, publicLog }))
  api.use(notFound)

  const router = Router()
  router.use(browserHeaders({ vaultUrl }))
  const logs = logRoutes({ log: publicLog, alsoSigns: second === undefined ? [] : [second.vkey] })
  router.use(['/log', `/${config.logName ?? 'log'}`], logs)
  router.use(clientDocumentRoutes({ vaultUrl }))
  router.use(vocabularyRoutes())
  router.use('/agent', webhookRoutes(pods), agent.routes)
  router.use(authorization.routes)
  router.use(notified.open)
  router.use('/api', api)
  router.use('/consent', sessions.load, inReadersLanguage())
  router.use(requests.consent)
  // Below these nothing is a page.
  router.use(['/log', '/agent', '/oauth', '/.well-known'], notFound)
  router.use(receiptCheckerRoutes({ page: checker }))
  router.use(appRoutes({ folder: appFolder, vaultUrl }))
  router.use(notFound, problemHandler({ log }))

  const resources = opened.move()
  return {
    router,
    originRouter: authorization.metadataRoutes,
    authorization,
    jobs,
    closeStreams: () => live.close(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
