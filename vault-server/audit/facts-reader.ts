/** Opened entries for auditors, in the order of the log and never beyond the checkpoint that was asked about. */
import { LRUCache } from 'lru-cache'
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import type { HistoryItem, LedgerReader } from '#core/ledger/ledger.ts'

export interface OpenedEntry {
  readonly index: number
  readonly line: string
  readonly salt: string
  readonly fact: Fact
}

/** Entries that are opened at once: some milliseconds in which nobody else is served. */
const BLOCK = 512
const CACHED_BLOCKS = 40

export class FactsReader {
  readonly #reader: LedgerReader
  /** Whole blocks never change. */
  readonly #blocks = new LRUCache<number, readonly OpenedEntry[]>({ max: CACHED_BLOCKS })

  constructor(reader: LedgerReader) {
    this.#reader = reader
  }

  async one(index: number): Promise<OpenedEntry | undefined> {
    const known = this.#blocks.get(Math.floor(index / BLOCK))
    if (known !== undefined) return known[index % BLOCK]
    const [item] = await this.#reader.openings(index, 1)
    return item && openedEntry(item)
  }

  async *forward(first: number, end: number): AsyncGenerator<OpenedEntry> {
    for (let at = first; at < end; at += BLOCK - (at % BLOCK))
      for (const entry of await this.#block(Math.floor(at / BLOCK)))
        if (entry.index >= first && entry.index < end) yield entry
  }

  async *backward(end: number): AsyncGenerator<OpenedEntry> {
    for (let block = Math.ceil(end / BLOCK) - 1; block >= 0; block--)
      for (const entry of (await this.#block(block)).toReversed()) if (entry.index < end) yield entry
  }

  /** Lowest index below `size` whose entry is of `time` (Unix ms) or later; `size` when there is none. Times never go back. */
  async firstSince(time: number, size: number): Promise<number> {
    let [low, high] = [0, size]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const entry = await this.one(middle)
      if (entry !== undefined && entry.fact.time < time) low = middle + 1
      else high = middle
    }
    return low
  }

  async #block(number: number): Promise<readonly OpenedEntry[]> {
    const known = this.#blocks.get(number)
    if (known !== undefined) return known
    const entries = (await this.#reader.openings(number * BLOCK, BLOCK)).map(openedEntry)
    if (entries.length === BLOCK) this.#blocks.set(number, entries)
    return entries
  }
}

export function openedEntry({ index, ops, salt }: HistoryItem): OpenedEntry {
  return { index, line: ops, salt, fact: readFact(ops) }
}
