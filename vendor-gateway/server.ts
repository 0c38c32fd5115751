import type { RequestListener } from 'node:http'
import type { Request, Response, Router } from 'express'
import type { JWTVerifyGetKey } from 'jose'
import type { Config } from '#core/config.ts'
import { pinHost } from '#core/http/host-pin.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { notFound, problemHandler } from '#core/http/problem.ts'
import { languageOf } from '#core/http/language.ts'
import type { LimiterStore } from '#core/http/limiter-store.ts'
import { requestLog } from '#core/http/request-log.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import type { Listening } from '#core/http/server.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { checkDigests } from './body-digest.ts'
import { docsRoutes } from './docs/routes.ts'
import { VendorLimits } from './limits.ts'
import { resourceMetadata } from './metadata.ts'
import { openApiDocument } from './openapi.ts'
import { operations } from './operations.ts'
import type { Operation, OperationId } from './operations.ts'
import { publicReply, unchangedReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { answering, bodyReader, fieldOf, prefers, servePath, splitUrl, untilClosed } from './serve.ts'
import type { Handler } from './serve.ts'
import { shortcut } from './shortcut.ts'
import type { StreamReply } from './stream.ts'
import { AccessTokenVerifier, remoteKeys } from './tokens/access-token.ts'
import { Authenticator } from './tokens/authenticate.ts'
import type { Caller } from './tokens/authenticate.ts'
import { Challenges } from './tokens/challenge.ts'
import { ProofNonces } from './tokens/nonce.ts'
import { ProofVerifier } from './tokens/proof.ts'
import type { SignatureCheck } from './tokens/signature-row.ts'
import { catalogueReplies } from './vendor/catalogue.ts'
import { contextDocument } from './vendor/context.ts'
import { VendorLists } from './vendor/lists.ts'
import { LogProofs } from './vendor/log-proof.ts'
import { OwnGrant } from './vendor/own-grant.ts'
import { Queries, QUERY_LIMIT } from './vendor/query.ts'
import { RefusalLog } from './vendor/refusal-log.ts'
import { Release } from './vendor/release.ts'
import type { ReleaseDependencies } from './vendor/release.ts'
import { RequestChecks } from './vendor/request-check.ts'
import { SubjectReplies } from './vendor/subject-reply.ts'
import { Views } from './vendor/views.ts'
import { webhookOperations } from './webhooks/operations.ts'
import type { WebhookOperationId } from './webhooks/operations.ts'
import { openWebhooks } from './webhooks/webhooks.ts'
import type { Webhooks } from './webhooks/webhooks.ts'

export interface GatewayOptions {
  /** The addresses as the world sees them; both may carry a path. */
  readonly config: Pick<Config, 'vaultUrl' | 'gatewayUrl' | 'mode' | 'outboundAllow'>
  readonly ledger: Ledger
  readonly keys: Pick<KeyStore, 'secret'>
  readonly pods: ReleaseDependencies['pods']
  readonly now: () => number
  readonly log: Logger
  readonly tuning?: GatewayTuning
}

/** What the benchmark, tests and replicas set otherwise; everybody else leaves it out. */
export interface GatewayTuning {
  /** Keys of the issuer; fetched from `<vaultUrl>/oauth/jwks` when left out. */
  readonly issuerKeys?: JWTVerifyGetKey
  readonly signatureCheck?: SignatureCheck
  readonly subjectsPerMinute?: number
  readonly subjectsPerDay?: number
  /** Where replicas count together; in this process when left out. */
  readonly limiterStore?: LimiterStore | undefined
  /** How long the reader of a stream may take for one piece, in ms. */
  readonly streamPatienceMs?: number
}

export interface VendorGateway extends AsyncDisposable {
  /** To be mounted where `gatewayUrl` points. Disposing writes what was counted; the ledger must still be open. */
  readonly app: RequestListener
  /** Of webhooks. */
  readonly delivery: Webhooks['delivery']
}

/** The business's side as an application, wired and not listening. */
export async function createVendorGateway(options: GatewayOptions): Promise<VendorGateway> {
  const { config, ledger, keys, pods, now, log, tuning = {} } = options
  const { gatewayUrl, vaultUrl } = config
  const issuer = `${vaultUrl}/oauth`
  const names = createNames(await keys.secret('names'))
  const challenges = new Challenges({ metadataUrl: `${gatewayUrl}${operations.readMetadata.path}` })
  const nonces = new ProofNonces({ now })
  const issuerKeys = tuning.issuerKeys ?? remoteKeys(`${issuer}/jwks`)
  const tokens = new AccessTokenVerifier({ issuer, audience: gatewayUrl, keys: issuerKeys, now, challenges })
  const proofs = new ProofVerifier({
    now,
    nonces,
    challenges,
    ...(tuning.signatureCheck === undefined ? {} : { signatureCheck: tuning.signatureCheck }),
  })
  const authenticator = new Authenticator({ tokens, proofs, nonces, challenges, ledger })
  const refusals = new RefusalLog({ ledger, now, log })
  const limits = new VendorLimits({
    now,
    ...(tuning.subjectsPerMinute === undefined ? {} : { subjectsPerMinute: tuning.subjectsPerMinute }),
    ...(tuning.subjectsPerDay === undefined ? {} : { subjectsPerDay: tuning.subjectsPerDay }),
    ...(tuning.limiterStore === undefined ? {} : { store: tuning.limiterStore }),
  })
  const release = new Release({ ledger, names, pods, refusals, now })
  const contextUrl = gatewayUrl + operations.readContext.path
  const replies = new SubjectReplies({ log: ledger.log, contextUrl })
  const queries = new Queries({ release, replies, refusals, limits, callers: authenticator, now })
  const views = new Views({ reader: ledger, now })
  const lists = new VendorLists({ ledger, limits, now, views })
  const ownGrant = new OwnGrant({ ledger, names, limits, now, views })
  const checks = new RequestChecks({ reader: ledger, limits, now })
  const logProofs = new LogProofs({ log: ledger.log, limits })
  const readBody = bodyReader(
    jsonBody({
      limit: QUERY_LIMIT,
      check: (bytes, request) =>
        checkDigests(bytes, {
          field: fieldOf(request, 'content-digest'),
          proof: fieldOf(request, 'dpop') ?? '',
        }),
    }),
  )

  /** Who asks, then what they ask: nothing of a request is read before its sender is known. */
  const guarded =
    (operation: Operation, answer: Answer): Handler =>
    async (request, response) => {
      const caller = await authenticator.authenticate({
        authorization: request.headers.authorization,
        proof: fieldOf(request, 'dpop'),
        method: request.method,
        url: gatewayUrl + splitUrl(request).path,
      })
      if (operation.access === 'batch' && !caller.token.batch)
        throw challenges.refusal(
          'insufficient-scope',
          'This needs a token of the business: grant_type=client_credentials, scope=batch',
          {
            scope: 'batch',
          },
        )
      const reply = await answer(caller, request, response)
      const { vendorId, nextNonce } = caller
      const more = limits.fields(vendorId)
      return { reply, more: nextNonce === undefined ? more : { ...more, 'DPoP-Nonce': nextNonce } }
    }
  const open =
    (choose: (request: Request) => Reply): Handler =>
    async (request) => {
      const reply = choose(request)
      return { reply: unchangedReply(reply, request.headers['if-none-match']) ?? reply, more: {} }
    }
  const same = (reply: Reply): Handler => open(() => reply)
  const catalogue = catalogueReplies()

  const webhooks = openWebhooks({ config, ledger, names, now, log, limiterStore: tuning.limiterStore })
  const ofWebhooks = Object.entries<WebhookAnswer>(webhooks.answers).map(([id, answer]) => {
    const handler = guarded(
      webhookOperations[id as WebhookOperationId],
      async (caller, request, response) => {
        await limits.take(caller.vendorId, 1)
        const params = Object.fromEntries(
          Object.entries(request.params).map(([name, at]) => [name, String(at)]),
        )
        const body = () => readBody(request, response)
        return answer(caller, { params, query: splitUrl(request).query, body })
      },
    )
    return [id, handler] as const
  })

  const handlers: Record<OperationId, Handler> = {
    ...(Object.fromEntries(ofWebhooks) as Record<WebhookOperationId, Handler>),
    readSubject: guarded(operations.readSubject, (caller, request) => {
      const wanted = {
        linkedData: prefers(request, 'application/json', 'application/ld+json'),
        ifNoneMatch: request.headers['if-none-match'],
      }
      const { query } = splitUrl(request)
      return queries.one(caller, { subject: String(request.params['subject']), query }, wanted)
    }),
    querySubjects: guarded(operations.querySubjects, async (caller, request, response) => {
      const body = await readBody(request, response)
      return prefers(request, 'application/json', 'application/x-ndjson')
        ? queries.stream(caller, body)
        : queries.many(caller, body, untilClosed(response))
    }),
    listGrants: guarded(operations.listGrants, (caller, request) =>
      lists.grants(caller, splitUrl(request).query),
    ),
    readGrant: guarded(operations.readGrant, (caller, request) =>
      ownGrant.show(caller, String(request.params['grant_id'])),
    ),
    endGrant: guarded(operations.endGrant, (caller, request) =>
      ownGrant.giveBack(caller, String(request.params['grant_id'])),
    ),
    listRequests: guarded(operations.listRequests, (caller, request) =>
      lists.requests(caller, splitUrl(request).query),
    ),
    checkRequest: guarded(operations.checkRequest, async (caller, request, response) =>
      checks.check(caller, await readBody(request, response)),
    ),
    readProof: guarded(operations.readProof, (caller, request) =>
      logProofs.prove(caller, splitUrl(request).query),
    ),
    readCatalogue: open((request) => catalogue[languageOf(request)]),
    readContext: same(publicReply(contextDocument(), 'application/ld+json')),
    readMetadata: same(publicReply(resourceMetadata({ gatewayUrl, issuer }))),
    readOpenApi: same(publicReply(openApiDocument({ gatewayUrl }))),
  }

  const routes = leanExpress()
  // A line for each read would cost a good part of the read; the ledger has its own record of every one.
  const before = [requestLog({ log, server: 'gateway', quiet: true }), pinHost(gatewayUrl)]
  routes.use(before)
  const serving = {
    log,
    checksReplies: config.mode !== 'production',
    streamPatienceMs: tuning.streamPatienceMs,
  }
  const served = Object.entries<Operation>(operations).map(([id, operation]) => ({
    operation,
    answer: answering(operation, handlers[id as OperationId], serving),
  }))
  for (const [path, some] of Map.groupBy(served, ({ operation }) => operation.path))
    servePath(routes, path, some)
  routes.use(docsRoutes())
  routes.use(notFound)
  const refuse = problemHandler({ log })
  routes.use(refuse)
  const often = served.filter(({ operation }) => operation.often === true)
  return {
    app: shortcut(routes, often, { before, refuse }),
    delivery: webhooks.delivery,
    async [Symbol.asyncDispose]() {
      await webhooks[Symbol.asyncDispose]()
      await refusals[Symbol.asyncDispose]()
    },
  }
}

/** Listens. Disposing answers what is under way, then writes what was counted. */
export async function startVendorGateway(
  options: GatewayOptions & {
    readonly config: Pick<Config, 'listen'>
    /** Further routers by path, such as the tour; they take what comes before the gateway does. */
    readonly mounts?: Readonly<Record<string, Router>>
  },
): Promise<Listening & Pick<VendorGateway, 'delivery'>> {
  await using stack = new AsyncDisposableStack()
  const gateway = stack.use(await createVendorGateway(options))
  const app = beside(gateway.app, options.mounts ?? {})
  const { host, gatewayPort } = options.config.listen
  const { url, port } = stack.use(await listen({ app, host, port: gatewayPort }))
  const open = stack.move()
  const { delivery } = gateway
  return { url, port, delivery, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

type WebhookAnswer = Webhooks['answers'][WebhookOperationId]
type Answer = (caller: Caller, request: Request, response: Response) => Promise<Reply | StreamReply>

/** Without mounts nothing stands between a request and the gateway. */
function beside(gateway: RequestListener, mounts: Readonly<Record<string, Router>>): RequestListener {
  const paths = Object.entries(mounts)
  if (paths.length === 0) return gateway
  const app = leanExpress()
  // As in front of the vault: limits per address must not count all that comes through a proxy as one.
  app.set('trust proxy', 'loopback')
  for (const [path, router] of paths) app.use(path, router)
  return app.use(gateway)
}
