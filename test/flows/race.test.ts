import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import type { Finding, LoggedFact } from '#core/domain/replay.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { TestCustomer, TestVendor } from '../gateway.ts'
import { loggedFacts } from '../logged-facts.ts'

const CUSTOMERS = 12
const fields = ['profile.name', 'contact.email']
/** What is left of them for a grant that was narrowed; the other one has then ended. */
const narrowed = ['profile.name']
const taken = 'contact.email'
const DEADLINE_MS = 60_000

const endings = ['withdrawal', 'pause', 'expiry', 'suspension', 'access-loss', 'narrowing'] as const
type Ending = (typeof endings)[number]

/**
 * One customer with the grant she has at this moment. `closed` numbers the ends; it is set while an end has
 * been answered and nothing was begun anew.
 */
interface Seat {
  readonly customer: TestCustomer
  readonly vendor: TestVendor
  readonly ending: Ending
  grant: Grant
  closed: number | undefined
}

/** What the sender of a request knows of a seat. */
interface Glance {
  readonly seat: Seat
  readonly grant: Grant
  readonly closed: number | undefined
}

interface Outcome {
  readonly disclosed: number
  readonly refused: number
  readonly ended: Readonly<Record<Ending, number>>
  /** Answers with data to requests that were sent after the end had been answered. */
  readonly late: number
  readonly facts: readonly LoggedFact[]
  readonly findings: readonly Finding[]
}

/** Queries against everything that ends a release, all at once, until there is enough of both. */
async function race(gateway: TestGateway, enough: { disclosed: number; refused: number }): Promise<Outcome> {
  const ended: Record<Ending, number> = {
    withdrawal: 0,
    pause: 0,
    expiry: 0,
    suspension: 0,
    'access-loss': 0,
    narrowing: 0,
  }
  // One business for most, so that a batch meets every kind of end; suspending one must not end the others.
  const shared = await gateway.vendor('shared')
  const seats: Seat[] = []
  for (let n = 0; n < CUSTOMERS; n++) {
    const ending = endings[n % endings.length] ?? 'pause'
    const vendor = ending === 'suspension' ? await gateway.vendor(`suspended-${n}`) : shared
    const customer = await gateway.customer()
    const grant = await newGrant(gateway, customer, vendor, ending)
    seats.push({ customer, vendor, ending, grant, closed: undefined })
  }
  const vendors = [...new Set(seats.map(({ vendor }) => vendor))]
  let disclosed = 0
  let refused = 0
  let late = 0
  const until = Date.now() + DEADLINE_MS
  const goesOn = () =>
    Date.now() < until &&
    (disclosed < enough.disclosed || refused < enough.refused || endings.some((ending) => ended[ending] < 5))

  const glance = (seat: Seat): Glance => ({ seat, grant: seat.grant, closed: seat.closed })
  /**
   * Data is late when its end had been answered before the request was sent, and nothing was begun anew
   * since.
   */
  const judge = (before: readonly Glance[], released: (grant: Grant) => boolean) => {
    for (const { seat, grant, closed } of before) {
      if (!released(grant)) refused++
      else {
        disclosed++
        if (closed !== undefined && closed === seat.closed) late++
      }
    }
  }

  const readOne = async (seat: Seat) => {
    while (goesOn()) {
      const before = glance(seat)
      const { status, json } = await gateway.read(seat.vendor, seat.grant.subject, fields.join())
      expect([200, 403, 404]).toContain(status)
      judge([before], () => json.data?.[taken] !== undefined)
    }
  }
  const readMany = async (vendor: TestVendor) => {
    const own = seats.filter((seat) => seat.vendor === vendor)
    while (goesOn()) {
      const before = own.map(glance)
      const { json } = await gateway.query(
        vendor,
        [...new Set(before.map(({ grant }) => grant.subject))],
        fields,
      )
      judge(before, releasedIn(json.rows ?? []))
    }
  }
  /** With strangers between them, so that a stream has pieces that are decided one after the other. */
  const strangers = Array.from({ length: 97 }, (_, n) => `stranger-${n}`)
  const readStream = async (vendor: TestVendor) => {
    const own = seats.filter((seat) => seat.vendor === vendor)
    while (goesOn()) {
      const before = own.map(glance)
      const subjects = [...new Set(before.map(({ grant }) => grant.subject))]
      const { text } = await gateway.call({
        as: vendor,
        method: 'POST',
        path: '/v1/query',
        headers: { accept: 'application/x-ndjson' },
        body: {
          purpose: delivery,
          fields,
          subjects: [...subjects.slice(0, 5), ...strangers, ...subjects.slice(5)],
        },
      })
      const lines = text.trimEnd().split('\n')
      judge(before, releasedIn(lines.map((line) => JSON.parse(line))))
    }
  }
  const end = async (seat: Seat) => {
    while (goesOn()) {
      await wait(Math.random() * 150)
      await close(gateway, seat)
      seat.closed = ++ended[seat.ending]
      await wait(Math.random() * 10)
      seat.closed = undefined
      await reopen(gateway, seat)
    }
  }
  await Promise.all([
    ...seats.flatMap((seat) => [readOne(seat), readOne(seat), end(seat)]),
    ...vendors.flatMap((vendor) => [readMany(vendor), readStream(vendor)]),
  ])

  const facts = await loggedFacts(gateway.ledger)
  return { disclosed, refused, ended, late, facts, findings: replay(facts) }
}

