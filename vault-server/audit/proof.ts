import { inclusionProof } from '#core/ledger/merkle.ts'
import { parseNote } from '#core/ledger/checkpoint.ts'
import type { LogReader } from '#core/ledger/ledger.ts'

/**
 * Proof that entry `index` is in the log, as a text of its own that verifies offline with the log's key (C2SP
 * tlog-proof): the audit path in the tree of the newest checkpoint, and that checkpoint.
 */
export async function writeProof(log: LogReader, index: number): Promise<string> {
  const checkpoint = log.checkpoint()
  const [, size] = parseNote(checkpoint).text.split('\n')
  const path = await inclusionProof(index, Number(size), (level, tile, width) => log.tile(level, tile, width))
  const hashes = path.map((hash) => `${Buffer.from(hash).toString('base64')}\n`)
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${hashes.join('')}\n${checkpoint}`
}
