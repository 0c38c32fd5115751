import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import type { ErrorCode, Violation } from '#core/domain/errors.ts'
import type { Logger } from '#core/logger.ts'
import { requestId } from './request-id.ts'

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Seconds, for refusals that pass by themselves. A thrower that knows better overrides it. */
  readonly retryAfter?: number
}

/**
 * The one table of refusals; docs/problems.md has a heading for each. A code without a status does not
 * compile.
 */
export const problems: Readonly<Record<ErrorCode, ProblemKind>> = {
  'invalid-input': { status: 400, title: 'The input is not valid' },
  'too-large': { status: 413, title: 'The input is too large' },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported' },
  'digest-mismatch': { status: 400, title: 'The body is not the one its digest names' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'not-signed-in': { status: 401, title: 'Signing in is needed' },
  'sign-in-failed': { status: 401, title: 'Signing in did not succeed' },
  'sign-in-too-old': { status: 403, title: 'The sign-in is too long ago' },
  forbidden: { status: 403, title: 'This is not allowed' },
  'cross-site': { status: 403, title: 'The request came from another site' },
  misdirected: { status: 421, title: 'The request was meant for another host' },
  'invalid-token': { status: 401, title: 'The access token is not valid' },
  'invalid-proof': { status: 401, title: 'The DPoP proof is not valid' },
  'use-dpop-nonce': { status: 401, title: 'The DPoP proof needs the nonce of this server' },
  'insufficient-scope': { status: 403, title: 'The access token does not cover this' },
  'vendor-suspended': { status: 403, title: 'The business is suspended' },
  'subject-unavailable': { status: 404, title: 'The subject is not available' },
  'purpose-not-granted': { status: 403, title: 'The purpose is not granted' },
  'unknown-field': { status: 400, title: 'The field is not in the catalogue' },
  conflict: { status: 409, title: 'Something else changed this meanwhile' },
  'endpoint-not-proven': { status: 409, title: 'The endpoint has not answered its challenge' },
  'request-changed': { status: 409, title: 'The access request is not the one that was shown' },
  'request-expired': { status: 410, title: 'The access request has expired' },
  'request-decided': { status: 409, title: 'The access request is already decided' },
  'required-item-refused': { status: 422, title: 'A required item cannot be refused alone' },
  'nothing-selected': { status: 422, title: 'Nothing is selected' },
  'account-exists': { status: 409, title: 'The account exists already' },
  'pod-not-connected': { status: 409, title: 'No pod is connected' },
  'pod-access-lost': { status: 409, title: 'The pod no longer gives access' },
  'pod-changed': { status: 409, title: 'The pod was changed meanwhile' },
  'pod-unreachable': { status: 503, title: 'The pod does not answer', retryAfter: 10 },
  'pod-unreadable': { status: 503, title: 'The pod holds something that cannot be read', retryAfter: 60 },
  'pod-unsafe': { status: 409, title: 'Writing to the pod could undo what another app wrote' },
  'pod-full': { status: 409, title: 'The pod has no room for this' },
  'rate-limited': { status: 429, title: 'Too many requests', retryAfter: 10 },
  busy: { status: 503, title: 'Too much is waiting', retryAfter: 1 },
  'ledger-stopped': { status: 503, title: 'Nothing can be recorded, so nothing is done', retryAfter: 30 },
}

/**
 * RFC 9457. `type` is `/problems/<code>`, and `code` says the same for programs; neither for a fault of ours.
 */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly instance: string
  readonly code?: ErrorCode
  readonly detail?: string
  readonly errors?: readonly Violation[]
}

/**
 * Last in every server: whatever was thrown becomes problem details. A refusal tells its code and, below 500,
 * its detail and all violations; anything else that is not the client's fault is a 500 that tells nothing and
 * is logged.
 */
export function problemHandler({ log }: { log: Logger }): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const refusal = asRefusal(error)
    const status = refusal === undefined ? clientStatus(error) : problems[refusal.code].status
    if (status >= 500) logFailure(log, request, { status, code: refusal?.code }, error)
    if (response.headersSent) next(error)
    else sendProblem(request, response, refusal ?? status)
  }
}

/** Behind the last route. */
export const notFound: RequestHandler = (_request, _response, next) => {
  next(new DomainError('not-found', 'There is no such address'))
}

/** For one path, behind the methods it has: `router.all(path, methodNotAllowed('GET', 'HEAD'))`. */
export function methodNotAllowed(...allowed: string[]): RequestHandler {
  const headers = { Allow: allowed.join(', ') }
  return (_request, _response, next) => {
    next(new DomainError('method-not-allowed', `Allowed here: ${headers.Allow}`, { headers }))
  }
}

