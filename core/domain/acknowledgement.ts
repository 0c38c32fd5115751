import type { Acknowledgement, Grant } from '#schemas/types.gen.ts'
import { DomainError } from './errors.ts'
import { hasEnded } from './grant.ts'

/** How long a business has to sign that it deleted. In ms. */
export const deletionDue = 30 * 86_400_000

export type AcknowledgementKind = Acknowledgement['kind']

/**
 * Asks the business to sign that it has stopped, or that it has deleted what it holds. Deletion may be asked
 * of any grant that ended, at any time later, and stands above a mere withdrawal; asking again changes
 * nothing. Of a grant that was never redeemed there is nothing to stop and nothing held.
 */
export function askAcknowledgement(grant: Grant, kind: AcknowledgementKind | undefined, now: number): Grant {
  if (kind === undefined || !grant.redeemed || !hasEnded(grant)) return grant
  const asked = grant.acknowledgement?.kind
  if (asked === kind || asked === 'deletion') return grant
  return {
    ...grant,
    acknowledgement: { kind, requestedAt: now, ...(kind === 'deletion' ? { dueAt: now + deletionDue } : {}) },
  }
}

/**
 * The business signed. Again is the same answer. Refuses (`conflict`) what was not asked: a business that
 * signs that it stopped has not said that it deleted.
 */
export function acknowledge<Ended extends Pick<Grant, 'acknowledgement'>>(
  grant: Ended,
  signed: { readonly kind: AcknowledgementKind; readonly jws: string },
  now: number,
): Ended {
  const { acknowledgement } = grant
  if (acknowledgement?.kind !== signed.kind)
    throw new DomainError('conflict', 'This was not asked of you for this grant.')
  if (acknowledgement.acknowledgedAt !== undefined) return grant
  return { ...grant, acknowledgement: { ...acknowledgement, acknowledgedAt: now, jws: signed.jws } }
}

export function isLate(asked: Acknowledgement, now: number): boolean {
  return asked.dueAt !== undefined && (asked.acknowledgedAt ?? now) > asked.dueAt
}
