/** What an auditor's look may see, and its entry in the log: committed before anything is shown. */
import { shownLine, toldFilter, within } from '#core/domain/audit.ts'
import type { AuditFilter } from '#core/domain/audit.ts'
import { DomainError } from '#core/domain/errors.ts'
import { factTypes, isReason } from '#core/domain/facts.ts'
import type { AuditAct } from '#core/domain/facts.ts'
import { parseTime } from '#core/domain/times.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { asAuditor, auditorEntry } from '#core/records/auditors.ts'
import type { Auditor } from '#core/records/auditors.ts'
import { combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import type { AuditEntry, AuditFilter as AskedFilter } from '#schemas/types.gen.ts'
import type { OpenedEntry } from './facts-reader.ts'

export interface Look {
  readonly auditor: Stored<Auditor>
  /** Why, in the auditor's words. */
  readonly reason: string
}

/** The filter as it takes effect for this auditor. Refuses one that reaches beyond the invitation, or asks about what it hides. */
export function filterOf({ auditor }: Look, asked: AskedFilter = {}): AuditFilter {
  const { scope } = auditor.value
  const hides = (member: string) => scope.shown?.includes(member) === false
  const isHidden =
    (asked.grant !== undefined && hides('grant')) ||
    (asked.businesses !== undefined && hides('vendor')) ||
    (asked.purpose !== undefined && (hides('purpose') || hides('items')))
  if (isHidden) throw new DomainError('forbidden', 'Your invitation does not show what this asks about')
  const unknown = asked.types?.findIndex((type) => !factTypes.some((known) => known === type)) ?? -1
  if (unknown >= 0) throw invalid(`/filter/types/${unknown}`, 'is no type of entry')
  const filter = within(
    {
      ...(asked.types && { types: asked.types }),
      ...(asked.businesses && { businesses: asked.businesses }),
      ...(asked.purpose && { purpose: asked.purpose }),
      ...(asked.grant && { grant: asked.grant }),
      ...timeOf('since', '/filter/from', asked.from),
      ...timeOf('before', '/filter/to', asked.to),
    },
    scope,
  )
  if (filter.businesses?.length === 0)
    throw new DomainError('forbidden', 'Your invitation does not cover this business')
  return filter
}

export function timeOf<Name extends string>(
  name: Name,
  pointer: string,
  text: string | undefined,
): { readonly [Key in Name]?: number } {
  if (text === undefined) return {}
  const time = parseTime(text)
  if (time === undefined) throw invalid(pointer, 'is no RFC 3339 date and time')
  return { [name]: time } as { readonly [Key in Name]?: number }
}

export function invalid(pointer: string, detail: string): DomainError {
  return new DomainError('invalid-input', 'The question is not valid', { violations: [{ pointer, detail }] })
}

/**
 * The one entry of a look: which entries (`first` up to below `end`, as the filter says), how many were shown, and why.
 * Fails when the account was revoked or has ended meanwhile; then nothing may be shown.
 */
export async function recordLook(
  ledger: Ledger,
  { auditor, reason }: Look,
  seen: { act: AuditAct; filter: AuditFilter; first: number; end: number; count: number },
): Promise<void> {
  if (!isReason(reason)) throw invalid('/reason', 'needs words, without web or mail addresses')
  const { act, filter, first, end, count } = seen
  const { auditorId } = auditor.value
  const told = toldFilter(filter)
  const fact = {
    type: 'audited',
    auditor: auditorId,
    act,
    because: reason,
    first,
    end,
    count,
    ...told,
  } as const
  try {
    await ledger.commit(combine(asAuditor(auditor), { entries: [auditorEntry(fact)] }))
  } catch (cause) {
    if (!(cause instanceof CommitRefused)) throw cause
    throw new DomainError('not-signed-in', 'Your account has ended', { cause })
  }
}

/** An entry as this auditor sees it; with its salt where the line is whole, so that it can be proven. */
export function viewEntry({ auditor }: Look, { index, line, salt, fact }: OpenedEntry): AuditEntry {
  const shown = shownLine(line, fact, auditor.value.scope)
  return { index, facts: shown.line, ...(shown.whole && { salt }) }
}
