import { describe, expect, test } from 'vitest'
import { canonical } from '../../core/domain/canonical.ts'
import {
  alternativesTo,
  categories,
  findCategory,
  findField,
  isField,
  sourcesOf,
} from '../../core/domain/catalogue.ts'
import { durationInWords, mostDays } from '../../core/domain/durations.ts'
import { plainTextFault } from '../../core/domain/plain-text.ts'
import { dpvIri, findPurpose, isRefusedPurpose, purposes } from '../../core/domain/purposes.ts'
import { formatTime, parseTime } from '../../core/domain/times.ts'

describe('canonical JSON (RFC 8785)', () => {
  test('is the one text of a value', () => {
    // RFC 8785, section 3.2.3: order by UTF-16 code units, strings and numbers as ECMAScript writes them.
    const sorted = {
      '€': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\u{1f600}': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      ö: 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonical(sorted)) as object)).toEqual([
      'One',
      'Carriage Return',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
    expect(canonical({ b: [1e21, 0.1, -0, 1.5e-7], a: { d: null, c: 'é\n"' }, u: undefined })).toBe(
      '{"a":{"c":"é\\n\\"","d":null},"b":[1e+21,0.1,0,1.5e-7]}',
    )
  })

  test('refuses what would be lost', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    for (const value of [NaN, Infinity, '\ud800', { '\udfff': 1 }, [undefined], () => 1, 1n, cycle]) {
      expect(() => canonical(value)).toThrow(TypeError)
    }
  })
})

describe('the catalogue', () => {
  test('has its categories in their order, each in a file of its name, group by group', () => {
    expect(categories.map((category) => category.id)).toEqual([
      'profile',
      'contact',
      'contact-rules',
      'accessibility',
      'household',
      'diet',
      'sizes',
      'belongings',
      'interests',
      'tastes',
      'brands',
      'plans',
      'loyalty',
      'subscriptions',
      'purchases',
    ])
    for (const category of categories) expect(category.file).toBe(`${category.id}.ttl`)
    const groups = categories.map(({ group }) => group)
    expect(groups.filter((group, index) => group !== groups[index - 1])).toEqual([
      'you',
      'living',
      'liking',
      'buying',
    ])
  })

  test('knows what can be asked for instead of the data, and only where it says less', () => {
    const instead = (id: string) => alternativesTo(id).map((field) => field.id)
    expect(instead('profile.birthDate')).toEqual([
      'profile.ageOver18',
      'profile.ageOver16',
      'profile.ageOver21',
      'profile.ageBand',
    ])
    expect(instead('sizes.shoe')).toEqual([])
    expect(instead('profile.ageOver18')).toEqual([])
  })

  test('finds fields by id only, not what every object has', () => {
    for (const id of [
      'profile',
      'profile.',
      'profile.Name',
      '__proto__',
      'constructor',
      'profile.toString',
      '',
    ]) {
      expect(isField(id)).toBe(false)
      expect(findField(id)).toBeUndefined()
      expect(sourcesOf(id)).toEqual([])
    }
    expect(findCategory('toString')).toBeUndefined()
    expect(sourcesOf('profile.name')).toEqual(['profile.name'])
    expect(sourcesOf('profile.ageOver18')).toEqual(['profile.birthDate'])
    expect(sourcesOf('contact.country')).toEqual(['contact.address'])
  })

  test('hands out schemas without our own keyword, inner ones too', () => {
    expect(JSON.stringify(categories.map((category) => category.schema))).not.toContain('"reach"')
    expect(findField('contact.address')?.schema['properties']).toHaveProperty('postalCode.maxLength', 20)
  })
})

