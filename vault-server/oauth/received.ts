import { hash } from 'node:crypto'
import { errors } from 'oidc-provider'
import type { AdapterPayload } from 'oidc-provider'
import { refusalTime, turnAway } from '#core/domain/boundary.ts'
import { requestText } from '#core/domain/request.ts'
import { day } from '#core/domain/times.ts'
import { newSecret } from '#core/ledger/leaf.ts'
import type { Json, LedgerReader } from '#core/ledger/ledger.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { boundaryOf } from '#core/records/boundaries.ts'
import { requestEntry } from '#core/records/entries.ts'
import type { Names } from '#core/records/names.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { keepWay, nameByCode, noteAsked, readAsked } from '#core/records/request-ways.ts'
import { readRequest, receiveClaimed, receiveRequest } from '#core/records/requests.ts'
import { refuseLater } from '#core/records/turned-away.ts'
import { findVendor } from '#core/records/vendors.ts'
import type { AccessRequest } from '#schemas/types.gen.ts'
import { readAccessRequest } from './access-request-type.ts'
import { tooManyRequests } from './too-many-requests.ts'

/**
 * Id of the access request behind what the business holds (a pushed request, an `auth_req_id`, a device code): a hash,
 * so that a request_uri opened twice (browsers preload) is one request with two interactions, and nobody gets from the
 * id to what it stands for.
 */
export function requestIdOf(held: string): string {
  return hash('sha256', `access request ${held}`, 'base64url').slice(0, 22)
}

/** Questions that one business may ask one customer directly in a day, and those of them that may wait for an answer. */
const mostAsked = { inADay: 5, waiting: 2 }

/**
 * The access request that comes with a new record of the library, for the commit that saves the record: by a browser
 * (interaction), as a question to somebody the business knows (CIBA), or to whoever opens a link (RFC 8628).
 */
export function receiving({
  reader,
  names,
  now,
  random,
  addresses,
}: {
  reader: LedgerReader
  names: Names
  now: () => number
  /** From 0 to 1. */
  random: () => number
  addresses: { readonly gatewayUrl: string; readonly mode: 'development' | 'production' }
}) {
  const { gatewayUrl, mode } = addresses

  return (model: string, payload: AdapterPayload): Promise<CommitParts> => {
    switch (model) {
      case 'BackchannelAuthenticationRequest':
        return question(payload)
      case 'DeviceCode':
        return link(payload)
      default:
        return interaction(payload)
    }
  }

  async function interaction(payload: AdapterPayload): Promise<CommitParts> {
    const { parJti } = payload
    if (parJti === undefined) throw new Error('an interaction without a pushed request')
    const requestId = requestIdOf(parJti)
    if ((await readRequest(reader, requestId)) !== undefined) return {}
    const request = await requestOf(payload, requestId)
    return combine(
      receiveRequest(request),
      keepWay(
        requestId,
        { channel: 'browser', interaction: JSON.parse(JSON.stringify(payload)) as Json },
        request.expiresAt,
      ),
    )
  }

  async function question(payload: AdapterPayload): Promise<CommitParts> {
    const { jti, accountId, params } = payload
    if (jti === undefined || accountId === undefined) throw new Error('a question to nobody')
    const account = await readAccount(reader, accountId)
    const standing = await readCustomerStanding(reader, accountId)
    if (account === undefined || standing === undefined || standing.value.leaving === true)
      throw new errors.UnknownUserId('could not identify end-user')
    const code = params?.['binding_message']
    const request = {
      ...(await requestOf(payload, requestIdOf(jti))),
      channel: 'ciba' as const,
      ...(typeof code === 'string' ? { matchingCode: code } : {}),
      accountId,
      secret: newSecret(),
    }
    const { requestId, items, until, receivedAt, expiresAt } = request
    const { boundary, holds } = await boundaryOf(reader, accountId, request.vendorId)
    // What she does not want to be asked does not reach her. To the business it is open, until it is refused.
    const refusal =
      turnAway(boundary, request, receivedAt) === undefined
        ? {}
        : refuseLater(requestId, refusalTime({ now: receivedAt, random: random(), mode }))
    return combine(
      // A row of hers, and so made before she leaves, or not at all.
      { checks: [unchanged(standing)] },
      holds,
      refusal,
      receiveClaimed(request),
      keepWay(requestId, { channel: 'ciba', id: jti }, expiresAt),
      await counted(request),
      { entries: [requestEntry(request, { type: 'requested', items, until }, { who: account.value.webId })] },
    )
  }

  /** Nobody is flooded: neither by many questions in a row nor by many at once. */
  async function counted(request: AccessRequest & { accountId: string }): Promise<CommitParts> {
    const { vendorId, accountId, requestId, receivedAt } = request
    const row = await readAsked(reader, vendorId, accountId)
    const recent = (row.stored?.value.asked ?? []).filter(({ at }) => at > receivedAt - day)
    const asked = await Promise.all(recent.map(({ requestId: id }) => readRequest(reader, id)))
    const waiting = asked.filter(
      (one) => one?.value.decidedAt === undefined && Number(one?.value.expiresAt) > receivedAt,
    )
    const [oldest] = recent
    if (oldest !== undefined && (recent.length >= mostAsked.inADay || waiting.length >= mostAsked.waiting))
      throw tooManyRequests(
        'this customer has been asked often enough',
        recent.length >= mostAsked.inADay ? (oldest.at + day - receivedAt) / 1000 : 60,
      )
    return noteAsked(row, [...recent, { requestId, at: receivedAt }], receivedAt + day)
  }

  async function link(payload: AdapterPayload): Promise<CommitParts> {
    const { jti, userCode } = payload
    if (jti === undefined || userCode === undefined) throw new Error('a link without a code')
    const requestId = requestIdOf(jti)
    const request = await requestOf(payload, requestId)
    return combine(
      receiveRequest({ ...request, channel: 'link', matchingCode: writtenCode(userCode) }),
      keepWay(requestId, { channel: 'link', id: jti }, request.expiresAt),
      nameByCode(names, userCode, requestId, request.expiresAt),
    )
  }

  async function requestOf(payload: AdapterPayload, requestId: string): Promise<AccessRequest> {
    const { exp, params } = payload
    const clientId = params?.['client_id'] ?? payload.clientId
    if (exp === undefined || typeof clientId !== 'string') throw new Error('a request without a client')
    const vendor = await findVendor(reader, clientId)
    if (vendor === undefined) throw new errors.AccessDenied('the business is not known')
    const { vendorId } = vendor.value
    const receivedAt = now()
    const asked = readAccessRequest(params?.['authorization_details'], {
      vendorId,
      gatewayUrl,
      now: receivedAt,
    })
    return {
      v: 1,
      requestId,
      clientId,
      ...asked,
      receivedAt,
      expiresAt: exp * 1000,
      requestHash: hash('sha256', requestText(asked), 'base64url'),
      status: 'open',
    }
  }
}

/** The code as the business shows it: two groups of four letters. */
export function writtenCode(userCode: string): string {
  return `${userCode.slice(0, 4)}-${userCode.slice(4)}`
}

/** A code as somebody typed or scanned it, in the form it is looked up by. */
export function plainCode(typed: string): string {
  return typed.toUpperCase().replaceAll(/[^A-Z]/g, '')
}
