/** `reach log recover`: gets the log back from a mirror, up to the last entry that was acknowledged. */
import { resolve } from 'node:path'
import { demandKeys, openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import {
  adoptRecovered,
  recoverLog,
  recoveringAnchor,
  RecoveryRefused,
  type CopyReader,
  type OpenedEntry,
} from '#core/ledger/level-recover.ts'
import { LogInvalid } from '#core/ledger/verify.ts'
import { auditsThread } from '#core/records/auditors.ts'
import { readGrant, seqKey } from '#core/records/grants.ts'
import { createNames } from '#core/records/names.ts'
import { stopRecovered, type Stopped } from '#core/records/recovered.ts'
import { readRequest } from '#core/records/requests.ts'
import { TILE_WIDTH } from '#core/ledger/merkle.ts'
import { placesOf } from '../house.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { openLogSource } from './log-source.ts'
import { openingsIn, proveOpenings, type ProvenEntry } from './openings.ts'
import type { OperatorSettings } from './operator.ts'

export interface Recovered extends Stopped {
  /** Entries `first` up to below `end` came back. */
  readonly first: number
  readonly end: number
}

/** `mirror` is a folder made by `reach audit mirror --openings`. Throws `CommandFailed` with what stands in the way. */
export async function recoverFrom({ config, now }: OperatorSettings, mirror: string): Promise<Recovered> {
  if (config.storeUrl !== undefined)
    throw new CommandFailed(
      EXIT.usage,
      'A log in a database is recovered by way of the embedded store: see docs/operator.md, "A log that was lost".',
    )
  const { keysFolder, origin, levelFolder: folder, levelAnchor: anchorFile } = placesOf(config, '')
  demandKeys(keysFolder)
  const keys = await openKeyStore(keysFolder)
  const source = openLogSource(resolve(mirror))
  const openings = openingsIn(source)
  async function open(
    first: number,
    leaves: readonly Uint8Array[],
    copy: CopyReader,
  ): Promise<OpenedEntry[]> {
    const text = await openings(first / TILE_WIDTH, leaves.length)
    const proven = text === undefined ? [] : proveOpenings(text, first, leaves)
    return await Promise.all(proven.map((entry) => openedEntry(entry, copy)))
  }
  try {
    const options = { folder, keys, anchorFile, origin, now }
    const { first, size } = await recoverLog(options, { read: source.read, open })
    const recovering = { ...options, anchorFile: recoveringAnchor(anchorFile) }
    let stopped: Stopped
    {
      await using ledger = await openLevelLedger(recovering)
      const names = createNames(await keys.secret('names'))
      stopped = await stopRecovered({ ledger, names, now }, { first, end: size })
    }
    await adoptRecovered(anchorFile)
    return { first, end: size, ...stopped }
  } catch (cause) {
    if (cause instanceof LogInvalid)
      throw new CommandFailed(EXIT.failed, `FAILED  ${cause.message}`, { cause })
    if (cause instanceof RecoveryRefused)
      throw new CommandFailed(EXIT.failed, `Nothing was recovered: ${cause.message}`, { cause })
    throw cause
  }
}

/**
 * Found where the facts name it, and among what is a customer's where the copy knows whose the grant or the request is. Of those that
 * were made later nobody knows: her own key sealed it.
 */
async function openedEntry({ line, salt, fact }: ProvenEntry, copy: CopyReader): Promise<OpenedEntry> {
  const opened = { ops: line, salt, time: fact.time }
  if (fact.type === 'disclosed') return { ...opened, threads: [], counter: seqKey(fact.grant) }
  const threads: string[] = []
  if ('grant' in fact && fact.grant !== undefined) {
    const grant = await readGrant(copy, fact.grant)
    threads.push(fact.grant, ...(grant ? [grant.value.accountId] : []))
  }
  if ('request' in fact) {
    const accountId = (await readRequest(copy, fact.request))?.value.accountId
    threads.push(fact.request, ...(accountId === undefined ? [] : [accountId]))
  }
  if ('auditor' in fact) threads.push(fact.auditor)
  if (fact.type === 'audited') threads.push(auditsThread)
  if (fact.type.startsWith('vendor-') && 'vendor' in fact && fact.vendor !== undefined)
    threads.push(fact.vendor)
  return { ...opened, threads }
}
