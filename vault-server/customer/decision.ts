import { hash } from 'node:crypto'
import { answersText, decide } from '#core/domain/decision.ts'
import type { Answers } from '#core/domain/decision.ts'
import { DomainError } from '#core/domain/errors.ts'
import { noticeOf, noticeText } from '#core/domain/notice.ts'
import { parseTime } from '#core/domain/times.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readAccount } from '#core/records/accounts.ts'
import { archiveNotice } from '#core/records/notices.ts'
import { combine } from '#core/records/parts.ts'
import { readReceipt } from '#core/records/receipts.ts'
import { readRequest } from '#core/records/requests.ts'
import { readVendor } from '#core/records/vendors.ts'
import type { AccessRequest, Decision, DecisionResult } from '#schemas/types.gen.ts'
import type { Asked, Exchange } from '../oauth/interactions.ts'
import { readOAuthKeys } from '../oauth/oauth-keys.ts'
import type { SigningKeys } from '../signing-keys.ts'
import { conclude } from './conclusion.ts'
import type { Case, DecisionParts } from './conclusion.ts'
import { findRequest, returnOf } from './requests.ts'
import { viewReceipt } from './views.ts'

/** Answers a request for the customer who is signed in. Refuses with the code that fits. */
export type Decide = (
  exchange: Exchange,
  asked: {
    readonly uid: string
    readonly accountId: string
    readonly decision: Decision
  },
) => Promise<DecisionResult>

/** Opens what makes decisions. `now` in Unix ms. */
export async function decisions({
  keys,
  receiptKeys,
  ...parts
}: Omit<DecisionParts, 'secrets'> & { keys: KeyStore; receiptKeys: SigningKeys }): Promise<Decide> {
  const secrets = { receiptKeys, pairwise: (await readOAuthKeys(keys)).pairwiseSecret }
  return (exchange, asked) => decideOnce({ ...parts, secrets }, exchange, asked)
}

/**
 * One commit holds all of it: the request's outcome, grant and index, receipt, OAuth Grant with its pointer,
 * the interaction's result, the log entry, and the job that carries the receipt into the pod. The same
 * answers again get the stored result, so a repeated click or a lost reply does nothing twice; others are
 * `request-decided`.
 */
async function decideOnce(
  parts: DecisionParts,
  ...[exchange, asked]: Parameters<Decide>
): Promise<DecisionResult> {
  const { ledger, now } = parts
  const answers = answersOf(asked.decision)
  const answersHash = sha256(answersText(answers))
  const way = await findRequest(parts.interactions, exchange, asked.uid)
  if (asked.decision.accountId !== asked.accountId)
    throw new DomainError('conflict', 'The page was opened by somebody else than who is signed in now')
  for (let attempt = 1; ; attempt++) {
    const { stored, request } = await readClaimed(ledger, way.requestId, asked)
    if (request.status !== 'open' && request.answersHash === answersHash)
      return sentBack(parts, way, await resultOf(ledger, request, way))
    assertCompared(request, asked.decision)
    const at = now()
    const outcome = decide(request, answers, at)
    const { vendor, webId } = await readParties(ledger, request)
    const notice = noticeOf({ ...request, vendor }, asked.decision.language, asked.decision.screen)
    const shown = noticeText(notice)
    const noticeHash = sha256(shown)
    const { amends } = asked.decision
    const found: Case = {
      asked: way,
      stored,
      request,
      vendor,
      webId,
      notice,
      noticeHash,
      answersHash,
      at,
      ...(amends && { amends }),
    }
    const { commit, result } = await conclude(parts, found, outcome)
    try {
      await ledger.commit(combine(commit, archiveNotice(noticeHash, shown)))
      return sentBack(parts, way, result)
    } catch (error) {
      // The same click twice, a suspension, a lost pod: decide anew on what is there now.
      if (!(error instanceof CommitRefused)) throw error
      if (attempt === 5)
        throw new DomainError('busy', 'Something else keeps changing; the same answer can be sent again', {
          cause: error,
        })
    }
  }
}

function sentBack({ interactions }: DecisionParts, way: Asked, result: DecisionResult): DecisionResult {
  interactions.sendBack(way, result.returnTo)
  return result
}

/** Who allows what a link brought says which code the business showed: a link alone, out of a message, is not enough. */
function assertCompared({ channel, matchingCode }: AccessRequest, answer: Decision): void {
  if (channel !== 'link' || answer.decision !== 'allow' || answer.matchingCode === matchingCode) return
  throw new DomainError('invalid-input', 'The code is not the one that the business shows', {
    violations: [{ pointer: '/matchingCode', detail: 'is not the code of this request' }],
  })
}

/**
 * Somebody else's request, or one this customer has not opened, is `not-found`; another text than shown is
 * refused.
 */
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

async function resultOf(ledger: Ledger, request: AccessRequest, way: Asked): Promise<DecisionResult> {
  const { status, grantId, receiptId, pickupCode } = request
  if (status === 'open') throw new Error('a decided request without its outcome')
  const returnTo = returnOf(request, way)
  const receipt = receiptId === undefined ? undefined : await readReceipt(ledger, receiptId)
  return {
    status,
    ...(returnTo === undefined ? {} : { returnTo }),
    ...(pickupCode === undefined ? {} : { pickupCode }),
    ...(grantId === undefined ? {} : { grantId }),
    ...(receipt === undefined ? {} : { receipt: viewReceipt(receipt.value) }),
  }
}

function answersOf({ decision, items, until, reads }: Decision): Answers {
  if (decision !== 'allow') return { decision }
  const end = until === undefined ? undefined : parseTime(until)
  if (until !== undefined && end === undefined)
    throw new DomainError('invalid-input', 'The end is no date and time', {
      violations: [{ pointer: '/until', detail: 'is no RFC 3339 date and time' }],
    })
  return {
    decision,
    items: items ?? [],
    ...(end === undefined ? {} : { until: end }),
    ...(reads && { reads }),
  }
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url')
}
