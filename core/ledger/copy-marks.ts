/**
 * Marks in a store that a copy was made into or out of. Two stores that both went on would be two histories under one key:
 * so one that is half filled does not open, and neither does one whose ledger goes on in another.
 */
import { LedgerDamaged } from './ledger.ts'
import { COPY_KEY, type Stored } from './stored-keys.ts'

/** `copy` is the same in both stores. The target fills and is ready, the source has moved, then the target's mark goes. */
export interface CopyMark {
  readonly v: 1
  readonly copy: string
  readonly state: 'filling' | 'ready' | 'moved'
}

export const encodeCopyMark = (mark: CopyMark): Buffer => Buffer.from(JSON.stringify(mark))

export async function readCopyMark(store: Stored): Promise<CopyMark | undefined> {
  const bytes = await store.get(COPY_KEY)
  try {
    return bytes && (JSON.parse(bytes.toString()) as CopyMark)
  } catch (error) {
    throw new LedgerDamaged('the mark of a copy is damaged', { cause: error })
  }
}

/** Throws `LedgerDamaged` for a store that no ledger may be opened on. */
export async function refuseCopy(store: Stored): Promise<void> {
  const mark = await readCopyMark(store)
  if (mark?.state === 'moved')
    throw new LedgerDamaged('this ledger was copied and goes on in another store: set REACH_STORE to that')
  if (mark?.state === 'ready')
    throw new LedgerDamaged('a copy into this store was not finished: give `reach store copy` once more')
  if (mark !== undefined)
    throw new LedgerDamaged('a copy into this store was not finished: empty it and copy again')
}
