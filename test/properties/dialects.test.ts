/** Receipts in four dialects: each is a function of the one signed receipt, and leads back to exactly that one. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { JsonLdParser } from 'jsonld-streaming-parser'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../core/domain/canonical.ts'
import { dialectIds, dialects } from '../../core/domain/dialects/dialects.ts'
import type { DialectId } from '../../core/domain/dialects/dialects.ts'
import { receiptOf } from '../../core/domain/receipt.ts'
import type { ReceiptSource } from '../../core/domain/receipt.ts'
import { NotThisDialect } from '../../core/domain/receipt-terms.ts'
import { anId, day, now, someItems } from '../arbitraries.ts'

type Node = { [member: string]: unknown }

const words = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.isWellFormed())
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })
const given = <Part extends object>(part: Part) =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Part]?: Exclude<Part[Name], undefined>
  }

const aSource: fc.Arbitrary<ReceiptSource> = someItems.chain((items) =>
  fc
    .record({
      ids: fc.tuple(anId(), anId(), anId(), anId(), anId(43), anId(43), anId(43)),
      issuedAt: fc.integer({ min: now - 9 * 365 * day, max: now }),
      path: fc.constantFrom('', '/tour', '/sandbox'),
      language: fc.constantFrom('en', 'de', 'ar'),
      name: words,
      vendor: fc.record({
        website: optional(fc.constant('https://acme.example')),
        contact: optional(fc.constantFrom('privacy@acme.example', 'https://acme.example/contact')),
        privacyPolicy: optional(fc.constant('https://acme.example/privacy')),
        dataProtectionContact: optional(fc.constant('dpo@acme.example')),
        jurisdiction: optional(fc.constantFrom('IE', 'DE')),
      }),
      recipients: fc.array(
        fc.record({ name: words, role: words, url: optional(fc.constant('https://dhl.example/')) }),
        { maxLength: 3 },
      ),
      whys: fc.array(words, { minLength: items.length, maxLength: items.length }),
      answers: fc.option(
        fc
          .tuple(...items.map((item) => fc.shuffledSubarray(item.fields)))
          .filter((all) => all.some((fields) => fields.length > 0)),
      ),
      length: fc.integer({ min: 1, max: 365 * day }),
      more: fc.record({ reads: optional(fc.integer({ min: 1, max: 99 })), replaces: optional(anId()) }),
    })
    .map(({ ids: [receiptId, requestId, grantId, vendorId, subject, hash, noticeHash], ...one }) => ({
      receiptId,
      issuedAt: one.issuedAt,
      vaultUrl: `https://vault.example${one.path}`,
      logOrigin: `vault.example${one.path}/log`,
      language: one.language,
      noticeHash,
      vendor: { v: 1 as const, vendorId, name: one.name, admittedAt: 1, ...given(one.vendor) },
      request: {
        requestId,
        requestHash: hash,
        items: items.map((item, i) => ({ ...item, why: one.whys[i] ?? '' })),
        retention: 'P1Y',
        recipients: one.recipients.map(({ name, role, url }) => ({ name, role, ...given({ url }) })),
      },
      decided:
        one.answers === null
          ? { status: 'refused' as const }
          : {
              status: 'allowed' as const,
              grantId,
              subject,
              until: one.issuedAt + one.length,
              ...given(one.more),
              items: items.flatMap(({ id, purpose }, i) => {
                const fields = one.answers?.[i] ?? []
                return fields.length === 0 ? [] : [{ id, purpose, fields }]
              }),
            },
    })),
)

const kantaraSchema = JSON.parse(
  readFileSync(new URL('../vectors/kantara-receipt-1.1.json', import.meta.url), 'utf8'),
) as object
const isKantara = new Ajv2020({ strict: false }).compile(kantaraSchema)

/** The terms of contexts that lie elsewhere, as far as these documents use them. */
const contexts: Readonly<Record<string, Node>> = {
  'https://www.w3.org/ns/lws/v1': {
    type: '@type',
    AccessGrant: 'https://www.w3.org/ns/lws#AccessGrant',
    AccessPolicy: 'https://www.w3.org/ns/lws#AccessPolicy',
    storage: { '@id': 'https://www.w3.org/ns/lws#storage', '@type': '@id' },
    access: 'https://www.w3.org/ns/lws#access',
    action: { '@id': 'http://www.w3.org/ns/odrl/2/action', '@type': '@vocab' },
    read: 'http://www.w3.org/ns/odrl/2/read',
    assignee: { '@id': 'http://www.w3.org/ns/odrl/2/assignee', '@type': '@id' },
    target: 'http://www.w3.org/ns/odrl/2/target',
    value: { '@id': 'https://www.w3.org/ns/lws#value', '@type': '@id' },
    constraint: 'http://www.w3.org/ns/odrl/2/constraint',
    leftOperand: 'http://www.w3.org/ns/odrl/2/leftOperand',
    operator: 'http://www.w3.org/ns/odrl/2/operator',
    rightOperand: 'http://www.w3.org/ns/odrl/2/rightOperand',
  },
  'https://www.w3.org/2018/credentials/v1': {
    id: '@id',
    type: '@type',
    VerifiableCredential: 'https://www.w3.org/2018/credentials#VerifiableCredential',
    VerifiablePresentation: 'https://www.w3.org/2018/credentials#VerifiablePresentation',
    verifiableCredential: 'https://www.w3.org/2018/credentials#verifiableCredential',
    issuer: { '@id': 'https://www.w3.org/2018/credentials#issuer', '@type': '@id' },
    issuanceDate: 'https://www.w3.org/2018/credentials#issuanceDate',
    expirationDate: 'https://www.w3.org/2018/credentials#expirationDate',
    credentialSubject: { '@id': 'https://www.w3.org/2018/credentials#credentialSubject', '@type': '@id' },
  },
  'https://schema.inrupt.com/credentials/v1.jsonld': {
    SolidAccessGrant: 'http://www.w3.org/ns/solid/vc#SolidAccessGrant',
    SolidAccessDenial: 'http://www.w3.org/ns/solid/vc#SolidAccessDenial',
    providedConsent: 'https://w3id.org/GConsent#providedConsent',
    mode: { '@id': 'http://www.w3.org/ns/auth/acl#mode', '@type': '@id' },
    hasStatus: { '@id': 'https://w3id.org/GConsent#hasStatus', '@type': '@id' },
    forPersonalData: { '@id': 'https://w3id.org/GConsent#forPersonalData', '@type': '@id' },
    forPurpose: { '@id': 'https://w3id.org/GConsent#forPurpose', '@type': '@id' },
    isProvidedTo: { '@id': 'https://w3id.org/GConsent#isProvidedTo', '@type': '@id' },
    inherit: 'urn:uuid:71ab2f68-a68b-4452-b968-dd23e0570227',
  },
}

