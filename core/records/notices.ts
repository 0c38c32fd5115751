import type { LedgerReader } from '#core/ledger/ledger.ts'
import { put, read } from './parts.ts'
import type { CommitParts } from './parts.ts'

/** The text that was shown, under the hash that log entries name. */
export interface ArchivedNotice {
  readonly v: 1
  readonly text: string
}

const noticeKey = (noticeHash: string) => `notice/${noticeHash}`

/** Belongs into the commit whose entry names the notice. Names fields and businesses, nobody's values. */
export function archiveNotice(noticeHash: string, text: string): CommitParts {
  return { writes: [put(noticeKey(noticeHash), { v: 1, text } satisfies ArchivedNotice)] }
}

export async function readNotice(reader: LedgerReader, noticeHash: string): Promise<string | undefined> {
  return (await read<ArchivedNotice>(reader, noticeKey(noticeHash)))?.value.text
}