/** The body for a refusal, or for a bare status that has no code of ours. */
export function problemOf(refusal: DomainError | number, id: string): Problem {
  const instance = `urn:uuid:${id}`
  if (typeof refusal === 'number')
    return { type: 'about:blank', title: STATUS_CODES[refusal] ?? 'Error', status: refusal, instance }
  const { status, title } = problems[refusal.code]
  const told = status < 500
  return {
    type: `/problems/${refusal.code}`,
    title,
    status,
    code: refusal.code,
    ...(told ? { detail: refusal.message } : {}),
    instance,
    ...(told && refusal.violations.length > 0 ? { errors: refusal.violations } : {}),
  }
}

function sendProblem(request: Request, response: Response, refusal: DomainError | number): void {
  const problem = problemOf(refusal, requestId(request))
  const body = JSON.stringify(problem)
  const headers: Record<string, string | number> = {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
  }
  if (refusal instanceof DomainError) {
    const retryAfter = refusal.retryAfter ?? problems[refusal.code].retryAfter
    if (retryAfter !== undefined) headers['Retry-After'] = Math.max(1, Math.ceil(retryAfter))
    Object.assign(headers, refusal.headers)
  }
  response.removeHeader('ETag')
  if (request.complete) response.writeHead(problem.status, headers).end(body)
  else endBehind(request, response.writeHead(problem.status, { ...headers, Connection: 'close' }), body)
}

/** How long the rest of what was sent is taken in behind its refusal, in ms. */
export const lingerMs = 5_000

/**
 * A body that nobody will read keeps the connection busy, so it ends with this answer. Closed under bytes that still come it
 * would be reset, and the reset can overtake the answer (RFC 9112 section 9.6): they are taken and dropped first, for a while.
 */
function endBehind(request: Request, response: Response, body: string): void {
  response.write(body)
  const end = () => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, lingerMs)
  request.once('end', end).once('close', end).resume()
}

/** Refusals of ours, of the ledger and of the parsers in front of us; undefined for everything else. */
function asRefusal(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error
  if (!(error instanceof Error)) return undefined
  const options = { cause: error }
  if (error instanceof URIError)
    return new DomainError('invalid-input', 'The address is not well encoded', options)
  const { code, type } = error as { code?: unknown; type?: unknown }
  switch (code) {
    case 'conflict':
      return new DomainError('conflict', 'Something else changed this meanwhile: read again', options)
    case 'ledger-busy':
      return new DomainError('busy', 'Too much is waiting', options)
    case 'ledger-stopped':
      return new DomainError('ledger-stopped', 'Nothing can be recorded', options)
    default:
      return typeof type === 'string' ? fromBodyParser(type, options) : undefined
  }
}

/** `type` of the errors of body-parser and raw-body. */
function fromBodyParser(type: string, options: { cause: Error }): DomainError | undefined {
  switch (type) {
    case 'entity.too.large':
    case 'parameters.too.many':
      return new DomainError('too-large', 'The body is larger than may be sent here', options)
    case 'entity.parse.failed':
    case 'entity.verify.failed':
    case 'querystring.parse.rangeError':
      return new DomainError('invalid-input', 'The body cannot be read', options)
    case 'request.aborted':
    case 'request.size.invalid':
      return new DomainError('invalid-input', 'The body does not have the announced length', options)
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new DomainError(
        'unsupported-media-type',
        'The body must be plain UTF-8, without a Content-Encoding',
        options,
      )
    default:
      return undefined
  }
}

/** The status that http-errors gave to a fault of the client, such as 416 of a static file; else 500. */
function clientStatus(error: unknown): number {
  if (!(error instanceof Error) || !('status' in error && 'expose' in error)) return 500
  const { status, expose } = error
  return expose === true && typeof status === 'number' && status >= 400 && status < 500 ? status : 500
}

function logFailure(
  log: Logger,
  request: Request,
  outcome: { status: number; code: ErrorCode | undefined },
  error: unknown,
): void {
  const route: unknown = request.route?.path
  const fields = {
    requestId: requestId(request),
    method: request.method,
    route: typeof route === 'string' ? route : undefined,
    ...outcome,
  }
  // A refusal with a 5xx status is a known state of the world; anything else is a bug.
  if (outcome.code === undefined) log.error('request-failed', fields, error)
  else if (outcome.code === 'ledger-stopped') log.error('ledger-stopped', fields, error)
  else log.warn('request-refused', fields, error)
}
