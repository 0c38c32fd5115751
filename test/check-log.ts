import { tileReader, verifyLog, type LogReport, type ReadLogFile } from '#core/ledger/verify.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import { parseTilePath } from '#core/ledger/tiles.ts'
import { inclusionProof, isIncluded, leafHash } from '#core/ledger/merkle.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'

/** The public files of a running log, by their path below its prefix. */
export function logFiles(log: LogReader): ReadLogFile {
  return async (path) => {
    if (path === 'checkpoint') return Buffer.from(log.checkpoint())
    const name = parseTilePath(path)
    if (!name) return undefined
    return name.level === 'entries'
      ? log.bundle(name.index, name.width)
      : log.tile(name.level, name.index, name.width)
  }
}

/** Verifies the whole public log of a running ledger, and that earlier checkpoints lie on its history. */
export function checkLog(log: LogReader, earlier: readonly string[] = []): Promise<LogReport> {
  return verifyLog({ read: logFiles(log), vkey: log.vkey, earlier })
}

/** The public entry at `index`, proven to be in the tree that `checkpoint` signs. */
export async function provenEntry(log: LogReader, index: number, checkpoint: string): Promise<Buffer> {
  const tree = openCheckpoint(checkpoint, log.vkey)
  const bundle = await log.bundle(Math.floor(index / 256), (index % 256) + 1)
  const entry = Buffer.from(bundle ?? []).subarray(-129)
  const proof = await inclusionProof(index, tree.size, tileReader(logFiles(log)))
  if (!isIncluded(leafHash(entry), index, proof, tree)) throw new Error(`entry ${index} is not in the tree`)
  return entry
}
