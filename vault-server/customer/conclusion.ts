import { allow as allowAgain, deny } from '#core/domain/boundary.ts'
import type { Outcome } from '#core/domain/decision.ts'
import { DomainError } from '#core/domain/errors.ts'
import { newGrant } from '#core/domain/grant.ts'
import type { Notice } from '#core/domain/notice.ts'
import { day } from '#core/domain/times.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readCustomerStanding, staying } from '#core/records/accounts.ts'
import { boundaryOf } from '#core/records/boundaries.ts'
import { grantEntry, requestEntry } from '#core/records/entries.ts'
import { createGrant, grantsBetween } from '#core/records/grants.ts'
import { newId } from '#core/records/ids.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { decideRequest } from '#core/records/requests.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import type {
  AccessRequest,
  CustomerStanding,
  DecisionResult,
  Grant,
  StoredReceipt,
  Vendor,
  VendorStanding,
} from '#schemas/types.gen.ts'
import { declined } from '../oauth/interactions.ts'
import type { Asked, Concluded, Interactions } from '../oauth/interactions.ts'
import type { SigningKeys } from '../signing-keys.ts'
import { pairwiseSubject } from '../oauth/pairwise.ts'
import { amendmentOf } from './amendment.ts'
import { issueReceipt } from './receipt-delivery.ts'
import { signReceipt } from './receipt-signing.ts'
import { viewReceipt } from './views.ts'

export interface DecisionParts {
  readonly vaultUrl: string
  readonly ledger: Ledger
  readonly interactions: Interactions
  readonly secrets: { readonly receiptKeys: SigningKeys; readonly pairwise: Uint8Array }
  /** Unix ms. */
  readonly now: () => number
}

/** Everything a decision is about, as it was read. */
export interface Case {
  readonly asked: Asked
  readonly stored: Stored<AccessRequest>
  /** The request as it was claimed by this customer. */
  readonly request: AccessRequest & { readonly accountId: string; readonly secret: string }
  readonly vendor: Vendor
  readonly webId: string
  readonly notice: Notice
  readonly noticeHash: string
  readonly answersHash: string
  /** Unix ms: the moment of the decision. */
  readonly at: number
  /** Ids of the grants that the page said would end. */
  readonly amends?: readonly string[]
}

/** The commit of an outcome, and what it tells the page. */
export interface Conclusion {
  readonly commit: CommitParts
  readonly result: DecisionResult
}

export function conclude(parts: DecisionParts, found: Case, outcome: Outcome): Promise<Conclusion> {
  switch (outcome.status) {
    case 'allowed':
      return allow(parts, found, outcome)
    case 'refused':
      return refuse(parts, found)
    case 'later':
      return putOff(parts, found)
  }
}

async function allow(
  parts: DecisionParts,
  found: Case,
  outcome: Outcome & { status: 'allowed' },
): Promise<Conclusion> {
  const { ledger, interactions, secrets } = parts
  const { request, noticeHash, at, webId } = found
  const { accountId, vendorId, secret } = request
  const { vendor, customer } = await readReleasable(ledger, request)
  const { boundary, set } = await boundaryOf(ledger, accountId, vendorId)
  if (boundary.blockedAt !== undefined) throw new DomainError('conflict', 'You have blocked this business')
  assertShown(found.amends, await grantsBetween(ledger, request, at))
  const { items, until, reads } = outcome
  const budget = reads === undefined ? {} : { reads }
  const subject = pairwiseSubject(secrets.pairwise, vendorId, accountId)
  const [grantId, receiptId] = [newId(), newId()]
  const origin = { grantId, accountId, subject, receiptId, secret, noticeHash, items, until, ...budget }
  const grant = newGrant(request, origin, at)
  const receipt = await receiptFor(
    parts,
    found,
    { status: 'allowed', grantId, subject, items, until, ...budget },
    receiptId,
  )
  const { parts: concluded, ...back } = await interactions.allow(found.asked, grant)
  const { redeemBy } = grant
  const entry = grantEntry(
    grant,
    { type: 'granted', request: request.requestId, items, until, ...budget, redeemBy, notice: noticeHash },
    { who: webId, data: receipt.jws },
  )
  const commit = combine(
    { checks: [unchanged(vendor)] },
    set(allowAgain(boundary, outcome)),
    concluded,
    await createGrant({ reader: ledger }, grant, customer),
    issueReceipt(receipt, at),
    decideRequest(found.stored, { ...decided(found, 'allowed', back), grantId, receiptId }),
    vendorEvent({ type: 'request.decided', request, status: 'allowed', at }),
    { entries: [entry] },
  )
  return { commit, result: { status: 'allowed', ...back, grantId, receipt: viewReceipt(receipt) } }
}

