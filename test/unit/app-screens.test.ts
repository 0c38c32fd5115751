import { describe, expect, test } from 'vitest'
import { day } from '#core/domain/times.ts'
import type { GrantView, VendorView } from '#schemas/types.gen.ts'
import { byDay, byEvent } from '../../consent-app/components/activity-days.ts'
import { endsSoon, sightOf, splitGrants, visibleFields } from '../../consent-app/components/grant-facts.ts'
import { asIssuer } from '../../consent-app/components/issuer.ts'
import { shortWebId } from '../../consent-app/components/short-web-id.ts'
import { describeValue } from '../../consent-app/components/value-text.ts'
import { findField } from '#core/domain/catalogue.ts'
import type { FieldSchema } from '../../consent-app/form/form-fields.ts'
import { parseDuration } from '../../consent-app/messages/duration.ts'
import { chooseLanguage } from '../../consent-app/messages/locale.ts'
import { isWebAddress, pathInApp } from '../../consent-app/mount.ts'

const now = Date.UTC(2026, 10, 22)

function vendor(name: string, suspended = false): VendorView {
  return { vendorId: name, name, domainProven: false, suspended }
}

function grant(over: Partial<GrantView>): GrantView {
  return {
    grantId: 'g',
    vendor: vendor('Shop'),
    items: [],
    state: 'active',
    validFrom: new Date(now - day).toISOString(),
    until: new Date(now + 30 * day).toISOString(),
    reads: 0,
    receiptId: 'r',
    asOf: new Date(now).toISOString(),
    ...over,
  }
}

const items = (...ids: string[]) => [
  {
    id: 'i',
    purpose: 'dpv:CustomerCare',
    purposeTitle: 'Customer care',
    fields: ids.map((field) => ({ field, title: field })),
  },
]

describe('who can see what', () => {
  const grants = [
    grant({ grantId: 'a', items: items('profile.name', 'contact.email'), reads: 2 }),
    grant({ grantId: 'b', items: items('profile.name', 'profile.birthDate'), reads: 3 }),
    grant({ grantId: 'c', vendor: vendor('Paused'), state: 'paused', items: items('diet.diet') }),
    grant({ grantId: 'd', vendor: vendor('Stopped', true), items: items('diet.diet') }),
    grant({ grantId: 'e', vendor: vendor('New'), state: 'waiting', items: items('sizes.shoe') }),
  ]

  test('counts only what can be read now, each field of a business once', () => {
    const [row, ...others] = sightOf(grants)
    expect(others).toEqual([])
    expect(row?.vendor.name).toBe('Shop')
    expect(row?.reads).toBe(5)
    expect(Object.fromEntries(row?.titles ?? [])).toEqual({
      profile: ['profile.name', 'profile.birthDate'],
      contact: ['contact.email'],
    })
    expect(visibleFields(grants)).toBe(3)
  })

  test('the live come first by their end, the past by when they ended', () => {
    const at = (offset: number) => new Date(now + offset * day).toISOString()
    const { live, past } = splitGrants([
      grant({ grantId: 'late', until: at(20) }),
      grant({ grantId: 'old', state: 'expired', until: at(-40), endedAt: at(-40) }),
      grant({ grantId: 'soon', state: 'waiting', until: at(2) }),
      grant({ grantId: 'new', state: 'withdrawn', until: at(90), endedAt: at(-1) }),
    ])
    expect(live.map(({ grantId }) => grantId)).toEqual(['soon', 'late'])
    expect(past.map(({ grantId }) => grantId)).toEqual(['new', 'old'])
    expect(live.map((one) => endsSoon(one, now))).toEqual([true, false])
    expect(past.some((one) => endsSoon(one, now))).toBe(false)
  })
})

describe('a value', () => {
  test('is shown whole, whatever it is', () => {
    expect(show('profile.name', 'Ada')).toEqual({ kind: 'text', text: 'Ada' })
    expect(show('profile.ageOver18', false)).toEqual({ kind: 'answer', yes: false })
    expect(show('profile.birthDate', '1990-12-10')).toEqual({ kind: 'day', day: '1990-12-10' })
    expect(show('profile.birthDate', '1990-13-40').kind).toBe('text')
    expect(show('contact.address', { country: 'GB' })).toMatchObject({
      parts: [{ value: { kind: 'country', code: 'GB' } }],
    })
    expect(show('profile.languages', ['en', 'de'])).toEqual({
      kind: 'list',
      lines: false,
      parts: [
        { kind: 'language', tag: 'en' },
        { kind: 'language', tag: 'de' },
      ],
    })
    expect(show('diet.diet', ['LowFatDiet', 'Unknown'])).toMatchObject({
      parts: [
        { kind: 'text', text: 'Low in fat' },
        { kind: 'text', text: 'Unknown' },
      ],
    })
    expect(show('sizes.shoe', { size: '39', system: 'EU' })).toMatchObject({ between: ' ' })
    expect(show('contact-rules.quietHours', { from: '22:00', to: '07:00' })).toMatchObject({ between: ' – ' })
    expect(describeValue(42)).toEqual({ kind: 'text', text: '42' })
    expect(describeValue(null)).toEqual({ kind: 'text', text: 'null' })
  })

  test('of many parts has each on a line, and names what says nothing alone', () => {
    expect(show('household.people', [{ relation: 'child', birthYear: 2019 }])).toEqual({
      kind: 'list',
      lines: true,
      parts: [
        {
          kind: 'parts',
          between: ' · ',
          parts: [
            { name: 'relation', title: undefined, value: { kind: 'text', text: 'Child' } },
            { name: 'birthYear', title: 'Year of birth', value: { kind: 'text', text: '2019' } },
          ],
        },
      ],
    })
    expect(show('household.home', { garden: true })).toMatchObject({
      between: undefined,
      parts: [{ title: 'Garden or balcony', value: { kind: 'answer', yes: true } }],
    })
  })

  test('is a picture only as inline data of a known kind', () => {
    expect(describeValue('data:image/png;base64,AAAA').kind).toBe('picture')
    for (const other of ['data:image/svg+xml;base64,AAAA', 'https://a.example/x.png', 'data:text/html,x'])
      expect(describeValue(other).kind).toBe('text')
  })
})

