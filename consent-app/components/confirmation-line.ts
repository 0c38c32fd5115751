import type { AcknowledgementView } from '#schemas/types.gen.ts'
import type { MessageId } from '../messages/locale.ts'

/** What is said of a confirmation: asked for, late, there, or there but late. Withdrawals have no day when they are due. */
export function confirmationLine({
  kind,
  acknowledgedAt,
  late,
}: Pick<AcknowledgementView, 'kind' | 'acknowledgedAt' | 'late'>): MessageId {
  if (kind === 'withdrawal')
    return acknowledgedAt === undefined ? 'confirmation.withdrawal' : 'confirmation.withdrawal.done'
  if (acknowledgedAt === undefined) return late ? 'confirmation.deletion.late' : 'confirmation.deletion'
  return late ? 'confirmation.deletion.done-late' : 'confirmation.deletion.done'
}
