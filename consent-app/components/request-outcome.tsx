import { redeemWithin } from '#core/domain/grant.ts'
import type { DecisionResult, RequestView } from '#schemas/types.gen.ts'
import type { MessageId } from '../messages/locale.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { isWebAddress } from '../mount.ts'
import { LinkButton, WayOut } from './button.tsx'
import { Card, PageTitle, Row, Stack, Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'
import type { RingState } from './mark.tsx'
import { ReceiptFiles } from './receipt-files.tsx'
import styles from './request-outcome.module.css'

type Outcome = Pick<DecisionResult, 'status' | 'returnTo' | 'receipt' | 'grantId' | 'pickupCode'>

const marks: Record<DecisionResult['status'], RingState> = {
  allowed: 'active',
  refused: 'refused',
  later: 'waiting',
}

/**
 * What came of the request, in one neutral line, the receipt where there is one, and the way back; where no browser goes
 * back, how the business learns of it.
 */
export function RequestOutcome({ request, outcome }: { request: RequestView; outcome: Outcome }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { status, returnTo, receipt, grantId, pickupCode } = outcome
  const business = <Theirs>{request.vendor.name}</Theirs>
  const minutes = String(Math.round(redeemWithin / 60_000))
  return (
    <div className={styles.outcome}>
      <StateMark state={marks[status]} size={64} />
      <div>
        <PageTitle title={text(`outcome.${status}.title`)} />
        <p className={styles.line}>
          {rich(lineOf(outcome), {
            business,
            minutes,
            moment: formats.moment(request.expiresAt),
          })}
        </p>
      </div>
      {pickupCode !== undefined && (
        <Card>
          <Stack gap="s">
            <h2>{rich('outcome.pickup.title', { business })}</h2>
            <p className={styles.code}>
              <output>{pickupCode}</output>
            </p>
            <p>{rich('outcome.pickup.body', { business, minutes })}</p>
          </Stack>
        </Card>
      )}
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

function lineOf({ status, returnTo, pickupCode }: Outcome): MessageId {
  if (status !== 'allowed') return `outcome.${status}.body`
  if (pickupCode !== undefined) return 'outcome.allowed.pickup'
  return isWebAddress(returnTo) ? 'outcome.allowed.body' : 'outcome.allowed.told'
}
