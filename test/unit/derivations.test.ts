import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fields } from '../../core/domain/catalogue.ts'
import { derive, ruleNames } from '../../core/domain/derivations.ts'

describe('derived answers', () => {
  const over18 = (birthDate: unknown, today: string) =>
    derive('profile.ageOver18', { 'profile.birthDate': birthDate }, today)

  test.each([
    ['2008-11-22', '2026-11-22', true],
    ['2008-11-23', '2026-11-22', false],
    ['2008-11-21', '2026-11-22', true],
    ['1900-01-01', '2026-11-22', true],
    ['2026-11-22', '2026-11-22', false],
    // 2026 has no 29 February: the birthday is on 1 March. 2028 has one.
    ['2008-02-29', '2026-02-28', false],
    ['2008-02-29', '2026-03-01', true],
    ['2010-02-28', '2028-02-28', true],
    ['2010-03-01', '2028-02-29', false],
  ])('born on %s, on %s: over 18 is %s', (birthDate, today, answer) => {
    expect(over18(birthDate, today)).toBe(answer)
  })

  test.each([
    ['2026-11-23'],
    ['2007-02-29'],
    ['2008-13-01'],
    ['2008-00-10'],
    ['2008-1-1'],
    ['2008-11-22Z'],
    ['22.11.2008'],
    ['+02008-11-22'],
    [''],
    [20081122],
    [null],
    [undefined],
    [['2008-11-22']],
  ])('there is no answer for %j', (birthDate) => {
    expect(over18(birthDate, '2026-11-22')).toBeUndefined()
  })

  test('country is the one of the address, or there is no answer', () => {
    const country = (address: unknown) =>
      derive('contact.country', { 'contact.address': address }, '2026-11-22')
    expect(country({ street: 'Hauptstr. 1', country: 'DE' })).toBe('DE')
    for (const wrong of [
      { country: 'Germany' },
      { country: 'de' },
      { country: 49 },
      {},
      [],
      'DE',
      null,
      undefined,
    ]) {
      expect(country(wrong)).toBeUndefined()
    }
  })

  test.each([
    ['profile.ageOver16', '2010-11-22', true],
    ['profile.ageOver16', '2010-11-23', false],
    ['profile.ageOver21', '2005-11-22', true],
    ['profile.ageOver21', '2005-11-23', false],
    ['profile.ageBand', '2010-11-23', '0-15'],
    ['profile.ageBand', '2010-11-22', '16-17'],
    ['profile.ageBand', '2008-11-22', '18-24'],
    ['profile.ageBand', '1961-11-22', '65+'],
    ['profile.ageBand', '1961-11-23', '55-64'],
    ['profile.ageBand', '2027-01-01', undefined],
  ])('%s of somebody born on %s is %s', (id, birthDate, answer) => {
    expect(derive(id, { 'profile.birthDate': birthDate }, '2026-11-22')).toBe(answer)
  })

  test('the answers about age agree with each other on every day', () => {
    const day = fc
      .date({ min: new Date('1900-01-01'), max: new Date('2060-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10))
    fc.assert(
      fc.property(day, day, (birthDate, today) => {
        const ask = (name: string) => derive(`profile.${name}`, { 'profile.birthDate': birthDate }, today)
        const band = ask('ageBand') as string | undefined
        const first = band === undefined ? undefined : Number.parseInt(band, 10)
        for (const age of [16, 18, 21]) {
          const over = ask(`ageOver${age}`)
          if (first === undefined) expect(over).toBeUndefined()
          else if (age !== 21) expect(over).toBe(first >= age)
          else if (first !== 18) expect(over).toBe(first > 18)
        }
      }),
    )
  })

  test.each([
    ['DE', 'Berlin', 'DE-BE'],
    ['DE', 'be', 'DE-BE'],
    ['DE', 'DE-BE', 'DE-BE'],
    ['DE', 'Thuringen', 'DE-TH'],
    ['DE', 'Kreuzberg', undefined],
    ['US', 'New York', 'US-NY'],
    ['US', 'DE', 'US-DE'],
    ['AT', 'Wien', 'AT-9'],
    ['FR', 'Bretagne', undefined],
    ['FR', 'FR-BRE', 'FR-BRE'],
    ['FR', 'BRE', undefined],
  ])('the region of %s, %s is %s', (country, region, answer) => {
    expect(derive('contact.region', { 'contact.address': { country, region } }, '2026-11-22')).toBe(answer)
  })

  test.each([
    ['DE', '10115', '10'],
    ['GB', 'SW1A 1AA', 'SW1A'],
    ['GB', 'm1 1ae', 'M1'],
    ['GB', 'nonsense', undefined],
    ['US', '94105-1234', '941'],
    ['CA', 'K1A 0B1', 'K1A'],
    ['IE', 'D02 AF30', 'D02'],
    ['NL', '1012 AB', '10'],
    ['IS', '101', '10'],
    ['US', '941', undefined],
    ['DE', '10', undefined],
  ])('the area of postcode %s %s is %s', (country, postalCode, answer) => {
    const address = { country, postalCode }
    expect(derive('contact.postcodeArea', { 'contact.address': address }, '2026-11-22')).toBe(answer)
  })

  test('a postcode area is never the postcode', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('DE', 'GB', 'US', 'IE', 'FR', 'IS'),
        fc.stringMatching(/^[A-Z0-9 -]{0,12}$/),
        (country, postalCode) => {
          const area = derive(
            'contact.postcodeArea',
            { 'contact.address': { country, postalCode } },
            '2026-11-22',
          )
          if (area !== undefined)
            expect(String(area).length).toBeLessThan(postalCode.replaceAll(/[ -]/g, '').length)
        },
      ),
    )
  })

  test.each([
    [[], false],
    [[{ relation: 'partner', birthYear: 2020 }], false],
    [[{ relation: 'child', birthYear: 2009 }], true],
    [[{ relation: 'child', birthYear: 2008 }], false],
    [[{ relation: 'child' }], undefined],
    [[{ relation: 'child' }, { relation: 'child', birthYear: 2020 }], true],
    [[{ relation: 'child', birthYear: 2030 }], undefined],
    [undefined, undefined],
  ])('a household of %j has a child at home: %s', (people, answer) => {
    expect(derive('household.childAtHome', { 'household.people': people }, '2026-11-22')).toBe(answer)
  })

  test.each([
    ['42', 'EU', 'Uk', 8],
    ['42', 'EU', 'Us', 9],
    ['38', 'EU', 'Uk', 5],
    ['9', 'UK', 'Eu', 43],
    ['26.5', 'JP', 'Eu', 42],
    ['42,5', 'EU', 'Eu', 42.5],
    ['forty', 'EU', 'Uk', undefined],
    ['12', 'EU', 'Uk', undefined],
  ])('shoe size %s %s is %s %s', (size, system, to, answer) => {
    expect(derive(`sizes.shoe${to}`, { 'sizes.shoe': { size, system } }, '2026-11-22')).toBe(answer)
  })

  test('a shoe size comes back from another system within half a size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 70, max: 98 }), fc.constantFrom('Uk', 'Us'), (halves, to) => {
        const size = (value: unknown, from: string, system: string) =>
          derive(`sizes.shoe${system}`, { 'sizes.shoe': { size: String(value), system: from } }, '2026-11-22')
        const there = size(halves / 2, 'EU', to)
        expect(Math.abs(Number(size(there, to.toUpperCase(), 'Eu')) - halves / 2)).toBeLessThanOrEqual(0.5)
      }),
    )
  })

  test('every derived field has a rule and reads only its sources', () => {
    const derived = fields.filter((field) => field.kind === 'derived')
    const values = {
      'profile.birthDate': '1980-01-01',
      'contact.address': { country: 'US', region: 'CA', postalCode: '94105' },
      'household.people': [{ relation: 'child', birthYear: 2020 }],
      'sizes.shoe': { size: '42', system: 'EU' },
    }
    for (const field of derived) {
      expect(ruleNames).toContain(field.compute.rule)
      const sources = Object.fromEntries(Object.entries(values).filter(([id]) => field.from.includes(id)))
      expect(derive(field.id, sources, '2026-11-22')).toEqual(derive(field.id, values, '2026-11-22'))
      expect(derive(field.id, sources, '2026-11-22')).toBeDefined()
      expect(derive(field.id, {}, '2026-11-22')).toBeUndefined()
    }
    expect(derive('profile.name', values, '2026-11-22')).toBeUndefined()
    expect(derive('toString', values, '2026-11-22')).toBeUndefined()
    expect(() => derive('profile.ageOver18', values, '22 Nov 2026')).toThrow()
  })
})