const show = (field: string, value: unknown) =>
  describeValue(value, findField(field)?.schema as FieldSchema | undefined)

describe('an address', () => {
  test('that was typed becomes an issuer or WebID, or nothing', () => {
    expect(asIssuer(' login.example.org ')).toBe('https://login.example.org/')
    expect(asIssuer('https://ada.example/card#me')).toBe('https://ada.example/card#me')
    expect(asIssuer('http://localhost:3000')).toBe('http://localhost:3000/')
    for (const wrong of [
      '',
      'ada',
      'javascript:alert(1)',
      'ftp://a.example',
      'https://u:p@a.example',
      'a b.c',
    ])
      expect(asIssuer(wrong), wrong).toBeUndefined()
  })

  test('is followed only when it is one of the web', () => {
    expect(isWebAddress('https://a.example/x')).toBe(true)
    for (const wrong of ['javascript:alert(1)', 'data:text/html,x', '//a.example', 'a', undefined])
      expect(isWebAddress(wrong)).toBe(false)
  })

  test('to come back to stays in this app', () => {
    const root = 'https://vault.example/'
    const tour = 'https://vault.example/tour/'
    expect(pathInApp('/consent/abc?x=1', root)).toBe('/consent/abc?x=1')
    expect(pathInApp('https://vault.example/tour/settings', tour)).toBe('/settings')
    expect(pathInApp('/tour', tour)).toBe('/')
    for (const outside of ['https://evil.example/a', '//evil.example/a', '/settings', 'javascript:alert(1)'])
      expect(pathInApp(outside, tour), outside).toBe('/')
    expect(pathInApp('//evil.example/a', root)).toBe('/')
  })
})

test('entries are grouped by day without changing their order', () => {
  const entry = (index: number, time: string) => ({ index, type: 'disclosed', time })
  const groups = byDay([
    entry(9, '2026-11-22T12:00:00Z'),
    entry(8, '2026-11-22T11:00:00Z'),
    entry(7, '2026-11-20T12:00:00Z'),
  ])
  expect(groups.map(({ items: entries }) => entries.map(({ index }) => index))).toEqual([[9, 8], [7]])
})

test('what befell all permissions in one moment is told once, with every entry of the log', () => {
  const entry = (index: number, type: string, time = '2026-11-22T12:00:00.001Z') => ({ index, type, time })
  const events = byEvent([
    entry(9, 'access-restored', '2026-11-22T12:00:05Z'),
    entry(8, 'access-lost'),
    entry(7, 'disclosed'),
    entry(6, 'disclosed'),
    entry(5, 'access-lost'),
    entry(4, 'access-lost', '2026-11-22T11:00:00Z'),
  ])
  expect(events.map((entries) => entries.map(({ index }) => index))).toEqual([[9], [8, 5], [7], [6], [4]])
})

test('durations are read as ISO 8601 has them', () => {
  expect(parseDuration('P1Y6M')).toEqual({ years: 1, months: 6, weeks: 0, days: 0 })
  expect(parseDuration('P90D').days).toBe(90)
})

test('the language is the first one that Reach speaks, dates as in the reader’s region', () => {
  expect(chooseLanguage(['xx', 'en-IE', 'en'])).toEqual({ language: 'en', formats: 'en-IE' })
  expect(chooseLanguage(['constructor', 'xx-YY'])).toEqual({ language: 'en', formats: 'en' })
})

test('what was chosen on this device comes before what the browser prefers, the region stays', () => {
  expect(chooseLanguage(['en-IE', 'de-AT'], 'de')).toEqual({ language: 'de', formats: 'de-AT' })
  expect(chooseLanguage(['de-AT'], 'en')).toEqual({ language: 'en', formats: 'en' })
  expect(chooseLanguage(['de-AT'], 'toString')).toEqual({ language: 'en', formats: 'en' })
})

test('Arabic counts days and digits as the texts do, whatever the region would', () => {
  const formats = 'ar-SA-u-ca-gregory-nu-latn'
  expect(chooseLanguage(['ar-SA'])).toEqual({ language: 'ar', formats })
  expect(chooseLanguage(['ar-SA-u-ca-islamic'])).toEqual({ language: 'ar', formats })
  expect(new Intl.DateTimeFormat(formats, { dateStyle: 'long', timeZone: 'UTC' }).format(now)).toMatch(
    /22.*2026/,
  )
})

test('a WebID is shortened to its host and the first name in its path', () => {
  expect(shortWebId('https://pods.example/ada/profile/card#me')).toBe('pods.example/ada')
  expect(shortWebId('https://ada.example/profile/card#me')).toBe('ada.example')
  expect(shortWebId('no address')).toBe('no address')
})
