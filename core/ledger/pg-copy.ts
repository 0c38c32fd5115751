/** A ledger on PostgreSQL as a side of a copy: its head row stays locked, so whoever writes to it waits. */
import { PgDatabase, connect, refusalOf } from './pg-database.ts'
import type { CopiedStore } from './store-copy.ts'

/** `part`: which of the ledgers in the database. Throws `LedgerBusy` when it cannot be reached, `LedgerStopped` when it refuses. */
export async function openPgStore({
  url,
  part,
  anchorFile,
}: {
  url: string
  part: string
  anchorFile: string
}): Promise<CopiedStore> {
  await using opened = new AsyncDisposableStack()
  try {
    const client = await connect(url)
    opened.defer(() => client.end().catch(() => undefined))
    const db = new PgDatabase(client, part)
    await db.prepare()
    // A copy of much takes its time between two statements.
    await client.query('set idle_in_transaction_session_timeout = 0')
    await db.beginAlone()
    const resources = opened.move()
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
        await resources.disposeAsync()
      },
    }
  } catch (error) {
    throw refusalOf(error)
  }
}

/** Which ledgers a database has: '' for the house itself. Throws like `openPgStore`. */
export async function partsIn(url: string): Promise<string[]> {
  await using opened = new AsyncDisposableStack()
  try {
    const client = await connect(url)
    opened.defer(() => client.end().catch(() => undefined))
    return await PgDatabase.parts(client)
  } catch (error) {
    throw refusalOf(error)
  }
}
