/** Auditors at a Reach that runs: how far they see, that every look is an entry, and that customers are told of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFact, writeFact } from '#core/domain/facts.ts'
import { opens } from '#core/ledger/leaf.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { checkProof, parseProof } from '#core/ledger/proof.ts'
import { auditorEntry } from '#core/records/auditors.ts'
import type {
  Activity,
  AuditCounts,
  AuditEntries,
  AuditEntryView,
  AuditStates,
  AuditTimelineView,
  AuditorView,
} from '#schemas/types.gen.ts'
import { auditorsOf, inAYear, newAuditor } from '../auditor.ts'
import type { TestAuditor } from '../auditor.ts'
import { checkEverything } from '../check-everything.ts'
import { provenEntry } from '../check-log.ts'
import { asked, grant, granted, request } from '../replayed-facts.ts'
import { Story } from '../story.ts'
import type { Customer, Relation } from '../story.ts'
import { hash } from 'node:crypto'

let story: Story
let [ada, ben]: Customer[] = []
let first: Relation
let second: Relation
let whole: TestAuditor
/** Of a release of the first customer's. */
let activityIndex = 0
const screen = 'version-of-the-page-22'

beforeAll(async () => {
  story = await Story.open()
  ada = await story.customer()
  ben = await story.customer()
  const [shop, other] = [await story.shop(), await story.shop()]
  first = await story.allow(ada, shop)
  second = await story.allow(ben, other, { answers: { screen } })
  for (const relation of [first, second, first]) await story.read(relation)
  await story.act(ben, second, 'withdraw')
  whole = await newAuditor(story.world, story.browser())
})
afterAll(() => story[Symbol.asyncDispose]())

const factsOf = ({ entries }: AuditEntries) => entries.map(({ facts }) => readFact(facts))
const listOf = async (auditor: TestAuditor, asked: object = {}) => {
  const { status, body } = await auditor.look('search', asked)
  expect({ status, body }).toMatchObject({ status: 200 })
  return body as AuditEntries
}
const activityOf = async (customer: Customer | undefined) => {
  const page = await customer?.browser.get('/api/activity?limit=100')
  return (page?.body as Activity | undefined)?.items ?? []
}

describe('a search', () => {
  test('finds every entry, newest first, each with what opens the public leaf', async () => {
    const { ledger } = story.world.reach
    const found = await listOf(whole, { limit: 500 })
    expect(found.entries.map(({ index }) => index)).toEqual(
      Array.from({ length: found.size }, (_, i) => found.size - 1 - i),
    )
    expect(found).toMatchObject({ searchedFrom: 0 })
    expect(found.next).toBeUndefined()
    for (const { index, facts, salt = '' } of found.entries) {
      const leaf = await provenEntry(ledger.log, index, ledger.log.checkpoint())
      expect(opens(leaf, 'ops', salt, facts)).toBe(true)
    }
  })

  test('goes on from page to page without a hole, and by type, business, purpose, grant and time', async () => {
    const all = await listOf(whole, { limit: 500 })
    const paged: number[] = []
    for (let before: number | undefined = all.size; before !== undefined;) {
      const page: AuditEntries = await listOf(whole, { limit: 3, before })
      paged.push(...page.entries.map(({ index }) => index))
      before = page.next
    }
    expect(paged).toEqual(all.entries.map(({ index }) => index))
    const { vendorId } = first.shop
    const cases: [object, (fact: ReturnType<typeof readFact>) => boolean][] = [
      [{ types: ['disclosed'] }, (fact) => fact.type === 'disclosed'],
      [{ businesses: [vendorId] }, (fact) => 'vendor' in fact && fact.vendor === vendorId],
      [{ grant: second.grantId }, (fact) => 'grant' in fact && fact.grant === second.grantId],
      [
        { types: ['disclosed', 'granted'], businesses: [vendorId] },
        (fact) =>
          ['disclosed', 'granted'].includes(fact.type) && 'vendor' in fact && fact.vendor === vendorId,
      ],
    ]
    for (const [filter, fits] of cases) {
      const found = factsOf(await listOf(whole, { filter, before: all.size }))
      expect(found.length).toBeGreaterThan(0)
      expect(found).toEqual(factsOf(all).filter(fits))
    }
    const purposed = factsOf(await listOf(whole, { filter: { purpose: 'dpv:CustomerOrderManagement' } }))
    expect(purposed.map(({ type }) => type).toSorted()).toContain('disclosed')
    const times = factsOf(all).map(({ time }) => time)
    const [from = 0, to = 0] = [times.at(-4), times[2]]
    const between = await listOf(whole, {
      before: all.size,
      filter: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
    })
    expect(factsOf(between).map(({ time }) => time)).toEqual(
      times.filter((time) => time >= from && time < to),
    )
  })

  test('without a reason, or with one that names somebody, shows nothing and logs nothing', async () => {
    const { size } = await listOf(whole)
    for (const reason of ['', 'ab', 'about ada@example.org', 'https://ada.example/card', 'x'.repeat(301)])
      expect((await whole.look('search', { reason })).status).toBe(400)
    expect((await whole.browser.post('/api/audit/search', {})).status).toBe(400)
    expect((await whole.look('search', { filter: { types: ['nothing'] } })).status).toBe(400)
    expect((await whole.look('search', { filter: { from: 'tomorrow' } })).status).toBe(400)
    expect((await listOf(whole)).size).toBe(size + 1)
  })
})

