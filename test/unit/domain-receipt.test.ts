import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../core/domain/canonical.ts'
import { noticeOf, noticeText } from '../../core/domain/notice.ts'
import { receiptOf } from '../../core/domain/receipt.ts'
import type { ReceiptSource } from '../../core/domain/receipt.ts'
import type { Vendor } from '../../schemas/types.gen.ts'

const vendor: Vendor = {
  v: 1,
  vendorId: 'vendor-vendor-vendor-1',
  name: 'Acme Shoes Ltd',
  website: 'https://acme.example',
  contact: 'privacy@acme.example',
  jurisdiction: 'IE',
  admittedAt: 1,
}

const request = {
  requestId: 'request-request-requ-1',
  requestHash: 'h'.repeat(43),
  items: [
    {
      id: 'shoes',
      purpose: 'dpv:ProvideProductRecommendations',
      fields: ['sizes.shoe', 'diet.allergies'],
      why: 'To suggest shoes',
      required: false,
    },
    {
      id: 'age',
      purpose: 'dpv:AgeVerification',
      fields: ['profile.ageOver18'],
      why: 'To check your age',
      required: true,
    },
    {
      id: 'news',
      purpose: 'dpv:DirectMarketing',
      fields: ['contact.email'],
      why: 'To write to you',
      required: false,
    },
  ],
  retention: 'P1Y',
  recipients: [{ name: 'DHL', role: 'delivers parcels', url: 'https://dhl.example/' }],
}

const allowed: ReceiptSource = {
  receiptId: 'receipt-receipt-rece-1',
  issuedAt: Date.parse('2026-11-22T12:00:00Z'),
  vaultUrl: 'https://vault.example/tour',
  logOrigin: 'vault.example/tour/log',
  language: 'en',
  noticeHash: 'n'.repeat(43),
  vendor,
  request,
  decided: {
    status: 'allowed',
    grantId: 'grant-grant-grant-gr-1',
    subject: 's'.repeat(43),
    until: Date.parse('2027-02-20T00:00:00Z'),
    items: [
      { id: 'shoes', purpose: 'dpv:ProvideProductRecommendations', fields: ['sizes.shoe'] },
      { id: 'age', purpose: 'dpv:AgeVerification', fields: ['profile.ageOver18'] },
    ],
  },
}

type Node = { [member: string]: unknown }
const record = (receipt: Node) => receipt['dpv:hasRecordOfActivity'] as Node
const processes = (receipt: Node) => record(receipt)['dpv:hasProcess'] as Node[]
const identifiers = (nodes: unknown) => (nodes as Node[]).map((node) => node['dct:identifier'])

/** Every name with a prefix that a receipt uses, as member or as value. */
function terms(value: unknown): string[] {
  const isTerm = (text: string) => /^[a-z]+:[A-Za-z0-9]+$/.test(text)
  if (typeof value === 'string') return isTerm(value) ? [value] : []
  if (Array.isArray(value)) return value.flatMap(terms)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => [
    ...(isTerm(name) ? [name] : []),
    ...terms(member),
  ])
}

test('the bytes of receipts are for ever: what version 0.2.0 wrote is written today', () => {
  const bare: Vendor = { v: 1, vendorId: 'vendor-vendor-vendor-2', name: 'Bare', admittedAt: 1 }
  const amended = { ...allowed.decided, reads: 3, replaces: 'receipt-receipt-rece-0' }
  const sources: ReceiptSource[] = [
    allowed,
    { ...allowed, decided: { status: 'refused' } },
    { ...allowed, logOrigin: 'vault.example/sandbox/log', decided: amended },
    { ...allowed, vendor: bare, request: { ...request, recipients: [] } },
  ]
  expect(sources.map((source) => hash('sha256', canonical(receiptOf(source)), 'base64url'))).toEqual([
    'YHBae9uodsF93Yn8LOV8J3khqBJw_mWJDIGkkkj4650',
    'zUbiI0SuGyhM9oPViU4ZKMAq2qo3zl81JrhIGIwAG6s',
    'rbgg3Z-n1OJ-NK8o7GzsCUlYzYcvldLZZnwRYellVwA',
    'cLuD4EHSCdKviE5jpe_yL4-xiiDgUsAoZQ8pnfEuDWA',
  ])
})

