import { expect, test } from 'vitest'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { KeyedRow, Ledger } from '#core/ledger/ledger.ts'
import { checkLog } from '../check-log.ts'
import { SECRET, entry, refusal, sizeOf, type OpenLedger } from './ledger-under-test.ts'

/** How rows read, end and die. */
export function rowContract(open: OpenLedger): void {
  test('an expired row reads as absent everywhere, and its version does not come back', async () => {
    await using world = await open()
    const { ledger, clock } = world
    const expires = clock.now + 1000
    const { version } = await ledger.commit({
      writes: [
        { key: 'code!1', value: 'x', expires },
        { key: 'code!2', value: 'y', expires: expires + 1 },
      ],
    })
    clock.now = expires - 1
    expect((await ledger.get('code!1'))?.value).toBe('x')
    await ledger.commit({ checks: [{ key: 'code!1', version }] })
    clock.now = expires
    expect(await ledger.get('code!1')).toBeUndefined()
    expect(ledger.peek('code!1')).toBeUndefined()
    expect((await ledger.list('code!')).map(({ key }) => key)).toEqual(['code!2'])
    await refusal(ledger.commit({ checks: [{ key: 'code!1', version }] }))
    const again = await ledger.commit({
      checks: [{ key: 'code!1', version: 'absent' }],
      writes: [{ key: 'code!1', value: 'z' }],
    })
    expect(again.version).toBeGreaterThan(version)
    clock.now = expires + 60_000
    await ledger.commit({ writes: [{ key: 'other', value: 1 }] })
    await ledger.commit({ writes: [{ key: 'other', value: 2 }] })
    expect(await ledger.list('code!')).toEqual([{ key: 'code!1', version: again.version, value: 'z' }])
    expect(await (await world.reopen()).list('code!')).toEqual([
      { key: 'code!1', version: again.version, value: 'z' },
    ])
  })

  test('a deleted row is absent, and its version does not come back', async () => {
    await using world = await open()
    const { ledger } = world
    const created = await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
    await ledger.commit({ writes: [{ key: 'a', value: undefined }] })
    expect(await ledger.get('a')).toBeUndefined()
    expect(ledger.peek('a')).toBeUndefined()
    await refusal(ledger.commit({ checks: [{ key: 'a', version: created.version }] }))
    const reopened = await world.reopen()
    const again = await reopened.commit({
      checks: [{ key: 'a', version: 'absent' }],
      writes: [{ key: 'a', value: 1 }],
    })
    expect(again.version).toBeGreaterThan(created.version)
    await refusal(reopened.commit({ checks: [{ key: 'a', version: created.version }] }))
  })

  test('a row tells without a look at the disk whether it is the newest, and so does the lack of one, where nobody else writes', async () => {
    await using world = await open()
    const { ledger, clock, keys, isAlone } = world
    const expires = clock.now + 1000
    expect(ledger.isAbsent('a')).toBe(false)
    expect(await ledger.get('a')).toBeUndefined()
    expect(ledger.isAbsent('a')).toBe(isAlone)
    await ledger.commit({
      checks: [{ key: 'a', version: 'absent' }],
      writes: [
        { key: 'a', value: 1 },
        { key: 'b', value: 2, expires },
        { key: 'c', value: 3, customer: 'customer-c' },
      ],
    })
    expect(ledger.isAbsent('a')).toBe(false)
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((key) => ledger.get(key)))
    if (!a || !b || !c) throw new Error('a row is not there')
    expect([a, b, c].map((row) => ledger.isNewest(row))).toEqual([isAlone, isAlone, isAlone])
    const seen = (row: KeyedRow) => ({ key: row.key, version: row.version, row })
    await ledger.commit({ checks: [a, b, c].map(seen), writes: [{ key: 'a', value: 1 }] })
    expect(ledger.isNewest(a)).toBe(false)
    expect((await refusal(ledger.commit({ checks: [seen(a)] }))).key).toBe('a')
    const again = await ledger.get('a')
    if (!again) throw new Error('the row is not there')
    // Of two in one group, the second is decided by what the first wrote.
    const [first, second] = await ledger.commitEach([
      { checks: [seen(again)], writes: [{ key: 'a', value: undefined }] },
      { checks: [seen(again)] },
    ])
    expect(first).not.toBeInstanceOf(CommitRefused)
    expect(second).toBeInstanceOf(CommitRefused)
    expect(ledger.isNewest(again)).toBe(false)
    clock.now = expires
    expect(ledger.isNewest(b)).toBe(false)
    await refusal(ledger.commit({ checks: [seen(b)] }))
    await keys.destroyCustomerKey('customer-c')
    expect(ledger.isNewest(c)).toBe(false)
    await refusal(ledger.commit({ checks: [seen(c)] }))
    // A row of another ledger, or one that somebody made up, tells nothing here.
    await using other = await open()
    await other.ledger.commit({ writes: [{ key: 'd', value: 1 }] })
    const foreign = await other.ledger.get('d')
    if (!foreign) throw new Error('the row is not there')
    expect([foreign, { ...foreign }].map((row) => ledger.isNewest(row))).toEqual([false, false])
    await refusal(ledger.commit({ checks: [seen(foreign)] }))
  })

  test('list goes through a prefix in key order, behind a key, up to a limit', async () => {
    await using world = await open()
    const { ledger } = world
    const keys = ['a!1', 'a!10', 'a!2', 'a!\u{ffff}', 'a!\u{1f600}', 'b!1', 'a', 'a"']
    await ledger.commit({ writes: keys.map((key) => ({ key, value: key })) })
    const listed = async (prefix: string, options?: { after?: string; limit?: number }): Promise<string[]> =>
      (await ledger.list<string>(prefix, options)).map(({ key, value }) => {
        expect(value).toBe(key)
        return key
      })
    expect(await listed('a!')).toEqual(['a!1', 'a!10', 'a!2', 'a!\u{ffff}', 'a!\u{1f600}'])
    expect(await listed('a!', { limit: 2 })).toEqual(['a!1', 'a!10'])
    expect(await listed('a!', { after: 'a!10', limit: 1 })).toEqual(['a!2'])
    expect(await listed('a!', { after: 'a!\u{1f600}' })).toEqual([])
    expect(await listed('a!', { after: 'a' })).toHaveLength(5)
    expect(await listed('c')).toEqual([])
    expect(await listed('')).toHaveLength(keys.length)
  })

  test('values are frozen copies', async () => {
    await using world = await open()
    const { ledger } = world
    const value = { list: [{ deep: 1 }] }
    const committing = ledger.commit({ writes: [{ key: 'a', value }] })
    const [first] = value.list
    if (first) first.deep = 2
    await committing
    const row = await ledger.get<typeof value>('a')
    expect(row?.value).toEqual({ list: [{ deep: 1 }] })
    expect(() => row?.value.list.push({ deep: 3 })).toThrow(TypeError)
    expect(ledger.peek('a')).toBe(await ledger.get('a'))
  })

  test('peek is coherent with commits and silent about what is not at hand', async () => {
    await using world = await open()
    await world.ledger.commit({ writes: [{ key: 'a', value: 1 }] })
    expect(world.ledger.peek('a')?.value).toBe(1)
    const ledger = await world.reopen()
    expect(ledger.peek('a')).toBeUndefined()
    await ledger.get('a')
    expect(ledger.peek('a')?.value).toBe(1)
    for (let i = 2; i < 20; i++) {
      const [, row] = await Promise.all([
        ledger.commit({ writes: [{ key: 'a', value: i }] }),
        ledger.get('a'),
      ])
      expect([i - 1, i]).toContain(row?.value)
      expect(ledger.peek('a')?.value).toBe(i)
      expect((await ledger.get('a'))?.value).toBe(i)
    }
  })

  test("a customer's values die with his key, nobody else's do, and the log stays", async () => {
    await using world = await open()
    const { ledger, keys } = world
    const { version } = await ledger.commit({
      writes: [
        { key: 'p!alice', value: 'Alice', customer: 'acc-a' },
        { key: 'p!bob', value: 'Bob', customer: 'acc-b' },
        { key: 'p!x', value: 'open' },
      ],
      entries: [{ claims: () => ({ ops: '{"kept":1}', who: 'Alice', secret: SECRET }), threads: ['acc-a'] }],
    })
    await keys.destroyCustomerKey('acc-a')
    const check = async (now: Ledger): Promise<void> => {
      expect(await now.get('p!alice')).toBeUndefined()
      expect(now.peek('p!alice')).toBeUndefined()
      expect((await now.list('p!')).map(({ value }) => value)).toEqual(['Bob', 'open'])
      await refusal(now.commit({ checks: [{ key: 'p!alice', version }] }))
      expect(await now.history('acc-a')).toMatchObject([{ index: 0, ops: '{"kept":1}' }])
      await checkLog(now.log)
    }
    await check(ledger)
    await check(await world.reopen())
    const size = sizeOf(world.ledger)
    for (let round = 0; round < 2; round++) {
      const [late, other] = await world.ledger.commitEach([
        {
          writes: [
            { key: 'p!x', value: 'changed' },
            { key: 'p!alice', value: 'New', customer: 'acc-a' },
          ],
          entries: [entry('{"late":1}', ['acc-a'])],
        },
        { writes: [{ key: 'p!y', value: 'beside' }] },
      ])
      expect(late).toMatchObject({ code: 'conflict', reason: 'changed', key: 'p!alice' })
      expect(other).not.toBeInstanceOf(CommitRefused)
      expect(await world.ledger.get('p!alice')).toBeUndefined()
      expect((await world.ledger.get('p!x'))?.value).toBe('open')
      expect(sizeOf(world.ledger)).toBe(size)
      await world.reopen()
    }
  })
}