test('each look is one entry, told to the customers it covers and to nobody else', async () => {
  const looks = (items: Awaited<ReturnType<typeof activityOf>>) =>
    items.filter(({ type }) => type === 'audited').length
  const [adaBefore, benBefore] = [looks(await activityOf(ada)), looks(await activityOf(ben))]
  const { size } = await listOf(whole, {
    reason: 'Checking the first shop',
    filter: { businesses: [first.shop.vendorId], types: ['disclosed'] },
  })
  const mine = await activityOf(ada)
  expect(looks(mine)).toBe(adaBefore + 1)
  expect(looks(await activityOf(ben))).toBe(benBefore)
  const [told] = mine
  expect(told).toMatchObject({
    index: size,
    type: 'audited',
    audit: { auditor: whole.auditorId, because: 'Checking the first shop', last: size - 1 },
  })
  const evidence = await ada?.browser.get(`/api/activity/${size}/evidence`)
  expect(evidence).toMatchObject({ status: 200, body: { index: size } })
  expect((await ben?.browser.get(`/api/activity/${size}/evidence`))?.status).toBe(404)
})

test.each([
  ['search', () => ({ filter: { grant: first.grantId } })],
  ['timeline', () => ({ grant: first.grantId })],
  ['states', () => ({ filter: { businesses: [first.shop.vendorId] } })],
  ['overview', () => ({ filter: { businesses: [first.shop.vendorId] } })],
  ['entry', () => ({ index: activityIndex })],
  ['openings', () => ({ first: activityIndex, count: 1 })],
] as const)('a look by %s is one entry, told to the customer it covers alone', async (path, asked) => {
  const [newest] = (await activityOf(ada)).filter(({ type }) => type === 'disclosed')
  activityIndex = newest?.index ?? 0
  const sizeOf = () => Number(story.world.reach.ledger.log.checkpoint().split('\n')[1])
  const before = sizeOf()
  const reason = `Looking by ${path}`
  expect(await whole.look(path, { ...asked(), reason })).toMatchObject({ status: 200 })
  expect(sizeOf()).toBe(before + 1)
  expect((await activityOf(ada))[0]).toMatchObject({
    index: before,
    type: 'audited',
    audit: { because: reason },
  })
  const others = (await activityOf(ben)).map(({ index }) => index)
  expect(others).not.toContain(before)
})

