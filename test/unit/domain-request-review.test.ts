import { describe, expect, test } from 'vitest'
import { fields, findField } from '#core/domain/catalogue.ts'
import { purposes } from '#core/domain/purposes.ts'
import { normalizeRequest } from '#core/domain/request.ts'
import { adviceCodes, reviewRequest } from '#core/domain/request-review.ts'
import { formatTime } from '#core/domain/times.ts'
import type { AccessRequestDetails, AskedItem } from '#schemas/types.gen.ts'

const now = Date.UTC(2026, 10, 22)
const day = 86_400_000
const vendor = { privacyPolicy: 'https://shop.example/privacy', contact: 'privacy@shop.example' }

function review(
  items: readonly Partial<AskedItem>[],
  changes: Partial<AccessRequestDetails> = {},
  business: Parameters<typeof reviewRequest>[1]['vendor'] = vendor,
) {
  const details: AccessRequestDetails = {
    type: 'urn:reach:access-request:1',
    items: items.map((item, n) => ({
      purpose: 'dpv:DeliveryOfGoods',
      fields: ['profile.name', 'contact.address'],
      why: `To deliver what you order, number ${n}.`,
      required: n === 0,
      ...item,
    })),
    retention: 'P30D',
    recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
    until: formatTime(now + 30 * day),
    ...changes,
  }
  return reviewRequest(normalizeRequest(details, { vendorId: 'v', now }), { vendor: business, now })
}
const codes = (found: ReturnType<typeof review>) => found.map(({ code, pointer }) => `${code} ${pointer}`)

describe('the review of a request', () => {
  test('has nothing to say of one that asks for what it needs and says why', () => {
    expect(review([{}])).toEqual([])
  })

  test.each<[string, readonly Partial<AskedItem>[], Partial<AccessRequestDetails>, string[]]>([
    [
      'a field its purpose does not need',
      [{ fields: ['contact.address', 'interests.topics'] }],
      {},
      ['not-needed /items/0/fields/1'],
    ],
    [
      'data where an answer would do',
      [{ purpose: 'dpv:AgeVerification', fields: ['profile.birthDate'], why: 'To see that you are of age.' }],
      {},
      ['not-needed /items/0/fields/0', 'answer-would-do /items/0/fields/0', 'sensitive /items/0/fields/0'],
    ],
    [
      'a special category',
      [{ purpose: 'dpv:RequestedServiceProvision', fields: ['diet.allergies'] }],
      {},
      ['special-category /items/0/fields/0'],
    ],
    [
      'advertising as the price of the rest',
      [{}, { purpose: 'dpv:DirectMarketing', fields: ['contact.email'], required: true }],
      {},
      ['advertising-required /items/1/required', 'nothing-optional /items'],
    ],
    ['keeping it for long', [{}], { retention: 'P3Y' }, ['long-retention /retention']],
    ['reading for long', [{}], { until: formatTime(now + 91 * day) }, ['long-access /until']],
    [
      'the same words twice',
      [{ why: 'To deliver it.' }, { why: 'To deliver it.', fields: ['contact.phone'] }],
      {},
      ['repeated-why /items/1/why'],
    ],
    ['words that say nothing', [{ why: 'Service.' }], {}, ['vague-why /items/0/why']],
    ['a delivery by nobody', [{}], { recipients: [] }, ['recipients-unlikely /recipients']],
  ])('names %s', (_name, items, changes, expected) => {
    expect(codes(review(items, changes))).toEqual(expected)
  })

  test('lets the papers of a trade be kept as the law wants', () => {
    expect(
      review([{ purpose: 'dpv:CustomerOrderManagement', fields: ['profile.name'] }], { retention: 'P10Y' }),
    ).toEqual([])
  })

  test('names what the operator has not of the business', () => {
    expect(codes(review([{}], {}, {}))).toEqual(['no-privacy-policy ', 'no-contact '])
  })

  test('names answers that say less, and no others', () => {
    const [, found] = review([{ purpose: 'dpv:AgeVerification', fields: ['profile.birthDate'] }])
    expect(found?.instead).toContain('profile.ageOver18')
    for (const id of found?.instead ?? [])
      expect(findField(id)).toMatchObject({ kind: 'derived', hides: true })
  })

  test('has a verdict on every field for every purpose, of a closed set of codes', () => {
    for (const { id: purpose } of purposes)
      for (const { id } of fields)
        for (const { code, kind, pointer } of review([{ purpose, fields: [id] }])) {
          expect(adviceCodes[code]).toBe(kind)
          expect(pointer).toMatch(/^\/(items\/0\/(fields\/0|required)|recipients)$/)
        }
  })
})
