/** Entries of a thread with their sealed policy facts opened and checked against the public leaves. */
import { LRUCache } from 'lru-cache'
import type { KeyStore } from './key-store.ts'
import { openOps, opens, opsKeyName, saltOf } from './leaf.ts'
import { LedgerDamaged, type HistoryItem } from './ledger.ts'
import { boxKey, counterKey, numberOfKey, runKey, threadKey, type Stored } from './stored-keys.ts'
import type { StoredLog } from './stored-log.ts'
import { TILE_WIDTH } from './merkle.ts'
import { decodeTally, type Tally } from './tally.ts'
import type { UnwrittenCounters } from './unwritten-counters.ts'

interface OpenedBox {
  readonly first: number
  readonly secret: string
  readonly ops: readonly string[]
}

export interface HistoryParts {
  readonly stored: Stored
  /** Counters whose rows are older than what readers are to see. */
  readonly unwritten?: Pick<UnwrittenCounters, 'get'>
  readonly keys: KeyStore
  readonly log: StoredLog
}

/** Indexes of entries, newest first. */
type Descending = AsyncGenerator<number, void>

interface Source {
  /** None of its entries lies above this one, so it need not be read as long as others are newer. */
  readonly upTo: number
  readonly indexes: () => Descending
}

const CACHED_BOXES = 256

export class History {
  readonly #db: Stored
  readonly #unwritten: Pick<UnwrittenCounters, 'get'> | undefined
  readonly #keys: KeyStore
  readonly #log: StoredLog
  readonly #boxes = new LRUCache<number, OpenedBox>({ max: CACHED_BOXES })

  constructor({ stored, unwritten, keys, log }: HistoryParts) {
    this.#db = stored
    this.#unwritten = unwritten
    this.#keys = keys
    this.#log = log
  }

  /** Of a thread and of the raises of some counters: newest first, below index `before`, at most `limit`. */
  async read(
    thread: string,
    { counters, before, limit }: { counters: readonly string[]; before: number; limit: number },
  ): Promise<HistoryItem[]> {
    await this.#log.newest()
    // What is written but not yet published stays out, like in the rest of the log.
    const below = Math.min(before, this.#log.size)
    const items: HistoryItem[] = []
    const raised = (await this.#tallies(counters)).map(([key, tally]) => this.#raising(key, tally, below))
    for await (const index of newestFirst([this.#inThread(thread, below), ...raised])) {
      if (items.length >= limit) break
      items.push(await this.#open(index))
    }
    return items
  }

  #inThread(thread: string, below: number): Source {
    const range = { gte: threadKey(thread, 0), lt: threadKey(thread, below), reverse: true }
    return { upTo: below - 1, indexes: () => numbersOf(this.#db.keys(range)) }
  }

  async #tallies(counters: readonly string[]): Promise<[key: string, tally: Tally][]> {
    // One that is written meanwhile tells no less.
    const unwritten = counters.map((key) => this.#unwritten?.get(key))
    const stored = counters.length === 0 ? [] : await this.#db.getMany(counters.map(counterKey))
    return counters.flatMap((key, i) => {
      const bytes = stored[i]
      const tally = unwritten[i] ?? (bytes && decodeTally(key, bytes))
      return tally ? [[key, tally]] : []
    })
  }

  /** The newest stand in the tally, which was read before the runs: a run that was full since is met twice, and none is missed. */
  #raising(counter: string, { ordered, newest }: Tally, below: number): Source {
    const hasRuns = ordered > newest.length
    // A tally is changed in place.
    const beside = newest.filter((index) => index < below).toReversed()
    const range = { gte: runKey(counter, 0), lt: runKey(counter, below), reverse: true }
    const runs = (): AsyncIterable<[key: string, value: Buffer]> => this.#db.iterator(range)
    return {
      upTo: beside[0] ?? (hasRuns ? below - 1 : -1),
      async *indexes() {
        yield* beside
        if (!hasRuns) return
        for await (const [key, bytes] of runs())
          for (const index of decodeTally(key, bytes).newest.toReversed()) if (index < below) yield index
      },
    }
  }

  /** Entries `first` up to below `first + count`, as far as they are published, in the order of the log. */
  async range(first: number, count: number): Promise<HistoryItem[]> {
    await this.#log.newest()
    const end = Math.min(first + count, this.#log.size)
    const items: HistoryItem[] = []
    let box: OpenedBox | undefined
    for (let index = first; index < end;) {
      const begin = index - (index % TILE_WIDTH)
      const leaves = await this.#log.entries(begin, Math.min(TILE_WIDTH, end - begin))
      for (; index < begin + leaves.length; index++) {
        if (box === undefined || index >= box.first + box.ops.length) box = await this.#boxOf(index)
        items.push(openFrom(box, index, leaves[index - begin]))
      }
    }
    return items
  }

  async #open(index: number): Promise<HistoryItem> {
    return openFrom(await this.#boxOf(index), index, await this.#log.entry(index))
  }

  async #boxOf(index: number): Promise<OpenedBox> {
    const range = { gte: boxKey(0), lte: boxKey(index), reverse: true, limit: 1 }
    for await (const key of this.#db.keys(range)) {
      const first = numberOfKey(key)
      const opened = this.#boxes.get(first) ?? this.#openBox(first, await this.#db.get(key))
      this.#boxes.set(first, opened)
      return opened
    }
    throw new LedgerDamaged(`the opening of entry ${index} is missing`)
  }

  #openBox(first: number, box: Buffer | undefined): OpenedBox {
    try {
      const key = this.#keys.named('ops', (box && opsKeyName(box)) ?? '')
      return { first, secret: key.secret, ops: openOps(key, this.#log.origin, first, box ?? Buffer.alloc(0)) }
    } catch (error) {
      throw new LedgerDamaged(`the openings from entry ${first} on are damaged`, { cause: error })
    }
  }
}

async function* numbersOf(keys: AsyncIterable<string>): Descending {
  for await (const key of keys) yield numberOfKey(key)
}

/** All of them in one order, each index once. A source is read from where the others have come down to it. */
async function* newestFirst(sources: readonly Source[]): Descending {
  const waiting = sources.filter(({ upTo }) => upTo >= 0).toSorted((a, b) => a.upTo - b.upTo)
  const reading: { readonly indexes: Descending; next: number }[] = []
  const advance = async (one: (typeof reading)[number]): Promise<void> => {
    one.next = (await one.indexes.next()).value ?? -1
  }
  try {
    for (;;) {
      const newest = reading.reduce((most, { next }) => Math.max(most, next), -1)
      const upTo = waiting.at(-1)?.upTo ?? -1
      if (upTo >= 0 && upTo >= newest) {
        const begun = waiting
          .splice(waiting.findIndex((source) => source.upTo === upTo))
          .map(({ indexes }) => ({ indexes: indexes(), next: -1 }))
        reading.push(...begun)
        await Promise.all(begun.map(advance))
      } else if (newest < 0) return
      else {
        yield newest
        for (const one of reading) while (one.next >= newest) await advance(one)
      }
    }
  } finally {
    for (const { indexes } of reading) await indexes.return()
  }
}

function openFrom({ first, secret, ops }: OpenedBox, index: number, leaf: Buffer | undefined): HistoryItem {
  const claims = ops[index - first]
  const salt = saltOf(secret, 'ops', index)
  if (claims === undefined || leaf === undefined || !opens(leaf, 'ops', salt, claims))
    throw new LedgerDamaged(`the opening of entry ${index} is not what was logged`)
  return { index, ops: claims, salt }
}
