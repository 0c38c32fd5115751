import { randomBytes, timingSafeEqual } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { Router } from 'express'
import type { RequestHandler } from 'express'
import type { Config } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { methodNotAllowed, notFound, problemHandler } from '#core/http/problem.ts'
import { requestLog } from '#core/http/request-log.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { parser } from '#core/http/validate.ts'
import type { Logger } from '#core/logger.ts'
import type { Metrics } from '#core/metrics.ts'
import type { SandboxCredentials, VendorAdmission } from '#schemas/types.gen.ts'
import type { AuditorOperator } from './operator/auditors.ts'
import type { CustomerOperator } from './operator/customers.ts'
import type { LogOperator } from './operator/log.ts'
import type { SigningKeyOperator } from './operator/signing-keys.ts'
import { operatorTokenPath } from './operator/token-path.ts'
import type { TokenPlace } from './operator/token-path.ts'
import type { VendorOperator } from './operator/vendors.ts'

/** Lets a business into the sandbox. */
export interface SandboxDoor {
  add(business: VendorAdmission): Promise<SandboxCredentials>
}

export interface AdminState {
  /** Why nothing more can be recorded; undefined while healthy. */
  readonly stopped: () => Error | undefined
  /** Whether everything that requests need is there, the pods included. */
  readonly ready: () => boolean
}

/**
 * The operator's port, bound to 127.0.0.1 only: `/health`, `/ready` and `/metrics` for whoever runs this
 * machine, and `/vendors`, `/auditors`, `/customers`, `/log` and `/keys` with a bearer token, made anew at each start and gone at the end.
 * `url` is where it listens.
 */
export async function startAdmin(options: {
  config: Pick<Config, 'adminPort'> & TokenPlace
  state: AdminState
  /** Of a process that has a vault in it. */
  vendors?: VendorOperator | undefined
  auditors?: AuditorOperator | undefined
  customers?: CustomerOperator | undefined
  publicLog?: LogOperator | undefined
  signingKeys?: SigningKeyOperator | undefined
  /** Where businesses are let into the sandbox, if there is one. */
  sandbox?: SandboxDoor | undefined
  metrics: Metrics
  log: Logger
}): Promise<{ readonly url: string } & AsyncDisposable> {
  const { config, state, vendors, auditors, customers, publicLog, signingKeys, sandbox, metrics, log } =
    options
  await using opened = new AsyncDisposableStack()
  const token = randomBytes(32).toString('base64url')
  const app = leanExpress()
  app.use(requestLog({ log, server: 'admin' }), localHostOnly)
  app.use(healthRoutes(state), metricsRoutes(metrics))
  if (vendors !== undefined) app.use('/vendors', bearerOnly(token), vendorRoutes(vendors, sandbox))
  if (auditors !== undefined) app.use('/auditors', bearerOnly(token), auditorRoutes(auditors))
  if (customers !== undefined) app.use('/customers', bearerOnly(token), customerRoutes(customers))
  if (publicLog !== undefined) app.use('/log', bearerOnly(token), logKeyRoutes(publicLog))
  if (signingKeys !== undefined) app.use('/keys', bearerOnly(token), signingKeyRoutes(signingKeys))
  app.use(notFound, problemHandler({ log }))
  const { url } = opened.use(await listen({ app, host: '127.0.0.1', port: config.adminPort }))

  if (vendors === undefined) {
    const listening = opened.move()
    return { url, [Symbol.asyncDispose]: () => listening.disposeAsync() }
  }
  // Only now: a token file of another process that runs here must not be replaced.
  const file = operatorTokenPath(config)
  await rm(`${file}.new`, { force: true })
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600, flag: 'wx' })
  await rename(`${file}.new`, file)
  opened.defer(() => rm(file, { force: true }))
  const resources = opened.move()
  return { url, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

/** A page in the operator's browser can reach this port under a name of its own; it cannot fake the Host. */
const localHostOnly: RequestHandler = ({ headers }, _response, next) => {
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/.test(headers.host ?? '')) {
    throw new DomainError('misdirected', 'This port answers to its own machine only')
  }
  if (headers.origin !== undefined) throw new DomainError('cross-site', 'This port is not for web pages')
  next()
}

function bearerOnly(token: string): RequestHandler {
  const expected = Buffer.from(token)
  return ({ headers }, _response, next) => {
    const given = Buffer.from(/^Bearer ([\w-]+)$/.exec(headers.authorization ?? '')?.[1] ?? '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      const challenge = { 'WWW-Authenticate': 'Bearer realm="operator"' }
      throw new DomainError('invalid-token', 'The operator token is missing or wrong', { headers: challenge })
    }
    next()
  }
}

function healthRoutes({ stopped, ready }: AdminState): Router {
  const router = Router()
  router.get('/health', (_request, response) => {
    const healthy = stopped() === undefined
    response.status(healthy ? 200 : 503).json({ status: healthy ? 'ok' : 'ledger-stopped' })
  })
  router.get('/ready', (_request, response) => {
    const usable = stopped() === undefined && ready()
    response.status(usable ? 200 : 503).json({ status: usable ? 'ready' : 'starting' })
  })
  router.all(['/health', '/ready'], methodNotAllowed('GET', 'HEAD'))
  return router
}

