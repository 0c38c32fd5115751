/** The row that each group leaves: where the ledger stood after it, and what it raised. Each names the one before by its hash. */
import { hash } from 'node:crypto'
import { LedgerDamaged } from './ledger.ts'
import type { Raise } from './unwritten-counters.ts'

/** Stored for every group, with or without entries: a lost or exchanged group breaks the chain of rows. */
export interface GroupRow {
  readonly size: number
  readonly root: string
  readonly time: number
  /** Running numbers over all groups: commits, sealed values, bytes written. */
  readonly commits: number
  readonly seals: number
  readonly bytes: number
  /** Over everything the group wrote. */
  readonly digest: string
  /** Hash of the row before. */
  readonly previous: string
  /** Random: tells this group from another that would have stood in its place. Rows of older versions have none. */
  readonly id?: string
  /** What it raised, where counters are not written with each group (`unwritten-counters.ts`). */
  readonly raised?: readonly Raise[]
  /** From which group on raises must be read again; absent when every counter's row was written. */
  readonly raisedSince?: number
}

export function chainOf(group: number, row: string): Buffer {
  return Buffer.from(hash('sha256', `${group}:${row}`, 'hex'), 'hex')
}

/** Throws `LedgerDamaged` for what tells of raises that are none. */
export function parseRow(group: number, text: string): GroupRow {
  try {
    const row = JSON.parse(text) as GroupRow
    // The newest may stand behind the anchor, so that nothing has said of it yet that it is what was written.
    const { size, raised = [], raisedSince = group } = row
    if (!raised.every((one) => isRaise(one, size)) || !isUpTo(group, raisedSince))
      throw new TypeError('it tells of raises that are none')
    return row
  } catch (error) {
    throw new LedgerDamaged(`the row of group ${group} is damaged`, { cause: error })
  }
}

const isRaise = ([key, count, index]: Raise, size: number): boolean =>
  typeof key === 'string' && isUpTo(Infinity, count) && (index === -1 || isUpTo(size - 1, index))

const isUpTo = (most: number, value: number): boolean =>
  Number.isSafeInteger(value) && value >= 0 && value <= most