describe('a receipt', () => {
  test('of a sandbox say so, and no other does', () => {
    expect(receiptOf({ ...allowed, logOrigin: 'vault.example/sandbox/log' })).toMatchObject({
      'reach:sandbox': true,
    })
    expect(receiptOf(allowed)).not.toHaveProperty('reach:sandbox')
  })

  test('says of every item what was given and what was refused, for whom, until when', () => {
    const [shoes, age, news] = processes(receiptOf(allowed))
    expect(identifiers(shoes?.['dpv:hasPersonalData'])).toEqual(['sizes.shoe'])
    expect(shoes?.['dpv:hasConsentStatus']).toEqual([
      {
        '@type': 'dpv:ConsentGiven',
        'dpv:isIndicatedAtTime': '2026-11-22T12:00:00.000Z',
        'dpv:isIndicatedBy': 'dpv:DataSubject',
        'dct:valid': '2027-02-20T00:00:00.000Z',
      },
      expect.objectContaining({
        '@type': 'dpv:ConsentRefused',
        'dpv:hasPersonalData': [
          {
            '@type': ['dpv:SpecialCategoryPersonalData', 'pd:PhysicalHealth'],
            'dct:identifier': 'diet.allergies',
            'dct:title': 'Allergies',
          },
        ],
      }),
    ])
    expect(age?.['dpv:hasPersonalData']).toEqual([
      expect.objectContaining({
        '@type': ['dpv:PersonalData', 'pd:Age', 'dpv:DerivedPersonalData'],
        'dct:source': ['profile.birthDate'],
      }),
    ])
    expect(news?.['dpv:hasPersonalData']).toEqual([])
    expect(news?.['dpv:hasConsentStatus']).toEqual([
      expect.objectContaining({ '@type': 'dpv:ConsentRefused' }),
    ])
    for (const process of [shoes, age, news]) {
      expect(process?.['dpv:hasStorageCondition']).toContainEqual({
        '@type': 'dpv:StorageDuration',
        'dpv:hasDuration': 'P1Y',
      })
      expect(process?.['dpv:hasRecipient']).toContainEqual(expect.objectContaining({ 'dpv:hasName': 'DHL' }))
      expect(process?.['dpv:hasConsentControl']).toEqual({
        '@type': 'dpv:WithdrawConsent',
        'dpv:isExercisedAt': 'https://vault.example/tour/relationships/grant-grant-grant-gr-1',
      })
      expect(process?.['dpv:hasJurisdiction']).toBe('loc:IE')
    }
  })

  test('of a refusal gives nothing and names nobody', () => {
    const receipt = receiptOf({ ...allowed, decided: { status: 'refused' } })
    expect(processes(receipt).flatMap((process) => process['dpv:hasPersonalData'])).toEqual([])
    const states = processes(receipt).flatMap((process) => process['dpv:hasConsentStatus'] as Node[])
    expect(new Set(states.map((state) => state['@type']))).toEqual(new Set(['dpv:ConsentRefused']))
    expect(record(receipt)['dpv:hasDataSubject']).toEqual({
      '@type': 'dpv:DataSubject',
      'dct:identifier': request.requestId,
    })
    expect(canonical(receipt)).not.toContain('s'.repeat(43))
  })

  test('has the header and record of ISO/IEC TS 27560, and no place in the log', () => {
    const receipt = receiptOf(allowed)
    expect(receipt).toMatchObject({
      'dct:conformsTo': 'https://w3id.org/dpv/schema/dpv-27560#receipt',
      'dct:identifier': allowed.receiptId,
      'dct:created': '2026-11-22T12:00:00.000Z',
      'reach:logOrigin': 'vault.example/tour/log',
      'reach:statusUri': 'https://vault.example/tour/api/receipts/receipt-receipt-rece-1',
    })
    expect(record(receipt)).toMatchObject({
      'dct:conformsTo': 'https://w3id.org/dpv/schema/dpv-27560#record',
      'dct:identifier': 'grant-grant-grant-gr-1',
      'dpv:hasDataSubject': { 'dct:identifier': 's'.repeat(43) },
      'dpv:hasNotice': { 'dct:language': 'en', 'dct:identifier': `sha-256:${'n'.repeat(43)}` },
    })
    expect(canonical(receipt)).not.toMatch(/index|checkpoint|webid/i)
  })

  test('binds every name it uses to an IRI', () => {
    const receipt = receiptOf(allowed)
    const prefixes = Object.keys(receipt['@context'] as Node)
    const used = new Set(terms({ ...receipt, '@context': undefined }).map((term) => term.split(':')[0]))
    expect([...used].filter((prefix) => !prefixes.includes(prefix ?? ''))).toEqual([])
    expect(receipt['@context']).toMatchObject({
      dpv: 'https://w3id.org/dpv#',
      pd: 'https://w3id.org/dpv/pd#',
    })
  })

  test('is the same bytes for the same decision', () => {
    expect(canonical(receiptOf(allowed))).toBe(canonical(receiptOf(structuredClone(allowed))))
    const { contact: _, website: __, jurisdiction: ___, ...bare } = vendor
    const [process] = processes(receiptOf({ ...allowed, vendor: bare }))
    expect(process?.['dpv:hasJurisdiction']).toBe('not stated')
  })
})