test('what an answer does not follow is refused: no filter hides a look from those whom it shows', async () => {
  const before = (await activityOf(ada)).length
  const day = '2020-01-01T00:00:00Z'
  for (const [path, filter] of [
    ['states', { types: ['vendor-admitted'] }],
    ['states', { to: day }],
    ['overview', { types: ['vendor-admitted'] }],
    ['overview', { grant: first.grantId }],
  ] as const)
    expect({ path, filter, ...(await whole.look(path, { filter })) }).toMatchObject({ status: 400 })
  // What playing the whole log finds may be about anybody: a look at one business is not told of it.
  const some = await whole.look('overview', { filter: { businesses: [second.shop.vendorId] } })
  expect(some.body).not.toHaveProperty('findings')
  expect(await activityOf(ada)).toHaveLength(before)
})

test('a customer pages through her entries and the looks at them without a hole', async () => {
  const all = (await activityOf(ada)).map(({ index }) => index)
  const paged: number[] = []
  for (let next: number | undefined = Number.MAX_SAFE_INTEGER; next !== undefined;) {
    const reply = await ada?.browser.get(`/api/activity?limit=2&before=${next}`)
    const page = reply?.body as Activity | undefined
    paged.push(...(page?.items ?? []).map(({ index }) => index))
    next = page?.next
  }
  expect(paged).toEqual(all)
})

test('an entry comes with the file that proves it', async () => {
  const { log } = story.world.reach.ledger
  const { body } = await whole.look('entry', { index: 1 })
  const { entry, proof = '' } = body as AuditEntryView
  const parsed = parseProof(proof)
  checkProof(parsed, openCheckpoint(parsed.checkpoint, log.vkey), { ops: entry.facts })
  expect(() =>
    checkProof(parsed, openCheckpoint(parsed.checkpoint, log.vkey), { ops: `${entry.facts} ` }),
  ).toThrow('another ops')
  expect((await whole.look('entry', { index: 10 ** 9 })).status).toBe(404)
})

test('the timeline of a grant runs from its request to its end, with the notice that was shown', async () => {
  const { body } = await whole.look('timeline', { grant: second.grantId })
  const { entries, notices } = body as AuditTimelineView
  const types = entries.map(({ facts }) => readFact(facts).type)
  expect(types).toEqual(['requested', 'granted', 'redeemed', 'disclosed', 'withdrawn'])
  expect(notices).toHaveLength(1)
  for (const { hash: named, text = '' } of notices) expect(hash('sha256', text, 'base64url')).toBe(named)
  expect(JSON.parse(notices[0]?.text ?? '')).toMatchObject({ language: 'en', items: [{}, {}], screen })
  // One that was decided on a page that did not say which it was.
  const earlier = (await whole.look('timeline', { grant: first.grantId })).body as AuditTimelineView
  expect(JSON.parse(earlier.notices[0]?.text ?? '')).not.toHaveProperty('screen')
  expect((await whole.look('timeline', { grant: 'x'.repeat(22) })).status).toBe(404)
})

test('consents as of a moment are what the log says, not what is now', async () => {
  const facts = factsOf(await listOf(whole, { limit: 500 }))
  const withdrawn = facts.find(({ type }) => type === 'withdrawn')?.time ?? 0
  const stateOf = async (asOf?: number) => {
    const moment = asOf === undefined ? {} : { asOf: new Date(asOf).toISOString() }
    const { states, counts } = (await whole.look('states', moment)).body as AuditStates
    return { counts, second: states.find(({ grant }) => grant === second.grantId) }
  }
  expect(await stateOf()).toMatchObject({
    counts: { active: 1, withdrawn: 1 },
    second: { state: 'withdrawn', disclosed: 1 },
  })
  expect(await stateOf(withdrawn - 1)).toMatchObject({ second: { state: 'active', disclosed: 1 } })
  expect(await stateOf(Date.parse('2020-01-01'))).toEqual({ counts: {}, second: undefined })
})

test('the overview counts by day and finds nothing wrong', async () => {
  const { body } = await whole.look('overview')
  const { days, types, findings, acknowledgements } = body as AuditCounts
  expect(days).toHaveLength(1)
  expect(types).toMatchObject({ granted: 2, disclosed: 3, withdrawn: 1, 'auditor-joined': 1 })
  expect(acknowledgements).toEqual({ count: 0, open: 1 })
  expect(findings).toEqual([])
})

