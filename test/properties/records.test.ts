import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNames } from '#core/records/names.ts'
import {
  absent,
  ascending,
  combine,
  descending,
  page,
  part,
  put,
  remove,
  unchanged,
} from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'
import { anId } from '../arbitraries.ts'

const time = fc.oneof(fc.nat({ max: 4_000_000_000_000 }), fc.nat({ max: 3 }), fc.constant(99_999_999_999_999))

describe('key parts', () => {
  test('sort by time, one way or the other', () => {
    fc.assert(
      fc.property(time, time, (one, other) => {
        expect(ascending(one) < ascending(other)).toBe(one < other)
        expect(descending(one) < descending(other)).toBe(one > other)
      }),
    )
    for (const wrong of [-1, 1.5, NaN, 1e14, Infinity]) expect(() => ascending(wrong)).toThrow()
  })

  test('of ids from outside hold no separator, stay short, and differ when the ids do', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.constantFrom('', '/', '../x', 'a/b', 'a%2Fb', '~', 'a\0b', '\ud800', 'x'.repeat(300), '..', 'é'),
      anId(),
    )
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        expect(part(one)).toMatch(/^~?[A-Za-z0-9_-]{1,100}$/)
        if (one !== other && one.isWellFormed() && other.isWellFormed())
          expect(part(one)).not.toBe(part(other))
      }),
      { numRuns: 200 },
    )
  })
})

describe('hidden names', () => {
  const names = createNames(Buffer.alloc(32, 1))

  test('depend on secret, kind and text, and tell none of them', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const hidden = names.hidden('webid', one)
        expect(hidden).toMatch(/^[A-Za-z0-9_-]{43}$/)
        expect(names.hidden('webid', other) === hidden).toBe(one === other)
        expect(names.hidden('subject', one)).not.toBe(hidden)
        expect(createNames(Buffer.alloc(32, 2)).hidden('webid', one)).not.toBe(hidden)
      }),
    )
    expect(() => createNames(Buffer.alloc(31))).toThrow()
  })
})

describe('the parts of a commit', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const check = fc.record(
    { key, version: fc.constant(1), notAfter: fc.nat({ max: 9 }) },
    { requiredKeys: ['key', 'version'] },
  )
  const somePart: fc.Arbitrary<CommitParts> = fc.record(
    {
      checks: fc.array(check, { maxLength: 3 }),
      writes: fc.array(
        key.map((one) => put(one, {})),
        { maxLength: 1 },
      ),
    },
    { requiredKeys: [] },
  )

  test('come together without a check lost or loosened', () => {
    fc.assert(
      fc.property(fc.array(somePart, { maxLength: 4 }), (parts) => {
        const written = parts.flatMap((one) => one.writes ?? []).map((write) => write.key)
        if (new Set(written).size < written.length) {
          expect(() => combine(...parts)).toThrow(/writes one key twice/)
          return
        }
        const commit = combine(...parts)
        expect(commit.writes?.map((write) => write.key)).toEqual(written)
        for (const asked of parts.flatMap((one) => one.checks ?? [])) {
          const kept = commit.checks?.filter((one) => one.key === asked.key)
          expect(kept).toHaveLength(1)
          expect(kept?.[0]?.version).toBe(asked.version)
          if (asked.notAfter !== undefined) expect(kept?.[0]?.notAfter).toBeLessThanOrEqual(asked.notAfter)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('that contradict each other are a mistake', () => {
    const row = { key: 'a', version: 7, value: {} }
    expect(() => combine({ checks: [unchanged(row)] }, { checks: [absent('a')] })).toThrow(/two versions/)
    expect(() => combine({ writes: [put('a', {})] }, { writes: [remove('a')] })).toThrow(/twice/)
    const counting = { counters: [{ key: 'n' }] }
    expect(() => combine(counting, counting)).toThrow(/counters/)
    expect(combine(counting, {}).counters).toEqual([{ key: 'n' }])
    expect(combine({ entries: [] }, {})).toEqual({
      checks: [],
      counters: [],
      writes: [],
      entries: [],
      forget: [],
    })
  })
})

describe('a page of an index', () => {
  let world: RecordsWorld
  beforeAll(async () => {
    world = await openRecordsWorld()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test('follows the one before: walking them all shows every row once, newest first', async () => {
    const moments = fc.uniqueArray(fc.nat({ max: 50 }), { maxLength: 25 })
    let run = 0
    await fc.assert(
      fc.asyncProperty(moments, fc.integer({ min: 1, max: 7 }), async (times, limit) => {
        run += 1
        const prefix = `index-${run}/`
        const keys = times.map((at) => `${prefix}${descending(at)}/id-${at}`)
        await world.ledger.commit({ writes: keys.map((key, at) => put(key, { id: `id-${times[at]}` })) })
        // A neighbour with a longer name must not leak in.
        await world.ledger.commit({ writes: [put(`index-${run}x/${descending(1)}/other`, { id: 'other' })] })
        const seen: string[] = []
        let after: string | undefined
        for (let pages = 0; pages < 40; pages++) {
          const { rows, next } = await page(world.ledger, { prefix, after, limit }, (id) =>
            Promise.resolve(id),
          )
          expect(rows.length).toBeLessThanOrEqual(limit)
          seen.push(...rows)
          if (next === undefined) break
          expect(rows).toHaveLength(limit)
          after = next
        }
        expect(seen).toEqual(times.toSorted((one, other) => other - one).map((at) => `id-${at}`))
      }),
      { numRuns: 40 },
    )
  })

  test('is refused for a cursor that nobody handed out', async () => {
    for (const after of [
      '',
      '/',
      '../grant/x',
      '0000',
      `${'0'.repeat(14)}/`,
      `${'0'.repeat(14)}/a/b`,
      `${'9'.repeat(15)}/a`,
    ]) {
      const walked = page(world.ledger, { prefix: 'index-1/', after, limit: 5 }, (id) => Promise.resolve(id))
      await expect(walked).rejects.toMatchObject({
        code: 'invalid-input',
        violations: [{ pointer: 'after' }],
      })
    }
  })
})
