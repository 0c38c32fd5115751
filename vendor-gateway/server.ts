import type { Express, Request, RequestHandler, Response, Router } from 'express'
import type { JWTVerifyGetKey } from 'jose'
import type { Config } from '#core/config.ts'
import { pinHost } from '#core/http/host-pin.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { methodNotAllowed, notFound, problemHandler } from '#core/http/problem.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import type { Listening } from '#core/http/server.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { docsRoutes } from './docs/routes.ts'
import { VendorLimits } from './limits.ts'
import { resourceMetadata } from './metadata.ts'
import { openApiDocument } from './openapi.ts'
import { operations } from './operations.ts'
import type { Operation, OperationId } from './operations.ts'
import { checkReply, publicReply, send } from './reply.ts'
import type { Reply } from './reply.ts'
import { AccessTokenVerifier, remoteKeys } from './tokens/access-token.ts'
import { Authenticator } from './tokens/authenticate.ts'
import type { Caller } from './tokens/authenticate.ts'
import { Challenges } from './tokens/challenge.ts'
import { ProofNonces } from './tokens/nonce.ts'
import { ProofVerifier } from './tokens/proof.ts'
import type { SignatureCheck } from './tokens/proof.ts'
import { catalogueDocument } from './vendor/catalogue.ts'
import { VendorLists } from './vendor/lists.ts'
import { Queries, QUERY_LIMIT } from './vendor/query.ts'
import { RefusalLog } from './vendor/refusal-log.ts'
import { Release } from './vendor/release.ts'
import type { ReleaseDependencies } from './vendor/release.ts'

export interface GatewayOptions {
  /** The addresses as the world sees them; both may carry a path. */
  readonly config: Pick<Config, 'vaultUrl' | 'gatewayUrl' | 'mode'>
  readonly ledger: Ledger
  readonly keys: Pick<KeyStore, 'secret'>
  readonly pods: ReleaseDependencies['pods']
  readonly now: () => number
  readonly log: Logger
  readonly tuning?: GatewayTuning
}

/** What the benchmark and tests set otherwise; everybody else leaves it out. */
export interface GatewayTuning {
  /** Keys of the issuer; fetched from `<vaultUrl>/oauth/jwks` when left out. */
  readonly issuerKeys?: JWTVerifyGetKey
  readonly signatureCheck?: SignatureCheck
  readonly subjectsPerMinute?: number
}

export interface VendorGateway extends AsyncDisposable {
  /** To be mounted where `gatewayUrl` points. Disposing writes what was counted; the ledger must still be open. */
  readonly app: Express
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
  const limits = new VendorLimits(
    tuning.subjectsPerMinute === undefined ? {} : { subjectsPerMinute: tuning.subjectsPerMinute },
  )
  const release = new Release({ ledger, names, pods, refusals, now })
  const queries = new Queries({ release, refusals, limits })
  const lists = new VendorLists({ reader: ledger, limits, now })
  const readBody = bodyReader(jsonBody({ limit: QUERY_LIMIT }))
  const documents = {
    readCatalogue: publicReply(catalogueDocument()),
    readMetadata: publicReply(resourceMetadata({ gatewayUrl, issuer })),
    readOpenApi: publicReply(openApiDocument({ gatewayUrl })),
  }

  /** Who asks, then what they ask: nothing of a request is read before its sender is known. */
  const guarded =
    (operation: Operation, answer: Answer): Handler =>
    async (request, response) => {
      const { authorization, dpop } = request.headers
      const caller = await authenticator.authenticate({
        authorization,
        proof: typeof dpop === 'string' ? dpop : undefined,
        method: request.method,
        url: gatewayUrl + splitUrl(request).path,
      })
      if (operation.access === 'batch' && !caller.token.batch)
        throw challenges.refusal('insufficient-scope', 'This needs a token of the business', {
          scope: 'batch',
        })
      return { reply: await answer(caller, request, response), nextNonce: caller.nextNonce }
    }
  const open =
    (reply: Reply): Handler =>
    async () => ({ reply, nextNonce: undefined })

  const handlers: Record<OperationId, Handler> = {
    readSubject: guarded(operations.readSubject, (caller, request) =>
      queries.one(caller, String(request.params['subject']), splitUrl(request).query),
    ),
    querySubjects: guarded(operations.querySubjects, async (caller, request, response) =>
      queries.many(caller, await readBody(request, response)),
    ),
    listGrants: guarded(operations.listGrants, (caller, request) =>
      lists.grants(caller, splitUrl(request).query),
    ),
    listRequests: guarded(operations.listRequests, (caller, request) =>
      lists.requests(caller, splitUrl(request).query),
    ),
    readCatalogue: open(documents.readCatalogue),
    readMetadata: open(documents.readMetadata),
    readOpenApi: open(documents.readOpenApi),
  }

  const app = leanExpress()
  app.use(pinHost(gatewayUrl))
  for (const id of Object.keys(handlers) as OperationId[])
    serve(app, operations[id], handlers[id], config.mode !== 'production')
  app.use(docsRoutes())
  app.use(notFound)
  app.use(problemHandler({ log }))
  return { app, [Symbol.asyncDispose]: () => refusals[Symbol.asyncDispose]() }
}

/** Listens. Disposing answers what is under way, then writes what was counted. */
export async function startVendorGateway(
  options: GatewayOptions & {
    readonly config: Pick<Config, 'listen'>
    /** Further routers by path, such as the tour; they take what comes before the gateway does. */
    readonly mounts?: Readonly<Record<string, Router>>
  },
): Promise<Listening> {
  await using stack = new AsyncDisposableStack()
  const gateway = stack.use(await createVendorGateway(options))
  const app = beside(gateway.app, options.mounts ?? {})
  const { host, gatewayPort } = options.config.listen
  const { url, port } = stack.use(await listen({ app, host, port: gatewayPort }))
  const open = stack.move()
  return { url, port, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

type Handler = (
  request: Request,
  response: Response,
) => Promise<{ reply: Reply; nextNonce: string | undefined }>
type Answer = (caller: Caller, request: Request, response: Response) => Promise<Reply>

/** Without mounts nothing stands between a request and the gateway. */
function beside(gateway: Express, mounts: Readonly<Record<string, Router>>): Express {
  const paths = Object.entries(mounts)
  if (paths.length === 0) return gateway
  const app = leanExpress()
  for (const [path, router] of paths) app.use(path, router)
  return app.use(gateway)
}

/** HEAD is not served on guarded paths: a reply that nobody gets would still be a disclosure on record. */
function serve(app: Express, operation: Operation, handler: Handler, checksReplies: boolean): void {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, ':$1')
  const allowed = operation.method.toUpperCase()
  const isPublic = operation.access === 'public'
  if (!isPublic) app.head(path, methodNotAllowed(allowed))
  app[operation.method](path, async (request, response) => {
    const { reply, nextNonce } = await handler(request, response)
    if (checksReplies) checkReply(operation.reply, reply)
    send(response, reply, nextNonce)
  })
  app.all(path, isPublic ? methodNotAllowed(allowed, 'HEAD') : methodNotAllowed(allowed))
}

function splitUrl({ url }: Request): { path: string; query: string } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) }
}

function bodyReader(middleware: RequestHandler): (request: Request, response: Response) => Promise<unknown> {
  return async (request, response) => {
    await new Promise<void>((resolve, reject) => {
      middleware(request, response, (error?: unknown) => {
        if (error === undefined) resolve()
        else reject(error)
      })
    })
    return request.body
  }
}
