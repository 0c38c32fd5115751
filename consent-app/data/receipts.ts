import type { ReceiptView } from '#schemas/types.gen.ts'
import { call, vaultUrl } from './http.ts'

export function readReceipt(receiptId: string): Promise<ReceiptView> {
  return call<ReceiptView>('GET', `api/receipts/${encodeURIComponent(receiptId)}`)
}

/** The proof that the receipt's decision is in the log; a file of its own, since the receipt never changes. */
export function proofUrl(receiptId: string): string {
  return vaultUrl(`api/receipts/${encodeURIComponent(receiptId)}/proof`).href
}

/** Hands the signed bytes to the browser as a file. */
export function saveReceipt({ receiptId, jws }: Pick<ReceiptView, 'receiptId' | 'jws'>): void {
  const url = URL.createObjectURL(new Blob([jws], { type: 'application/jose' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: `reach-receipt-${receiptId}.jws` })
  link.click()
  // The download has taken its own reference by the next task.
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
