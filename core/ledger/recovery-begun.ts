/** Of a recovery that has begun and is not through: until it is, nobody but itself opens the ledger. */
import type { Mark } from './anchor.ts'
import { numberOf, readDocument, textOf } from './key-files.ts'

export interface RecoveredLog {
  /** Entries `first` up to below `size` came back. */
  readonly first: number
  readonly size: number
}

export const recoveryFile = (anchorFile: string): string => `${anchorFile}.recovery.json`

/** What was begun while the anchor stood here. What is left of one that was adopted knows another anchor, and means nothing. */
export function readBegun(anchorFile: string, anchored: Mark): RecoveredLog | undefined {
  const begun = readDocument(recoveryFile(anchorFile))
  if (begun === undefined || textOf(begun, 'anchor') !== anchored.chain.toString('base64')) return undefined
  return { first: numberOf(begun, 'first'), size: numberOf(begun, 'size') }
}
