import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, latestUntil, suggestedUntil } from '#core/domain/decision.ts'
import { day, formatTime, longestGrant } from '#core/domain/times.ts'
import type { AccessRequest, RequestView } from '#schemas/types.gen.ts'
import {
  chosenFields,
  decidedItems,
  replyData,
  tickOf,
  withTick,
} from '../../consent-app/components/request-choice.ts'
import { dayBounds, endOfDay, localDay, untilOptions } from '../../consent-app/components/until-options.ts'

const now = Date.UTC(2026, 10, 22, 9, 30)
const fields = ['profile.name', 'contact.email', 'sizes.shoe', 'diet.allergies']

const item = fc.record({
  id: fc.stringMatching(/^[a-z]{1,8}$/),
  required: fc.boolean(),
  fields: fc.uniqueArray(fc.constantFrom(...fields), { minLength: 1 }),
})
const request = fc
  .record({
    items: fc.uniqueArray(item, { minLength: 1, maxLength: 5, selector: ({ id }) => id }),
    until: fc.integer({ min: now + 60_000, max: now + longestGrant }),
  })
  .map(({ items, until }) => ({
    asked: {
      items: items.map((one) => ({ ...one, purpose: 'dpv:CustomerCare', why: 'To help you.' })),
      until,
      status: 'open',
      expiresAt: now + day,
    } satisfies Pick<AccessRequest, 'items' | 'until' | 'status' | 'expiresAt'>,
    view: viewOf(items, until),
  }))

function viewOf(
  items: readonly { id: string; required: boolean; fields: readonly string[] }[],
  until: number,
): Pick<RequestView, 'items' | 'asOf' | 'until' | 'latestUntil' | 'suggestedUntil'> {
  return {
    items: items.map((one) => ({
      ...one,
      purpose: 'dpv:CustomerCare',
      purposeTitle: 'Customer care',
      purposePhrase: 'help',
      why: 'To help you.',
      fields: one.fields.map((field) => ({
        field,
        title: field,
        description: '',
        sensitivity: 'ordinary',
        derived: false,
      })),
    })),
    asOf: formatTime(now),
    until: formatTime(until),
    latestUntil: formatTime(latestUntil({ until }, now)),
    suggestedUntil: formatTime(suggestedUntil({ until }, now)),
  }
}

describe('what an Allow would grant', () => {
  test('is whatever is ticked, and the vault takes it as it is', () => {
    fc.assert(
      fc.property(request, fc.infiniteStream(fc.boolean()), ({ asked, view }, coin) => {
        const ticks = new Set(
          view.items.flatMap(({ id, fields: views }) =>
            views.filter(() => coin.next().value).map(({ field }) => tickOf(id, field)),
          ),
        )
        const items = decidedItems(view.items, ticks)
        if (items.length === 0) return
        for (const { until } of untilOptions(view)) {
          const outcome = decide(asked, { decision: 'allow', items, until: Date.parse(until) }, now)
          if (outcome.status !== 'allowed') throw new Error('not allowed')
          expect(outcome.items.map(({ id, fields: granted }) => ({ id, fields: granted }))).toEqual(items)
        }
      }),
    )
  })

  test('is nothing optional before anything is ticked, and all that is required', () => {
    fc.assert(
      fc.property(request, ({ view }) => {
        const items = decidedItems(view.items, new Set())
        expect(items.map(({ id }) => id)).toEqual(
          view.items.filter(({ required }) => required).map(({ id }) => id),
        )
      }),
    )
  })

  test('counts a tick for its item only, and takes it back', () => {
    const { items } = viewOf(
      [
        { id: 'a', required: false, fields: ['profile.name'] },
        { id: 'b', required: false, fields: ['profile.name'] },
      ],
      now + day,
    )
    const ticks = withTick(new Set(), tickOf('b', 'profile.name'), true)
    expect(decidedItems(items, ticks)).toEqual([{ id: 'b', fields: ['profile.name'] }])
    expect(decidedItems(items, withTick(ticks, tickOf('b', 'profile.name'), false))).toEqual([])
  })

  test('names a field once, and its data only when there is a value', () => {
    const { items } = viewOf(
      [
        { id: 'a', required: true, fields: ['profile.name', 'contact.email'] },
        { id: 'b', required: true, fields: ['profile.name'] },
      ],
      now + day,
    )
    const [name, email] = chosenFields(items, new Set())
    expect([name?.field, email?.field]).toEqual(['profile.name', 'contact.email'])
    const valued = chosenFields(items, new Set()).map((view) =>
      view.field === 'profile.name' ? Object.assign(view, { value: 'Ada' }) : view,
    )
    expect(replyData(valued)).toEqual({ 'profile.name': 'Ada' })
  })
})

describe('until when', () => {
  test('offers the suggestion, earlier ends and what was asked, in order and within the bounds', () => {
    fc.assert(
      fc.property(request, ({ view }) => {
        const options = untilOptions(view)
        const ends = options.map(({ until }) => Date.parse(until))
        expect(ends).toEqual(ends.toSorted((a, b) => a - b))
        expect(new Set(ends).size).toBe(ends.length)
        expect(options.some(({ until }) => until === view.suggestedUntil)).toBe(true)
        expect(ends.every((end) => end > now && end <= Date.parse(view.latestUntil))).toBe(true)
        expect(ends.includes(Date.parse(view.until))).toBe(true)
      }),
    )
  })

  test('a request for a year is met with a week, 30 days, 90 days and the year', () => {
    const year = viewOf([], now + longestGrant)
    expect(untilOptions(year).map(({ name }) => name)).toEqual(['week', 'month', 'suggested', 'asked'])
    expect(untilOptions(viewOf([], now + 5 * day)).map(({ name }) => name)).toEqual(['suggested'])
  })

  test('a picked day ends where the reader is, never after the latest end, never today', () => {
    const view = viewOf([], now + 60 * day)
    const { first, last } = dayBounds(view)
    expect(Date.parse(endOfDay(first, view) ?? '')).toBeGreaterThan(now)
    expect(endOfDay(last, view)).toBe(view.latestUntil)
    expect(localDay(Date.parse(endOfDay(first, view) ?? ''))).toBe(first)
    for (const wrong of ['', 'tomorrow', '2026-13-40', localDay(now), localDay(now + 61 * day)])
      expect(endOfDay(wrong, view)).toBeUndefined()
  })
})