/** Whether a reply told what a grant covers before its end. Of a stream that was refused or cut there are no such rows. */
function releasedIn(rows: readonly { subject?: string; data?: Record<string, unknown> }[]) {
  const released = new Set(
    rows.flatMap(({ subject, data }) => (data?.[taken] === undefined ? [] : [subject])),
  )
  return ({ subject }: Grant) => released.has(subject)
}

async function newGrant(
  gateway: TestGateway,
  customer: TestCustomer,
  vendor: TestVendor,
  ending: Ending,
): Promise<Grant> {
  if (ending !== 'expiry') return gateway.grant(customer, vendor, { fields })
  // On a busy machine it may have ended before it is made.
  for (let life = 1500; ; life *= 2)
    try {
      const until = gateway.house.now() + life + Math.round(Math.random() * 200)
      return await gateway.grant(customer, vendor, { fields, until })
    } catch (error) {
      if (life > 20_000) throw error
    }
}

async function close(gateway: TestGateway, { ending, grant, customer, vendor }: Seat): Promise<void> {
  if (ending === 'withdrawal') await gateway.change(grant, 'withdrawn')
  else if (ending === 'pause') await gateway.change(grant, 'paused')
  else if (ending === 'suspension') await gateway.suspend(vendor.vendorId)
  else if (ending === 'access-loss') await gateway.loseAccess(customer.accountId)
  else if (ending === 'narrowing') await gateway.changeFields(grant, narrowed)
  else await wait(Math.max(0, grant.until - gateway.house.now() + 1))
}

async function reopen(gateway: TestGateway, seat: Seat): Promise<void> {
  const { ending, grant, customer, vendor } = seat
  if (ending === 'pause') await gateway.change(grant, 'resumed')
  else if (ending === 'suspension') await gateway.suspend(vendor.vendorId, false)
  else if (ending === 'access-loss') await gateway.gainAccess(customer.accountId)
  else if (ending === 'narrowing') await gateway.changeFields(grant, fields)
  else seat.grant = await newGrant(gateway, customer, vendor, ending)
}

/** The same ledger, but what a commit relied on is not looked at any more. */
function withoutChecks(ledger: Ledger): Ledger {
  return new Proxy(ledger, {
    get(target, name) {
      if (name === 'commitEach')
        return (commits: Parameters<Ledger['commitEach']>[0]) =>
          target.commitEach(commits.map((commit) => ({ ...commit, checks: [] })))
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

test('no disclosure stands in the log after the end of its grant, whatever ends it and however many ask', async () => {
  await using gateway = await TestGateway.open()
  const { disclosed, refused, ended, late, facts, findings } = await race(gateway, {
    disclosed: 600,
    refused: 150,
  })
  expect(disclosed).toBeGreaterThanOrEqual(500)
  expect(refused).toBeGreaterThanOrEqual(100)
  for (const ending of endings) expect(ended[ending]).toBeGreaterThanOrEqual(5)
  expect(late).toBe(0)
  expect(findings).toEqual([])
  const logged = facts.filter(({ fact }) => fact.type === 'disclosed').length
  expect(logged).toBeGreaterThanOrEqual(disclosed)
  console.log(`${disclosed} disclosed, ${refused} refused, ${logged - disclosed} held back; ended:`, ended)
})

test('the same race finds disclosures after the end as soon as commits check nothing', async () => {
  await using gateway = await TestGateway.open({ wrapLedger: withoutChecks })
  const { findings } = await race(gateway, { disclosed: 250, refused: 100 })
  const codes = new Set(findings.map(({ code }) => code))
  console.log(`${findings.length} findings:`, [...codes])
  expect(findings.length).toBeGreaterThan(0)
  for (const code of codes)
    expect([
      'withdrawn',
      'paused',
      'expired',
      'access-lost',
      'business-suspended',
      'not-granted',
      'other-terms',
    ]).toContain(code)
})
