import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { categories } from '#core/domain/catalogue.ts'
import createVault from '#schemas/api/create-vault.json' with { type: 'json' }
import { checkNewVault, passwordLength, podNamePattern } from '../../consent-app/components/new-vault.ts'
import { formFields, kindOf } from '../../consent-app/form/form-fields.ts'
import type { FieldSchema } from '../../consent-app/form/form-fields.ts'
import {
  checkValues,
  cleanValues,
  problemsWithin,
  sameContent,
  typedNumber,
  withValue,
} from '../../consent-app/form/form-values.ts'

const schemaOf = (id: string): FieldSchema =>
  (categories.find((category) => category.id === id)?.schema ?? {}) as FieldSchema

describe('the form of a category', () => {
  test('has a control for every field of the catalogue', () => {
    const kinds = Object.fromEntries(
      categories.flatMap(({ id, schema }) =>
        formFields(schema as FieldSchema).map(({ name, kind }) => [`${id}.${name}`, kind]),
      ),
    )
    expect(kinds).toEqual({
      'profile.name': 'text',
      'profile.birthDate': 'date',
      'profile.languages': 'languages',
      'profile.picture': 'picture',
      'contact.email': 'email',
      'contact.phone': 'phone',
      'contact.address': 'group',
      'contact-rules.channels': 'choices',
      'contact-rules.quietHours': 'group',
      'contact-rules.topics': 'texts',
      'interests.topics': 'texts',
      'diet.diet': 'choices',
      'diet.allergies': 'texts',
      'sizes.shoe': 'group',
      'sizes.top': 'group',
      'sizes.trousers': 'group',
      'accessibility.needs': 'texts',
      'household.people': 'records',
      'household.pets': 'records',
      'household.home': 'group',
      'belongings.vehicles': 'records',
      'belongings.devices': 'records',
      'tastes.activities': 'records',
      'tastes.music': 'texts',
      'tastes.reading': 'texts',
      'tastes.cuisines': 'texts',
      'tastes.places': 'texts',
      'brands.liked': 'texts',
      'brands.avoided': 'records',
      'plans.wanted': 'records',
      'plans.trips': 'records',
      'plans.changes': 'records',
      'loyalty.memberships': 'records',
      'subscriptions.services': 'records',
      'purchases.bought': 'records',
      'purchases.returned': 'records',
    })
  })

  test('knows the better control of members, too', () => {
    const address = schemaOf('contact').properties?.['address']
    expect(formFields(address ?? {}).map(({ name, kind }) => `${name} ${kind}`)).toContain('country country')
    const hours = schemaOf('contact-rules').properties?.['quietHours']
    expect(formFields(hours ?? {}).map(({ kind }) => kind)).toEqual(['time', 'time'])
    expect(kindOf(schemaOf('sizes').properties?.['shoe']?.properties?.['system'] ?? {})).toBe('choice')
  })
})

describe('what is saved', () => {
  test('leaves out what is empty, and trims', () => {
    expect(
      cleanValues({ name: ' Ada ', email: '  ', topics: ['a', ' ', 'a '], address: { street: '' } }),
    ).toEqual({ name: 'Ada', topics: ['a'] })
  })

  test('is refused with the reason, at its place', () => {
    expect(
      checkValues(schemaOf('contact'), { email: 'nobody', phone: '030', address: { country: 'de' } }),
    ).toEqual({ email: 'email', phone: 'phone', 'address.country': 'format' })
    expect(checkValues(schemaOf('contact-rules'), { quietHours: { from: '25:00' } })).toEqual({
      'quietHours.from': 'time',
      'quietHours.to': 'required',
    })
    expect(checkValues(schemaOf('profile'), { name: 'x'.repeat(201), birthDate: '2026-02-31x' })).toEqual({
      name: 'long',
      birthDate: 'date',
    })
    expect(
      checkValues(schemaOf('interests'), { topics: Array.from({ length: 61 }, (_, n) => `${n}`) }),
    ).toEqual({
      topics: 'many',
    })
  })

  test('of records is checked part by part, each at its place', () => {
    const people = [
      { relation: 'child', birthYear: typedNumber('2019') },
      { birthYear: typedNumber('about 2000') },
    ]
    expect(checkValues(schemaOf('household'), { people, home: { rooms: 0 } })).toEqual({
      'people.1.relation': 'required',
      'people.1.birthYear': 'number',
      'home.rooms': 'number',
    })
    expect(problemsWithin({ 'people.1.relation': 'required', peoples: 'many' }, 'people')).toEqual({
      '1.relation': 'required',
    })
    expect(cleanValues({ people: [{ relation: 'child' }, { note: ' ' }, { relation: 'child' }] })).toEqual({
      people: [{ relation: 'child' }],
    })
    expect([typedNumber('12,50'), typedNumber('1e3'), typedNumber('-4')]).toEqual([12.5, '1e3', -4])
  })

  test('passes when it is right', () => {
    const values = { email: 'ada@example.org', phone: '+49 30 1234567', address: { country: 'DE' } }
    expect(checkValues(schemaOf('contact'), values)).toEqual({})
  })
})

const values = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.oneof(fc.constantFrom('1', '2'), fc.constantFrom(['x'], ['x', 'y']), fc.constant({ in: '3' })),
)

describe('values', () => {
  test('are the same whatever the order of a list and of the parts in it, but of languages', () => {
    const [one, other] = [
      [{ a: 1, b: 2 }, { a: 3 }],
      [{ a: 3 }, { b: 2, a: 1 }],
    ]
    expect(sameContent('records', one, other)).toBe(true)
    expect(sameContent('choices', ['x', 'y'], ['y', 'x'])).toBe(true)
    expect(sameContent('languages', ['de', 'en'], ['en', 'de'])).toBe(false)
    expect(sameContent('records', one, [{ a: 3 }])).toBe(false)
  })

  test('setting a value and taking it out again changes nothing', () => {
    fc.assert(
      fc.property(values, (base) => {
        const { a: _a, ...others } = base
        expect(withValue(withValue(base, 'a', 'new'), 'a', undefined)).toEqual(others)
      }),
    )
  })
})

describe('a new vault', () => {
  test('is checked by the rules of the vault', () => {
    const { podName, password } = createVault.properties
    expect(podNamePattern.source).toBe(podName.pattern)
    expect(passwordLength).toBe(password.minLength)
  })

  test('says what is wrong, each at its field', () => {
    expect(checkNewVault({ podName: 'ada', email: 'ada@example.org', password: 'long enough' })).toEqual({
      podName: undefined,
      email: undefined,
      password: undefined,
    })
    expect(Object.values(checkNewVault({ podName: '-a', email: 'ada', password: 'short' }))).not.toContain(
      undefined,
    )
  })
})
