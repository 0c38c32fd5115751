import { noBoundary } from '#core/domain/boundary.ts'
import { writeFact } from '#core/domain/facts.ts'
import type { Entry, LedgerReader } from '#core/ledger/ledger.ts'
import type { Boundary } from '#schemas/types.gen.ts'
import { asFound, part, put, read, remove } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

const prefix = (accountId: string) => `boundary/${part(accountId)}/`
const boundaryKey = (accountId: string, vendorId: string) => prefix(accountId) + part(vendorId)

export function readBoundary(
  reader: LedgerReader,
  accountId: string,
  vendorId: string,
): Promise<Stored<Boundary> | undefined> {
  return read<Boundary>(reader, boundaryKey(accountId, vendorId))
}

/** All boundaries of a customer: one row for each business she refused something or blocked. */
export function listBoundaries(
  reader: LedgerReader,
  accountId: string,
): Promise<readonly Stored<Boundary>[]> {
  return reader.list<Boundary>(prefix(accountId))
}

export async function forgetBoundaries(reader: LedgerReader, accountId: string): Promise<CommitParts> {
  return { writes: (await listBoundaries(reader, accountId)).map(({ key }) => remove(key)) }
}

/**
 * What is decided on a boundary as it was found holds only while it is so: `holds` belongs into the commit of whatever
 * relied on it, `set` into one that changes it.
 */
export async function boundaryOf(
  reader: LedgerReader,
  accountId: string,
  vendorId: string,
): Promise<{ boundary: Boundary; holds: CommitParts; set: (next: Boundary) => CommitParts }> {
  const key = boundaryKey(accountId, vendorId)
  const found = await read<Boundary>(reader, key)
  const holds = { checks: [asFound(key, found)] }
  return {
    boundary: found?.value ?? noBoundary(accountId, vendorId),
    holds,
    set: (next) =>
      next === found?.value ? holds : { ...holds, writes: [put(key, next, { customer: accountId })] },
  }
}

/** An entry about a customer and a business that she blocks, or lets ask again. */
export function boundaryEntry(
  { accountId, vendorId }: { accountId: string; vendorId: string },
  type: 'blocked' | 'unblocked',
): Entry {
  return {
    claims: ({ time }) => ({ ops: writeFact({ type, vendor: vendorId, time }) }),
    threads: [accountId],
  }
}
