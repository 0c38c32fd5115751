/** Counters whose rows are written late, against a model that only counts: over restarts, and over copies of a folder in use. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAnchor } from '#core/ledger/anchor.ts'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { openDatabase } from '#core/ledger/level-database.ts'
import { recover, type Recovered } from '#core/ledger/recovery.ts'
import { ORIGIN, foldersIn, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'

const names = ['a', 'b', 'c', 'd', 'e']

interface Counted {
  count: number
  readonly indexes: number[]
}
type Model = Map<string, Counted>

const raiseOf = fc.record({
  counters: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
  isLogged: fc.boolean(),
})
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('raise' as const),
      commits: fc.array(raiseOf, { minLength: 1, maxLength: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  // What a process leaves that is killed when nothing is on its way.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('killed' as const) }) },
)
const limits = fc.record({
  group: fc.integer({ min: 1, max: 9 }),
  unwritten: fc.record({ raises: fc.integer({ min: 1, max: 60 }), groups: fc.integer({ min: 1, max: 12 }) }),
})

async function copyOf({ root }: LedgerFolders): Promise<LedgerFolders> {
  const copy = await mkdtemp(join(tmpdir(), 'reach-ledger-'))
  await cp(root, copy, { recursive: true })
  return foldersIn(copy)
}

async function raise(
  ledger: Ledger,
  model: Model,
  commits: readonly { counters: string[]; isLogged: boolean }[],
) {
  const done = await ledger.commitEach(
    commits.map(({ counters, isLogged }) => ({
      counters: counters.map((key) => ({ key })),
      entries: isLogged ? [{ claims: () => ({ ops: '{}' }) }] : [],
    })),
  )
  for (const [i, { counters }] of commits.entries()) {
    const verdict = done[i]
    if (!verdict || verdict instanceof Error) throw new Error('a raise was refused')
    for (const [c, key] of counters.entries()) {
      const counted = model.get(key) ?? { count: 0, indexes: [] }
      model.set(key, counted)
      expect(verdict.counts[c]).toBe(++counted.count)
      const index = verdict.entries[0]?.index
      if (index !== undefined && counted.indexes.at(-1) !== index) counted.indexes.push(index)
    }
  }
}

async function expectSame(ledger: Ledger, model: Model): Promise<void> {
  for (const key of names) {
    const { count, indexes } = model.get(key) ?? { count: 0, indexes: [] }
    expect(await ledger.count(key), key).toBe(count)
    const history = await ledger.history('nobody', { counters: [key] })
    expect(
      history.map(({ index }) => index),
      key,
    ).toEqual(indexes.toReversed())
  }
}

test('counts and remembers the same as a model, whenever rows are written and however it ends', async () => {
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { minLength: 3, maxLength: 14 }), async (chosen, steps) => {
      await using first = await ledgerFolders()
      let folders: LedgerFolders = first
      const copies = new Set<string>()
      const model: Model = new Map()
      let { ledger } = await openIn(folders, { limits: chosen })
      try {
        for (const one of [...steps, { kind: 'killed' as const }]) {
          if (one.kind === 'raise') await raise(ledger, model, one.commits)
          else {
            const left = one.kind === 'killed' ? await copyOf(folders) : folders
            copies.add(left.root)
            await ledger[Symbol.asyncDispose]()
            folders = left
            ;({ ledger } = await openIn(folders, { limits: chosen }))
          }
          await expectSame(ledger, model)
        }
      } finally {
        await ledger[Symbol.asyncDispose]()
        for (const root of copies) await rm(root, { recursive: true, force: true })
      }
    }),
    { numRuns: 15 },
  )
}, 120_000)

test('history read while counters are raised and written misses nothing that was there before it', async () => {
  await using folders = await ledgerFolders()
  const { ledger } = await openIn(folders, { limits: { group: 4, unwritten: { raises: 7 } } })
  await using _closing = ledger
  const model: Model = new Map()
  const commits = Array.from({ length: 400 }, (_, i) => ({ counters: [names[i % 2] ?? ''], isLogged: true }))
  await raise(ledger, model, commits)
  let isDone = false
  const raising = (async () => {
    for (let round = 0; round < 6; round++) await raise(ledger, model, commits)
  })().finally(() => (isDone = true))
  let reads = 0
  for (; !isDone; reads++) {
    const before = [...(model.get('a')?.indexes ?? [])]
    const history = await ledger.history('nobody', { counters: ['a'] })
    expect(history.map(({ index }) => index).slice(-before.length)).toEqual(before.toReversed())
  }
  await raising
  expect(reads).toBeGreaterThan(1)
  await expectSame(ledger, model)
}, 60_000)

/** What a start reads of this ledger before it opens, and from which entries on. */
async function recovered(folders: LedgerFolders): Promise<Recovered & { read: number[] }> {
  const anchored = await readAnchor(folders.anchorFile)
  if (!anchored || anchored === 'new') throw new Error('nothing was written')
  const { db } = await openDatabase(folders.folder, { create: false })
  try {
    const signer = createLogSigner(ORIGIN, await openKeyStore(folders.keysFolder))
    const read: number[] = []
    const progress = (entries: number): void => void read.push(entries)
    return { ...(await recover(db, { signer, anchored, tailBytes: 0, progress })), read }
  } finally {
    await db.close()
  }
}

test.each([{ raises: 7 }, { groups: 7 }])('a start reads no more again than %o', async (limit) => {
  await using folders = await ledgerFolders()
  const unwritten = { raises: 1000, groups: 1000, ...limit }
  for (const start of [1, 2]) {
    {
      await using ledger = (await openIn(folders, { limits: { unwritten } })).ledger
      for (const key of ['a', ...Array<string>(30).fill('b')]) await ledger.commit({ counters: [{ key }] })
    }
    const { head, raised } = await recovered(folders)
    expect(head.group).toBe(31 * start)
    expect(raised.length).toBeGreaterThan(0)
    expect(raised.length).toBeLessThan(7)
  }
})

test('one that waits for long makes a start read the groups since, and not their entries', async () => {
  await using folders = await ledgerFolders()
  {
    const limits = { group: 100, unwritten: { raises: 100 } }
    await using ledger = (await openIn(folders, { limits })).ledger
    await ledger.commit({ counters: [{ key: 'a' }] })
    const entry = { entries: [{ claims: () => ({ ops: '{}' }) }] }
    await ledger.commitEach(Array.from({ length: 1000 }, () => entry))
  }
  const { raised, read } = await recovered(folders)
  expect(raised).toEqual([{ group: 1, raises: [['a', 1, -1]] }])
  expect(read).toEqual([768])
})