describe('purposes', () => {
  test('are those of the list, each in plain words', () => {
    expect(purposes).toHaveLength(13)
    expect(findPurpose('dpv:AgeVerification')?.title).toBe('Check your age')
    expect(findPurpose('dpv:Marketing')).toBeUndefined()
    expect(findPurpose('toString')).toBeUndefined()
    expect(dpvIri('dpv:CustomerCare')).toBe('https://w3id.org/dpv#CustomerCare')
    expect(dpvIri('pd:Name')).toBe('https://w3id.org/dpv/pd#Name')
  })

  test('that sell people are refused by name', () => {
    for (const term of [
      'SellDataToThirdParties',
      'SellInsightsFromData',
      'TargetedAdvertising',
      'PoliticalCampaign',
    ]) {
      expect(isRefusedPurpose(`dpv:${term}`)).toBe(true)
      expect(findPurpose(`dpv:${term}`)).toBeUndefined()
    }
    expect(isRefusedPurpose('dpv:DirectMarketing')).toBe(false)
  })
})

describe('durations', () => {
  test.each([
    ['P30D', 30, '30 days'],
    ['P1Y6M', 552, '1 year and 6 months'],
    ['P2W', 14, '2 weeks'],
    ['P1Y2M3W4D', 453, '1 year, 2 months, 3 weeks and 4 days'],
    ['P0D', 0, '0 days'],
  ])('%s is at most %i days: %s', (text, days, words) => {
    expect(mostDays(text)).toBe(days)
    expect(durationInWords(text)).toBe(words)
  })

  test.each(['P', '30D', 'P1D1D', 'P1D1Y', 'PT1H', 'P-1D', 'P1.5Y', 'P1000D', 'p1d', ' P1D'])(
    '%s is none',
    (text) => {
      expect(mostDays(text)).toBeUndefined()
    },
  )
})

describe('times (RFC 3339)', () => {
  test.each([
    ['2026-11-22T12:00:00Z', '2026-11-22T12:00:00.000Z'],
    ['2026-11-22t12:00:00z', '2026-11-22T12:00:00.000Z'],
    ['2026-11-22T12:00:00.1234567+02:00', '2026-11-22T10:00:00.123Z'],
    ['2028-02-29T23:59:59-00:30', '2028-03-01T00:29:59.000Z'],
  ])('%s is %s', (text, utc) => {
    expect(formatTime(parseTime(text) ?? 0)).toBe(utc)
  })

  test.each([
    '2026-11-22',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T12:00:60Z',
    '2026-11-22T12:00:00',
    '2026-11-22 12:00:00Z',
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '22 Nov 2026 12:00:00 GMT',
    '1e3',
    '',
  ])('%j is none', (text) => {
    expect(parseTime(text)).toBeUndefined()
  })
})

describe('words of a business', () => {
  test.each([
    'To suggest shoes that fit',
    'Pour vous livrer, à l’heure.',
    'お届けのため',
    'برای تحویل می‌خواهیم',
    'To say hello 👨‍👩‍👧 on your birthday',
    'At 3.5 per cent, e.g. yearly',
  ])('may say: %s', (text) => {
    expect(plainTextFault(text)).toBeUndefined()
  })

  test.each([
    ['a line\nbreak'],
    ['tab\there'],
    ['turned \u202eround'],
    ['isolated \u2066text'],
    ['a mark \u200fhere'],
    ['zero\u200bwidth'],
    ['\ufeffmark in front'],
    ['\u200dloose joiner'],
    ['soft\u00adhyphen'],
    ['lone \ud800 half'],
    ['private \ue000 use'],
    ['line\u2028separator'],
    ['filled \u3164 up'],
    ['tags \u{e0041}'],
    [' space in front'],
    ['a  run'],
    ['...'],
    ['zalgo t\u0301\u0302\u0303\u0304\u0305'],
    ['see https://evil.example'],
    ['see HTTPS://evil'],
    ['see www.evil'],
    ['go to evil.com now'],
    ['mail me@evil'],
    ['mailto:me'],
    ['ｅｖｉｌ.com'],
  ])('may not say: %j', (text) => {
    expect(plainTextFault(text)).toBeDefined()
  })

  test('may be a name that looks like an address', () => {
    expect(plainTextFault('Booking.com', { addresses: 'allowed' })).toBeUndefined()
    expect(plainTextFault('Booking\u202e.com', { addresses: 'allowed' })).toBeDefined()
  })
})
