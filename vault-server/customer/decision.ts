import { hash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { answersText, decide } from '#core/domain/decision.ts'
import type { Answers, Outcome } from '#core/domain/decision.ts'
import { DomainError } from '#core/domain/errors.ts'
import { newGrant } from '#core/domain/grant.ts'
import { noticeOf, noticeText } from '#core/domain/notice.ts'
import type { Notice } from '#core/domain/notice.ts'
import { formatTime, parseTime } from '#core/domain/times.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { grantEntry, requestEntry } from '#core/records/entries.ts'
import { createGrant } from '#core/records/grants.ts'
import { enqueueJob } from '#core/records/jobs.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { keepReceipt, readReceipt } from '#core/records/receipts.ts'
import { decideRequest, readRequest } from '#core/records/requests.ts'
import { readVendor, readVendorStanding } from '#core/records/vendors.ts'
import type {
  AccessRequest,
  CustomerStanding,
  Decision,
  DecisionResult,
  ReceiptView,
  StoredReceipt,
  Vendor,
  VendorStanding,
} from '#schemas/types.gen.ts'
import type { Exchange, Interactions } from '../oauth/interactions.ts'
import { readOAuthKeys } from '../oauth/oauth-keys.ts'
import type { SigningKey } from '../oauth/oauth-keys.ts'
import { pairwiseSubject } from '../oauth/pairwise.ts'
import { newId, readReceiptKey, signReceipt } from './receipt-signing.ts'
import { findInteraction } from './requests.ts'

/** Answers a request for the customer who is signed in. Refuses with the code that fits. */
export type Decide = (
  exchange: Exchange,
  asked: { readonly uid: string; readonly accountId: string; readonly decision: Decision },
) => Promise<DecisionResult>

interface DecisionParts {
  readonly vaultUrl: string
  readonly ledger: Ledger
  readonly interactions: Interactions
  readonly secrets: { readonly receiptKey: SigningKey; readonly pairwise: Uint8Array }
  /** Unix ms. */
  readonly now: () => number
}

/** Opens what makes decisions. `now` in Unix ms. */
export async function decisions({
  keys,
  ...parts
}: Omit<DecisionParts, 'secrets'> & { keys: KeyStore }): Promise<Decide> {
  const secrets = {
    receiptKey: await readReceiptKey(keys),
    pairwise: (await readOAuthKeys(keys)).pairwiseSecret,
  }
  return (exchange, asked) => decideOnce({ ...parts, secrets }, exchange, asked)
}

/** Everything a decision is about, as it was read. */
interface Case {
  readonly exchange: Exchange
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
}

/**
 * One commit holds all of it: the request's outcome, grant and index, receipt, OAuth Grant with its pointer, the
 * interaction's result, the log entry, and the job that carries the receipt into the pod. The same answers again get the
 * stored result, so a repeated click or a lost reply does nothing twice; others are `request-decided`.
 */
async function decideOnce(
  parts: DecisionParts,
  ...[exchange, asked]: Parameters<Decide>
): Promise<DecisionResult> {
  const { ledger, now } = parts
  const answers = answersOf(asked.decision)
  const answersHash = sha256(answersText(answers))
  const { requestId } = await findInteraction(parts.interactions, exchange, asked.uid)
  if (asked.decision.accountId !== asked.accountId)
    throw new DomainError('conflict', 'The page was opened by somebody else than who is signed in now')
  for (let attempt = 1; ; attempt++) {
    const { stored, request } = await readClaimed(ledger, requestId, asked)
    if (request.status !== 'open' && request.answersHash === answersHash) return resultOf(ledger, request)
    const at = now()
    const outcome = decide(request, answers, at)
    const { vendor, webId } = await readParties(ledger, request)
    const notice = noticeOf({ ...request, vendor })
    const noticeHash = sha256(noticeText(notice))
    const found: Case = { exchange, stored, request, vendor, webId, notice, noticeHash, answersHash, at }
    const { commit, result } = await conclude(parts, found, outcome)
    try {
      await ledger.commit(commit)
      return result
    } catch (error) {
      // The same click twice, a suspension, a lost pod: decide anew on what is there now.
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

interface Conclusion {
  readonly commit: CommitParts
  readonly result: DecisionResult
}

function conclude(parts: DecisionParts, found: Case, outcome: Outcome): Promise<Conclusion> {
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
  const { items, until } = outcome
  const subject = pairwiseSubject(secrets.pairwise, vendorId, accountId)
  const [grantId, receiptId] = [newId(), newId()]
  const origin = { grantId, accountId, subject, receiptId, secret, noticeHash, items, until }
  const grant = newGrant(request, origin, at)
  const receipt = await receiptFor(
    parts,
    found,
    { status: 'allowed', grantId, subject, items, until },
    receiptId,
  )
  const { returnTo, parts: concluded } = await interactions.allow(found.exchange, grant, at)
  const { redeemBy } = grant
  const entry = grantEntry(
    grant,
    { type: 'granted', request: request.requestId, items, until, redeemBy, notice: noticeHash },
    { who: webId, data: receipt.jws },
  )
  const commit = combine(
    { checks: [unchanged(vendor)] },
    concluded,
    await createGrant({ reader: ledger }, grant, customer),
    kept(found, receipt),
    decideRequest(found.stored, { ...decided(found, 'allowed', returnTo), grantId, receiptId }),
    { entries: [entry] },
  )
  return { commit, result: { status: 'allowed', returnTo, grantId, receipt: viewOf(receipt) } }
}

async function refuse(parts: DecisionParts, found: Case): Promise<Conclusion> {
  const { request, noticeHash, webId } = found
  const receipt = await receiptFor(parts, found, { status: 'refused' }, newId())
  const { returnTo, parts: concluded } = await parts.interactions.refuse(found.exchange, {
    error: 'access_denied',
    description: 'the customer declined',
    final: true,
  })
  const fact = { type: 'refused', notice: noticeHash } as const
  const commit = combine(
    concluded,
    kept(found, receipt),
    decideRequest(found.stored, { ...decided(found, 'refused', returnTo), receiptId: receipt.receiptId }),
    { entries: [requestEntry(request, fact, { who: webId, data: receipt.jws })] },
  )
  return { commit, result: { status: 'refused', returnTo, receipt: viewOf(receipt) } }
}

async function putOff({ interactions }: DecisionParts, found: Case): Promise<Conclusion> {
  const { request, noticeHash, webId } = found
  const { returnTo, parts: concluded } = await interactions.refuse(found.exchange, {
    error: 'interaction_required',
    description: 'the customer decides later',
    final: false,
  })
  const fact = { type: 'deferred', notice: noticeHash } as const
  const commit = combine(concluded, decideRequest(found.stored, decided(found, 'later', returnTo)), {
    entries: [requestEntry(request, fact, { who: webId })],
  })
  return { commit, result: { status: 'later', returnTo } }
}

function decided<Status extends 'allowed' | 'refused' | 'later'>(
  { at, answersHash }: Case,
  status: Status,
  returnTo: string,
): { status: Status; decidedAt: number; answersHash: string; returnTo: string } {
  return { status, decidedAt: at, answersHash, returnTo }
}

/** The receipt, and the job that writes it into the pod under its id. */
function kept({ request, at }: Case, receipt: StoredReceipt): CommitParts {
  const { accountId } = request
  const { receiptId } = receipt
  const payload = { accountId, receiptId }
  return combine(
    keepReceipt(receipt),
    enqueueJob({ id: `write-receipt-${receiptId}`, kind: 'write-receipt', payload, customer: accountId }, at),
  )
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
  return signReceipt(source, { key: secrets.receiptKey, accountId: request.accountId })
}

/** Somebody else's request, or one this customer has not opened, is `not-found`; another text than shown is refused. */
async function readClaimed(
  ledger: Ledger,
  requestId: string,
  { accountId, decision }: { accountId: string; decision: Decision },
): Promise<Pick<Case, 'stored' | 'request'>> {
  const stored = await readRequest(ledger, requestId)
  const secret = stored?.value.secret
  if (stored?.value.accountId !== accountId || secret === undefined)
    throw new DomainError('not-found', 'There is no such request')
  if (stored.value.requestHash !== decision.requestHash)
    throw new DomainError('request-changed', 'The page showed another request')
  return { stored, request: { ...stored.value, accountId, secret } }
}

async function readParties(
  ledger: Ledger,
  { vendorId, accountId }: { vendorId: string; accountId: string },
): Promise<Pick<Case, 'vendor' | 'webId'>> {
  const [vendor, account] = await Promise.all([readVendor(ledger, vendorId), readAccount(ledger, accountId)])
  if (vendor === undefined || account === undefined) throw new Error('a request whose parties are gone')
  return { vendor: vendor.value, webId: account.value.webId }
}

/** Nothing is allowed that could not be released now; both standings must still be so when the commit is decided. */
async function readReleasable(
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

async function resultOf(ledger: Ledger, request: AccessRequest): Promise<DecisionResult> {
  const { status, returnTo, grantId, receiptId } = request
  if (status === 'open' || returnTo === undefined) throw new Error('a decided request without its outcome')
  const receipt = receiptId === undefined ? undefined : await readReceipt(ledger, receiptId)
  return {
    status,
    returnTo,
    ...(grantId === undefined ? {} : { grantId }),
    ...(receipt === undefined ? {} : { receipt: viewOf(receipt.value) }),
  }
}

function viewOf({ receiptId, grantId, issuedAt, jws }: StoredReceipt): ReceiptView {
  return {
    receiptId,
    ...(grantId === undefined ? {} : { grantId }),
    issuedAt: formatTime(issuedAt),
    jws,
    payload: decodeJwt(jws),
  }
}

function answersOf({ decision, items, until }: Decision): Answers {
  if (decision !== 'allow') return { decision }
  const end = until === undefined ? undefined : parseTime(until)
  if (until !== undefined && end === undefined)
    throw new DomainError('invalid-input', 'The end is no date and time', {
      violations: [{ pointer: '/until', detail: 'is no RFC 3339 date and time' }],
    })
  return { decision, items: items ?? [], ...(end === undefined ? {} : { until: end }) }
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url')
}