async function refuse(parts: DecisionParts, found: Case): Promise<Conclusion> {
  const { request, noticeHash, webId, at } = found
  const { boundary, set } = await boundaryOf(parts.ledger, request.accountId, request.vendorId)
  const { parts: concluded, ...back } = await parts.interactions.refuse(found.asked, declined)
  const receipt = await receiptFor(parts, found, { status: 'refused' }, newId())
  const fact = { type: 'refused', notice: noticeHash } as const
  const commit = combine(
    concluded,
    set(deny(boundary, await refusedItems(parts.ledger, found), at)),
    issueReceipt(receipt, at),
    await staying(parts.ledger, request.accountId),
    decideRequest(found.stored, { ...decided(found, 'refused', back), receiptId: receipt.receiptId }),
    vendorEvent({ type: 'request.decided', request, status: 'refused', at }),
    { entries: [requestEntry(request, fact, { who: webId, data: receipt.jws })] },
  )
  return { commit, result: { status: 'refused', ...back, receipt: viewReceipt(receipt) } }
}

/** What an Allow takes the place of is what she was shown, whatever she allowed in another tab meanwhile. */
function assertShown(shown: readonly string[] | undefined, replaced: readonly Stored<Grant>[]): void {
  if (shown === undefined) return
  const ids = replaced.map(({ value }) => value.grantId)
  if (ids.length !== shown.length || !ids.every((id) => shown.includes(id)))
    throw new DomainError(
      'request-changed',
      'What this business may read already is not what the page showed',
    )
}

/** What she said no to: of a request that adds to what she allows, the added alone. What she allows may be asked on. */
async function refusedItems(ledger: Ledger, { request, at }: Case): Promise<Parameters<typeof deny>[1]> {
  const added = (await amendmentOf(ledger, request, at))?.added ?? []
  if (added.length === 0) return request
  return { items: added.map(({ purpose, field }) => ({ purpose, fields: [field] })) }
}

/**
 * The business is told at once that nothing is decided, and the request stays open: one that a browser brought for a
 * month, since its customer is asked for nothing while it waits; any other until it would have ended anyway.
 */
async function putOff({ ledger, interactions }: DecisionParts, found: Case): Promise<Conclusion> {
  const { request, noticeHash, webId, at } = found
  const { parts: concluded, ...back } = await interactions.refuse(found.asked, {
    error: 'interaction_required',
    description: 'the customer decides later',
    final: false,
  })
  const fact = { type: 'deferred', notice: noticeHash } as const
  const isSent = (request.channel ?? 'browser') === 'browser'
  const expiresAt = isSent ? Math.min(request.until, at + openFor) : request.expiresAt
  const commit = combine(
    concluded,
    await staying(ledger, request.accountId),
    decideRequest(found.stored, { ...decided(found, 'later', back), expiresAt }),
    isSent ? await interactions.keepOpen(request.requestId, expiresAt) : {},
    vendorEvent({ type: 'request.decided', request, status: 'later', at: found.at }),
    { entries: [requestEntry(request, fact, { who: webId })] },
  )
  return { commit, result: { status: 'later', ...back } }
}

/** How long a request that was put off can still be answered, in ms. */
const openFor = 30 * day

type Back = Omit<Concluded, 'parts'>

function decided<Status extends 'allowed' | 'refused' | 'later'>(
  { at, answersHash }: Case,
  status: Status,
  back: Back,
): { status: Status; decidedAt: number; answersHash: string } & Back {
  return { status, decidedAt: at, answersHash, ...back }
}

function receiptFor(
  { vaultUrl, ledger, secrets }: DecisionParts,
  { request, vendor, notice, noticeHash, at }: Case,
  decidedAs: Parameters<typeof signReceipt>[0]['decided'],
  receiptId: string,
): Promise<StoredReceipt> {
  const source = {
    receiptId,
    issuedAt: at,
    vaultUrl,
    logOrigin: ledger.log.origin,
    language: notice.language,
    noticeHash,
    vendor,
    request,
    decided: decidedAs,
  }
  return signReceipt(source, { key: secrets.receiptKeys.signing(), accountId: request.accountId })
}

/**
 * Nothing is allowed that could not be released now; both standings must still be so when the commit is
 * decided.
 */
export async function readReleasable(
  ledger: Ledger,
  { vendorId, accountId }: { vendorId: string; accountId: string },
): Promise<{ vendor: Stored<VendorStanding>; customer: Stored<CustomerStanding> }> {
  const [vendor, customer] = await Promise.all([
    readVendorStanding(ledger, vendorId),
    readCustomerStanding(ledger, accountId),
  ])
  if (vendor?.value.state !== 'active')
    throw new DomainError('vendor-suspended', 'This business is suspended')
  if (customer === undefined) throw new DomainError('pod-not-connected', 'Connect your pod first')
  if (customer.value.podAccess === 'lost')
    throw new DomainError('pod-access-lost', 'Reach can no longer see your pod')
  return { vendor, customer }
}
