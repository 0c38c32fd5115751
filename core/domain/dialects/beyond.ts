import type { Node, ReceiptTerms } from '../receipt-terms.ts'

/** What the shapes of an access grant have no member for: kept in `reach:beyond`. */
export const beyondAccessGrant = [
  'receiptId',
  'own',
  'record',
  'subject',
  'notice',
  'language',
  'business',
  'retention',
  'recipients',
  'withdrawAt',
  'rightsAt',
  'jurisdiction',
  'items',
] as const

/** Those members; `items` is what each shape leaves over of its items. */
export function beyondOf(terms: ReceiptTerms, items: readonly object[]): Node {
  const { receiptId, own, record, subject, notice, language, business, retention, recipients } = terms
  const { withdrawAt, rightsAt, jurisdiction } = terms
  return {
    receiptId,
    own,
    record,
    subject,
    notice,
    language,
    business,
    retention,
    recipients,
    withdrawAt,
    rightsAt,
    jurisdiction,
    items,
  } satisfies Record<(typeof beyondAccessGrant)[number], unknown>
}
