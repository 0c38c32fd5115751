import { useMutation } from '@tanstack/react-query'
import type { ReceiptView } from '#schemas/types.gen.ts'
import { checkerUrl, dialectsOf, proofUrl, readReceipt, saveReceipt } from '../data/receipts.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Fold } from './fold.tsx'
import { Icon } from './icons.tsx'
import { Row, Soft } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './receipt-files.module.css'

/**
 * The receipt as a file, the proof that its decision is in the log, and the page that checks both without Reach. Without `receipt`
 * it is one of a permission.
 */
export function ReceiptFiles({ receiptId, receipt }: { receiptId: string; receipt?: ReceiptView }) {
  const { text } = useText()
  const formats = useFormats()
  const save = useMutation({
    mutationFn: async () => saveReceipt(receipt ?? (await readReceipt(receiptId))),
  })
  const isGiven = receipt === undefined || receipt.grantId !== undefined
  return (
    <>
      {receipt !== undefined && (
        <Soft>{text('receipt.issued', { moment: formats.moment(receipt.issuedAt) })}</Soft>
      )}
      <p className={styles.id}>
        {text('receipt.number')} <code>{receiptId}</code>
      </p>
      <Row>
        <Button small onPress={() => save.mutate()} isPending={save.isPending}>
          <Icon name="download" size={18} />
          {text('receipt.download')}
        </Button>
        <a href={proofUrl(receiptId)} download={`reach-receipt-${receiptId}.tlog-proof`}>
          {text('receipt.proof')}
        </a>
      </Row>
      {save.isError && <ProblemNote error={save.error} onRetry={() => save.mutate()} />}
      <Fold title={text('receipt.more')}>
        <p>
          <a href={checkerUrl()} download="reach-receipt-checker.html">
            {text('receipt.checker')}
          </a>{' '}
          {text('receipt.checker.explain')}
        </p>
        <p>{text('receipt.dialects')}</p>
        <ul className={styles.dialects}>
          {dialectsOf(receiptId, isGiven).map(({ id, url }) => (
            <li key={id}>
              <a href={url} download>
                {text(`receipt.dialect.${id}`)}
              </a>
            </li>
          ))}
        </ul>
      </Fold>
    </>
  )
}
