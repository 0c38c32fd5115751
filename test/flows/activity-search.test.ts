import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import { matches } from '#core/http/validate.ts'
import { auditorEntry } from '#core/records/auditors.ts'
import { grantEntry } from '#core/records/entries.ts'
import type { GrantFact } from '#core/records/entries.ts'
import { readGrant } from '#core/records/grants.ts'
import type { Activity, ActivityQuery, Problem } from '../../schemas/types.gen.ts'
import { registerBusiness } from '../business.ts'
import { allowAll, connectPod } from '../consent.ts'
import { sharedPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'
import type { Answer, TestVault, VaultBrowser } from '../vault.ts'

/** What the vault is asked, with the numbers of a page as they stand in an address. */
type Asked = Omit<ActivityQuery, 'before' | 'limit'>
type Kind = NonNullable<ActivityQuery['kind']>

/** Written down a second time, so that the rule of the vault is held to something. */
const kinds: Readonly<Record<Kind, string>> = {
  reads: 'disclosed',
  refusals: 'requested refused turned-away disclosures-refused',
  decisions: 'granted refused deferred changed paused resumed withdrawn deletion-requested blocked unblocked',
  changes: 'redeemed changed paused resumed withdrawn relinquished acknowledged expired unredeemed',
  auditors: 'audited',
  security: 'access-lost access-restored category-lost category-restored pod-moved',
}
const allKinds = Object.keys(kinds) as Kind[]
const auditor = 'a'.repeat(22)
const hour = 3_600_000

let vault: TestVault
let browser: VaultBrowser
let accountId: string
/** Vendor ids of the shop and the bakery, and a grant of each. */
let shop: string
let bakery: string
const grants: Record<string, string> = {}
/** What a customer is told, newest first: her own entries and a look that covers one of them. */
let told: { index: number; fact: Fact }[]

beforeAll(async () => {
  const pods = await sharedPods()
  vault = await startTestVault(pods)
  const customer = await vault.customer()
  browser = customer.browser
  accountId = String(customer.me.accountId)
  await connectPod(browser)
  const one = await vault.business()
  const admission = await vault.operator.add({ name: 'Bäckerei Süß', contact: 'hallo@baeckerei.example' })
  const other = { ...(await registerBusiness(`${vault.url}/oauth`, admission)), vendorId: admission.vendorId }
  ;[shop, bakery] = [one.vendorId, other.vendorId]
  for (const business of [one, other])
    grants[business.vendorId] = (await allowAll(vault, browser, business)).grantId
  const at = { until: Date.now() + 900 * hour, notice: 'n'.repeat(43) }
  const read = (fields: readonly string[], purpose: string, seq: number): GrantFact => ({
    type: 'disclosed',
    fields,
    purpose,
    seq,
    ...at,
  })
  for (let round = 1; round <= 4; round++) {
    vault.clock.ahead += hour
    await note(shop, read(['profile.name'], 'dpv:CustomerOrderManagement', round))
    await note(bakery, read(['diet.diet', 'diet.allergies'], 'dpv:ServicePersonalisation', round))
    await note(bakery, { type: 'disclosures-refused', from: Date.now(), counts: { paused: 2, expired: 1 } })
    await note(shop, { type: 'category-lost', category: 'diet' })
    await browser.post(`/api/grants/${grants[shop]}/${round % 2 === 1 ? 'pause' : 'resume'}`)
    await look(round % 2 === 1 ? shop : 'v'.repeat(22))
  }
  await browser.post(`/api/businesses/${bakery}/block`, {})
  const own = (await vault.ledger.history(accountId)).map(({ index, ops }) => ({
    index,
    fact: readFact(ops),
  }))
  const looks = (await vault.ledger.history(auditor)).map(({ index, ops }) => ({
    index,
    fact: readFact(ops),
  }))
  const atHers = looks.filter(({ fact }) => fact.type === 'audited' && fact.businesses?.includes(shop))
  told = [...own, ...atHers].toSorted((a, b) => b.index - a.index)
})
afterAll(() => vault?.[Symbol.asyncDispose]())

async function note(vendorId: string, fact: GrantFact): Promise<void> {
  const grant = await readGrant(vault.ledger, grants[vendorId] ?? '')
  if (grant === undefined) throw new Error('there is no such grant')
  await vault.ledger.commit({ entries: [grantEntry(grant.value, fact)] })
}

const sizeOf = () => Number(vault.ledger.log.checkpoint().split('\n')[1])

async function look(business: string): Promise<void> {
  const range = { first: 0, end: sizeOf(), count: 1, businesses: [business] }
  const because = 'Yearly Prüfung'
  await vault.ledger.commit({
    entries: [auditorEntry({ type: 'audited', auditor, act: 'search', because, ...range })],
  })
}

async function page(asked: Asked, more: { before?: number; limit?: number } = {}): Promise<Activity> {
  const numbers = Object.entries(more).map(([name, value]) => [name, String(value)])
  const { status, body } = await get({ ...asked, ...Object.fromEntries(numbers) })
  expect(status).toBe(200)
  return body as Activity
}

function get(parameters: Readonly<Record<string, string>>): Promise<Answer> {
  return browser.get(`/api/activity?${new URLSearchParams(parameters)}`)
}

async function allPages(asked: Asked, limit: number): Promise<number[]> {
  const found: number[] = []
  for (let next: number | undefined = Number.MAX_SAFE_INTEGER; next !== undefined;) {
    const { items, ...rest }: Activity = await page(asked, { before: next, limit })
    expect(items.length).toBeLessThanOrEqual(limit)
    found.push(...items.map(({ index }) => index))
    next = rest.next
  }
  return found
}

const names = () =>
  new Map([
    [shop, 'corner shop'],
    [bakery, 'backerei suß'],
  ])
const titles: Readonly<Record<string, string>> = {
  'profile.name': 'name',
  'diet.diet': 'diet',
  'diet.allergies': 'allergies',
}

function isAsked(fact: Fact, { business, kind, field, from, to, q, grant }: Asked): boolean {
  const vendor = 'vendor' in fact ? fact.vendor : undefined
  const fields =
    'items' in fact ? fact.items.flatMap((item) => item.fields) : 'fields' in fact ? fact.fields : []
  const places = [...fields, ...fields.map((id) => id.split('.')[0]), 'category' in fact ? fact.category : '']
  const words = [names().get(vendor ?? '') ?? '', ...fields.map((id) => titles[id] ?? '')]
  if (fact.type === 'audited') words.push('yearly prufung')
  return (
    (business === undefined || vendor === business) &&
    (kind === undefined || kinds[kind].split(' ').includes(fact.type)) &&
    (field === undefined || places.includes(field)) &&
    (from === undefined || fact.time >= Date.parse(from)) &&
    (to === undefined || fact.time < Date.parse(to)) &&
    (q === undefined ||
      q
        .toLowerCase()
        .normalize('NFKD')
        .replaceAll('\u0308', '')
        .split(' ')
        .every((word) => words.join(' ').includes(word))) &&
    (grant === undefined || ('grant' in fact && fact.grant === grant))
  )
}

test('what is found is what fits, whatever is chosen together, without a hole from page to page', async () => {
  const times = () => told.map(({ fact }) => fact.time)
  const moment = fc.nat(1_000).map((nth) => new Date(times()[nth % told.length] ?? 0).toISOString())
  const any = {
    business: fc.constantFrom(shop, bakery, 'x'.repeat(22)),
    kind: fc.constantFrom(...allKinds),
    field: fc.constantFrom('profile', 'profile.name', 'diet', 'diet.diet', 'diet.allergies', 'sizes'),
    from: moment,
    to: moment,
    q: fc.constantFrom('corner', 'BÄCKEREI', 'name', 'shop corner', 'allergies diet', 'prufung', 'nobody'),
    grant: fc.constantFrom(...Object.values(grants)),
  }
  const names = Object.keys(any) as (keyof typeof any)[]
  const asked = fc
    .tuple(fc.record(any), fc.subarray(names, { minLength: 1, maxLength: 3 }))
    .map(([all, chosen]): Asked => Object.fromEntries(chosen.map((name) => [name, all[name]])))
  let found = 0
  await fc.assert(
    fc.asyncProperty(asked, fc.integer({ min: 1, max: 9 }), async (filter, limit) => {
      const { from = '', to = '~' } = filter
      fc.pre(from < to)
      const expected = told.filter(({ fact }) => isAsked(fact, filter)).map(({ index }) => index)
      found += expected.length
      expect(await allPages(filter, limit)).toEqual(expected)
    }),
    { numRuns: 120, seed: 20261122 },
  )
  expect(found).toBeGreaterThan(300)
  for (const kind of allKinds)
    expect(await allPages({ kind }, 5), kind).toEqual(
      told.filter(({ fact }) => isAsked(fact, { kind })).map(({ index }) => index),
    )
})

test('a read that was refused is told to the customer with how often, in which hour and why', async () => {
  const { items } = await page({ kind: 'refusals', business: bakery }, { limit: 3 })
  expect(items.find(({ type }) => type === 'disclosures-refused')).toMatchObject({
    vendor: { name: 'Bäckerei Süß' },
    refused: { count: 3, from: expect.any(String), reasons: ['paused', 'expired'] },
  })
  expect(await page({ kind: 'refusals' })).toSatisfy((body) => matches('api/activity.json', body))
})

test('words are found in the language of who reads', async () => {
  const inGerman = async (q: string) =>
    (await browser.get(`/api/activity?kind=reads&q=${q}`, { 'Accept-Language': 'de' })).body as Activity
  expect(
    (await inGerman('Ernahrung')).items.length + (await inGerman('Allergien')).items.length,
  ).toBeGreaterThan(0)
  expect((await inGerman('Allergies')).items).toEqual([])
})

test('one request looks at a thousand entries and says how far it came; the next goes on there', async () => {
  const lot = Array.from({ length: 1_000 }, (_, seq): GrantFact => ({
    type: 'category-restored',
    category: `c${'abc'[seq % 3]}`,
  }))
  const grant = await readGrant(vault.ledger, grants[shop] ?? '')
  if (grant === undefined) throw new Error('there is no such grant')
  await vault.ledger.commit({ entries: lot.map((fact) => grantEntry(grant.value, fact)) })
  const size = sizeOf()
  const first = await page({ kind: 'reads' })
  expect(first).toMatchObject({
    items: [],
    looked: { entries: 1_000, back: expect.any(String) },
    next: size - 1_000,
  })
  const rest = await page({ kind: 'reads' }, { before: first.next ?? 0, limit: 100 })
  expect(rest.items).toHaveLength(8)
  expect(rest).not.toHaveProperty('next')
  // What is newer than the end of a period is not looked at one by one.
  const to = new Date((told[0]?.fact.time ?? 0) + 1).toISOString()
  expect((await page({ kind: 'reads', to }, { limit: 100 })).items).toEqual(rest.items)
  // And nothing older than its beginning.
  const from = new Date((told[0]?.fact.time ?? 0) + 1).toISOString()
  expect((await page({ kind: 'reads', from })).items).toEqual([])
})

test.each([
  ['kind=all', '/kind', 'must be one of: reads, refusals, decisions, changes, auditors, security'],
  ['business=x', '/business', 'does not have the required form'],
  ['field=Profile', '/field', /^does not have the required form: Field id such as profile\.birthDate/],
  ['from=2026-11-01', '/from', 'must be a valid date-time'],
  ['from=2016-12-31T23:59:60Z', '/from', 'is no RFC 3339 date and time'],
  ['from=2026-11-02T00:00:00Z&to=2026-11-02T00:00:00Z', '/to', 'must be later than from'],
  ['q=%20', '/q', /^does not have the required form: Words/],
  [`q=${'x'.repeat(101)}`, '/q', 'must NOT have more than 100 characters'],
  ['limit=0', '/limit', 'must be >= 1'],
  ['limit=101', '/limit', 'must be <= 100'],
  ['before=-1', '/before', 'must be integer'],
  ['grant=', '/grant', /^does not have the required form: Entries/],
  ['other=1', '/other', 'has a member that is not known'],
])('%s is refused and said why', async (query, pointer, detail) => {
  const { status, body } = await browser.get(`/api/activity?${query}`)
  const errors = [{ pointer, detail: expect.stringMatching(detail) }]
  expect({ status, errors: (body as Problem).errors }).toEqual({ status: 400, errors })
})

test('a search finds nothing of anybody else, not by her business and not by her grant', async () => {
  const other = (await vault.customer()).browser
  expect((await other.get(`/api/activity?business=${shop}&kind=reads`)).body).toEqual({
    items: [],
    looked: { entries: 0 },
  })
  expect((await other.get(`/api/activity?grant=${grants[shop]}&kind=reads`)).status).toBe(404)
})
