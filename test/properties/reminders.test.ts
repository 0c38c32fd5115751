import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endingWithin, nextLook, recallEvery, remindersOf, unusedAfter } from '#core/domain/reminders.ts'
import type { Use } from '#core/domain/reminders.ts'
import { newGrant } from '#core/domain/grant.ts'
import { day } from '#core/domain/times.ts'
import type { Grant } from '#schemas/types.gen.ts'

const start = Date.UTC(2026, 0, 1)
const offset = fc.integer({ min: 0, max: 400 * day })

function grantOf(lasts: number, change: Partial<Grant> = {}): Grant {
  const request = {
    requestId: 'r'.repeat(22),
    vendorId: 'v'.repeat(22),
    clientId: 'c',
    retention: 'P1D',
    recipients: [],
  }
  const origin = {
    grantId: 'g'.repeat(22),
    accountId: 'a'.repeat(22),
    subject: 's'.repeat(43),
    receiptId: 'p'.repeat(22),
    secret: 'x'.repeat(43),
    noticeHash: 'n'.repeat(43),
    items: [],
    until: start + lasts,
  }
  return { ...newGrant(request, origin, start), redeemed: true, ...change }
}

const grants = fc
  .record({
    lasts: fc.integer({ min: day, max: 365 * day }),
    state: fc.constantFrom<Grant['state']>('active', 'paused', 'withdrawn', 'expired'),
    due: fc.option(offset, { nil: undefined }),
  })
  .map(({ lasts, state, due }) =>
    grantOf(lasts, {
      state,
      ...(due === undefined
        ? {}
        : { acknowledgement: { kind: 'deletion' as const, requestedAt: start, dueAt: start + due } }),
    }),
  )
const uses: fc.Arbitrary<Use> = fc.record({
  lastRead: fc.option(
    offset.map((ms) => start + ms),
    { nil: undefined },
  ),
  isUsedUp: fc.boolean(),
})
const told = (grant: Grant, use: Use, now: number) =>
  remindersOf(grant, use, now).map(({ kind, since }) => `${kind} ${since}`)

test('nothing new comes up before the next look, and it is always ahead', () => {
  fc.assert(
    fc.property(grants, uses, offset, fc.double({ min: 0, max: 1, noNaN: true }), (grant, use, at, share) => {
      const now = start + at
      const next = nextLook(grant, use, now)
      const end = next ?? now + 400 * day
      expect(end).toBeGreaterThan(now)
      const between = now + Math.floor((end - 1 - now) * share)
      const before = told(grant, use, now)
      expect(told(grant, use, between).filter((one) => !before.includes(one))).toEqual([])
    }),
  )
})

test('whatever looks from one next look to the next sees every reminder there ever was', () => {
  fc.assert(
    fc.property(grants, uses, (grant, use) => {
      const seen = new Set<string>()
      let looks = 0
      for (let now: number | undefined = start; now !== undefined && now < start + 500 * day; looks++) {
        for (const one of told(grant, use, now)) seen.add(one)
        now = nextLook(grant, use, now)
      }
      for (let now = start; now < start + 500 * day; now += day / 2)
        for (const one of told(grant, use, now)) expect(seen).toContain(one)
      expect(looks).toBeLessThan(40)
    }),
    { numRuns: 30 },
  )
})

test('what has ended, is paused or was never picked up is only late with an acknowledgement, if that', () => {
  fc.assert(
    fc.property(grants, uses, offset, (grant, use, at) => {
      const now = start + at
      const kinds = remindersOf(grant, use, now).map(({ kind }) => kind)
      const isLive = grant.state === 'active' && now <= grant.until
      if (!isLive) expect(kinds.filter((kind) => kind !== 'late')).toEqual([])
      expect(told({ ...grant, redeemed: false }, use, now).filter((one) => !one.startsWith('late'))).toEqual(
        [],
      )
      const signed = {
        ...grant,
        acknowledgement: { kind: 'deletion' as const, requestedAt: start, acknowledgedAt: start },
      }
      expect(told(signed, use, now).filter((one) => one.startsWith('late'))).toEqual([])
    }),
  )
})

test('the rules, day by day', () => {
  const grant = grantOf(365 * day)
  const kinds = (days: number, use: Use = { lastRead: start + days * day }) =>
    remindersOf(grant, use, start + days * day)
  expect(kinds(89)).toEqual([])
  expect(kinds(90)).toEqual([{ kind: 'recall', since: start + recallEvery }])
  expect(kinds(185)).toEqual([{ kind: 'recall', since: start + 2 * recallEvery }])
  expect(kinds(59, {})).toEqual([])
  expect(kinds(60, {})).toEqual([{ kind: 'unused', since: start + unusedAfter }])
  expect(kinds(80, { lastRead: start + 19 * day })).toEqual([{ kind: 'unused', since: start + 79 * day }])
  expect(kinds(80, { isUsedUp: true })).toEqual([])
  expect(kinds(358).map(({ kind }) => kind)).toEqual(['recall', 'ending'])
  expect(remindersOf(grantOf(14 * day - 1), {}, start + 13 * day)).toEqual([])
  expect(remindersOf(grantOf(14 * day), {}, start + 14 * day - endingWithin)).toEqual([
    { kind: 'ending', since: start + 7 * day },
  ])
})
