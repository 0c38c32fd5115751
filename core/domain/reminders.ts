import type { Grant } from '#schemas/types.gen.ts'
import { endsAt, hasEnded } from './grant.ts'
import { day } from './times.ts'

/** A permission that goes on is recalled so often. */
export const recallEvery = 90 * day
/** One that nobody read for so long is proposed for pausing, and again after as long. */
export const unusedAfter = 60 * day
/** So long before its end an end is told, of permissions that last at least twice as long. */
export const endingWithin = 7 * day

export const reminderKinds = ['recall', 'unused', 'ending', 'late'] as const
export type ReminderKind = (typeof reminderKinds)[number]

/** What the reads of a grant say. */
export interface Use {
  /** Unix ms. */
  readonly lastRead?: number | undefined
  /** Every read that was allowed is made. */
  readonly isUsedUp?: boolean
}

export interface Reminder {
  readonly kind: ReminderKind
  /** Unix ms: one that was answered since then is answered. */
  readonly since: number
}

/** What a customer should be reminded of about this grant at this moment. */
export function remindersOf(grant: Grant, use: Use, now: number): Reminder[] {
  return occasions(grant, use, now).flatMap(({ kind, at }) => (at <= now ? [{ kind, since: at }] : []))
}

/**
 * When this grant is to be looked at next, later than `now`; `undefined` when nothing will ever come up by itself. Until
 * then no reminder comes up, unless the grant is read, changed or ended, which can only put one off or end it.
 */
export function nextLook(grant: Grant, use: Use, now: number): number | undefined {
  const ahead = occasions(grant, use, now).flatMap(({ at, next }) => [at, next ?? at])
  const coming = ahead.filter((time) => time > now)
  // One that is paused goes on when the customer says so: it must not be lost until then.
  if (isGoingOn(grant, now)) coming.push(now + unusedAfter)
  return coming.length === 0 ? undefined : Math.min(...coming)
}

/** The last time at which each kind came up, or the first at which it will; `next`: when it comes up again. */
function occasions(
  grant: Grant,
  { lastRead = 0, isUsedUp = false }: Use,
  now: number,
): { kind: ReminderKind; at: number; next?: number }[] {
  const dueAt = pendingUntil(grant)
  const late = dueAt === undefined ? [] : [{ kind: 'late' as const, at: dueAt + 1 }]
  if (!isGoingOn(grant, now) || grant.state !== 'active') return late
  const from = grant.termsFrom ?? grant.validFrom
  const told: { kind: ReminderKind; at: number; next?: number }[] = [
    { kind: 'recall', ...again(from, recallEvery, now) },
  ]
  if (!isUsedUp) told.push({ kind: 'unused', ...again(Math.max(from, lastRead), unusedAfter, now) })
  if (grant.until - from >= 2 * endingWithin) told.push({ kind: 'ending', at: grant.until - endingWithin })
  return [...told.filter(({ at }) => at <= grant.until), ...late]
}

/** Every `step` from `from` on, the first time after one step. */
function again(from: number, step: number, now: number): { at: number; next: number } {
  const steps = Math.max(1, Math.floor((now - from) / step))
  return { at: from + steps * step, next: from + (steps + 1) * step }
}

function isGoingOn(grant: Grant, now: number): boolean {
  return !hasEnded(grant) && grant.redeemed && now <= endsAt(grant)
}

function pendingUntil({ acknowledgement }: Grant): number | undefined {
  return acknowledgement?.acknowledgedAt === undefined ? acknowledgement?.dueAt : undefined
}
