import { useMutation } from '@tanstack/react-query'
import type { ReceiptView } from '#schemas/types.gen.ts'
import { proofUrl, readReceipt, saveReceipt } from '../data/receipts.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Icon } from './icons.tsx'
import { Row, Soft } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './receipt-files.module.css'

/** The receipt as a file, and the proof that its decision is in the log. Both verify without Reach. */
export function ReceiptFiles({ receiptId, receipt }: { receiptId: string; receipt?: ReceiptView }) {
  const { text } = useText()
  const formats = useFormats()
  const save = useMutation({
    mutationFn: async () => saveReceipt(receipt ?? (await readReceipt(receiptId))),
  })
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
    </>
  )
}
