/** `reach log recover`: gets the log back from a mirror, up to the last entry that was acknowledged. */
import { resolve } from 'node:path'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import {
  adoptRecovered,
  recoverLog,
  recoveringAnchor,
  RecoveryRefused,
  type OpenedEntry,
} from '#core/ledger/level-recover.ts'
import { LogInvalid } from '#core/ledger/verify.ts'
import { auditsThread } from '#core/records/auditors.ts'
import { createNames } from '#core/records/names.ts'
import { stopRecovered, type Stopped } from '#core/records/recovered.ts'
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
      'Only the embedded store is recovered like this; a database is restored by its own means.',
    )
  const { keysFolder, origin, levelFolder: folder, levelAnchor: anchorFile } = placesOf(config, '')
  const keys = await openKeyStore(keysFolder)
  const source = openLogSource(resolve(mirror))
  const openings = openingsIn(source)
  async function open(first: number, leaves: readonly Uint8Array[]): Promise<OpenedEntry[]> {
    const text = await openings(first / TILE_WIDTH, leaves.length)
    return text === undefined ? [] : proveOpenings(text, first, leaves).map(openedEntry)
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

/** In the threads that the facts name; which customer's, only her key tells. */
function openedEntry({ line, salt, fact }: ProvenEntry): OpenedEntry {
  const threads: string[] = []
  if ('grant' in fact && fact.grant !== undefined) threads.push(fact.grant)
  if ('request' in fact) threads.push(fact.request)
  if ('auditor' in fact) threads.push(fact.auditor)
  if (fact.type === 'audited') threads.push(auditsThread)
  if (fact.type.startsWith('vendor-') && 'vendor' in fact && fact.vendor !== undefined)
    threads.push(fact.vendor)
  return { ops: line, salt, threads, time: fact.time }
}
