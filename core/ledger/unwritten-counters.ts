/**
 * Counters that were raised and whose rows are not written yet. Until they are, the rows of the groups that raised them tell of it: so
 * a counter that is raised often is written once for many raises, and what a start has to read again stays bounded.
 */
import { LedgerDamaged } from './ledger.ts'
import { counterKey, type Stored } from './stored-keys.ts'
import { decodeTally, newTally, raise, type Tally } from './tally.ts'

/** A raise as the row of its group tells it: what the counter came to, and the entry that came with it, -1 for none. */
export type Raise = readonly [key: string, count: number, index: number]

/** Raises of one group. */
export interface GroupRaises {
  readonly group: number
  readonly raises: readonly Raise[]
}

/** A counter as it is to be written. */
export interface Unwritten {
  readonly key: string
  readonly tally: Tally
  /** The first group that raised it since its row was written. */
  readonly since: number
  /** How many raises of all counters there had been by then. */
  readonly at: number
  isBeingWritten: boolean
  /** The one whose first raise came after its. */
  next: Unwritten | undefined
}

export interface UnwrittenLimits {
  /** A counter is written when there were so many raises, of all counters, since its first that is not. */
  readonly raises: number
  /** Or so many groups. */
  readonly groups: number
}

const LIMITS: UnwrittenLimits = { raises: 65_536, groups: 8192 }

export class UnwrittenCounters {
  readonly #limits: UnwrittenLimits
  readonly #byKey = new Map<string, Unwritten>()
  /** Those that no group writes yet are linked by their first raise: an array of so many is slow to take the first from. */
  #oldest: Unwritten | undefined
  #newest: Unwritten | undefined
  #raises = 0

  constructor(limits: Partial<UnwrittenLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits }
  }

  /** Also while a group that writes it is not durable yet. */
  get(key: string): Tally | undefined {
    return this.#byKey.get(key)?.tally
  }

  /** From which group on raises must be read again, if everything ordered so far is durable. */
  get since(): number | undefined {
    return this.#oldest?.since
  }

  /** Each raise is to be told, in the order of the groups. */
  raised(key: string, tally: Tally, group: number): void {
    const at = this.#raises++
    const known = this.#byKey.get(key)
    if (known !== undefined && !known.isBeingWritten) return
    const unwritten: Unwritten = { key, tally, since: group, at, isBeingWritten: false, next: undefined }
    this.#byKey.set(key, unwritten)
    if (this.#oldest && this.#newest) this.#newest.next = unwritten
    else this.#oldest = unwritten
    this.#newest = unwritten
  }

  /** Those that this group must write. */
  due(group: number): readonly Unwritten[] {
    const { raises, groups } = this.#limits
    const due: Unwritten[] = []
    let one = this.#oldest
    while (one && (this.#raises - one.at >= raises || group - one.since >= groups)) {
      due.push(one)
      one.isBeingWritten = true
      const { next }: Unwritten = one
      // Else what was written long ago would keep what comes after it from being collected young.
      one.next = undefined
      one = next
    }
    this.#oldest = one
    return due
  }

  /** The group that wrote it is durable. */
  written(one: Unwritten): void {
    if (this.#byKey.get(one.key) === one) this.#byKey.delete(one.key)
  }
}

/**
 * Raises counters as these groups did, and tells of each raise that a counter's row does not tell of. A counter whose row is damaged is
 * left out, for its reader to find. Throws `LedgerDamaged` for a row that is older than it can be.
 */
export async function replayRaises(
  db: Stored,
  groups: readonly GroupRaises[],
  told: (key: string, tally: Tally, group: number) => void,
): Promise<void> {
  const keys = [...new Set(groups.flatMap(({ raises }) => raises.map(([key]) => key)))]
  const stored = await db.getMany(keys.map(counterKey))
  const tallies = new Map(keys.map((key, i) => [key, readTally(key, stored[i])]))
  for (const { group, raises } of groups)
    for (const [key, count, index] of raises) {
      const tally = tallies.get(key)
      if (!tally || count <= tally.ordered) continue
      if (count !== tally.ordered + 1) throw new LedgerDamaged('the row of a counter is older than it can be')
      raise(tally, index < 0 ? undefined : index)
      tally.count = count
      told(key, tally, group)
    }
}

/** Undefined for a row that is damaged. */
export function readTally(key: string, bytes: Buffer | undefined): Tally | undefined {
  try {
    return bytes ? decodeTally(key, bytes) : newTally()
  } catch (error) {
    if (error instanceof LedgerDamaged) return undefined
    throw error
  }
}
