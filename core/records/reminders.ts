import { nextLook } from '#core/domain/reminders.ts'
import type { ReminderKind } from '#core/domain/reminders.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { ascending, asFound, part, put, read, remove } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** What became of the reminders about a grant, by kind; Unix ms. */
export interface Reminded {
  readonly v: 1
  /** The customer said that all is well. */
  readonly answered: { readonly [Kind in ReminderKind]?: number }
  /** She was written to. */
  readonly told: { readonly [Kind in ReminderKind]?: number }
}

/** A grant that is to be looked at. Stands under the time of it, so what is due is found without looking at anything else. */
export type Look = Stored<{ readonly id: string }>

const lookPrefix = 'reminder-look/'
export const remindedKey = (grantId: string) => `reminder/${part(grantId)}`
const lookKey = (grantId: string, at: number) => `${lookPrefix}${ascending(at)}/${part(grantId)}`

/** Part of the commit of whatever a reminder may follow from: a new grant, an acknowledgement that is asked for. */
export function lookAgain(grantId: string, at: number): CommitParts {
  return { writes: [put(lookKey(grantId, at), { id: grantId })] }
}

/** For a new grant, which will have been redeemed when it is looked at, or be gone. */
export function firstLook(grant: Grant): CommitParts {
  const at = nextLook({ ...grant, redeemed: true }, {}, grant.validFrom)
  return at === undefined ? {} : lookAgain(grant.grantId, at)
}

/** Looks that are due, the longest due first. */
export async function listDueLooks(reader: LedgerReader, now: number, limit: number): Promise<Look[]> {
  const rows = await reader.list<{ id: string }>(lookPrefix, { limit })
  return rows.filter((row) => row.key < lookPrefix + ascending(now + 1))
}

/** This look is done; `next`: when to look again. */
export function looked(look: Look, next: number | undefined): CommitParts {
  const grantId = look.value.id
  const again = next === undefined ? [] : [put(lookKey(grantId, next), { id: grantId })]
  return { writes: [remove(look.key), ...again.filter((write) => write.key !== look.key)] }
}

/** How far grants from before there were looks were gone through; `after` the last customer, `isDone` when there is no more. */
export interface Backfill {
  readonly v: 1
  readonly after?: string
  readonly isDone?: true
}

const backfillKey = 'reminder-backfill'

export function readBackfill(reader: LedgerReader): Promise<Stored<Backfill> | undefined> {
  return read<Backfill>(reader, backfillKey)
}

/** Of several processes that go on from the same place, one gets this commit. */
export function noteBackfill(found: Stored<Backfill> | undefined, next: Backfill): CommitParts {
  return { checks: [asFound(backfillKey, found)], writes: [put(backfillKey, next)] }
}

export function readReminded(reader: LedgerReader, grantId: string): Promise<Stored<Reminded> | undefined> {
  return read<Reminded>(reader, remindedKey(grantId))
}

/** Notes what was answered, or told, on top of what was found. */
export function noteReminded(
  found: Stored<Reminded> | undefined,
  { grantId, accountId }: Pick<Grant, 'grantId' | 'accountId'>,
  what: 'answered' | 'told',
  kinds: readonly ReminderKind[],
  at: number,
): CommitParts {
  const { answered = {}, told = {} } = found?.value ?? {}
  const noted = Object.fromEntries(kinds.map((kind) => [kind, at]))
  const value: Reminded = {
    v: 1,
    answered: what === 'answered' ? { ...answered, ...noted } : answered,
    told: what === 'told' ? { ...told, ...noted } : told,
  }
  return {
    checks: [asFound(remindedKey(grantId), found)],
    writes: [put(remindedKey(grantId), value, { customer: accountId })],
  }
}
