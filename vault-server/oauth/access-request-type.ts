import { errors } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import { normalizeRequest } from '#core/domain/request.ts'
import type { NormalizedRequest } from '#core/domain/request.ts'
import { parseStrictJson } from '#core/http/strict-json.ts'
import { parser } from '#core/http/validate.ts'

/** Our type of authorization_details (RFC 9396). */
export const requestType = 'urn:reach:access-request:1'

const parseDetails = parser('api/access-request-details.json')

/**
 * The one access request in `authorization_details`, checked against schema and rules. Throws OAuth errors;
 * their descriptions name places and rules, never what was sent.
 */
export function readAccessRequest(
  text: unknown,
  context: { vendorId: string; gatewayUrl: string; now: number },
): NormalizedRequest {
  if (typeof text !== 'string') throw new errors.InvalidRequest('authorization_details is required')
  try {
    const elements = parseStrictJson(text)
    if (!Array.isArray(elements) || elements.length !== 1)
      throw new errors.InvalidAuthorizationDetails('exactly one element is needed')
    const details = parseDetails(elements[0])
    if (details.locations?.some((location) => location !== context.gatewayUrl))
      throw new errors.InvalidAuthorizationDetails('locations can only name the gateway')
    return normalizeRequest(details, context)
  } catch (cause) {
    if (!(cause instanceof DomainError)) throw cause
    throw new errors.InvalidAuthorizationDetails(describe(cause), { cause })
  }
}

/** One line for `error_description`, in the characters that RFC 6749 allows there. */
function describe(refusal: DomainError): string {
  const places = refusal.violations.slice(0, 5).map(({ pointer, detail }) => `${pointer} ${detail}`)
  const text = places.length === 0 ? refusal.message : places.join('; ')
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'").slice(0, 500)
}

/**
 * What a business may send with a code or refresh token to get less than was granted: the granted form with
 * fewer items or fields. Whether it is less is decided against the grant.
 */
export function assertNarrowing(detail: unknown): void {
  const { items, ...others } = isObject(detail) ? detail : {}
  const knowsOthers = Object.keys(others).every((name) => granted.has(name))
  if (
    !knowsOthers ||
    !Array.isArray(items) ||
    items.length === 0 ||
    items.length > 20 ||
    !items.every(isNarrowItem)
  )
    throw new errors.InvalidAuthorizationDetails(
      'send the authorization_details of the token response, with items or fields left out',
    )
}

const granted = new Set(['type', 'grant_id', 'until', 'locations'])

function isNarrowItem(item: unknown): boolean {
  if (!isObject(item) || typeof item['purpose'] !== 'string') return false
  const { fields } = item
  const names = Object.keys(item).every((name) => ['id', 'purpose', 'fields'].includes(name))
  return (
    names &&
    Array.isArray(fields) &&
    fields.length > 0 &&
    fields.length <= 64 &&
    fields.every((field) => typeof field === 'string') &&
    new Set(fields).size === fields.length
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
