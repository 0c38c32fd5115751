import { join } from 'node:path'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { enrolReplica } from '#core/ledger/pg-enrol.ts'
import { openPgLedger, type PgLimits } from '#core/ledger/pg-ledger.ts'
import { ORIGIN, ledgerFolders } from './level-ledger.ts'
import { postgres } from './postgres.ts'

/** A database of its own and the folder that the replicas on it share. */
export interface PgPlace {
  readonly url: string
  readonly root: string
}

export async function pgPlace(): Promise<PgPlace & AsyncDisposable> {
  const folders = await ledgerFolders()
  const url = await (await postgres()).database()
  return { url, root: folders.root, [Symbol.asyncDispose]: () => folders[Symbol.asyncDispose]() }
}

const anchorOf = (root: string, name: string): string => join(root, `replica-${name}`, 'anchor')

/** What an operator does for a further replica; without a checkpoint the database is believed. */
export async function letIn({ url, root }: PgPlace, name: string, checkpoint?: string): Promise<void> {
  const keys = await openKeyStore(join(root, 'keys'))
  const signer = createLogSigner(ORIGIN, keys)
  await enrolReplica({ url, part: '', signer, anchorFile: anchorOf(root, name), checkpoint })
}

/** Opens one replica; every opening gets a key store of its own, as a new process would. */
export async function openReplica(
  { url, root }: PgPlace,
  {
    name = 'a',
    now = Date.now,
    limits = {},
    origin = ORIGIN,
  }: { name?: string; now?: () => number; limits?: PgLimits; origin?: string } = {},
): Promise<{ ledger: Ledger; keys: KeyStore }> {
  const keys = await openKeyStore(join(root, 'keys'))
  const anchorFile = anchorOf(root, name)
  return { keys, ledger: await openPgLedger({ url, part: '', keys, anchorFile, origin, now, limits }) }
}
