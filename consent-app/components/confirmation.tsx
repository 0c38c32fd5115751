import type { GrantView } from '#schemas/types.gen.ts'
import { useAskDeletion } from '../data/grants.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { confirmationLine } from './confirmation-line.ts'
import { Card, Soft, Stack, Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './confirmation.module.css'

/** After the end: what the business was asked to confirm and whether it has, and the way to ask for deletion. */
export function Confirmation({ grant }: { grant: GrantView }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const ask = useAskDeletion(grant.grantId)
  const { acknowledgement, vendor } = grant
  const business = <Theirs>{vendor.name}</Theirs>
  const isDone = acknowledgement?.acknowledgedAt !== undefined
  return (
    <Card>
      <Stack gap="s">
        {acknowledgement !== undefined && (
          <div className={styles.line}>
            <StateMark
              state={isDone ? 'withdrawn' : acknowledgement.late ? 'attention' : 'waiting'}
              size={24}
            />
            <p>
              {rich(confirmationLine(acknowledgement), {
                business,
                day: formats.day(acknowledgement.requestedAt),
                due: formats.day(acknowledgement.dueAt ?? acknowledgement.requestedAt),
                moment: formats.moment(acknowledgement.acknowledgedAt ?? grant.asOf),
              })}
            </p>
          </div>
        )}
        {isDone && <Soft>{text('confirmation.signed')}</Soft>}
        {acknowledgement?.kind !== 'deletion' && (
          <>
            <div>
              <Button onPress={() => ask.mutate()} isPending={ask.isPending}>
                {text('deletion.ask')}
              </Button>
            </div>
            <Soft>{rich('deletion.ask.explain', { business })}</Soft>
          </>
        )}
        {ask.isError && <ProblemNote error={ask.error} />}
      </Stack>
    </Card>
  )
}
