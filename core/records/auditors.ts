import type { AuditScope } from '#core/domain/audit.ts'
import type { Fact } from '#core/domain/facts.ts'
import { writeFact } from '#core/domain/facts.ts'
import type { Entry, HistoryItem, LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** Somebody the operator lets look behind entries: how far, until when. Times in Unix ms. */
export interface Auditor {
  readonly v: 1
  readonly auditorId: string
  /** Of the person or the firm; the operator's words, never in the log. */
  readonly name: string
  readonly scope: AuditScope
  readonly invitedAt: number
  readonly expiresAt: number
  readonly joinedAt?: number
  readonly revokedAt?: number
}

/** What opens an account: an invitation once, a token until the end, a session for some hours. */
export type AuditorPass = 'invitation' | 'token' | 'session'

const prefix = 'auditor/'
const auditorKey = (auditorId: string) => prefix + part(auditorId)
/** Found by its keyed hash: the database opens no account. */
const passKey = (names: Names, kind: AuditorPass, pass: string) =>
  `auditor-${kind}/${names.hidden(`auditor-${kind}`, pass)}`

/** Everything auditors did and what was done about them, in one thread, so that customers can be told. */
export const auditsThread = 'audits'

type Without<Told> = Told extends Fact ? Omit<Told, 'time'> : never
export type AuditorFact = Without<
  Extract<Fact, { readonly type: 'audited' | 'auditor-invited' | 'auditor-joined' | 'auditor-revoked' }>
>

export function auditorEntry(fact: AuditorFact): Entry {
  return {
    claims: ({ time }) => ({ ops: writeFact({ ...fact, time } as Fact) }),
    threads: [fact.auditor, ...(fact.type === 'audited' ? [auditsThread] : [])],
  }
}

/** Looks of auditors, newest first. */
export function listAudits(
  reader: LedgerReader,
  options: { before?: number; limit: number },
): Promise<HistoryItem[]> {
  return reader.history(auditsThread, options)
}

export function createAuditor(auditor: Auditor): CommitParts {
  const key = auditorKey(auditor.auditorId)
  return { checks: [absent(key)], writes: [put(key, auditor)] }
}

export function changeAuditor(
  stored: Stored<Auditor>,
  change: Pick<Auditor, 'joinedAt'> | Pick<Auditor, 'revokedAt'>,
): CommitParts {
  return { checks: [unchanged(stored)], writes: [put(stored.key, { ...stored.value, ...change })] }
}

/** Holds while the account is as it was read: revoked meanwhile, the look does not happen. */
export function asAuditor(stored: Stored<Auditor>): CommitParts {
  return { checks: [{ ...unchanged(stored), notAfter: stored.value.expiresAt }] }
}

export function readAuditor(reader: LedgerReader, auditorId: string): Promise<Stored<Auditor> | undefined> {
  return read<Auditor>(reader, auditorKey(auditorId))
}

export function listAuditors(reader: LedgerReader): Promise<readonly Stored<Auditor>[]> {
  return reader.list<Auditor>(prefix)
}

/** `expiresAt` in Unix ms. */
export function givePass(
  names: Names,
  kind: AuditorPass,
  pass: string,
  { auditorId, expiresAt }: { auditorId: string; expiresAt: number },
): CommitParts {
  const key = passKey(names, kind, pass)
  return { checks: [absent(key)], writes: [put(key, { id: auditorId }, { expires: expiresAt })] }
}

/** The account a pass opens, with the pass, so that it can be taken away. */
export async function openPass(
  reader: LedgerReader,
  names: Names,
  kind: AuditorPass,
  pass: string,
): Promise<{ pass: Stored<{ readonly id: string }>; auditor: Stored<Auditor> } | undefined> {
  const found = await read<{ readonly id: string }>(reader, passKey(names, kind, pass))
  const auditor = found && (await readAuditor(reader, found.value.id))
  return found && auditor ? { pass: found, auditor } : undefined
}

/** A pass that is used up: of two who use it at once one is refused. */
export function usePass(pass: Stored<{ readonly id: string }>): CommitParts {
  return { checks: [unchanged(pass)], writes: [remove(pass.key)] }
}
