import { createHmac } from 'node:crypto'

/**
 * The id under which one business knows a customer (OpenID Connect Core 8.1, pairwise). The sector is the
 * vendor id that the operator assigned, so neither a shared host nor shared software makes two businesses
 * meet.
 */
export function pairwiseSubject(secret: Uint8Array, vendorId: string, accountId: string): string {
  return createHmac('sha256', secret).update(`${vendorId}\0${accountId}`).digest('base64url')
}
