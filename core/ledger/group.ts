/** What forming a group needs and gives. */
import type { Mark } from './anchor.ts'
import type { Waiting } from './group-commit.ts'
import type { Committed, KeyedRow } from './ledger.ts'
import type { OpenedRow } from './row-values.ts'
import type { RowHead } from './sealing.ts'
import type { Tally } from './tally.ts'
import type { Unwritten } from './unwritten-counters.ts'

/** Where the ledger stands after a group. `chain` is the hash of the group's row. */
export interface Head {
  readonly group: number
  readonly chain: Buffer
  readonly time: number
  readonly commits: number
  readonly seals: number
  readonly bytes: number
  readonly checkpoint: string
}

/** What the database holds under the keys a group touches. Read synchronously: nothing may come in between. */
export interface DurableState {
  /**
   * What is stored under the key, expired and erased rows included: group time decides. `seen`: a row of this key as it
   * was read before.
   */
  head(key: string, seen?: KeyedRow<unknown>): RowHead | undefined
  /** Whether a stored row reads as present at this time. */
  isLive(row: RowHead, time: number): boolean
  /** Whoever forms a group raises it in place: not to be read anew while a group with it is under way. */
  tally(key: string): Tally
}

export type Operation = readonly [key: string, value: Buffer | undefined]

/** The ledger after a group; what readers of the log and the anchor need of it. */
export interface Snapshot {
  readonly size: number
  readonly checkpoint: string
  /** Hashes of the growing tiles. */
  readonly open: readonly (readonly Buffer[])[]
  readonly mark: Mark
}

/** A counter whose row a group writes, and how many of its entries went into runs there. */
export interface Written {
  readonly counter: Unwritten
  readonly inRuns: number
}

export interface Group extends Snapshot {
  /** One atomic batch. Empty when every commit was refused: then there is nothing to write. */
  readonly operations: readonly Operation[]
  readonly rows: ReadonlyMap<string, OpenedRow | undefined>
  readonly tallies: ReadonlyMap<string, Tally>
  /** What each of the tallies came to in this group, in their order: they may be ahead of it by the time it is durable. */
  readonly counts: readonly number[]
  /** Counters that wait for their rows to be written no longer, once it is durable. */
  readonly written: readonly Written[]
  readonly verdicts: readonly (readonly [Waiting, Committed | Error])[]
}
