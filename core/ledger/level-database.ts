/** Opens LevelDB with care: never over the remains of another database, never over damaged tables. */
import { link, readFile, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Level } from 'level'
import { isCode, makePrivateFolder } from './key-files.ts'
import { LedgerDamaged, LedgerInUse, LedgerStopped } from './ledger.ts'
import { liveTables } from './level-manifest.ts'
import { isTableSound } from './table-files.ts'

export type Database = Level<string, Buffer>

/** Sealed values do not compress, and a large buffer means few compactions. */
export const WRITE_BUFFER = 32 * 1024 * 1024
/** Bytes of tables, newest first, that are verified before the ledger opens; the rest soon after. */
const VERIFIED_AT_START = 128 * 1024 * 1024
const RESTORE = ': restore data and anchor, or recover the log'
const PARTS_OF_A_DATABASE = /^(?:CURRENT|.*\.ldb)$/

/** Whether a database, or what is left of one, is in the folder. */
export async function hasDatabase(folder: string): Promise<boolean> {
  return (await namesIn(folder)).some((name) => PARTS_OF_A_DATABASE.test(name))
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    // What cannot be read is not nothing.
    if (isCode(error, 'ENOENT')) return []
    throw error
  })
}

/** Of a log file of LevelDB: a second name of the same file. */
const KEPT = '.kept'

/**
 * LevelDB removes its log files once it has read them, also where it dropped what it could not replay: until the ledger was found whole
 * they keep a second name, so that what was there can be looked into. Gives the names that are new.
 */
async function keepLogs(folder: string): Promise<string[]> {
  const kept: string[] = []
  for (const name of await namesIn(folder)) {
    const file = join(folder, name)
    if (!name.endsWith('.log')) continue
    try {
      // Each start that fails leaves another empty one.
      if ((await stat(file)).size === 0) continue
      await link(file, file + KEPT)
      kept.push(file + KEPT)
    } catch {
      // A file may not have two names here, or has had them since an earlier start.
    }
  }
  return kept
}

export async function dropKeptLogs(folder: string): Promise<void> {
  for (const name of await namesIn(folder))
    if (name.endsWith(`.log${KEPT}`)) await rm(join(folder, name), { force: true })
}

/**
 * Verifies the newest tables before LevelDB merges them into others and gives their damage good checksums; `tables` are
 * those to verify later. Throws `LedgerInUse`, or `LedgerDamaged` with nothing in the folder touched.
 */
export async function openDatabase(
  folder: string,
  { create, writeBufferSize = WRITE_BUFFER }: { create: boolean; writeBufferSize?: number | undefined },
): Promise<{ db: Database; tables: string[] }> {
  await makePrivateFolder(folder)
  const later: string[] = []
  let budget = VERIFIED_AT_START
  for (const { path, bytes } of await liveTables(folder)) {
    budget -= bytes
    if (budget < 0) later.push(path)
    else if (!(await isTableSound(path)))
      throw new LedgerDamaged(`a table of the database is damaged (${basename(path)})${RESTORE}`)
  }
  // LevelDB starts afresh and removes the tables when its file CURRENT is lost: let it only where nothing was before.
  const isNew = !(await hasDatabase(folder))
  const kept = await keepLogs(folder)
  // It opens by itself with the next turn: what waited until then would ask a second time, after a first failure that nobody sees.
  const db: Database = new Level<string, Buffer>(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    compression: false,
    writeBufferSize: writeBufferSize,
    createIfMissing: create && isNew,
  })
  try {
    await db.open()
  } catch (error) {
    await db.close()
    const cause = error instanceof Error ? error.cause : undefined
    if (isCode(cause, 'LEVEL_LOCKED')) {
      // What others keep is not ours to drop: they may still be looking whether it is whole.
      for (const file of kept) await rm(file, { force: true })
      throw new LedgerInUse('the data folder is in use by another process')
    }
    if (isCode(cause, 'LEVEL_IO_ERROR') && /Too many open files/.test(String(cause)))
      throw new LedgerStopped(
        'too few files may be open at once: raise the limit, such as by ulimit -n 65536',
      )
    // A file that is not there is damage; anything else is a disk that refuses.
    if (isCode(cause, 'LEVEL_IO_ERROR') && !/No such file/.test(String(cause)))
      throw new LedgerStopped(
        'the disk refuses to read or write the database; is it full, read-only or failing?',
        { cause: error },
      )
    throw new LedgerDamaged(await whatIsWrong(folder), { cause: error })
  }
  return { db, tables: later }
}

/** Why a database that was begun does not open, by the first of its files that is missing. */
async function whatIsWrong(folder: string): Promise<string> {
  const names = new Set(await readdir(folder))
  if (![...names].some((name) => PARTS_OF_A_DATABASE.test(name)))
    return `the database is missing, and the keys are of one that was begun: look at REACH_DATA; if it is lost,${RESTORE.slice(1)}`
  const manifest = names.has('CURRENT') ? (await readFile(join(folder, 'CURRENT'), 'utf8')).trim() : 'CURRENT'
  const needed = [manifest, ...(await liveTables(folder)).map(({ path }) => basename(path))]
  const lost = needed.find((name) => /^[\w.-]{1,40}$/.test(name) && !names.has(name))
  return lost === undefined
    ? `the database is damaged and does not open${RESTORE}`
    : `the database lacks its file ${lost}${RESTORE}`
}
