/** What access requests, answers and grants can look like, for property tests. */
import fc from 'fast-check'
import { fields } from '../core/domain/catalogue.ts'
import { purposes } from '../core/domain/purposes.ts'
import type { Answers } from '../core/domain/decision.ts'
import type { AccessRequest, Grant, RequestedItem } from '../schemas/types.gen.ts'

export const day = 86_400_000
/** The moment the tests play at. */
export const now = Date.parse('2026-11-22T12:00:00Z')

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export function anId(length = 22): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...base64url), minLength: length, maxLength: length })
}

export const aPurpose = fc.constantFrom(...purposes.map((purpose) => purpose.id))
export const aField = fc.constantFrom(...fields.map((field) => field.id))
export const someFields = fc.uniqueArray(aField, { minLength: 1, maxLength: 6 })

/** Items as they are after `normalizeRequest`: no field twice for one purpose. */
export const someItems: fc.Arbitrary<RequestedItem[]> = fc
  .uniqueArray(aPurpose, { minLength: 1, maxLength: 4 })
  .chain((wanted) =>
    fc.tuple(
      ...wanted.map((purpose, index) =>
        fc.record({
          id: fc.constant(`item-${index + 1}`),
          purpose: fc.constant(purpose),
          fields: someFields,
          why: fc.constant('To do what you asked for'),
          required: fc.boolean(),
        }),
      ),
    ),
  )

export const aRequest: fc.Arbitrary<AccessRequest> = fc.record({
  v: fc.constant(1 as const),
  requestId: anId(),
  vendorId: anId(),
  clientId: anId(),
  receivedAt: fc.constant(now - 60_000),
  expiresAt: fc.constant(now + 3_600_000),
  requestHash: anId(43),
  items: someItems,
  retention: fc.constantFrom('P30D', 'P1Y', 'P6M'),
  recipients: fc.constant([]),
  until: fc.integer({ min: now + 1, max: now + 365 * day }),
  status: fc.constantFrom('open' as const, 'later' as const),
})

/** Answers that fit a request, in any order: each item whole, cut, refused or left out. */
export function answersTo(request: Pick<AccessRequest, 'items' | 'until'>): fc.Arbitrary<Answers> {
  const answers = request.items.map((item) =>
    fc.option(
      fc.shuffledSubarray(item.fields).map((chosen) => ({ id: item.id, fields: chosen })),
      { nil: undefined },
    ),
  )
  return fc
    .tuple(fc.tuple(...answers), fc.integer({ min: now + 1, max: request.until }))
    .chain(([chosen, until]) => {
      const items = chosen.filter((item) => item !== undefined)
      return fc
        .shuffledSubarray(items, { minLength: items.length })
        .map((shuffled) => ({ decision: 'allow' as const, items: shuffled, until }))
    })
}

export const aGrant: fc.Arbitrary<Grant> = fc.record({
  v: fc.constant(1 as const),
  grantId: anId(),
  accountId: anId(),
  vendorId: anId(),
  clientId: anId(),
  subject: anId(43),
  requestId: anId(),
  items: someItems.map((items) =>
    items.map(({ id, purpose, fields: granted }) => ({ id, purpose, fields: granted })),
  ),
  retention: fc.constant('P30D'),
  recipients: fc.constant([]),
  validFrom: fc.constant(now),
  until: fc.integer({ min: now + 1, max: now + 365 * day }),
  state: fc.constant('active' as const),
  redeemed: fc.boolean(),
  redeemBy: fc.constant(now + 600_000),
  noticeHash: anId(43),
  receiptId: anId(),
  secret: anId(43),
})
