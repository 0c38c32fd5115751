import { hash } from 'node:crypto'
import { Router } from 'express'
import { changeTerms, differenceOf } from '#core/domain/change.ts'
import type { Terms } from '#core/domain/change.ts'
import { latestUntil } from '#core/domain/decision.ts'
import { DomainError } from '#core/domain/errors.ts'
import { noticeOf, noticeText } from '#core/domain/notice.ts'
import { formatTime, parseTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import { readAccount } from '#core/records/accounts.ts'
import { grantEntry } from '#core/records/entries.ts'
import { changeGrant, keepEarlier } from '#core/records/grants.ts'
import { newId } from '#core/records/ids.ts'
import { archiveNotice } from '#core/records/notices.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { readRequest } from '#core/records/requests.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import { readVendor } from '#core/records/vendors.ts'
import type {
  AccessRequest,
  ChangeGrant,
  Grant,
  GrantTerms,
  StoredReceipt,
  Vendor,
} from '#schemas/types.gen.ts'
import type { SigningKeys } from '../signing-keys.ts'
import { readReleasable } from './conclusion.ts'
import { readOwnGrant } from './grants.ts'
import type { GrantParts } from './grants.ts'
import { issueReceipt } from './receipt-delivery.ts'
import { signReceipt } from './receipt-signing.ts'
import { customerOf } from './session.ts'
import { valuesToday, viewItems } from './values-today.ts'
import type { Preview } from './values-today.ts'
import { viewEarlier, viewGrant } from './views.ts'

export interface TermsParts extends GrantParts {
  readonly vaultUrl: string
  readonly receiptKeys: SigningKeys
  readonly preview: Preview
}

type OfGrant = { grantId: string }

/**
 * `GET /grants/:grantId/terms`, everything that its request asked with today's values, and `POST
 * /grants/:grantId/change`. `changed` runs after a change, since jobs wait then.
 */
export function termsRoutes(parts: TermsParts, { changed }: { changed: () => void }): Router {
  const { ledger, now } = parts
  const parseChange = parser('api/change-grant.json')
  const router = Router()

  router.get<OfGrant>('/grants/:grantId/terms', async (request, response) => {
    const { accountId } = customerOf(request)
    const { value } = await readOwnGrant(ledger, accountId, request.params.grantId)
    response.json(await viewTerms(parts, value))
  })

  router.post<OfGrant>('/grants/:grantId/change', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const asked = parseChange(request.body)
    const shown = { language: asked.language, screen: asked.screen }
    const { grantId } = request.params
    const { replaces } = asked
    const grant = await changeOwnGrant({ accountId, grantId, terms: termsOf(asked), replaces, shown }, parts)
    changed()
    const view = await viewGrant(ledger, grant, now())
    response.json({ ...view, earlier: await viewEarlier(ledger, grant) })
  })
  return router
}

async function viewTerms({ ledger, preview, now }: TermsParts, grant: Grant): Promise<GrantTerms> {
  const request = await requestOf({ ledger }, grant)
  const today = await valuesToday({ ledger, preview }, { accountId: grant.accountId, items: request.items })
  const at = now()
  return {
    grant: await viewGrant(ledger, grant, at),
    items: viewItems(request.items, today),
    latestUntil: formatTime(Math.max(grant.until, latestUntil(request, at))),
    asOf: formatTime(at),
    ...(today.unavailable === undefined ? {} : { valuesUnavailable: today.unavailable }),
  }
}

/**
 * Gives a grant other terms, in force from this one commit on: the version that every disclosure checks changes with
 * it. The commit holds the grant, the terms before, a receipt of its own, the log entry, and what the business is told.
 * The same terms again change nothing. What widens is held to what a decision is held to: the business active, the pod
 * open.
 */
