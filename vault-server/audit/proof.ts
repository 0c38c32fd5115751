import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { Ledger, LogReader } from '#core/ledger/ledger.ts'
import { proveEntry, type Openings } from '#core/ledger/proof.ts'

/** `publicLog`: the log as it is served; where witnesses watch, its checkpoint carries their cosignatures. */
export interface ProofParts {
  readonly ledger: Ledger
  readonly publicLog: LogReader
}

/** Proof of one entry, with its facts where they are given, as a `.tlog-proof` file, under the newest cosigned checkpoint that has it. */
export async function writeProof(
  { ledger, publicLog }: ProofParts,
  index: number,
  openings: Openings,
  facts?: string,
): Promise<string> {
  const witnessed = await publicLog.newest()
  // Witnesses come a moment later than the entry.
  const checkpoint = index < sizeOf(witnessed) ? witnessed : ledger.log.checkpoint()
  return await proveEntry(ledger.log, { index, checkpoint, openings, facts })
}