describe('an invitation', () => {
  test('limits businesses, time and what is shown; nothing beyond can be asked, counted or opened', async () => {
    const { vendorId } = first.shop
    const narrow = await newAuditor(story.world, story.browser(), {
      businesses: [vendorId],
      shown: ['vendor', 'purpose', 'fields', 'seq'],
    })
    const { entries } = await listOf(narrow, { limit: 500 })
    expect(entries.length).toBeGreaterThan(4)
    for (const { facts, salt } of entries) {
      const members: Record<string, unknown> = JSON.parse(facts)
      expect(members).toMatchObject({ vendor: vendorId })
      for (const hidden of ['grant', 'request', 'notice', 'until']) expect(members).not.toHaveProperty(hidden)
      // A line that lacks a member is not what the leaf commits to.
      expect(salt === undefined || Object.keys(members).length === 4).toBe(true)
    }
    const asks: [string, object, number][] = [
      ['search', { filter: { businesses: [second.shop.vendorId] } }, 403],
      ['search', { filter: { grant: first.grantId } }, 403],
      ['search', { filter: { purpose: 'dpv:CustomerOrderManagement' } }, 403],
      ['timeline', { grant: first.grantId }, 403],
      ['entry', { index: 0 }, 200],
    ]
    const outside = (await listOf(whole, { filter: { businesses: [second.shop.vendorId] } })).entries[0]
      ?.index
    for (const [path, asked, status] of [...asks, ['entry', { index: outside }, 404] as const])
      expect({ path, asked, status: (await narrow.look(path, asked)).status }).toEqual({
        path,
        asked,
        status,
      })
    const all = (await narrow.look('openings', { first: 0, count: 4096 })).body as AuditEntries
    expect(all.entries.every(({ facts }) => facts.includes(vendorId))).toBe(true)
    const { types } = (await narrow.look('overview')).body as AuditCounts
    expect(types).toMatchObject({ granted: 1, disclosed: 2 })
    const { states, counts } = (await narrow.look('states')).body as AuditStates
    expect({ states, counts }).toEqual({ states: [], counts: { active: 1 } })
    const blind = await newAuditor(story.world, story.browser(), { shown: ['purpose', 'fields'] })
    expect((await blind.browser.get('/api/audit/me')).body).toMatchObject({ businesses: [] })
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    const later = await newAuditor(story.world, story.browser(), { from: tomorrow })
    expect((await listOf(later)).entries).toEqual([])
    const never = await newAuditor(story.world, story.browser(), { to: '2020-01-01T00:00:00Z' })
    expect((await listOf(never)).entries).toEqual([])
    expect(((await never.look('states')).body as AuditStates).counts).toEqual({})
    expect(((await never.look('overview')).body as AuditCounts).types).toEqual({})
  })

  test('is good once, whoever races for it, and a key that was made up opens nothing', async () => {
    const { invitation } = await (await auditorsOf(story.world)).invite({ name: 'Quill', expires: inAYear() })
    const races = await Promise.all(
      Array.from({ length: 5 }, () => story.browser().post('/api/audit/join', { pass: invitation })),
    )
    expect(races.map(({ status }) => status).toSorted()).toEqual([201, 404, 404, 404, 404])
    const made = 'A'.repeat(43)
    expect((await story.browser().post('/api/audit/join', { pass: made })).status).toBe(404)
    expect((await story.browser().post('/api/audit/sign-in', { pass: made })).status).toBe(401)
    expect((await story.browser().get('/api/audit/me')).status).toBe(401)
    expect((await story.browser().post('/api/audit/search', { reason: 'curious' })).status).toBe(401)
    expect((await ada?.browser.post('/api/audit/search', { reason: 'curious' }))?.status).toBe(401)
  })

  test('ends at its end, and at once when it is revoked; a customer cannot use the session of an auditor', async () => {
    const auditor = await newAuditor(story.world, story.browser())
    const url = `${story.world.config.vaultUrl}/api/audit/me`
    const withKey = (token: string) => fetch(url, { headers: { authorization: `Bearer ${token}` } })
    const me = await withKey(auditor.token)
    expect(me.status).toBe(200)
    expect((await me.json()) as AuditorView).toMatchObject({ auditorId: auditor.auditorId, whole: true })
    expect((await withKey('A'.repeat(43))).status).toBe(401)
    expect((await auditor.browser.get('/api/activity')).status).toBe(401)
    const again = story.browser()
    expect((await again.post('/api/audit/sign-in', { pass: auditor.token })).status).toBe(200)
    expect((await again.get('/api/audit/me')).status).toBe(200)
    expect((await again.post('/api/audit/sign-out')).status).toBe(204)
    expect((await again.get('/api/audit/me')).status).toBe(401)
    const row = await (await auditorsOf(story.world)).revoke(auditor.auditorId)
    expect(row.state).toBe('revoked')
    expect((await withKey(auditor.token)).status).toBe(401)
    expect((await auditor.look('search')).status).toBe(401)
    const short = await newAuditor(story.world, story.browser(), {
      expires: new Date(Date.now() + 60_000).toISOString(),
    })
    story.world.clock.ahead += 61_000
    expect((await short.look('search')).status).toBe(401)
    expect(
      (await (await auditorsOf(story.world)).list()).find(({ auditorId }) => auditorId === short.auditorId),
    ).toMatchObject({ state: 'expired' })
  })

  test('cannot be used from another site, nor by a program that has no key', async () => {
    const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    const { status } = await whole.browser.post('/api/audit/search', { reason: 'curious' }, headers)
    expect(status).toBe(403)
  })

  test('that makes no sense is refused', async () => {
    const operator = await auditorsOf(story.world)
    for (const wrong of [
      { expires: '2020-01-01T00:00:00Z' },
      { expires: '2099-01-01T00:00:00Z' },
      { businesses: ['x'.repeat(22)] },
      { shown: ['names'] },
      { from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' },
      { name: 'www.evil.example' },
    ])
      await expect(operator.invite({ name: 'Quill', expires: inAYear(), ...wrong })).rejects.toThrow(
        'not valid',
      )
    await expect(operator.revoke('x'.repeat(22))).rejects.toThrow('no such auditor')
  })
})

test('a timeline tells an entry once that a recovery has put where the request is looked for, too', async () => {
  const { vendorId: vendor } = first.shop
  for (const [fact, ...threads] of [[asked, request] as const, [granted, grant, request] as const])
    await story.world.reach.ledger.commit({
      entries: [{ claims: ({ time }) => ({ ops: writeFact({ ...fact, vendor, time }) }), threads }],
    })
  const { body } = await whole.look('timeline', { grant })
  const told = (body as AuditTimelineView).entries.map(({ facts }) => readFact(facts).type)
  expect(told).toEqual(['requested', 'granted'])
})

test('a look at her entries is told, however many at others came after it', async () => {
  const { ledger } = story.world.reach
  await whole.look('search', { reason: 'Before many others', filter: { grant: first.grantId } })
  const elsewhere = {
    type: 'audited',
    auditor: whole.auditorId,
    act: 'search',
    because: 'Elsewhere',
    first: 0,
    end: 1,
    count: 0,
    businesses: [second.shop.vendorId],
  } as const
  await ledger.commitEach(Array.from({ length: 2_100 }, () => ({ entries: [auditorEntry(elsewhere)] })))
  const told: (string | undefined)[] = []
  for (let before = ''; !told.includes('Before many others');) {
    const reply = await ada?.browser.get(`/api/activity?limit=2${before}`)
    const page = reply?.body as Activity | undefined
    told.push(...(page?.items ?? []).map(({ audit }) => audit?.because))
    if (page?.next === undefined) break
    before = `&before=${page.next}`
  }
  expect(told).toContain('Before many others')
  expect(told).not.toContain('Elsewhere')
})

test('nothing that is known of anybody stands where it must not', async () => {
  await checkEverything(story)
})