export async function changeOwnGrant(
  {
    accountId,
    grantId,
    terms,
    replaces,
    shown: { language, screen },
  }: {
    accountId: string
    grantId: string
    terms: Terms
    /** Receipt of the terms that she was shown. */
    replaces?: string | undefined
    /** What the page says of itself. */
    shown: { readonly [Name in 'language' | 'screen']: ChangeGrant[Name] | undefined }
  },
  parts: TermsParts,
): Promise<Grant> {
  const { ledger, names, now } = parts
  for (let attempt = 1; ; attempt++) {
    const stored = await readOwnGrant(ledger, accountId, grantId)
    const before = stored.value
    const [account, request, vendor] = await Promise.all([
      readAccount(ledger, accountId),
      requestOf(parts, before),
      readVendor(ledger, before.vendorId),
    ])
    if (account === undefined || vendor === undefined) throw new Error('a grant whose parties are gone')
    const at = now()
    const receiptId = newId()
    const draft = changeTerms(before, request, terms, { at, receiptId, noticeHash: before.noticeHash })
    if (draft === before) return before
    // What she took away elsewhere since is not given back by a page that still ticks it.
    if (replaces !== undefined && replaces !== before.receiptId)
      throw new DomainError('conflict', 'The terms in force are not those that the page showed')
    const items = grantedOf(request, draft)
    const source = { ...before, vendor: vendor.value, items, until: draft.until }
    const notice = noticeOf(source, language, screen)
    const text = noticeText(notice)
    const noticeHash = hash('sha256', text, 'base64url')
    const next = { ...draft, noticeHash }
    const receipt = await receiptOfChange(parts, {
      before,
      next,
      request,
      vendor: vendor.value,
      language: notice.language,
    })
    const { until, reads } = next
    const fact = {
      type: 'changed',
      items: next.items,
      until,
      notice: noticeHash,
      ...(reads && { reads }),
    } as const
    try {
      await ledger.commit(
        combine(
          await widening(parts, before, next),
          await changeGrant({ reader: ledger, names }, stored, next),
          keepEarlier(stored),
          archiveNotice(noticeHash, text),
          issueReceipt(receipt, at),
          vendorEvent({ type: 'grant.changed', grant: next, at }),
          { entries: [grantEntry(next, fact, { who: account.value.webId, data: receipt.jws })] },
        ),
      )
      return next
    } catch (error) {
      // A pause, a redemption, another change came first: decide anew on what it is now.
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

/** Nothing is added that could not be released now. */
async function widening({ ledger }: TermsParts, before: Grant, next: Grant): Promise<CommitParts> {
  const { added, longer } = differenceOf(before, next)
  if (added.length === 0 && !longer) return {}
  const { vendor, customer } = await readReleasable(ledger, next)
  const checks = [vendor, customer].map(({ key, version }) => ({ key, version }))
  return { checks }
}

function receiptOfChange(
  { vaultUrl, ledger, receiptKeys }: TermsParts,
  about: { before: Grant; next: Grant; request: AccessRequest; vendor: Vendor; language: string },
): Promise<StoredReceipt> {
  const { before, next, request, vendor, language } = about
  const { grantId, subject, items, until, reads, receiptId, noticeHash } = next
  const source = {
    receiptId,
    issuedAt: next.termsFrom ?? next.validFrom,
    vaultUrl,
    logOrigin: ledger.log.origin,
    language,
    noticeHash,
    vendor,
    request,
    decided: {
      status: 'allowed',
      grantId,
      subject,
      items,
      until,
      ...(reads && { reads }),
      replaces: before.receiptId,
    },
  } as const
  return signReceipt(source, { key: receiptKeys.signing(), accountId: next.accountId })
}

/** The items of the request as far as they are granted: what the notice of the new terms is made from. */
function grantedOf(request: AccessRequest, { items }: Grant): AccessRequest['items'] {
  return request.items.flatMap((asked) => {
    const fields = items.find(({ id }) => id === asked.id)?.fields
    return fields === undefined ? [] : [{ ...asked, fields }]
  })
}

async function requestOf(
  { ledger }: Pick<TermsParts, 'ledger'>,
  { requestId }: Grant,
): Promise<AccessRequest> {
  const request = await readRequest(ledger, requestId)
  if (request === undefined) throw new Error('a grant without its request')
  return request.value
}

function termsOf({ items, until, reads }: ChangeGrant): Terms {
  const end = parseTime(until)
  if (end === undefined)
    throw new DomainError('invalid-input', 'The end is no date and time', {
      violations: [{ pointer: '/until', detail: 'is no RFC 3339 date and time' }],
    })
  return { items, until: end, ...(reads && { reads }) }
}
