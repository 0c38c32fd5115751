/**
 * Lets a further replica in. It has no anchor of its own that would tell a database that was put back to an earlier copy from
 * the ledger as it stands, so a checkpoint from somewhere else speaks for the database, or the operator does.
 */
import { dirname } from 'node:path'
import { createAnchor, readAnchor, type Mark } from './anchor.ts'
import { openCheckpoint, type LogSigner } from './checkpoint.ts'
import { refuseCopy } from './copy-marks.ts'
import { makePrivateFolder } from './key-files.ts'
import { LedgerDamaged } from './ledger.ts'
import { PgDatabase, connect, refusalOf } from './pg-database.ts'
import { NoteInvalid } from './note.ts'
import { recover } from './recovery.ts'
import { NOTHING_SEEN } from './store-copy.ts'

/** There is an anchor already, which may have seen more than anybody says now. */
export class AlreadyEnrolled extends Error {}

/**
 * Verifies the whole ledger in the database, from its first group and entry, and that it continues `checkpoint` (a signed note
 * of this log); then writes the anchor. Without a checkpoint the database is believed. Throws `LedgerDamaged` for one that
 * does not continue it, `NoteInvalid`, `LedgerBusy` when the database cannot be reached, `LedgerStopped` when it refuses, `AlreadyEnrolled`.
 */
export async function enrolReplica({
  url,
  part,
  signer,
  anchorFile,
  checkpoint,
  progress,
}: {
  url: string
  part: string
  signer: LogSigner
  anchorFile: string
  checkpoint: string | undefined
  /** Entries that were verified, of all. */
  progress?: (done: number, total: number) => void
}): Promise<Mark> {
  await makePrivateFolder(dirname(anchorFile))
  const before = await readAnchor(anchorFile)
  if (before !== undefined) throw new AlreadyEnrolled('this replica has an anchor already')
  const told = checkpoint === undefined ? NOTHING_SEEN : openOwn(checkpoint, signer)
  try {
    const client = await connect(url)
    try {
      const db = new PgDatabase(client, part)
      await db.prepare()
      await refuseCopy(db)
      const seen = { ...NOTHING_SEEN, size: told.size, root: told.root }
      const { head, tree } = await db.atOnce(() =>
        recover(db, { signer, anchored: seen, tailBytes: Infinity, isShared: true, progress }),
      )
      if (head.group < 0 && told.size > 0)
        throw new LedgerDamaged(`the database is empty, the checkpoint has ${told.size} entries`)
      const mark = { group: head.group, size: tree.size, root: tree.root(), chain: head.chain }
      await (head.group < 0 ? createAnchor(anchorFile) : createAnchor(anchorFile, mark))
      return mark
    } finally {
      await client.end().catch(() => undefined)
    }
  } catch (error) {
    throw refusalOf(error)
  }
}

/** One that was kept may be from before the key of the log was changed. */
function openOwn(checkpoint: string, { vkey, vkeys }: LogSigner): { size: number; root: Buffer } {
  for (const earlier of vkeys.slice(1))
    try {
      return openCheckpoint(checkpoint, earlier)
    } catch (error) {
      if (!(error instanceof NoteInvalid)) throw error
    }
  return openCheckpoint(checkpoint, vkey)
}
