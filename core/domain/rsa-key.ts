/**
 * Whether an RSA key may sign proofs, at both servers: the usual exponent, 2048 to 4096 bits without leading zeros. A huge
 * modulus or exponent would make one check cost many milliseconds.
 */
export function isUsualRsa({ n, e }: { readonly n?: unknown; readonly e?: unknown }): boolean {
  if (e !== 'AQAB' || typeof n !== 'string') return false
  const bytes = Buffer.from(n, 'base64url')
  const isPlain = bytes.toString('base64url') === n
  return isPlain && bytes.length >= 256 && bytes.length <= 512 && (bytes[0] ?? 0) >= 0x80
}
