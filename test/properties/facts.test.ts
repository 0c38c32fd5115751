import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  NotAFact,
  auditActs,
  disclosedFacts,
  factTypes,
  readFact,
  refusalReasons,
  writeFact,
} from '../../core/domain/facts.ts'
import type { Fact, FactType } from '../../core/domain/facts.ts'
import { anId, aPurpose, someFields } from '../arbitraries.ts'

const time = fc.nat({ max: 4_000_000_000_000 })
const items = fc.array(fc.record({ purpose: aPurpose, fields: someFields }), { minLength: 1, maxLength: 3 })
const counts = fc
  .uniqueArray(fc.constantFrom(...refusalReasons), { minLength: 1 })
  .chain((reasons) =>
    fc.tuple(...reasons.map((reason) => fc.tuple(fc.constant(reason), fc.integer({ min: 1, max: 1e6 })))),
  )
  .map((pairs) => Object.fromEntries(pairs))
const vendor = anId()
const domain = fc.constantFrom('shop.example', 'xn--caf-dma.example', 'a.b', 'localhost:3400')
const grant = anId()
const request = anId()
const notice = anId(43)
const about = { time, vendor, grant }

const disclosed = fc.record({
  ...about,
  purpose: aPurpose,
  fields: someFields,
  seq: fc.integer({ min: 1 }),
  until: time,
  notice,
})

const category = fc.constantFrom('profile', 'contact-rules')

const period = {
  businesses: fc.uniqueArray(vendor, { minLength: 1, maxLength: 3 }),
  since: time,
  before: time,
}
const look = {
  time,
  auditor: anId(),
  act: fc.constantFrom(...auditActs),
  because: fc.constant('yearly review'),
  first: fc.nat(),
  end: fc.nat(),
  count: fc.nat(),
}

function optionalOf(type: FactType): readonly string[] {
  if (type === 'audited') return ['types', 'businesses', 'ofPurpose', 'ofGrant', 'since', 'before']
  if (type === 'auditor-invited') return ['businesses', 'since', 'before', 'shown']
  return /^(access|category)-/.test(type) ? ['vendor', 'grant'] : ['reads']
}

/** With and without a number of reads. */
const budgeted = <Members extends Record<string, fc.Arbitrary<unknown>>>(members: Members) =>
  fc.oneof(fc.record(members), fc.record({ ...members, reads: fc.integer({ min: 1 }) }))

const kinds = {
  'vendor-admitted': fc.record({ time, vendor }),
  'vendor-suspended': fc.record({ time, vendor }),
  'vendor-reinstated': fc.record({ time, vendor }),
  'vendor-changed': fc.record({ time, vendor }),
  'vendor-domain-proven': fc.record({ time, vendor, domain }),
  'vendor-domain-lost': fc.record({ time, vendor, domain }),
  'vendor-keys-changed': fc.record({ time, vendor }),
  'vendor-keys-revoked': fc.record({ time, vendor }),
  'vendor-removed': fc.record({ time, vendor }),
  'log-key-changed': fc.record({
    time,
    logKey: fc.constant(`vault.example/log+8c1c0a2f+${'A'.repeat(44)}`),
    until: time,
  }),
  'signing-key-changed': fc.record({
    time,
    use: fc.constantFrom('tokens', 'receipts', 'agent'),
    kid: fc.constant('k'.repeat(43)),
    from: time,
  }),
  'log-recovered': fc.record({ time, first: fc.nat(), end: fc.nat() }),
  requested: fc.record({ time, vendor, request, items, until: time }),
  refused: fc.record({ time, vendor, request, notice }),
  deferred: fc.record({ time, vendor, request, notice }),
  'turned-away': fc.record({ time, vendor, request, reason: fc.constantFrom('blocked', 'cool-off') }),
  blocked: fc.record({ time, vendor }),
  unblocked: fc.record({ time, vendor }),
  granted: budgeted({ ...about, request, items, until: time, redeemBy: time, notice }),
  redeemed: fc.record(about),
  changed: budgeted({ ...about, items, until: time, notice }),
  paused: fc.record(about),
  resumed: fc.record(about),
  withdrawn: fc.record(about),
  relinquished: fc.record(about),
  'deletion-requested': fc.record({ ...about, due: time }),
  acknowledged: fc.record({ ...about, kind: fc.constantFrom('withdrawal', 'deletion') }),
  expired: fc.record(about),
  unredeemed: fc.record(about),
  'access-lost': fc.oneof(fc.record({ time }), fc.record(about)),
  'access-restored': fc.oneof(fc.record({ time }), fc.record(about)),
  'category-lost': fc.oneof(fc.record({ time, category }), fc.record({ ...about, category })),
  'category-restored': fc.oneof(fc.record({ time, category }), fc.record({ ...about, category })),
  'pod-moved': fc.record({ time }),
  'erasure-begun': fc.record({
    time,
    erasure: anId(),
    cause: fc.constantFrom('own-act', 'written-request', 'legal-duty'),
  }),
  erased: fc.record({ time, erasure: anId() }),
  disclosed,
  'disclosures-refused': fc.record({ ...about, from: time, counts }),
  'auditor-invited': fc.oneof(
    fc.record({ time, auditor: anId(), expires: time }),
    fc.record({ time, auditor: anId(), ...period, shown: fc.constant(['vendor', 'grant']), expires: time }),
  ),
  'auditor-joined': fc.record({ time, auditor: anId() }),
  'auditor-revoked': fc.record({ time, auditor: anId() }),
  audited: fc.oneof(
    fc.record(look),
    fc.record({ ...look, types: fc.constant(['granted']), ...period, ofPurpose: aPurpose, ofGrant: grant }),
  ),
} satisfies Record<FactType, fc.Arbitrary<object>>

