import { expect, test } from 'vitest'
import { opens, saltOf } from '#core/ledger/leaf.ts'
import type { Claims, Committed } from '#core/ledger/ledger.ts'
import { checkLog, provenEntry } from '../check-log.ts'
import { SECRET, entry, refusal, type OpenLedger } from './ledger-under-test.ts'

/** What the log keeps of the commits, and in which order. */
export function logContract(open: OpenLedger): void {
  test('history finds the entries of a thread, newest first, below an index, up to a limit', async () => {
    await using world = await open()
    const { ledger } = world
    for (let i = 0; i < 6; i++)
      await ledger.commit({
        entries: [
          entry(`{"a":${i}}`, ['acc', 'acc!grant']),
          entry(`{"b":${i}}`, i % 2 === 0 ? ['acc', 'acc0'] : ['ac', 'acc00']),
        ],
      })
    const read = async (thread: string, options?: { before?: number; limit?: number }): Promise<string[]> =>
      (await ledger.history(thread, options)).map(({ index, ops }) => `${index} ${ops}`)
    expect(await read('acc!grant')).toEqual([5, 4, 3, 2, 1, 0].map((i) => `${2 * i} {"a":${i}}`))
    expect(await read('acc', { before: 8, limit: 3 })).toEqual(['6 {"a":3}', '5 {"b":2}', '4 {"a":2}'])
    expect(await read('ac')).toEqual(['11 {"b":5}', '7 {"b":3}', '3 {"b":1}'])
    expect(await read('acc0')).toEqual(['9 {"b":4}', '5 {"b":2}', '1 {"b":0}'])
    expect(await read('a')).toEqual([])
  })

  test('a counter remembers the entry of each raise, and history tells them with a thread, each once, newest first', async () => {
    await using world = await open({ group: 9 })
    const counters = ['reads-a', 'reads-b', 'reads']
    const told: { index: number; of: readonly string[] }[] = []
    for (let round = 0; round < 3; round++) {
      const commits = Array.from({ length: 60 }, (_, i) => ({
        counters: counters.filter((_, c) => i % (c + 2) === 0).map((key) => ({ key })),
        // Each tenth raises and logs nothing; each ninth logs twice, and the first of the two came with the raise.
        entries:
          i % 10 === 9
            ? []
            : Array.from({ length: i % 9 === 0 ? 2 : 1 }, () =>
                entry(`{"i":${i}}`, i % 5 === 0 ? ['acc'] : []),
              ),
      }))
      for (const [i, one] of (await world.ledger.commitEach(commits)).entries())
        for (const [n, { index }] of ('entries' in one ? one.entries : []).entries())
          told.push({
            index,
            of: [
              ...(i % 5 === 0 ? ['acc'] : []),
              ...(n === 0 ? (commits[i]?.counters ?? []).map(({ key }) => key) : []),
            ],
          })
      await world.reopen()
    }
    const { ledger } = world
    const expected = (names: readonly string[]): number[] =>
      told
        .filter(({ of }) => of.some((name) => names.includes(name)))
        .map(({ index }) => index)
        .toReversed()
    for (const asked of [[], ['reads-a'], ['reads', 'reads-b'], [...counters, 'never']]) {
      const all = expected(['acc', ...asked])
      expect((await ledger.history('acc', { counters: asked })).map(({ index }) => index)).toEqual(all)
      expect((await ledger.history('nobody', { counters: asked })).map(({ index }) => index)).toEqual(
        expected(asked),
      )
      for (const [at, limit] of [
        [0, 1],
        [1, 3],
        [7, 20],
        [40, 1000],
      ] as const) {
        const before = all[at] ?? 0
        const found = await ledger.history('acc', { counters: asked, before, limit })
        expect(found.map(({ index }) => index)).toEqual(all.filter((index) => index < before).slice(0, limit))
      }
    }
    // What looks like the name of a run forgets nothing of a counter.
    const [first = 0] = expected(['reads-a']).toReversed()
    await ledger.commit({ forget: [{ thread: 'reads-a', index: first }] })
    expect(await ledger.history('nobody', { counters: ['reads-a'] })).toHaveLength(
      expected(['reads-a']).length,
    )
    const { entries } = await ledger.commit({
      counters: [{ key: 'twice' }, { key: 'twice' }],
      entries: [entry('{}')],
    })
    expect(await ledger.count('twice')).toBe(2)
    expect(await ledger.history('nobody', { counters: ['twice'] })).toMatchObject([
      { index: entries[0]?.index },
    ])
  })

  test('what a thread is made to forget is found in it no more, and nowhere else is anything changed', async () => {
    await using world = await open()
    const { ledger } = world
    const five = Array.from({ length: 5 }, (_, i) => entry(`{"a":${i}}`, ['acc', 'acc!grant']))
    await ledger.commit({ entries: five })
    const before = await ledger.openings(0, 5)
    const indexes = async (thread: string): Promise<number[]> =>
      (await world.ledger.history(thread)).map(({ index }) => index)
    const refused = { checks: [{ key: 'a', version: 7 }], forget: [{ thread: 'acc', index: 4 }] }
    await refusal(ledger.commit(refused))
    const told = entry('{"told":1}', ['acc'])
    await ledger.commit({ forget: [0, 2, 3, 99].map((index) => ({ thread: 'acc', index })), entries: [told] })
    for (let round = 0; round < 2; round++) {
      expect(await indexes('acc')).toEqual([5, 4, 1])
      expect(await indexes('acc!grant')).toEqual([4, 3, 2, 1, 0])
      expect(await world.ledger.openings(0, 5)).toEqual(before)
      await checkLog(world.ledger.log)
      await world.reopen()
    }
    for (const index of [-1, 0.5, Number.NaN])
      await expect(world.ledger.commit({ forget: [{ thread: 'acc', index }] })).rejects.toThrow(TypeError)
    await expect(world.ledger.commit({ forget: [{ thread: 'a\0b', index: 0 }] })).rejects.toThrow(TypeError)
  })

  test('openings gives every entry of a range in order, each with the salt that opens it, and none beyond the head', async () => {
    await using world = await open({ group: 7 })
    const facts = Array.from({ length: 600 }, (_, i) => `{"i":${i}}`)
    await world.ledger.commitEach(facts.slice(0, 590).map((ops) => ({ entries: [entry(ops)] })))
    await world.reopen()
    const { ledger } = world
    await ledger.commit({ entries: facts.slice(590).map((ops) => entry(ops)) })
    const all = await ledger.openings(0, 10_000)
    expect(all.map(({ index, ops }) => `${index} ${ops}`)).toEqual(facts.map((ops, i) => `${i} ${ops}`))
    for (const [first, count] of [
      [0, 0],
      [0, 1],
      [255, 2],
      [256, 256],
      [250, 300],
      [589, 5],
      [599, 1],
    ] as const)
      expect(await ledger.openings(first, count)).toEqual(all.slice(first, first + count))
    expect(await ledger.openings(598, 256)).toEqual(all.slice(598))
    expect(await ledger.openings(600, 1)).toEqual([])
    for (const { index, ops, salt } of [all[0], all[256], all[599]].flatMap((one) => one ?? [])) {
      const leaf = await provenEntry(ledger.log, index, ledger.log.checkpoint())
      expect(opens(leaf, 'ops', salt, ops)).toBe(true)
    }
    for (const [first, count] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const)
      await expect(ledger.openings(first, count)).rejects.toThrow(TypeError)
  })

  test('everything acknowledged is there after reopening, and the history of the log goes on', async () => {
    await using world = await open()
    const checkpoints = [world.ledger.log.checkpoint()]
    const done: Committed[] = []
    for (let round = 0; round < 3; round++) {
      const { ledger } = world
      for (const committed of await Promise.all(
        Array.from({ length: 150 }, (_, i) =>
          ledger.commit({
            counters: [{ key: `n${i % 7}` }],
            writes: [{ key: `r${round}!${String(i).padStart(3, '0')}`, value: { i } }],
            entries: [entry(`{"round":${round},"i":${i}}`, [`t${i % 3}`])],
          }),
        ),
      ))
        done.push(committed)
      checkpoints.push(ledger.log.checkpoint())
      await world.reopen()
    }
    const { ledger } = world
    expect(
      (await checkLog(ledger.log, [...checkpoints, ...done.map((one) => one.checkpoint)])).checkpoint.size,
    ).toBe(450)
    expect(done.map(({ version }) => version)).toEqual(Array.from({ length: 450 }, (_, i) => i + 1))
    expect(await ledger.list('r1!')).toHaveLength(150)
    expect(await ledger.get('r1!007')).toEqual({ key: 'r1!007', version: 158, value: { i: 7 } })
    expect(await ledger.count('n0')).toBe(3 * 22)
    expect(await ledger.history('t2')).toHaveLength(150)
  })

  test('the order of the log is the order of the commits, and each reads its own writes', async () => {
    await using world = await open({ group: 7 })
    const { ledger } = world
    const done = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const committed = await ledger.commit({
          writes: [{ key: `k${i}`, value: i }],
          entries: [entry(`{"i":${i}}`, ['t'])],
        })
        expect((await ledger.get(`k${i}`))?.version).toBe(committed.version)
        expect(ledger.peek(`k${i}`)?.value).toBe(i)
        return committed
      }),
    )
    const inOrder = done.toSorted((a, b) => a.version - b.version)
    expect(inOrder.map(({ entries }) => entries[0]?.index)).toEqual(Array.from({ length: 300 }, (_, i) => i))
    for (let i = 1; i < 300; i++) expect(inOrder[i]?.time).toBeGreaterThanOrEqual(inOrder[i - 1]?.time ?? 0)
    await checkLog(
      ledger.log,
      done.map(({ checkpoint }) => checkpoint),
    )
  })

  test('the salts of an entry open its public leaf, slot by slot', async () => {
    await using world = await open()
    const { ledger } = world
    const claims: Claims = {
      ops: '{"o":1}',
      subject: 's-1',
      who: 'https://who/',
      data: '{"x":1}',
      secret: SECRET,
    }
    const done = await ledger.commit({ entries: [entry('{}'), { claims: () => claims }] })
    const [plain, full] = done.entries
    const leaf = await provenEntry(ledger.log, full?.index ?? -1, done.checkpoint)
    expect(opens(leaf, 'subject', full?.salts.subject ?? '', 's-1')).toBe(true)
    expect(opens(leaf, 'data', full?.salts.data ?? '', '{"x":1}')).toBe(true)
    expect(opens(leaf, 'data', full?.salts.subject ?? '', '{"x":1}')).toBe(false)
    expect(opens(leaf, 'who', saltOf(SECRET, 'who', 1), 'https://who/')).toBe(true)
    for (const salt of Object.values(full?.salts ?? {}))
      expect(opens(leaf, 'who', salt, 'https://who/')).toBe(false)
    const bare = await provenEntry(ledger.log, plain?.index ?? -1, done.checkpoint)
    expect(opens(bare, 'subject', plain?.salts.subject ?? '', '')).toBe(true)
  })

  test('withdrawals race disclosures: no entry after the end of its grant', async () => {
    await using world = await open({ group: 16 })
    const { ledger } = world
    await ledger.commit({ writes: [{ key: 'grant', value: 'active' }] })
    const disclose = (): Promise<Committed> =>
      ledger.commit({
        checks: [{ key: 'grant', version: 1 }],
        counters: [{ key: 'seq' }],
        entries: [{ claims: ({ counts }) => ({ ops: `{"seq":${counts[0]}}` }), threads: ['grant'] }],
      })
    const before = Array.from({ length: 100 }, disclose)
    const withdrawal = ledger.commit({
      checks: [{ key: 'grant', version: 1 }],
      writes: [{ key: 'grant', value: 'withdrawn' }],
      entries: [entry('"withdrawn"', ['grant'])],
    })
    const after = Array.from({ length: 100 }, disclose)
    await Promise.all(before)
    const end = (await withdrawal).entries[0]?.index ?? -1
    for (const attempt of after) await refusal(attempt)
    const history = await ledger.history('grant')
    expect(history[0]).toMatchObject({ index: end, ops: '"withdrawn"' })
    for (const { index, ops, salt } of history.slice(0, 3)) {
      const leaf = await provenEntry(ledger.log, index, ledger.log.checkpoint())
      expect(opens(leaf, 'ops', salt, ops)).toBe(true)
      expect(opens(leaf, 'ops', salt, `${ops} `)).toBe(false)
    }
    expect(history).toHaveLength(101)
    expect(await ledger.count('seq')).toBe(100)
  })

  test('a large log serves every tile, bundle and proof', async () => {
    await using world = await open()
    const { ledger } = world
    const checkpoints: string[] = []
    for (const count of [1, 254, 1, 1, 255, 1000, 300]) {
      const verdicts = await ledger.commitEach(
        Array.from({ length: count }, (_, i) => ({ entries: [entry(`{"i":${i}}`)] })),
      )
      for (const verdict of verdicts) if ('checkpoint' in verdict) checkpoints.push(verdict.checkpoint)
    }
    const report = await checkLog(ledger.log, checkpoints)
    expect(report).toMatchObject({ checkpoint: { size: 1812 }, bundles: 8, earlier: 1812 })
    for (const index of [0, 255, 256, 511, 512, 1500, 1811])
      await provenEntry(ledger.log, index, ledger.log.checkpoint())
    expect(await ledger.log.tile(0, 0, 255)).toHaveLength(255 * 32)
    for (const [level, index, width] of [
      [0, 8, 1],
      [0, 7, 21],
      [0, 0, 0],
      [0, 0, 257],
      [0, -1, 1],
      [2, 0, 1],
      [64, 0, 1],
      [0.5, 0, 1],
    ] as const)
      expect(await ledger.log.tile(level, index, width)).toBeUndefined()
    expect(await ledger.log.bundle(7, 21)).toBeUndefined()
  })
}