function metricsRoutes(metrics: Metrics): Router {
  const router = Router()
  router.get('/metrics', async (_request, response) => {
    const text = await metrics.text()
    response.set('Content-Type', metrics.contentType).end(text)
  })
  return router
}

/** What `reach vendor` does, over a running Reach. */
function vendorRoutes(vendors: VendorOperator, sandbox: SandboxDoor | undefined): Router {
  const parseAdmission = parser('api/vendor-admission.json')
  const parseChange = parser('api/vendor-change.json')
  const parseNothing = parser('api/nothing.json')
  const parseProof = parser('api/domain-proof.json')
  const router = Router()
  router.post('/sandbox', jsonBody({ limit: 131_072 }), async (request, response) => {
    if (sandbox === undefined)
      throw new DomainError('conflict', 'This Reach has no sandbox: see REACH_SANDBOX.')
    response.status(201).json(await sandbox.add(parseAdmission(request.body)))
  })
  router.post('/', jsonBody({ limit: 131_072 }), async (request, response) => {
    response.status(201).json(await vendors.add(parseAdmission(request.body)))
  })
  router.get('/', async (request, response) => {
    const { after } = request.query
    const page = typeof after === 'string' ? { after } : {}
    response.json({ vendors: await vendors.list(page) })
  })
  router.get('/:vendorId', async (request, response) => {
    response.json(await vendors.show(request.params.vendorId))
  })
  const acts = {
    readmit: vendors.readmit,
    suspend: vendors.suspend,
    reinstate: vendors.reinstate,
    'rotate-keys': vendors.rotateKeys,
    remove: vendors.remove,
  } satisfies Record<string, (vendorId: string) => Promise<object>>
  for (const [path, act] of Object.entries(acts)) {
    router.post<{ vendorId: string }>(`/:vendorId/${path}`, jsonBody(), async (request, response) => {
      parseNothing(request.body)
      response.json(await act(request.params.vendorId))
    })
  }
  const large = jsonBody({ limit: 131_072 })
  router.post<{ vendorId: string }>('/:vendorId/change', large, async (request, response) => {
    response.json(await vendors.change(request.params.vendorId, parseChange(request.body)))
  })
  router.post<{ vendorId: string }>('/:vendorId/prove', jsonBody(), async (request, response) => {
    const { domain } = parseProof(request.body)
    response.json(await vendors.prove(request.params.vendorId, domain))
  })
  return router
}

/** What `reach auditor` does, over a running Reach. */
function auditorRoutes(auditors: AuditorOperator): Router {
  const parseInvitation = parser('api/auditor-invitation.json')
  const parseNothing = parser('api/nothing.json')
  const router = Router()
  router.post('/', jsonBody(), async (request, response) => {
    response.status(201).json(await auditors.invite(parseInvitation(request.body)))
  })
  router.get('/', async (_request, response) => {
    response.json({ auditors: await auditors.list() })
  })
  router.post<{ auditorId: string }>('/:auditorId/revoke', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    response.json(await auditors.revoke(request.params.auditorId))
  })
  return router
}

/** What `reach log` does, over a running Reach. */
function logKeyRoutes(publicLog: LogOperator): Router {
  const parseRotation = parser('api/log-key-rotation.json')
  const router = Router()
  router.post('/rotate-key', jsonBody(), async (request, response) => {
    response.json(await publicLog.rotateKey(parseRotation(request.body).overlapDays))
  })
  return router
}

/** What `reach keys` does, over a running Reach. */
function signingKeyRoutes(signingKeys: SigningKeyOperator): Router {
  const parseRotation = parser('api/signing-key-rotation.json')
  const router = Router()
  router.post('/rotate', jsonBody(), async (request, response) => {
    const { use, isStolen } = parseRotation(request.body)
    response.json(await signingKeys.rotate(use, isStolen))
  })
  return router
}

/** What `reach customer` does, over a running Reach. A WebID comes in a body: addresses are written down. */
function customerRoutes(customers: CustomerOperator): Router {
  const parseFind = parser('api/find-customer.json')
  const parseErasure = parser('api/erase-customer.json')
  const router = Router()
  router.get('/', async (request, response) => {
    const { after } = request.query
    response.json({ customers: await customers.list(typeof after === 'string' ? { after } : {}) })
  })
  router.post('/find', jsonBody(), async (request, response) => {
    response.json(await customers.find(parseFind(request.body).webId))
  })
  router.get<{ accountId: string }>('/:accountId', async (request, response) => {
    response.json(await customers.show(request.params.accountId))
  })
  router.post<{ accountId: string }>('/:accountId/erase', jsonBody(), async (request, response) => {
    const { cause, askDeletion } = parseErasure(request.body)
    response.status(202).json(await customers.erase(request.params.accountId, { cause, askDeletion }))
  })
  return router
}