const aFact: fc.Arbitrary<Fact> = fc
  .constantFrom(...factTypes)
  .chain((type) => fc.tuple(fc.constant(type), kinds[type] as fc.Arbitrary<object>))
  .map(([type, members]) => ({ type, ...members }) as Fact)

describe('facts', () => {
  test('of every type are one line and read back as they were told', () => {
    for (const type of factTypes) {
      fc.assert(
        fc.property(kinds[type] as fc.Arbitrary<object>, (members) => {
          const fact = { type, ...members } as Fact
          const line = writeFact(fact)
          expect(line).not.toMatch(/[\n\r]/)
          expect(readFact(line)).toEqual(fact)
        }),
        { numRuns: 25 },
      )
    }
  })

  test('are read in the one form they can have: no other text gives the same fact', () => {
    const turned = fc.constantFrom(
      (line: string) => line.replace('{', '{ '),
      (line: string) => `${line}\n`,
      (line: string) => line.replace('"time":', '"time":1,"time":'),
      (line: string) => line.replace(/^\{"v":1,("type":"[a-z-]+"),/, '{$1,"v":1,'),
      (line: string) => line.replace('{', '{"__proto__":{},'),
      (line: string) => line.replace(/\}$/, ',"webid":"https://alice.example/"}'),
      (line: string) => line.replace('"v":1', '"v":2'),
      (line: string) => line.replace('"v":1', '"v":1.0'),
      (line: string) => line.replace(/"time":([0-9]+)/, '"time":$1e0'),
      (line: string) => line.replace(/"time":[0-9]+/, '"time":-1'),
      (line: string) => line.replace('"type"', '"\\u0074ype"'),
      (line: string) => line.slice(0, -1),
    )
    fc.assert(
      fc.property(aFact, turned, (fact, turn) => {
        expect(() => readFact(turn(writeFact(fact)))).toThrow(NotAFact)
      }),
      { numRuns: 500 },
    )
  })

  test('have no room for what is missing, of another form or of another type', () => {
    fc.assert(
      fc.property(
        aFact,
        fc.nat(),
        fc.constantFrom(null, 'https://alice.example/#me', [], {}, -1, true),
        (fact, at, value) => {
          const members: Record<string, unknown> = JSON.parse(writeFact(fact))
          const names = Object.keys(members)
          const name = names[at % names.length] ?? ''
          expect(() => readFact(JSON.stringify({ ...members, [name]: value }))).toThrow(NotAFact)
          const { [name]: _, ...rest } = members
          const optional = optionalOf(fact.type)
          if (!optional.includes(name)) {
            expect(() => readFact(JSON.stringify(rest))).toThrow(NotAFact)
          }
        },
      ),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(disclosed, (members) => {
        const fact = { type: 'disclosed' as const, ...members }
        const [first = ''] = fact.fields
        expect(() => readFact(writeFact({ ...fact, fields: [...fact.fields, first] }))).toThrow(NotAFact)
        expect(() => readFact(writeFact({ ...fact, fields: [] }))).toThrow(NotAFact)
        expect(() => readFact(writeFact({ ...fact, seq: 0 }))).toThrow(NotAFact)
      }),
      { numRuns: 25 },
    )
    const admitted = { type: 'vendor-admitted', vendor: 'v'.repeat(22) } as const
    const last = 8_640_000_000_000_000
    expect(readFact(writeFact({ ...admitted, time: last })).time).toBe(last)
    expect(() => readFact(writeFact({ ...admitted, time: last + 1 }))).toThrow(NotAFact)
    expect(() => readFact('null')).toThrow(NotAFact)
    expect(() => readFact('[]')).toThrow(NotAFact)
    expect(() => readFact('')).toThrow(NotAFact)
  })

  test('are told of in docs/auditor.md: every type, with its members in their order', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/auditor.md'), 'utf8')
    const [, section = ''] = /^### What `ops` tells\n([^]*?)^##/m.exec(text) ?? []
    const namesIn = (cell: string) => Array.from(cell.matchAll(/`([\w-]+)`/g), ([, name]) => name ?? '')
    const rows = section.split('\n').map((line) => line.split('|').map(namesIn))
    const membersOf = (type: string) =>
      rows.filter(([, types]) => types?.includes(type)).map(([, , , members]) => members)
    for (const type of factTypes) expect(membersOf(type), type).toHaveLength(1)
    fc.assert(
      fc.property(aFact, (fact) => {
        const [, , , ...names] = Object.keys(JSON.parse(writeFact(fact)))
        const places = names.map((name) => membersOf(fact.type)[0]?.indexOf(name) ?? -1)
        expect(places, fact.type).toEqual(places.toSorted((one, other) => one - other))
        expect(places, fact.type).not.toContain(-1)
      }),
      { numRuns: 500 },
    )
  })

  test('of a disclosure come out the same on the hot path', () => {
    fc.assert(
      fc.property(disclosed, (members) => {
        const { vendor: vendorId, grant: grantId, until, notice: noticeHash, purpose, fields } = members
        const facts = disclosedFacts({ vendorId, grantId, until, noticeHash }, purpose, fields)
        expect(facts(members.time, members.seq)).toBe(writeFact({ type: 'disclosed', ...members }))
      }),
    )
  })
})