/** Every statement of a document; nothing is fetched, and what no context knows is an error. */
async function statementsOf(document: object): Promise<{ p: string; o: string }[]> {
  const parser = new JsonLdParser({
    strictValues: true,
    documentLoader: {
      load: async (url: string) => {
        const context = contexts[url]
        if (context === undefined) throw new Error(`asks for ${url}`)
        return { '@context': context }
      },
    } as never,
  })
  const found: { p: string; o: string }[] = []
  const ended = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject))
  parser.on('data', ({ predicate, object }) => found.push({ p: predicate.value, o: object.value }))
  parser.end(JSON.stringify(document))
  await ended
  return found
}

const receiptsOf = fc.tuple(aSource).map(([source]) => ({ source, receipt: receiptOf(source) as Node }))
const fieldsGiven = ({ decided }: ReceiptSource) =>
  decided.status === 'allowed' ? decided.items.flatMap(({ fields }) => fields) : []

describe.each(dialectIds)('in dialect %s, a receipt', (id: DialectId) => {
  const dialect = dialects[id]

  test('leads back to the very bytes that were signed, or has no word for a refusal', () => {
    fc.assert(
      fc.property(receiptsOf, ({ source, receipt }) => {
        const written = dialect.write(receipt)
        if (written === undefined) {
          expect(['kantara', 'lws']).toContain(id)
          expect(source.decided.status).toBe('refused')
          return
        }
        const again = dialect.read(JSON.parse(JSON.stringify(written)))
        expect(canonical(again)).toBe(canonical(receipt))
      }),
    )
  })

  test('keeps in a member of ours exactly what it says it has none for', () => {
    fc.assert(
      fc.property(receiptsOf, ({ receipt }) => {
        const written = dialect.write(receipt)
        if (written === undefined) return
        const beyond = written[id === 'kantara' ? 'x_vrm' : 'reach:beyond']
        expect(Object.keys((beyond ?? {}) as object).toSorted()).toEqual(dialect.beyond.toSorted())
      }),
    )
  })

  test('is refused when any part of it is changed, dropped or added', () => {
    fc.assert(
      fc.property(receiptsOf, fc.nat(), fc.constantFrom('change', 'drop', 'add'), ({ receipt }, at, how) => {
        const written = dialect.write(receipt)
        if (written === undefined) return
        const forged = JSON.parse(JSON.stringify(written)) as Node
        const places = placesIn(forged)
        const [holder, member] = places[at % places.length] ?? [forged, '@context']
        if (how === 'change') holder[member] = typeof holder[member] === 'string' ? 'forged' : 'also forged'
        else if (how === 'drop') Reflect.deleteProperty(holder, member)
        else holder['spare'] = 1
        let again: unknown
        try {
          again = dialect.read(forged)
        } catch (error) {
          expect(error).toBeInstanceOf(NotThisDialect)
          return
        }
        // A document that is whole again, of another receipt: never read as this one.
        expect(canonical(again)).not.toBe(canonical(receipt))
        expect(canonical(dialect.write(again))).toBe(canonical(forged))
      }),
      { numRuns: 300 },
    )
  })

  test('of any other form is refused in words', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(() => dialect.read(value)).toThrow(NotThisDialect)
        expect(() => dialect.write(value)).toThrow(NotThisDialect)
      }),
    )
    let deep: unknown = 'end'
    for (let i = 0; i < 5_000; i++) deep = { 'dpv:hasRecordOfActivity': deep }
    expect(() => dialect.read(deep)).toThrow(NotThisDialect)
  })
})

