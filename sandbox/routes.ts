import express from 'express'
import type { Request, RequestHandler, Response, Router } from 'express'
import { pinHost } from '#core/http/host-pin.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { methodNotAllowed, problemHandler } from '#core/http/problem.ts'
import { requestLog } from '#core/http/request-log.ts'
import { parser } from '#core/http/validate.ts'
import type { Logger } from '#core/logger.ts'
import { limitPer, limitPerAddress } from '../vault-server/customer/limits.ts'
import { dailyBudget, signUpsPerDay } from './budget.ts'
import type { SandboxBusinesses } from './businesses.ts'
import type { SampleCustomers } from './customers.ts'
import { sandboxDocument } from './openapi.ts'
import { sandboxOperations } from './operations.ts'
import type { SandboxOperation, SandboxOperationId } from './operations.ts'

/** Of one business: making and playing customers costs the pods something. */
const callsPerMinute = 120
/** New businesses of one address. */
const signUps = { points: 20, seconds: 3600 }
const signUpsOfDay = { points: signUpsPerDay, seconds: 86_400 }

type Answer = (asked: {
  readonly vendorId: string
  readonly params: Readonly<Record<string, string>>
  readonly body: unknown
}) => Promise<object | void>

/** What only the sandbox has, to be mounted before its gateway: the operations of the table, and the description of all. */
export function sandboxRoutes({
  businesses,
  customers,
  gatewayUrl,
  log,
}: {
  businesses: SandboxBusinesses
  customers: SampleCustomers
  gatewayUrl: string
  log: Logger
}): Router {
  const parseBusiness = parser('api/sandbox-business.json')
  const parseCustomer = parser('api/new-sandbox-customer.json')
  const parseDecision = parser('api/sandbox-decision.json')
  const parseAct = parser('api/sandbox-act.json')
  const take = limitPer({ points: callsPerMinute, seconds: 60 })
  const takeOfDay = limitPer({ points: dailyBudget.calls, seconds: 86_400 })
  const takeCustomer = limitPer({ points: dailyBudget.customers, seconds: 86_400 })
  const of = (params: Readonly<Record<string, string>>, name: string): string => params[name] ?? ''

  const answers: Record<SandboxOperationId, Answer> = {
    addBusiness: ({ body }) => businesses.add(parseBusiness(body)),
    async createCustomer({ vendorId, body }) {
      const wanted = parseCustomer(body)
      await takeCustomer(vendorId)
      return customers.create(vendorId, wanted)
    },
    listCustomers: ({ vendorId }) => customers.list(vendorId),
    removeCustomer: ({ vendorId, params }) => customers.remove(vendorId, of(params, 'customer_id')),
    decide: ({ vendorId, params, body }) =>
      customers.decide(vendorId, of(params, 'customer_id'), parseDecision(body)),
    actOnGrant: ({ vendorId, params, body }) =>
      customers.act(
        vendorId,
        { customerId: of(params, 'customer_id'), grantId: of(params, 'grant_id') },
        parseAct(body),
      ),
  }

  async function holder({ headers, method }: Request): Promise<string> {
    const sandboxKey = /^Bearer ([\w-]{1,100})$/i.exec(headers.authorization ?? '')?.[1]
    const vendorId = await businesses.holderOf(sandboxKey)
    await take(vendorId)
    if (method === 'POST') await takeOfDay(vendorId)
    return vendorId
  }

  const routes = express.Router({ strict: true, caseSensitive: true })
  const document = JSON.stringify(sandboxDocument({ gatewayUrl }))
  routes.get(
    '/openapi.json',
    pinHost(gatewayUrl),
    (_request, response) => void response.type('json').send(document),
  )

  const operations = Object.entries<SandboxOperation>(sandboxOperations)
  for (const [id, { method, path, access, body, status }] of operations) {
    const answer: RequestHandler = async (request: Request, response: Response) => {
      const vendorId = access === 'public' ? '' : await holder(request)
      if (body !== undefined) await readBody(request, response)
      const params = Object.fromEntries(
        Object.entries(request.params).map(([name, at]) => [name, String(at)]),
      )
      const reply = await answers[id as SandboxOperationId]({ vendorId, params, body: request.body })
      response.set('cache-control', 'no-store').status(status)
      if (status === 204) response.end()
      else response.json(reply)
    }
    const guards = [
      requestLog({ log, server: 'gateway' }),
      pinHost(gatewayUrl),
      ...(access === 'public' ? [limitPerAddress(signUps), limitPerAddress(signUpsOfDay)] : []),
    ]
    routes[method](expressPath(path), ...guards, answer)
  }
  for (const [path, same] of Map.groupBy(operations, ([, operation]) => operation.path))
    routes.all(expressPath(path), methodNotAllowed(...same.map(([, { method }]) => method.toUpperCase())))
  routes.use(problemHandler({ log }))
  return routes
}

const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

const readJson = jsonBody()

/** Only now: nothing of a request is read before its sender is known. */
function readBody(request: Request, response: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    readJson(request, response, (error?: unknown) =>
      error === undefined ? resolve() : reject(error as Error),
    )
  })
}
