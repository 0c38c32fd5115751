import { DomainError } from '#core/domain/errors.ts'

/** Why a pod cannot be asked right now, as far as it can be told from outside. */
export type TroubleReason =
  | 'no-answer'
  | 'refused'
  | 'certificate'
  | 'inside-address'
  | 'rate-limited'
  | 'server-error'
  | 'broke-off'
  | 'redirects'
  | 'web-page'

/** What is never waited for longer, whatever a pod asks for. */
const LONGEST_WAIT_S = 300
const USUAL_WAIT_S = 5

/**
 * A pod that cannot be asked: `pod-unreachable` while that may pass by itself, `pod-unreadable` else. `wholeHost`: the
 * trouble is the server's and not one customer's, who could bring it about on purpose.
 */
export class PodTrouble extends DomainError {
  readonly reason: TroubleReason
  readonly wholeHost: boolean
  constructor(
    reason: TroubleReason,
    detail: string,
    {
      cause,
      retryAfter,
      wholeHost = false,
    }: { cause?: unknown; retryAfter?: number; wholeHost?: boolean } = {},
  ) {
    const passing = reason !== 'redirects' && reason !== 'web-page'
    super(passing ? 'pod-unreachable' : 'pod-unreadable', detail, {
      cause,
      ...(passing ? { retryAfter: retryAfter ?? USUAL_WAIT_S } : {}),
    })
    this.reason = reason
    this.wholeHost = wholeHost
  }
}

/** What went wrong before an answer came: fetch hides the reason inside. */
export function troubleOf(cause: unknown): PodTrouble {
  const codes = codesOf(cause)
  const has = (pattern: RegExp) => codes.some((code) => pattern.test(code))
  if (has(/^outbound-refused$/))
    return new PodTrouble('inside-address', 'The pod leads to an address that is not public', {
      cause,
      wholeHost: true,
    })
  if (has(/CERT|SELF_SIGNED|^ERR_(TLS|SSL)_|UNABLE_TO_VERIFY|^EPROTO$/))
    return new PodTrouble('certificate', 'The certificate of the pod is not valid', {
      cause,
      wholeHost: true,
    })
  if (has(/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/))
    return new PodTrouble('refused', 'The pod server cannot be reached', { cause, wholeHost: true })
  return new PodTrouble('no-answer', 'The pod does not answer', { cause })
}

/** The trouble that an answer tells of; `undefined` for one that is as good as any. */
export function troubleOfStatus(response: Response): PodTrouble | undefined {
  const { status, headers } = response
  const retryAfter = secondsOf(headers.get('retry-after'))
  const wait = retryAfter === undefined ? {} : { retryAfter }
  if (status === 429)
    return new PodTrouble('rate-limited', 'The pod server asks for fewer requests', {
      ...wait,
      wholeHost: true,
    })
  if (status >= 500 || status === 408)
    return new PodTrouble('server-error', 'The pod is in trouble', {
      ...wait,
      wholeHost: status === 503 && retryAfter !== undefined,
    })
  if (status >= 300 && status < 400 && status !== 304)
    return new PodTrouble('redirects', 'The pod sends us elsewhere')
  return undefined
}

/** Seconds or a date (RFC 9110 section 10.2.3); a date is left to our own waiting, since clocks differ. */
function secondsOf(value: string | null): number | undefined {
  const seconds = /^\d{1,9}$/.test(value ?? '') ? Number(value) : undefined
  return seconds === undefined ? undefined : Math.min(Math.max(seconds, 1), LONGEST_WAIT_S)
}

/** Of the error and its causes. */
export function codesOf(error: unknown): string[] {
  const codes: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause) codes.push(String(cause.code))
  }
  return codes
}
