import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import { day } from '#core/domain/times.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import { grantEntry, requestEntry } from '#core/records/entries.ts'
import { grantHistory } from '#core/records/histories.ts'
import { combine } from '#core/records/parts.ts'
import { claimRequest, decideRequest, readRequest, receiveRequest } from '#core/records/requests.ts'
import type { AccessRequest, Grant } from '#schemas/types.gen.ts'
import { addGrants, randomId } from '../../bench/population.ts'
import { actOnGrant } from '../../vault-server/customer/grants.ts'
import { delivery, marketing, TestGateway } from '../gateway.ts'
import type { TestCustomer, TestVendor } from '../gateway.ts'
import { loggedFacts } from '../logged-facts.ts'

/** Keys of what was committed for businesses to be told, each time; delivery takes the rows away again. */
const told: string[] = []

function overheard(ledger: Ledger): Ledger {
  const hear = ({ writes = [] }: Commit) => {
    for (const { key, value } of writes)
      if (key.startsWith('vendor-event/') && value !== undefined) told.push(key)
  }
  const commit: Ledger['commit'] = async (parts) => {
    const committed = await ledger.commit(parts)
    hear(parts)
    return committed
  }
  return new Proxy(ledger, {
    get(target, name) {
      if (name === 'commit') return commit
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

let gateway: TestGateway
let customer: TestCustomer

beforeAll(async () => {
  gateway = await TestGateway.open({ tuning: { subjectsPerMinute: 1e6 }, wrapLedger: overheard })
  customer = await gateway.customer()
})
afterAll(() => gateway[Symbol.asyncDispose]())

type Listed = Record<string, string> & { grant_id: string; request_id: string; state: string; status: string }

const get = (as: TestVendor, path: string, query: Record<string, string> = {}) =>
  gateway.call({ as, path: `${path}?${new URLSearchParams(query)}` })

/** Every page of a list, and the `as_of` of the first. */
async function all(as: TestVendor, kind: 'grants' | 'requests', query: Record<string, string> = {}) {
  const rows: Listed[] = []
  let asOf: string | undefined
  let next: string | undefined
  do {
    const { status, json } = await get(
      as,
      `/v1/${kind}`,
      next === undefined ? query : { ...query, after: next },
    )
    expect(status).toBe(200)
    rows.push(...json[kind])
    expect(json.as_of === undefined).toBe(next !== undefined)
    asOf ??= json.as_of
    next = json.next
  } while (next !== undefined)
  return { rows, asOf: asOf ?? '' }
}

const ids = (rows: readonly Listed[]) => rows.map(({ grant_id }) => grant_id)

describe('a list of grants', () => {
  let shop: TestVendor
  let delivered: Grant
  let advertised: Grant
  let paused: Grant

  beforeAll(async () => {
    shop = await gateway.vendor('filters')
    delivered = await gateway.grant(customer, shop)
    advertised = await gateway.grant(customer, shop, { purpose: marketing })
    paused = await gateway.grant(await gateway.customer(), shop)
    await gateway.change(paused, 'paused')
    const to = { vendorId: shop.vendorId, clientId: shop.clientId, redeems: false, items: delivered.items }
    await addGrants(gateway.house, [customer], to)
  })

  test('can be narrowed by each of its members, and by several', async () => {
    const narrowed = async (query: Record<string, string>) =>
      new Set(ids((await all(shop, 'grants', query)).rows))
    const set = (...grants: Grant[]) => new Set(grants.map(({ grantId }) => grantId))
    expect(await narrowed({})).toEqual(set(delivered, advertised, paused))
    expect(await narrowed({ state: 'active' })).toEqual(set(delivered, advertised))
    expect(await narrowed({ state: 'paused' })).toEqual(set(paused))
    expect(await narrowed({ state: 'withdrawn' })).toEqual(set())
    expect(await narrowed({ purpose: marketing })).toEqual(set(advertised))
    expect(await narrowed({ subject: paused.subject })).toEqual(set(paused))
    expect(await narrowed({ purpose: delivery, state: 'active' })).toEqual(set(delivered))
    expect(await narrowed({ grant_id: delivered.grantId })).toEqual(set(delivered))
    expect(await narrowed({ grant_id: delivered.grantId, state: 'paused' })).toEqual(set())
    expect(await narrowed({ grant_id: 'x'.repeat(22) })).toEqual(set())
    // Also where a page is filled from several, or cannot be.
    expect(await narrowed({ state: 'active', limit: '1' })).toEqual(set(delivered, advertised))
  })

  test('says nothing about the grants of another business, whatever is asked for', async () => {
    const other = await gateway.vendor('curious')
    for (const query of [{ grant_id: delivered.grantId }, { subject: delivered.subject }, {}])
      expect((await all(other, 'grants', query)).rows).toEqual([])
    const { json } = await get(other, '/v1/grants')
    const since = { changed_since: '0.0' }
    expect((await all(other, 'grants', since)).rows).toEqual([])
    expect(json.as_of).toMatch(/^\d+\.\d+$/)
  })

  test.each([
    'state=gone',
    'state=',
    'subject=',
    'subject=a%20b',
    'purpose=sell',
    'grant_id=x',
    'request_id=*',
    'changed_since=yesterday',
    'changed_since=1.2.3',
    'changed_since=1.1&after=x',
    'status=active',
  ])('refuses %s', async (query) => {
    const { status, json } = await gateway.call({ as: shop, path: `/v1/grants?${query}` })
    expect([status, json.code]).toEqual([400, 'invalid-input'])
  })
})

describe('one grant', () => {
  test('is shown to its business and to a token made for it, and to nobody else', async () => {
    const shop = await gateway.vendor('shows')
    const [grant, second] = [await gateway.grant(customer, shop), await gateway.grant(customer, shop)]
    const path = `/v1/grants/${grant.grantId}`
    const own = gateway.withGrantToken(shop, grant)
    for (const as of [shop, own]) {
      const { status, json } = await gateway.call({ as, path })
      expect([status, json.grant_id, json.state, json.subject]).toEqual([
        200,
        grant.grantId,
        'active',
        grant.subject,
      ])
    }
    const other = await gateway.vendor('looks')
    const foreign = [
      await gateway.call({ as: other, path }),
      await gateway.call({ as: gateway.withGrantToken(shop, second), path }),
      await gateway.call({ as: shop, path: '/v1/grants/there-is-none-of-that' }),
    ]
    for (const { status, json } of foreign) {
      const { instance: _, ...told } = json
      expect([status, told.code, told.detail]).toEqual([404, 'not-found', 'There is no such grant of yours'])
    }
  })

  test('is given back in one commit: at once, on record, once, and seen as the business’s own doing', async () => {
    const shop = await gateway.vendor('gives-back')
    const grant = await gateway.grant(customer, shop)
    const path = `/v1/grants/${grant.grantId}`
    expect((await gateway.read(shop, grant.subject, 'profile.name')).status).toBe(200)
    const other = await gateway.vendor('meddles')
    expect((await gateway.call({ as: other, method: 'DELETE', path })).status).toBe(404)
    const replies = await Promise.all(
      Array.from({ length: 3 }, () => gateway.call({ as: shop, method: 'DELETE', path })),
    )
    for (const { status, text } of replies) expect([status, text]).toEqual([204, ''])
    expect((await gateway.read(shop, grant.subject, 'profile.name')).status).toBe(404)
    const { json } = await gateway.call({ as: shop, path })
    expect(json).toMatchObject({ state: 'withdrawn', ended_by: 'business', reads: 1 })
    const types = (await grantHistory(gateway.ledger, grant.grantId)).map(({ ops }) => readFact(ops).type)
    expect(types).toEqual(['relinquished', 'disclosed', 'redeemed', 'granted'])
    const events = told.filter((key) => key.startsWith(`vendor-event/${shop.vendorId}/`))
    expect(events).toHaveLength(1)
  })

  test('that the customer ended says so', async () => {
    const shop = await gateway.vendor('is-left')
    const grant = await gateway.grant(customer, shop)
    await gateway.change(grant, 'withdrawn')
    const { json } = await gateway.call({ as: shop, path: `/v1/grants/${grant.grantId}` })
    expect(json).toMatchObject({ state: 'withdrawn', ended_by: 'customer' })
  })
})

/** A request that came in now, and its answer, as the vault writes them. */
async function receive(shop: TestVendor): Promise<string> {
  const { ledger, now } = gateway.house
  const request: AccessRequest = {
    v: 1,
    requestId: randomId(),
    vendorId: shop.vendorId,
    clientId: shop.clientId,
    receivedAt: now(),
    expiresAt: now() + 3_600_000,
    requestHash: 'h'.repeat(43),
    items: [{ id: 'item-1', purpose: delivery, fields: ['profile.name'], why: 'to deliver', required: true }],
    retention: 'P30D',
    recipients: [],
    until: now() + 86_400_000,
    status: 'open',
  }
  await ledger.commit(receiveRequest(request))
  return request.requestId
}

async function answer(requestId: string, answered: 'refused' | 'later' | 'turned-away'): Promise<void> {
  const { ledger, now } = gateway.house
  const stored = async () => {
    const found = await readRequest(ledger, requestId)
    if (found === undefined) throw new Error('the request is not there')
    return found
  }
  const secret = 's'.repeat(43)
  const opened = await stored()
  const { items, until } = opened.value
  const by = { accountId: customer.accountId, secret }
  const asked = requestEntry({ ...opened.value, ...by }, { type: 'requested', items, until })
  await ledger.commit(combine(claimRequest(opened, by), { entries: [asked] }))
  const claimed = await stored()
  const request = { ...claimed.value, accountId: customer.accountId, secret }
  const decidedAt = now()
  const notice = 'n'.repeat(43)
  const [outcome, fact] = {
    refused: [
      { status: 'refused', decidedAt },
      { type: 'refused', notice },
    ] as const,
    later: [
      { status: 'later', decidedAt },
      { type: 'deferred', notice },
    ] as const,
    'turned-away': [
      { status: 'refused', decidedAt, turnedAway: 'blocked' },
      { type: 'turned-away', reason: 'blocked' },
    ] as const,
  }[answered]
  await ledger.commit(combine(decideRequest(claimed, outcome), { entries: [requestEntry(request, fact)] }))
}

describe('a copy that asks for what changed since', () => {
  test('gets new, answered and redeemed requests, and nothing twice that did not change', async () => {
    const early = await gateway.vendor('asks')
    const before = await receive(early)
    const start = await all(early, 'requests')
    expect(start.rows.map(({ status }) => status)).toEqual(['open'])
    gateway.advance(600_000)
    const shop = { ...early, ...gateway.withToken(early) }
    const nothing = await all(shop, 'requests', { changed_since: (await all(shop, 'requests')).asOf })
    expect(nothing.rows).toEqual([])

    const { asOf } = await all(shop, 'requests')
    const after = await receive(shop)
    await answer(before, 'refused')
    const changed = await all(shop, 'requests', { changed_since: asOf, limit: '1' })
    expect(new Map(changed.rows.map((row) => [row.request_id, row.status]))).toEqual(
      new Map([
        [before, 'refused'],
        [after, 'open'],
      ]),
    )
    await answer(after, 'later')
    const later = await all(shop, 'requests', { changed_since: changed.asOf, state: 'later' })
    expect(later.rows.map(({ request_id }) => request_id)).toContain(after)
  })

  test('is told of a request that a customer does not want to see as of any refusal: not that she blocks', async () => {
    const shop = await gateway.vendor('blocked')
    const requests = [await receive(shop), await receive(shop)]
    gateway.advance(600_000)
    const later = { ...shop, ...gateway.withToken(shop) }
    const { asOf } = await all(later, 'requests')
    await answer(requests[0] ?? '', 'refused')
    await answer(requests[1] ?? '', 'turned-away')
    const { rows } = await all(later, 'requests', { changed_since: asOf })
    expect(new Map(rows.map((row) => [row.request_id, row.status]))).toEqual(
      new Map(requests.map((id) => [id, 'refused'])),
    )
  })

  test('is told what it was asked to sign after the end, and what it signed', async () => {
    const { ledger, names, now } = gateway.house
    const shop = await gateway.vendor('signs')
    const { grantId, accountId } = await gateway.grant(await gateway.customer(), shop)
    const withdraw = { accountId, grantId, act: 'withdraw' } as const
    await actOnGrant(withdraw, { ledger, names, now })
    const ended = await all(shop, 'grants')
    const deleting = await actOnGrant({ ...withdraw, askDeletion: true }, { ledger, names, now })
    const asked = await all(shop, 'grants', { changed_since: ended.asOf })
    expect(ids(asked.rows)).toEqual([grantId])
    expect(asked.rows[0]?.['acknowledgement']).toMatchObject({ kind: 'deletion' })
    await ledger.commit({ entries: [grantEntry(deleting, { type: 'acknowledged', kind: 'deletion' })] })
    expect(ids((await all(shop, 'grants', { changed_since: asked.asOf })).rows)).toEqual([grantId])
  })

  /** What happens to grants, in any order and with no pause, while the copy is brought up to date in pages. */
  const step = fc.oneof(
    fc.record({ does: fc.constant('grant' as const) }),
    fc.record({
      does: fc.constantFrom('paused' as const, 'resumed' as const, 'withdrawn' as const),
      whose: fc.nat(20),
    }),
    fc.record({ does: fc.constant('sync' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  )

  test('is in the end what the list is, whatever changed while it was asking', async () => {
    let run = 0
    // One for each grant: those of one customer would keep one another from being made.
    const people = await Promise.all(Array.from({ length: 26 }, () => gateway.customer({})))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
        const shop = await gateway.vendor(`copies-${run++}`)
        const others = people.values()
        const give = () => gateway.grant(others.next().value ?? customer, shop)
        const grants = [await give(), await give()]
        const copy = new Map<string, string>()
        const first = await all(shop, 'grants', { limit: '2' })
        let since = first.asOf
        for (const row of first.rows) copy.set(row.grant_id, row.state)
        const sync = async (limit: number) => {
          const { rows, asOf } = await all(shop, 'grants', { changed_since: since, limit: String(limit) })
          // The newest change of a grant comes first: what a later page says of it is no older, as it is read later.
          for (const row of rows) copy.set(row.grant_id, row.state)
          since = asOf
        }
        const under: Promise<unknown>[] = []
        for (const one of steps) {
          if (one.does === 'sync') await sync(one.limit)
          else if (one.does === 'grant') under.push(give().then((grant) => grants.push(grant)))
          else under.push(change(grants[one.whose % grants.length], one.does))
        }
        await Promise.all(under)
        await sync(2)
        const { rows } = await all(shop, 'grants')
        expect(copy).toEqual(new Map(rows.map((row) => [row.grant_id, row.state])))
        expect(copy.size).toBe(grants.length)
      }),
      { numRuns: 8, seed: 20261122 },
    )
  })

  /** What has ended cannot be changed: that is no change. */
  async function change(grant: Grant | undefined, how: 'paused' | 'resumed' | 'withdrawn'): Promise<void> {
    if (grant === undefined) throw new Error('there is always one')
    await gateway.change(grant, how).catch((error: { code?: string }) => {
      if (error.code !== 'conflict') throw error
    })
  }

  test('learns nothing of what a business cannot see: reads, refusals, lost pods, opened requests', async () => {
    const shop = await gateway.vendor('blind')
    const visitor = await gateway.customer()
    const grant = await gateway.grant(visitor, shop)
    const { asOf } = await all(shop, 'grants')
    await gateway.read(shop, grant.subject, 'profile.name')
    await gateway.loseAccess(visitor.accountId)
    await gateway.gainAccess(visitor.accountId)
    const from = gateway.house.now()
    const counts = { paused: 1 }
    await gateway.ledger.commit({
      entries: [grantEntry(grant, { type: 'disclosures-refused', from, counts })],
    })
    const { rows } = await all(shop, 'grants', { changed_since: asOf })
    expect(rows).toEqual([])
  })

  test('cannot tell a request that was opened and left from one that nobody opened, now or ever', async () => {
    const { ledger } = gateway.house
    const early = await gateway.vendor('looked-at')
    const [opened, unopened] = [await receive(early), await receive(early)]
    const request = await readRequest(ledger, opened)
    if (request === undefined) throw new Error('the request is not there')
    const { accountId } = customer
    await ledger.commit(claimRequest(request, { accountId, secret: 's'.repeat(43) }))
    const listed = async () => {
      const shop = { ...early, ...gateway.withToken(early) }
      const { rows } = await all(shop, 'requests')
      return new Map(rows.map((row) => [row.request_id, row.status]))
    }
    const both = (status: string) => new Map([unopened, opened].map((id) => [id, status]))
    expect(await listed()).toEqual(both('open'))
    gateway.advance(day)
    expect(await listed()).toEqual(both('expired'))
    gateway.advance(7 * day)
    expect(await listed()).toEqual(new Map())
  })

  test('leaves a log that replays without a finding', async () => {
    expect(replay(await loggedFacts(gateway.ledger))).toEqual([])
  })
})
