import { CompactSign, importJWK } from 'jose'
import { canonical } from '#core/domain/canonical.ts'
import { receiptOf } from '#core/domain/receipt.ts'
import type { ReceiptSource } from '#core/domain/receipt.ts'
import type { StoredReceipt } from '#schemas/types.gen.ts'
import type { SigningKey } from '../oauth/oauth-keys.ts'

/**
 * Makes the receipt of a decision: JWS in compact form (RFC 7515) over its canonical text. These bytes never
 * change.
 */
export async function signReceipt(
  source: ReceiptSource,
  { key, accountId }: { key: SigningKey; accountId: string },
): Promise<StoredReceipt> {
  const jws = await new CompactSign(new TextEncoder().encode(canonical(receiptOf(source))))
    .setProtectedHeader({ alg: 'ES256', typ: 'consent-receipt+jws', kid: key.kid })
    .sign(await importJWK(key, 'ES256'))
  const { receiptId, issuedAt, request, decided } = source
  return {
    v: 1,
    receiptId,
    accountId,
    requestId: request.requestId,
    ...(decided.status === 'allowed' ? { grantId: decided.grantId } : {}),
    issuedAt,
    jws,
  }
}
