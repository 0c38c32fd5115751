import type { Problem, ProblemViolation } from '#schemas/types.gen.ts'
import type { ErrorCode } from '#core/domain/errors.ts'
import { send, takeAhead } from './ask.ts'
import type { Method } from './ask.ts'
import { noteNoReply } from './connection.ts'

/** What went wrong, by the closed code of the reply; `offline` when no reply came, `unknown` for a fault of ours. */
export class ProblemError extends Error {
  readonly code: ErrorCode | 'offline' | 'unknown'
  readonly status: number
  readonly violations: readonly ProblemViolation[]
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined
  constructor(
    code: ProblemError['code'],
    status: number,
    detail: string,
    violations: readonly ProblemViolation[] = [],
    retryAfter?: number,
  ) {
    super(detail)
    this.name = 'ProblemError'
    this.code = code
    this.status = status
    this.violations = violations
    this.retryAfter = retryAfter
  }
}

let shown: string | undefined

/** Whom the page shows: what is asked on it is asked for nobody else (`Reach-Account`). */
export function showAccount(accountId: string | undefined): void {
  shown = accountId
}

/** Whom the page shows, for what is sent without `call`. */
export function shownAccount(): { account?: string } {
  return shown === undefined ? {} : { account: shown }
}

/** One call to the vault: same origin, JSON both ways, by `account` where it changes something. Throws `ProblemError`. */
export async function call<Reply>(
  method: Method,
  path: string,
  { account = shown, ...rest }: { body?: object; signal?: AbortSignal; account?: string | undefined } = {},
): Promise<Reply> {
  const by = method === 'GET' || account === undefined ? {} : { account }
  const reply = takeAhead(method, path).then((early) => early ?? send(method, path, { ...rest, ...by }))
  const response = await reply.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    noteNoReply()
    throw new ProblemError('offline', 0, 'No reply')
  })
  if (!response.ok) {
    const problem = await asProblem(response)
    if (problem.code === 'offline') noteNoReply()
    throw problem
  }
  return response.status === 204 ? (undefined as Reply) : ((await response.json()) as Reply)
}

/** What a reply that is no success says. */
export async function asProblem(response: Response): Promise<ProblemError> {
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN)
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined
  const isProblem = response.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
  const problem: Partial<Problem> = isProblem ? await response.json().catch(() => ({})) : {}
  // What stands before a vault that is away says so in words of its own.
  const isAway = !isProblem && [502, 503, 504].includes(response.status)
  return new ProblemError(
    (problem.code ?? (isAway ? 'offline' : 'unknown')) as ProblemError['code'],
    response.status,
    problem.detail ?? '',
    problem.errors ?? [],
    retryAfter,
  )
}

/** Whether no reply came: then nobody can say more than that. */
export function isOffline(error: unknown): boolean {
  return error instanceof ProblemError && error.code === 'offline'
}

/** Whether trying the same again can help: no reply, or the vault says so itself. */
export function isPassing(error: unknown): boolean {
  return isOffline(error) || (error instanceof ProblemError && error.status === 503)
}
