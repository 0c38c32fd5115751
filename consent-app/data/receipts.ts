import type { DialectId } from '#core/domain/dialects/dialects.ts'
import type { ReceiptView } from '#schemas/types.gen.ts'
import { vaultUrl } from './ask.ts'
import { call } from './http.ts'
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

/** The page that checks receipts, as a file to keep. */
export function checkerUrl(): string {
  return vaultUrl('receipt-checker.html').href
}

/** The receipt in forms that other programs read; those of consents alone have no word for a refusal. The vault names the files. */
export function dialectsOf(receiptId: string, isGiven: boolean): { id: DialectId; url: string }[] {
  const ids: DialectId[] = isGiven ? ['27560', 'kantara', 'lws', 'inrupt'] : ['27560', 'inrupt']
  return ids.map((id) => ({
    id,
    url: vaultUrl(`api/receipts/${encodeURIComponent(receiptId)}/as/${id}`).href,
  }))
}
