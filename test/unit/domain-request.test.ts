import { describe, expect, test } from 'vitest'
import { DomainError } from '../../core/domain/errors.ts'
import { normalizeRequest, requestText } from '../../core/domain/request.ts'
import type { AccessRequestDetails } from '../../schemas/types.gen.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const vendorId = 'shop-shop-shop-shop-22'

const good: AccessRequestDetails = {
  type: 'urn:reach:access-request:1',
  items: [
    {
      purpose: 'dpv:AgeVerification',
      fields: ['profile.ageOver18'],
      why: 'To check that you may buy wine',
      required: true,
    },
    {
      id: 'shoes',
      purpose: 'dpv:ProvideProductRecommendations',
      fields: ['sizes.shoe', 'interests.topics'],
      why: 'To suggest shoes that fit',
      required: false,
    },
  ],
  retention: 'P30D',
  recipients: [{ name: 'DHL', role: 'delivers parcels', url: 'https://www.dhl.example/privacy' }],
  until: '2027-02-20T00:00:00Z',
}

/** Pointers of all violations of the details with this change. */
function faults(change: Partial<AccessRequestDetails>): string[] {
  try {
    normalizeRequest({ ...good, ...change }, { vendorId, now })
    return []
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    expect(error.code).toBe('invalid-input')
    expect(JSON.stringify([error.message, error.violations])).not.toMatch(/evil|wine/)
    return error.violations.map((violation) => violation.pointer)
  }
}

const [first, second] = good.items
if (first === undefined || second === undefined) throw new Error('two items')
const item = (change: Partial<typeof first>) => faults({ items: [{ ...first, ...change }] })

