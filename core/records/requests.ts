import { DomainError } from '#core/domain/errors.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { AccessRequest } from '#schemas/types.gen.ts'
import { absent, descending, page, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Page, Stored } from './parts.ts'
import { forgetWay } from './request-ways.ts'

const day = 86_400_000
/** How long a request that nobody answered is told to its business after its end, opened or not: or it would tell who looked. */
const unansweredTold = 7 * day

export function isTold({ decidedAt, expiresAt }: AccessRequest, now: number): boolean {
  return decidedAt !== undefined || now < expiresAt + unansweredTold
}

const requestKey = (requestId: string) => `request/${part(requestId)}`
const accountPrefix = (accountId: string) => `request-of-account/${accountId}/`
const vendorPrefix = (vendorId: string) => `request-of-vendor/${vendorId}/`
const ending = (request: AccessRequest) => `${descending(request.receivedAt)}/${request.requestId}`

/** A request as it came in, opened by nobody. Rows of requests that nobody opens go away by themselves. */
export function receiveRequest(request: AccessRequest): CommitParts {
  const expires = request.expiresAt + unansweredTold
  return {
    checks: [absent(requestKey(request.requestId))],
    writes: [
      put(requestKey(request.requestId), request, { expires }),
      put(vendorPrefix(request.vendorId) + ending(request), { id: request.requestId }, { expires }),
    ],
  }
}

/**
 * Makes the request this customer's, for good: test-and-set by its version. Nothing to do when it is already.
 * Anybody else gets `not-found`, the same answer as for a request that never was. `secret`: 32 fresh random
 * bytes in base64url, from which the salts of this request's and its grant's log entries derive.
 */
export function claimRequest(
  stored: Stored<AccessRequest>,
  { accountId, secret }: { accountId: string; secret: string },
): CommitParts {
  const request = stored.value
  if (request.accountId === accountId) return {}
  if (request.accountId !== undefined) throw new DomainError('not-found', 'There is no such request.')
  return {
    checks: [unchanged(stored)],
    writes: [
      put(stored.key, { ...request, accountId, secret }, { customer: accountId }),
      put(accountPrefix(accountId) + ending(request), { id: request.requestId }),
      put(vendorPrefix(request.vendorId) + ending(request), { id: request.requestId }),
    ],
  }
}

/** A request to a customer whom the business knows: hers from the start, as if she had opened it. */
export function receiveClaimed(
  request: AccessRequest & { readonly accountId: string; readonly secret: string },
): CommitParts {
  const { requestId, accountId, vendorId } = request
  return {
    checks: [absent(requestKey(requestId))],
    writes: [
      put(requestKey(requestId), request, { customer: accountId }),
      put(accountPrefix(accountId) + ending(request), { id: requestId }),
      put(vendorPrefix(vendorId) + ending(request), { id: requestId }),
    ],
  }
}

/** What became of a request. `expiresAt`: put off, it can be answered for longer. */
export type RequestOutcome = {
  readonly status: 'allowed' | 'refused' | 'later'
  readonly decidedAt: number
} & Pick<AccessRequest, 'answersHash' | 'grantId' | 'receiptId' | 'returnTo' | 'turnedAway' | 'pickupCode'> &
  Partial<Pick<AccessRequest, 'expiresAt'>>

/** Writes the outcome of a claimed request. What may be decided, and how often, is the domain's to say. */
export function decideRequest(stored: Stored<AccessRequest>, outcome: RequestOutcome): CommitParts {
  const { accountId } = stored.value
  if (accountId === undefined) throw new Error('a request is decided by the customer who opened it')
  return {
    checks: [unchanged(stored)],
    writes: [put(stored.key, { ...stored.value, ...outcome }, { customer: accountId })],
  }
}

export function readRequest(
  reader: Pick<LedgerReader, 'get'>,
  requestId: string,
): Promise<Stored<AccessRequest> | undefined> {
  return read<AccessRequest>(reader, requestKey(requestId))
}

/** Requests this customer opened, newest first. */
export function listAccountRequests(
  reader: LedgerReader,
  accountId: string,
  options: { after?: string | undefined; limit: number },
): Promise<Page<Stored<AccessRequest>>> {
  return page(reader, { prefix: accountPrefix(accountId), ...options }, (id) => readRequest(reader, id))
}

/** Requests of a business, newest first. */
export function listVendorRequests(
  reader: LedgerReader,
  vendorId: string,
  options: { after?: string | undefined; limit: number },
): Promise<Page<Stored<AccessRequest>>> {
  return page(reader, { prefix: vendorPrefix(vendorId), ...options }, (id) => readRequest(reader, id))
}

/** Takes some requests of a customer out of state for good. `undefined` when none is left. */
export async function forgetRequests(
  reader: LedgerReader,
  accountId: string,
  limit: number,
): Promise<{ parts: CommitParts; requests: readonly AccessRequest[] } | undefined> {
  const rows = await reader.list<{ id: string }>(accountPrefix(accountId), { limit })
  if (rows.length === 0) return undefined
  const found = await Promise.all(rows.map(({ value }) => readRequest(reader, value.id)))
  const requests = found.filter((request) => request !== undefined)
  const keys = new Set(rows.map(({ key }) => key))
  for (const { key, value } of requests) {
    keys.add(key).add(vendorPrefix(value.vendorId) + ending(value))
    const { requestId, vendorId } = value
    for (const way of await forgetWay(reader, { requestId, vendorId, accountId })) keys.add(way)
  }
  return { parts: { writes: [...keys].map(remove) }, requests: requests.map(({ value }) => value) }
}
