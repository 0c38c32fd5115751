import type { ReceiptView } from '#schemas/types.gen.ts'
import { call, vaultUrl } from './http.ts'
import { saveFile } from './save-file.ts'

export function readReceipt(receiptId: string): Promise<ReceiptView> {
  return call<ReceiptView>('GET', `api/receipts/${encodeURIComponent(receiptId)}`)
}

/** The proof that the receipt's decision is in the log; a file of its own, since the receipt never changes. */
export function proofUrl(receiptId: string): string {
  return vaultUrl(`api/receipts/${encodeURIComponent(receiptId)}/proof`).href
}

/** Hands the signed bytes to the browser as a file. */
export function saveReceipt({ receiptId, jws }: Pick<ReceiptView, 'receiptId' | 'jws'>): void {
  saveFile(`reach-receipt-${receiptId}.jws`, jws, 'application/jose')
}
