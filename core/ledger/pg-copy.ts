/** A ledger on PostgreSQL as a side of a copy: its head row stays locked, so whoever writes to it waits. */
import { LedgerBusy } from './ledger.ts'
import { ConnectionLost, PgDatabase, connect } from './pg-database.ts'
import type { CopiedStore } from './store-copy.ts'

/** `part`: which of the ledgers in the database. Throws `LedgerBusy` when it cannot be reached. */
export async function openPgStore({
  url,
  part,
  anchorFile,
}: {
  url: string
  part: string
  anchorFile: string
}): Promise<CopiedStore> {
  try {
    const client = await connect(url)
    const db = new PgDatabase(client, part)
    await db.prepare()
    // A copy of much takes its time between two statements.
    await client.query('set idle_in_transaction_session_timeout = 0')
    await db.beginAlone()
    return {
      stored: db,
      anchorFile,
      async put(rows, group) {
        await db.write(rows, group)
        await db.commit()
        await db.beginAlone()
      },
      async [Symbol.asyncDispose]() {
        await db.rollback()
        await client.end().catch(() => undefined)
      },
    }
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error
    throw new LedgerBusy('the database cannot be reached', { cause: error })
  }
}

/** Which ledgers a database has: '' for the house itself. */
export async function partsIn(url: string): Promise<string[]> {
  const client = await connect(url).catch((error: unknown) => {
    throw new LedgerBusy('the database cannot be reached', { cause: error })
  })
  try {
    return await PgDatabase.parts(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
