import type { Slot } from '#core/ledger/leaf.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import { inclusionProof, TILE_WIDTH } from '#core/ledger/merkle.ts'
import { parseNote } from '#core/ledger/note.ts'
import { parseBundle } from '#core/ledger/tiles.ts'

/** Salts by the slot of the entry that each opens; the values lie with whoever may see them. */
export type Openings = { readonly [Name in Slot]?: string }

/**
 * Proof that entry `index` is in the log, as a text of its own that verifies offline with the log's key (C2SP
 * tlog-proof): the audit path in the tree of the newest checkpoint, and that checkpoint. Its `extra` is the
 * base64 of `{"entry": base64, "openings": {slot: salt}}`; nothing signs that, so hash the entry to the leaf
 * and each opening to its digest before believing it.
 */
export async function writeProof(log: LogReader, index: number, openings: Openings): Promise<string> {
  const checkpoint = log.checkpoint()
  const [, size] = parseNote(checkpoint).text.split('\n')
  const path = await inclusionProof(index, Number(size), (level, tile, width) => log.tile(level, tile, width))
  const hashes = path.map((hash) => `${Buffer.from(hash).toString('base64')}\n`)
  const bundle = await log.bundle(Math.floor(index / TILE_WIDTH), (index % TILE_WIDTH) + 1)
  const entry = bundle && parseBundle(bundle)?.at(-1)
  if (entry === undefined) throw new RangeError('no such entry')
  const extra = Buffer.from(JSON.stringify({ entry: entry.toString('base64'), openings })).toString('base64')
  return `c2sp.org/tlog-proof@v1\nextra ${extra}\nindex ${index}\n${hashes.join('')}\n${checkpoint}`
}
