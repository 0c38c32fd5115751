import { redeemWithin } from '#core/domain/grant.ts'
import type { DecisionResult, RequestView } from '#schemas/types.gen.ts'
import { useText } from '../messages/text.tsx'
import { isWebAddress } from '../mount.ts'
import { LinkButton, WayOut } from './button.tsx'
import { Card, PageTitle, Row, Stack, Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'
import type { RingState } from './mark.tsx'
import { ReceiptFiles } from './receipt-files.tsx'
import styles from './request-outcome.module.css'

const marks: Record<DecisionResult['status'], RingState> = {
  allowed: 'active',
  refused: 'refused',
  later: 'waiting',
}

/** What came of the request, in one neutral line, the receipt where there is one, and the way back. */
export function RequestOutcome({
  request,
  outcome,
}: {
  request: RequestView
  outcome: Pick<DecisionResult, 'status' | 'returnTo' | 'receipt' | 'grantId'>
}) {
  const { text, rich } = useText()
  const { status, returnTo, receipt, grantId } = outcome
  const business = request.vendor.name
  return (
    <div className={styles.outcome}>
      <StateMark state={marks[status]} size={64} />
      <div>
        <PageTitle title={text(`outcome.${status}.title`)} />
        <p className={styles.line}>
          {rich(`outcome.${status}.body`, {
            business: <Theirs>{business}</Theirs>,
            minutes: String(Math.round(redeemWithin / 60_000)),
          })}
        </p>
      </div>
      <Row>
        {isWebAddress(returnTo) && (
          <WayOut href={returnTo}>
            <span>{rich('outcome.back', { host: <Theirs>{request.returnHost ?? ''}</Theirs> })}</span>
          </WayOut>
        )}
        <LinkButton to={grantId === undefined ? '/' : `/relationships/${encodeURIComponent(grantId)}`}>
          {text(grantId === undefined ? 'outcome.home' : 'outcome.relationship')}
        </LinkButton>
      </Row>
      {receipt !== undefined && (
        <Card>
          <Stack gap="s">
            <h2>{text('receipt.title')}</h2>
            <p>{text('outcome.receipt')}</p>
            <ReceiptFiles receiptId={receipt.receiptId} receipt={receipt} />
          </Stack>
        </Card>
      )}
    </div>
  )
}
