/** What a refusal can say: the gateway's problems (docs/problems.md), OAuth's errors, and what only this library can know. */
export const reachErrorCodes = [
  'invalid-input',
  'too-large',
  'unsupported-media-type',
  'digest-mismatch',
  'not-found',
  'method-not-allowed',
  'misdirected',
  'invalid-token',
  'invalid-proof',
  'use-dpop-nonce',
  'insufficient-scope',
  'vendor-suspended',
  'subject-unavailable',
  'purpose-not-granted',
  'unknown-field',
  'conflict',
  'endpoint-not-proven',
  'pod-unreachable',
  'pod-unreadable',
  'rate-limited',
  'busy',
  'ledger-stopped',
  'access_denied',
  'authorization_pending',
  'expired_token',
  'interaction_required',
  'invalid_authorization_details',
  'invalid_binding_message',
  'invalid_client',
  'invalid_client_metadata',
  'invalid_dpop_proof',
  'invalid_grant',
  'invalid_redirect_uri',
  'invalid_request',
  'invalid_request_object',
  'invalid_request_uri',
  'invalid_scope',
  'invalid_software_statement',
  'invalid_target',
  'invalid_token',
  'pickup_code_required',
  'request_not_supported',
  'request_uri_not_supported',
  'server_error',
  'slow_down',
  'temporarily_unavailable',
  'unapproved_software_statement',
  'unauthorized_client',
  'unknown_user_id',
  'unsupported_grant_type',
  'unsupported_response_type',
  'use_dpop_nonce',
  'invalid-reply',
  'no-reply',
  'no-token',
  'stream-cut',
  'webhook-invalid',
  'unknown',
] as const

export type ReachErrorCode = (typeof reachErrorCodes)[number]

/** What the vault or the gateway refused. Switch on `code`, which is of a closed set; `detail` is for people. */
export class ReachError extends Error {
  override readonly name = 'ReachError'
  readonly code: ReachErrorCode
  /** HTTP status; 0 when there was no reply. */
  readonly status: number
  readonly detail: string
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined
  /** What was wrong with the input, each with a JSON pointer. */
  readonly violations: readonly { readonly pointer: string; readonly detail: string }[]
  /** Names this one refusal of the gateway; its operator finds it in the log by it. */
  readonly instance: string | undefined

  constructor(
    told: {
      code: string
      status: number
      detail?: string
      retryAfter?: number | undefined
      violations?: ReachError['violations'] | undefined
      instance?: string | undefined
    },
    options?: ErrorOptions,
  ) {
    super([told.code, told.detail, placesOf(told.violations)].filter(Boolean).join(': '), options)
    // A later vault may have more: whoever switches on codes has a default.
    this.code = told.code as ReachErrorCode
    this.status = told.status
    this.detail = told.detail ?? ''
    this.retryAfter = told.retryAfter
    this.violations = told.violations ?? []
    this.instance = told.instance
  }
}

/** For whoever reads a line of a log: places and rules, never what was sent. */
function placesOf(violations: ReachError['violations'] = []): string {
  return violations
    .slice(0, 5)
    .map(({ pointer, detail }) => `${pointer} ${detail}`.trim())
    .join('; ')
}

/** What a reply holds. What is not JSON is no cause of the error: its text would be quoted there, values included. */
export async function jsonOf(response: Response): Promise<unknown> {
  return parsed(await response.text(), response.status)
}

export function parsed(text: string, status: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ReachError({ code: 'invalid-reply', status, detail: 'what came back is not JSON' })
  }
}

/** For a fetch that nothing came back from. */
export function noReply(cause: unknown): never {
  throw new ReachError({ code: 'no-reply', status: 0, detail: 'there is no connection to it' }, { cause })
}

/** An address without a slash at the end. Plain http is for this machine only. Throws `TypeError`. */
export function safeAddress(address: string, of: string): string {
  if (!URL.canParse(address) || !/^https?:/i.test(address))
    throw new TypeError(`the ${of} must be an address such as https://${of.split(' ')[0]}.example`)
  const { protocol, hostname } = new URL(address)
  const isOwnMachine = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
  if (protocol !== 'https:' && !(protocol === 'http:' && isOwnMachine))
    throw new TypeError(`the ${of} must be https`)
  return address.replace(/\/+$/, '')
}

/** Reads a refusal of the gateway (RFC 9457). */
export async function refusalOf(response: Response): Promise<ReachError> {
  const body: unknown = await response.json().catch(() => undefined)
  const problem = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const { code, detail, errors, instance } = problem
  return new ReachError({
    code: typeof code === 'string' ? code : 'unknown',
    status: response.status,
    ...(typeof detail === 'string' ? { detail } : {}),
    retryAfter: retryAfterOf(response),
    violations: Array.isArray(errors) ? (errors as ReachError['violations']) : [],
    ...(typeof instance === 'string' ? { instance } : {}),
  })
}

/** Seconds, however they are told: as a number or, by what may stand in between, as a date (RFC 9110 section 10.2.3). */
export function retryAfterOf(response: Response): number | undefined {
  const told = response.headers.get('retry-after') ?? ''
  const seconds = /^\d+$/.test(told) ? Number(told) : Math.ceil((Date.parse(told) - Date.now()) / 1000)
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}
