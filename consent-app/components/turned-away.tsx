import type { RequestView } from '#schemas/types.gen.ts'
import { useLetAsk } from '../data/boundaries.ts'
import { useLeave } from '../data/requests.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { isWebAddress } from '../mount.ts'
import { Button, LinkButton } from './button.tsx'
import { PageTitle, Row, Stack, Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './request-outcome.module.css'

/** A request that is refused without being shown, why, the way back to the business, and how to change one's mind. */
export function TurnedAway({
  uid,
  request,
  turnedAway,
  onMayAsk,
}: {
  uid: string
  request: RequestView
  turnedAway: NonNullable<RequestView['turnedAway']>
  /** The business may ask again: the request is worth another look. */
  onMayAsk: () => void
}) {
  const { text, rich } = useText()
  const formats = useFormats()
  const letAsk = useLetAsk(request.vendor.vendorId)
  const leave = useLeave(uid)
  const business = <Theirs>{request.vendor.name}</Theirs>
  const { reason, since, until } = turnedAway
  return (
    <div className={styles.outcome}>
      <StateMark state="refused" size={64} />
      <div>
        <PageTitle title={text('turned-away.title')} />
        <p className={styles.line}>
          {reason === 'cool-off' && since !== undefined && until !== undefined
            ? rich('turned-away.cool-off', { business, since: formats.day(since), until: formats.day(until) })
            : rich('turned-away.blocked', { business })}
        </p>
      </div>
      <Row>
        {request.returnHost !== undefined && (
          <Button
            look="solid"
            isPending={leave.isPending}
            onPress={() =>
              leave.mutate(undefined, {
                onSuccess: ({ returnTo }) => {
                  if (isWebAddress(returnTo)) location.assign(returnTo)
                },
              })
            }
          >
            <span>{rich('outcome.back', { host: <Theirs>{request.returnHost}</Theirs> })}</span>
          </Button>
        )}
        <LinkButton to="/">{text('outcome.home')}</LinkButton>
      </Row>
      {letAsk.isSuccess ? (
        <Notice tone="good" announce>
          <p>{rich('turned-away.may-ask', { business })}</p>
        </Notice>
      ) : (
        <Stack gap="s">
          <p>{rich('turned-away.change', { business })}</p>
          <div>
            <Button
              onPress={() => letAsk.mutate(undefined, { onSuccess: onMayAsk })}
              isPending={letAsk.isPending}
            >
              {text('boundaries.let-ask')}
            </Button>
          </div>
        </Stack>
      )}
      {letAsk.isError && <ProblemNote error={letAsk.error} />}
      {leave.isError && <ProblemNote error={leave.error} />}
    </div>
  )
}
