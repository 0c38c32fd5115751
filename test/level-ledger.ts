import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger, type LevelLimits } from '#core/ledger/level-ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'

export const ORIGIN = 'reach.test/log'

/** Where one embedded ledger keeps its parts. */
export interface LedgerFolders {
  readonly root: string
  readonly folder: string
  readonly keysFolder: string
  readonly anchorFile: string
}

export function foldersIn(root: string): LedgerFolders {
  return {
    root,
    folder: join(root, 'data'),
    keysFolder: join(root, 'keys'),
    anchorFile: join(root, 'keys', 'anchor'),
  }
}

/** A temporary place for a ledger, removed on disposal. */
export async function ledgerFolders(): Promise<LedgerFolders & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'reach-ledger-'))
  return {
    ...foldersIn(root),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

/** Short, so that counters of a test are found in either way: by their rows, and by groups behind them. */
const UNWRITTEN = { raises: 10 }

/** Opens the ledger in these folders; every opening gets a key store of its own, as a new process would. */
export async function openIn(
  { folder, keysFolder, anchorFile }: LedgerFolders,
  {
    now = Date.now,
    limits = {},
    origin = ORIGIN,
  }: { now?: () => number; limits?: LevelLimits; origin?: string } = {},
): Promise<{ ledger: Ledger; keys: KeyStore }> {
  const keys = await openKeyStore(keysFolder)
  const all = { unwritten: UNWRITTEN, ...limits }
  return { ledger: await openLevelLedger({ folder, keys, anchorFile, origin, now, limits: all }), keys }
}