describe('an access request', () => {
  test('is completed: ids for items without one, the end as time', () => {
    const request = normalizeRequest(good, { vendorId, now })
    expect(request.items.map((one) => one.id)).toEqual(['item-1', 'shoes'])
    expect(request.until).toBe(Date.parse('2027-02-20T00:00:00Z'))
    expect(request.recipients).toEqual(good.recipients)
    expect(Object.isFrozen(good.items[0]?.fields)).toBe(false)
    expect(request.items[0]?.fields).not.toBe(good.items[0]?.fields)
  })

  test('fills in ids that nobody has taken', () => {
    const items = [
      { ...first, id: 'item-2' },
      { ...second, id: 'item-1' },
    ].concat([
      { ...first, purpose: 'dpv:CustomerCare', id: undefined },
      { ...first, purpose: 'dpv:DirectMarketing', id: undefined },
    ] as never)
    const request = normalizeRequest({ ...good, items }, { vendorId, now })
    expect(request.items.map((one) => one.id)).toEqual(['item-2', 'item-1', 'item-3', 'item-4'])
    expect(
      faults({
        items: [
          { ...first, id: 'a' },
          { ...second, id: 'a' },
        ],
      }),
    ).toEqual(['/items/0/id', '/items/1/id'])
    expect(faults({ items: [] })).toEqual(['/items'])
  })

  test('names fields of the catalogue and purposes of the list', () => {
    expect(item({ fields: ['profile.evil'] })).toEqual(['/items/0/fields/0'])
    expect(item({ fields: ['profile'] })).toEqual(['/items/0/fields/0'])
    expect(item({ fields: ['__proto__'] })).toEqual(['/items/0/fields/0'])
    expect(item({ fields: [] })).toEqual(['/items/0/fields'])
    expect(item({ purpose: 'dpv:Evil' })).toEqual(['/items/0/purpose'])
    expect(item({ purpose: 'dpv:TargetedAdvertising' })).toEqual(['/items/0/purpose'])
    expect(item({ purpose: 'https://w3id.org/dpv#CustomerCare' })).toEqual(['/items/0/purpose'])
  })

  test('asks for a field once for a purpose, in one item or over several', () => {
    expect(item({ fields: ['profile.name', 'profile.name'] })).toEqual(['/items/0/fields/1'])
    const again = { ...first, required: false }
    expect(faults({ items: [first, again] })).toEqual(['/items/1/fields/0'])
    expect(faults({ items: [first, { ...again, purpose: 'dpv:CustomerCare' }] })).toEqual([])
  })

  test('asks for no more fields than a person can look through', () => {
    const all = [
      'profile.name',
      'profile.birthDate',
      'profile.languages',
      'contact.email',
      'contact.phone',
      'sizes.shoe',
      'sizes.top',
    ]
    const wanted = [
      'CustomerCare',
      'DirectMarketing',
      'DeliveryOfGoods',
      'PaymentManagement',
      'IdentityVerification',
    ]
    const many = [
      ...wanted,
      'ServiceRegistration',
      'FraudPreventionAndDetection',
      'ServicePersonalisation',
      'AgeVerification',
    ]
    const items = many.map((term) => ({ ...first, purpose: `dpv:${term}`, fields: all }))
    expect(faults({ items })).toEqual([])
    const one = { ...first, purpose: 'dpv:CustomerOrderManagement', fields: ['profile.name'] }
    expect(faults({ items: [...items, one] })).toEqual([])
    expect(faults({ items: [...items, { ...one, fields: ['profile.name', 'sizes.top'] }] })).toEqual([
      '/items',
    ])
  })

  test('ends in the future and within 365 days', () => {
    expect(faults({ until: '2026-11-22T12:00:00Z' })).toEqual(['/until'])
    expect(faults({ until: '2026-11-22T12:00:00.001Z' })).toEqual([])
    expect(faults({ until: '2027-11-22T12:00:00Z' })).toEqual([])
    expect(faults({ until: '2027-11-22T12:00:00.001Z' })).toEqual(['/until'])
    expect(faults({ until: '2026-02-30T00:00:00Z' })).toEqual(['/until'])
    expect(faults({ until: 'tomorrow' })).toEqual(['/until'])
  })

  test('says in plain text why', () => {
    expect(item({ why: 'Click https://evil.example' })).toEqual(['/items/0/why'])
    expect(item({ why: 'evil \u202e turned' })).toEqual(['/items/0/why'])
  })

  test('keeps data for some time and at most ten years', () => {
    expect(faults({ retention: 'P0D' })).toEqual(['/retention'])
    expect(faults({ retention: 'P10Y' })).toEqual([])
    expect(faults({ retention: 'P11Y' })).toEqual(['/retention'])
    expect(faults({ retention: 'P1D1D' })).toEqual(['/retention'])
  })

  test('names recipients by plain names, once each, with addresses that show where they lead', () => {
    const recipient = (change: object) =>
      faults({ recipients: [{ name: 'DHL', role: 'delivers', ...change }] })
    expect(recipient({ name: 'Booking.com' })).toEqual([])
    expect(recipient({ name: 'evil\u202e' })).toEqual(['/recipients/0/name'])
    expect(recipient({ role: 'see evil.com' })).toEqual(['/recipients/0/role'])
    expect(
      faults({
        recipients: [
          { name: 'DHL', role: 'a role' },
          { name: 'dhl', role: 'b role' },
        ],
      }),
    ).toEqual(['/recipients/1/name'])
    for (const url of [
      'http://dhl.example',
      'https://evil@dhl.example',
      'https://127.0.0.1/',
      'https://2130706433/',
      'https://[::1]/',
      'https://localhost/',
      'https://dhl.example /',
      'https://dhl．example/',
      'javascript:alert(1)',
      'https://',
    ]) {
      expect(recipient({ url })).toEqual(['/recipients/0/url'])
    }
  })

  test('is told everything that is wrong at once', () => {
    expect(
      faults({
        items: [{ ...first, purpose: 'dpv:Evil', why: ' ' }],
        until: 'never',
        retention: 'P99Y',
        recipients: [{ name: ' ', role: 'x' }],
      }).toSorted(),
    ).toEqual(['/items/0/purpose', '/items/0/why', '/recipients/0/name', '/retention', '/until'])
  })

  test('has one text, which changes with anything that was asked and by whom', () => {
    const text = (change: Partial<AccessRequestDetails>, vendor = vendorId) =>
      requestText(normalizeRequest({ ...good, ...change }, { vendorId: vendor, now }))
    expect(text({})).toBe(text({ until: '2027-02-20T01:00:00+01:00' }))
    const texts = [
      text({}),
      text({}, 'other-other-other-other'),
      text({ until: '2027-02-20T00:00:01Z' }),
      text({ retention: 'P31D' }),
      text({ recipients: [] }),
      text({ items: [{ ...first, required: false }, second] }),
      text({ items: [{ ...first, why: 'To check your age' }, second] }),
      text({ items: [first] }),
      text({ items: [second, first] }),
    ]
    expect(new Set(texts).size).toBe(texts.length)
  })
})