/** Every member of every object in a document. */
function placesIn(value: unknown): [Node, string][] {
  if (typeof value !== 'object' || value === null) return []
  const own = Array.isArray(value)
    ? []
    : Object.keys(value).map((name): [Node, string] => [value as Node, name])
  return [...own, ...Object.values(value).flatMap(placesIn)]
}

test('a Kantara receipt is one by its schema, and lists what was given and nothing else', () => {
  fc.assert(
    fc.property(receiptsOf, ({ source, receipt }) => {
      const written = dialects.kantara.write(receipt) as Node | undefined
      if (written === undefined) return
      expect(isKantara(written), JSON.stringify(isKantara.errors)).toBe(true)
      const [service] = written['services'] as { purposes: { piiCategory: string[] }[] }[]
      expect(service?.purposes.flatMap(({ piiCategory }) => piiCategory)).toEqual(fieldsGiven(source))
      expect(written['consentTimestamp']).toBe(Math.floor(source.issuedAt / 1000))
    }),
  )
})

test('no dialect joins data with a purpose they were not given for, nor outlasts the consent', async () => {
  await fc.assert(
    fc.asyncProperty(receiptsOf, async ({ source, receipt }) => {
      const { decided } = source
      const pairs =
        decided.status === 'allowed'
          ? decided.items.flatMap(({ purpose, fields }) => fields.map((field) => `${purpose} ${field}`))
          : []
      const short = (uri: string) => uri.replace('https://w3id.org/dpv#', 'dpv:').replace(/^.*#/, '')
      const lws = (dialects.lws.write(receipt)?.['access'] ?? []) as Node[]
      expect(
        lws.flatMap((policy) => {
          const [purpose, , end] = policy['constraint'] as { rightOperand: string }[]
          expect(Date.parse(end?.rightOperand ?? '')).toBe(decided.status === 'allowed' ? decided.until : 0)
          return (policy['target'] as { value: string[] }).value.map(
            (uri) => `${short(purpose?.rightOperand ?? '')} ${short(uri)}`,
          )
        }),
      ).toEqual(pairs)
      const all = dialects.inrupt.write(receipt)?.['verifiableCredential'] as Node[]
      const granted = all.filter((one) => (one['type'] as string[]).includes('SolidAccessGrant'))
      expect(
        granted.flatMap((one) => {
          const { providedConsent } = one['credentialSubject'] as {
            providedConsent: { forPersonalData: string[]; forPurpose: string[] }
          }
          expect(providedConsent.forPurpose).toHaveLength(1)
          return providedConsent.forPersonalData.map(
            (uri) => `${short(providedConsent.forPurpose[0] ?? '')} ${short(uri)}`,
          )
        }),
      ).toEqual(pairs)
      const denied = all.length - granted.length
      expect(denied).toBe(
        source.request.items.filter(
          (item) => item.fields.length > pairs.filter((pair) => pair.startsWith(`${item.purpose} `)).length,
        ).length,
      )
    }),
  )
})

test('the dialects that are JSON-LD expand without a term that no vocabulary knows', async () => {
  await fc.assert(
    fc.asyncProperty(receiptsOf, async ({ source, receipt }) => {
      const isAddress = /^(?:https?:|urn:)/
      for (const id of ['27560', 'lws', 'inrupt'] as const) {
        const written = dialects[id].write(receipt)
        if (written === undefined) continue
        const found = await statementsOf(written)
        expect(found.filter(({ p }) => !isAddress.test(p))).toEqual([])
        const types = found.filter(({ p }) => p.endsWith('#type')).map(({ o }) => o)
        expect(types.filter((type) => !isAddress.test(type))).toEqual([])
        expect(types.length).toBeGreaterThan(0)
        if (id === 'lws')
          expect(found.filter(({ o }) => o.startsWith('https://w3id.org/reach/vrm#'))).toHaveLength(
            fieldsGiven(source).length,
          )
      }
    }),
    { numRuns: 25 },
  )
})
