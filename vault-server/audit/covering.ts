/** Which looks of auditors a customer is told of: those at entries of hers. Nothing is written for each customer. */
import { looksAt } from '#core/domain/audit.ts'
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import type { HistoryItem, Ledger } from '#core/ledger/ledger.ts'
import { listAudits } from '#core/records/auditors.ts'
import { accountHistory } from '#core/records/histories.ts'

const atOnce = 100
/** Looks examined for one page: however many others there were, those at hers are on this page or on a later one. */
const mostLooks = 2_000
/** Entries of hers opened for one page. A look that is not decided by then counts as one at hers. */
const mostEntries = 5_000

export interface Told {
  /** Newest first. */
  readonly items: readonly HistoryItem[]
  /** Pass as `before` to go on; absent where there is nothing further down. */
  readonly next?: number
}

/** The newest entries below `before`, at most `limit`, that a customer is told of: her own, and looks of auditors at any of them. */
export async function toldOf(
  ledger: Ledger,
  accountId: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<Told> {
  const wanted = limit + 1
  const own = await accountHistory(ledger, accountId, { before, limit: wanted })
  // Where her own go on further down, older looks belong to the next page.
  const floor = own.length === wanted ? (own.at(-1)?.index ?? 0) : 0
  const looks = await looksAbove(ledger, accountId, { before, floor, limit: wanted })
  const found = [...own, ...looks.found]
    .filter(({ index }) => index >= looks.from)
    .toSorted((a, b) => b.index - a.index)
  const items = found.slice(0, limit)
  const next = found.length > limit ? items.at(-1)?.index : looks.from
  return { items, ...(next !== undefined && next > 0 && { next }) }
}

/** Looks at hers, newest first; `from`: below this entry nobody looked for them yet. */
async function looksAbove(
  ledger: Ledger,
  accountId: string,
  { before, floor, limit }: { before: number | undefined; floor: number; limit: number },
): Promise<{ found: readonly HistoryItem[]; from: number }> {
  const entries = new OwnEntries(ledger, accountId)
  const found: HistoryItem[] = []
  let below = before
  for (let looked = 0; looked < mostLooks; looked += atOnce) {
    const looks = await listAudits(ledger, { ...(below !== undefined && { before: below }), limit: atOnce })
    for (const item of looks) {
      if (item.index < floor || found.length === limit) return { found, from: 0 }
      const look = readFact(item.ops)
      if (look.type !== 'audited') continue
      const covers = await entries.some(look.first, look.end, (index, fact) => looksAt(look, index, fact))
      if (covers) found.push(item)
      // Looks before her first entry cannot be at any of hers.
      else if (entries.lowest !== undefined && item.index < entries.lowest) return { found, from: 0 }
    }
    if (looks.length < atOnce) return { found, from: 0 }
    below = looks.at(-1)?.index
  }
  return { found, from: below ?? 0 }
}

/** Her entries, newest first, opened as far as anybody asked. */
class OwnEntries {
  readonly #ledger: Ledger
  readonly #accountId: string
  readonly #opened: { readonly index: number; readonly fact: Fact }[] = []
  #isAll = false

  constructor(ledger: Ledger, accountId: string) {
    this.#ledger = ledger
    this.#accountId = accountId
  }

  /** Index of her first entry, once all were opened; above every index when she has none. */
  get lowest(): number | undefined {
    return this.#isAll ? (this.#opened.at(-1)?.index ?? Infinity) : undefined
  }

  /** Whether any entry from `first` to below `end` fits. */
  async some(first: number, end: number, fits: (index: number, fact: Fact) => boolean): Promise<boolean> {
    for (let i = 0; ; i++) {
      if (i === this.#opened.length && !(await this.#more())) return false
      const entry = this.#opened[i]
      if (entry === undefined || entry.index < first) return false
      if (i >= mostEntries) return true
      if (entry.index < end && fits(entry.index, entry.fact)) return true
    }
  }

  async #more(): Promise<boolean> {
    if (this.#isAll) return false
    const last = this.#opened.at(-1)
    const items = await accountHistory(this.#ledger, this.#accountId, { before: last?.index, limit: atOnce })
    this.#isAll = items.length < atOnce
    this.#opened.push(...items.map(({ index, ops }) => ({ index, fact: readFact(ops) })))
    return items.length > 0
  }
}