describe('a notice', () => {
  const source = {
    vendor,
    items: request.items,
    retention: 'P1Y',
    recipients: request.recipients,
    until: Date.parse('2027-02-20T00:00:00Z'),
  }

  test('says who asks to read what for what until when, and what an answer tells', () => {
    const notice = noticeOf(source)
    expect(notice.items.map((item) => item.asks)).toEqual([
      'Acme Shoes Ltd asks to read your shoe size and your allergies to suggest products, until 20 Feb 2027.',
      'Acme Shoes Ltd asks to read the answer "Over 18" to check your age, until 20 Feb 2027.',
      'Acme Shoes Ltd asks to read your e-mail to send you advertising, until 20 Feb 2027.',
    ])
    expect(notice.items.map((item) => item.learns)).toEqual([
      [],
      ['Acme Shoes Ltd will learn: Over 18. Not your birth date.'],
      [],
    ])
    expect(notice.retention).toBe('Acme Shoes Ltd says it keeps what it read for 1 year.')
    expect(notice.recipients).toBe('Acme Shoes Ltd says it gives it to DHL (delivers parcels).')
    expect(noticeOf({ ...source, recipients: [] }).recipients).toBe(
      'Acme Shoes Ltd says it gives it to nobody else.',
    )
  })

  test('names every field that is asked for and no other', () => {
    for (const item of noticeOf(source).items) {
      const asked = source.items.find((one) => one.id === item.id)
      const titles = {
        'sizes.shoe': 'shoe size',
        'diet.allergies': 'allergies',
        'profile.ageOver18': 'Over 18',
        'contact.email': 'e-mail',
      }
      for (const [field, title] of Object.entries(titles)) {
        expect(item.asks.includes(title)).toBe(asked?.fields.includes(field))
      }
    }
  })

  test('has another text when anything that was shown differs', () => {
    const texts = [
      source,
      { ...source, vendor: { name: 'Acme' } },
      { ...source, retention: 'P2Y' },
      { ...source, recipients: [] },
      { ...source, until: Date.parse('2027-02-21T00:00:00Z') },
      { ...source, items: source.items.slice(1) },
      { ...source, items: source.items.map((item) => ({ ...item, required: true })) },
      { ...source, items: source.items.map((item) => ({ ...item, why: 'To do something else' })) },
    ].map((one) => noticeText(noticeOf(one)))
    expect(new Set(texts).size).toBe(texts.length)
  })

  test('wears nobody down', () => {
    expect(noticeText(noticeOf(source))).not.toMatch(
      /forever|always|unlimited|are you sure|miss out|we value|limited time/i,
    )
  })
})
