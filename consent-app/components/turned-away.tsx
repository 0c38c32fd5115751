import type { RequestView } from '#schemas/types.gen.ts'
import { useBoundaryAct } from '../data/boundaries.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { isWebAddress } from '../mount.ts'
import { Button, LinkButton, WayOut } from './button.tsx'
import { PageTitle, Row, Stack, Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './request-outcome.module.css'

/** A request that was refused before it was shown, why, and how to change one's mind. */
export function TurnedAway({
  request,
  turnedAway,
}: {
  request: RequestView
  turnedAway: NonNullable<RequestView['turnedAway']>
}) {
  const { text, rich } = useText()
  const formats = useFormats()
  const letAsk = useBoundaryAct(request.vendor.vendorId, 'let-ask')
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
        {isWebAddress(request.returnTo) && (
          <WayOut href={request.returnTo}>
            <span>{rich('outcome.back', { host: <Theirs>{request.returnHost ?? ''}</Theirs> })}</span>
          </WayOut>
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
            <Button onPress={() => letAsk.mutate()} isPending={letAsk.isPending}>
              {text('boundaries.let-ask')}
            </Button>
          </div>
        </Stack>
      )}
      {letAsk.isError && <ProblemNote error={letAsk.error} />}
    </div>
  )
}
