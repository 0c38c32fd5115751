import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DomainError } from '#core/domain/errors.ts'
import { parseQuery } from '#core/http/query.ts'
import { parseStrictJson } from '#core/http/strict-json.ts'
import { matches, parser } from '#core/http/validate.ts'

function refusal(action: () => unknown): DomainError {
  try {
    action()
  } catch (error) {
    if (error instanceof DomainError) return error
    throw error
  }
  throw new Error('it was accepted')
}

const item = {
  id: 'a',
  purpose: 'dpv:ServiceProvision',
  fields: ['profile.name'],
  why: 'To greet you',
  required: true,
}
const parseItem = parser('records/item.json')
const violationsOf = (value: unknown) => refusal(() => parseItem(value)).violations

describe('parser', () => {
  test('gives back the very value that matches', () => {
    expect(parseItem(item)).toBe(item)
    expect(matches('records/item.json', item)).toBe(true)
    expect(matches('records/item.json', { ...item, id: 1 })).toBe(false)
  })

  test('tells every violation, by pointer', () => {
    const { purpose: _left, ...rest } = item
    expect(violationsOf({ ...rest, fields: ['profile.name', 7], required: 'yes', extra: 1 })).toEqual(
      expect.arrayContaining([
        { pointer: '/purpose', detail: 'is missing' },
        { pointer: '/fields/1', detail: 'must be string' },
        { pointer: '/required', detail: 'must be boolean' },
        { pointer: '/extra', detail: 'has a member that is not known' },
      ]),
    )
  })

  test('says of a text in the wrong form what the schema says of it', () => {
    expect(violationsOf({ ...item, fields: ['Name'] })).toEqual([
      {
        pointer: '/fields/0',
        detail: 'does not have the required form: Field id such as profile.birthDate.',
      },
    ])
  })

  test('does not take inherited members for given ones', () => {
    expect(violationsOf(Object.create(item))).toContainEqual({ pointer: '/id', detail: 'is missing' })
  })

  test('never echoes what was sent', () => {
    const canary = 'alice@pods.example'
    const spread = { [canary]: canary, [`a/${canary}`]: { b: 1 } }
    for (const value of [canary, spread, { ...item, ...spread }, { ...item, id: canary, fields: [canary] }])
      expect(JSON.stringify(violationsOf(value))).not.toContain('alice')
  })

  test('tells the first violation only where telling all would be dear', () => {
    const started = performance.now()
    const many = violationsOf({ ...item, fields: Array.from({ length: 30_000 }, () => 0) })
    expect(many).toHaveLength(1)
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('tells at most fifty', () => {
    const names = Array.from({ length: 200 }, (_, index) => [`x${index}`, 1] as const)
    expect(violationsOf({ ...item, ...Object.fromEntries(names) })).toHaveLength(50)
  })
})

describe('strict JSON', () => {
  test.each([
    ['{"a":1,"a":1}', 'twice'],
    [String.raw`{"a":1,"\u0061":2}`, 'twice'],
    ['[{"b":{"a":1,"c":[],"a":2}}]', 'twice'],
    ['{"":1,"":2}', 'twice'],
    ['{"__proto__":{"admin":true}}', 'forbidden name'],
    [String.raw`{"\u005f_proto__":1}`, 'forbidden name'],
    [String.raw`"\ud800"`, 'Unicode'],
    [String.raw`{"\udc00":1}`, 'Unicode'],
    ['1e999', 'too large'],
    ['[-1E+400]', 'too large'],
    ['['.repeat(33) + ']'.repeat(33), 'too deeply'],
    ['{"a":'.repeat(50_000), 'not JSON'],
    ['['.repeat(30_000) + ']'.repeat(30_000), 'too deeply'],
    ['', 'not JSON'],
    ['\u{feff}1', 'not JSON'],
    ["{'a':1}", 'not JSON'],
    ['[1,]', 'not JSON'],
    ['NaN', 'not JSON'],
  ])('refuses %.40s', (text, problem) => {
    const { code, message } = refusal(() => parseStrictJson(text))
    expect(code).toBe('invalid-input')
    expect(message).toContain(problem)
  })

  test('takes equal names in different objects, and equal strings that are no names', () => {
    const text = String.raw`[{"a":"a","b":["a","a",{"a":1}]},{"a":"\"a\":1,\\"}, "a", -0.5e-3, {}, []]`
    expect(parseStrictJson(text)).toEqual(JSON.parse(text))
  })

  test('reads all other JSON like JSON.parse', () => {
    const wellFormed = fc
      .json({ maxDepth: 5, stringUnit: 'binary' })
      .filter((text) => !text.includes('__proto__'))
    const isRead = (text: string) => isDeepStrictEqual(parseStrictJson(text), JSON.parse(text))
    fc.assert(fc.property(wellFormed, isRead))
  })

  test('finds the second of two equal names wherever it stands', () => {
    const names = fc.uniqueArray(
      fc.string().filter((name) => name !== '__proto__'),
      { minLength: 1, maxLength: 8 },
    )
    fc.assert(
      fc.property(names, fc.nat(), fc.jsonValue(), (unique, choice, value) => {
        const twice = [...unique, unique[choice % unique.length]]
        const members = twice.map((name) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
        expect(refusal(() => parseStrictJson(`{${members.join(',')}}`)).message).toContain('twice')
      }),
    )
  })
})

describe('query', () => {
  test('parameters once each, decoded', () => {
    expect({ ...parseQuery('a=1&b=x+y&c=%26%3D&d&e=f=g&&') }).toEqual({
      a: '1',
      b: 'x y',
      c: '&=',
      d: '',
      e: 'f=g',
    })
    expect({ ...parseQuery(null) }).toEqual({})
  })

  test('a name of the prototype is a name like any other', () => {
    const parameters = parseQuery('__proto__=1&constructor=2')
    expect(Object.keys(parameters)).toEqual(['__proto__', 'constructor'])
    expect({}).not.toHaveProperty('admin')
  })

  test.each(['a=1&a=1', 'a&a=1', 'a=1&%61=2', '__proto__=1&__proto__=2', 'a=%', '%zz=1'])(
    'refuses %s',
    (text) => {
      expect(refusal(() => parseQuery(text)).code).toBe('invalid-input')
    },
  )
})
