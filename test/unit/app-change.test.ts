import { describe, expect, test } from 'vitest'
import type { GrantTerms } from '#schemas/types.gen.ts'
import {
  allowedNow,
  changeFrom,
  differenceOf,
  readsLeft,
} from '../../consent-app/components/change-choice.ts'
import { changeOf } from '../../consent-app/components/change-tag.tsx'
import { confirmationLine } from '../../consent-app/components/confirmation-line.ts'
import { isSameCode, needsCode } from '../../consent-app/components/matching-code.tsx'
import { readsFrom } from '../../consent-app/components/reads-choice.tsx'
import { tickOf } from '../../consent-app/components/request-choice.ts'

const until = '2027-01-01T00:00:00.000Z'
const later = '2027-02-01T00:00:00.000Z'
const field = (name: string) => ({
  field: name,
  title: name,
  description: '',
  sensitivity: 'ordinary' as const,
  derived: false,
})

function terms(over: Partial<GrantTerms['grant']> = {}): GrantTerms {
  return {
    grant: {
      grantId: 'g',
      vendor: { vendorId: 'v', name: 'Shop', domainProven: false, suspended: false },
      items: [{ id: 'a', purpose: 'dpv:X', purposeTitle: 'X', fields: [{ field: 'one', title: 'one' }] }],
      state: 'active',
      validFrom: until,
      until,
      reads: 4,
      receiptId: 'r',
      asOf: until,
      ...over,
    },
    items: [
      {
        id: 'a',
        purpose: 'dpv:X',
        purposeTitle: 'X',
        purposePhrase: 'x',
        why: 'w',
        required: true,
        fields: [field('one'), field('two')],
      },
      {
        id: 'b',
        purpose: 'dpv:Y',
        purposeTitle: 'Y',
        purposePhrase: 'y',
        why: 'w',
        required: false,
        fields: [field('one')],
      },
    ],
    latestUntil: later,
    asOf: until,
  }
}

describe('a change of a permission', () => {
  const [one, two, other] = [tickOf('a', 'one'), tickOf('a', 'two'), tickOf('b', 'one')]

  test('begins at what is allowed, and is none until something differs', () => {
    expect([...allowedNow(terms())]).toEqual([one])
    const same = differenceOf(terms(), { ticks: new Set([one]), until })
    expect(same).toMatchObject({ any: false, widens: false })
  })

  test.each([
    [
      { ticks: new Set([one, two]), until },
      { added: ['two'], widens: true },
    ],
    [
      { ticks: new Set([other]), until },
      { added: ['one'], removed: ['one'], widens: true },
    ],
    [
      { ticks: new Set<string>(), until },
      { removed: ['one'], widens: false },
    ],
    [
      { ticks: new Set([one]), until: later },
      { until: true, widens: true },
    ],
    [
      { ticks: new Set([one]), until: '2026-12-01T00:00:00.000Z' },
      { until: true, widens: false },
    ],
    [
      { ticks: new Set([one]), until, reads: 1 },
      { reads: true, widens: false },
    ],
  ])('says what it takes and gives (%#)', (chosen, expected) => {
    expect(differenceOf(terms(), chosen)).toMatchObject({ any: true, ...expected })
  })

  test('counts reads from now, the vault from the first', () => {
    const limited = terms({ readsAllowed: 6 })
    expect(readsLeft(limited.grant)).toBe(2)
    expect(readsLeft(terms({ readsAllowed: 3 }).grant)).toBe(0)
    const chosen = { ticks: new Set([one]), until, reads: 5 }
    const replaces = limited.grant.receiptId
    const items = [{ id: 'a', fields: ['one'] }]
    expect(changeFrom(limited, chosen)).toEqual({ replaces, items, until, reads: 9 })
    expect(differenceOf(limited, chosen).widens).toBe(true)
    expect(differenceOf(limited, { ticks: new Set([one]), until }).widens).toBe(true)
    expect(changeFrom(limited, { ticks: new Set([one]), until })).not.toHaveProperty('reads')
  })
})

describe('what is typed', () => {
  test('as a number of reads is a whole one within the bounds', () => {
    expect(['1', ' 12 ', '1000000'].map(readsFrom)).toEqual([1, 12, 1_000_000])
    for (const typed of ['', '0', '-1', '1.5', '1e3', '1000001', 'x'])
      expect(readsFrom(typed)).toBeUndefined()
  })

  test('as a code may have spaces, hyphens and small letters, and nothing else', () => {
    for (const typed of ['BCDF-GHJK', 'bcdfghjk', ' bcdf ghjk '])
      expect(isSameCode(typed, 'BCDF-GHJK')).toBe(true)
    for (const typed of ['', 'BCDF', 'BCDF-GHJKL', 'BCDF_GHJK'])
      expect(isSameCode(typed, 'BCDF-GHJK')).toBe(false)
    expect(isSameCode('', undefined)).toBe(false)
    expect(needsCode({ channel: 'link', matchingCode: 'X' })).toBe(true)
    expect(needsCode({ channel: 'ciba', matchingCode: 'X' })).toBe(false)
    expect(needsCode({ channel: 'browser' })).toBe(false)
  })
})

test('a field is new or allowed by its purpose, and neither where nothing was allowed', () => {
  const kept = [{ field: 'one', title: 'one', purpose: 'dpv:X', purposeTitle: 'X' }]
  const amends = {
    grants: ['g'],
    since: until,
    until,
    added: [],
    kept,
    removed: [],
    keptLonger: false,
    recipientsAdded: [],
  }
  expect(changeOf(amends, 'dpv:X', 'one')).toBe('kept')
  expect(changeOf(amends, 'dpv:Y', 'one')).toBe('new')
  expect(changeOf(undefined, 'dpv:X', 'one')).toBeUndefined()
})

test('what a business has not confirmed is late once it was due, and stays so when it comes', () => {
  const at = { acknowledgedAt: until }
  expect(confirmationLine({ kind: 'withdrawal', late: false })).toBe('confirmation.withdrawal')
  expect(confirmationLine({ kind: 'withdrawal', late: false, ...at })).toBe('confirmation.withdrawal.done')
  expect(confirmationLine({ kind: 'deletion', late: false })).toBe('confirmation.deletion')
  expect(confirmationLine({ kind: 'deletion', late: true })).toBe('confirmation.deletion.late')
  expect(confirmationLine({ kind: 'deletion', late: false, ...at })).toBe('confirmation.deletion.done')
  expect(confirmationLine({ kind: 'deletion', late: true, ...at })).toBe('confirmation.deletion.done-late')
})
