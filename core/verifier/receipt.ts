/** The signature of a receipt (JWS in compact form, RFC 7515, ES256), checked with what every browser has. */
import { fromBase64, utf8, type Bytes } from './bytes.ts'
import { NotProven, NotSignedBy } from './checkpoint.ts'

export interface SignedReceipt {
  /** The exact text that was signed and that the log commits to. */
  readonly jws: string
  /** Id of the key that is said to have signed it. */
  readonly kid: string
  /** What it says, whatever that is: nothing is believed yet. */
  readonly payload: unknown
}

const MAX_CHARACTERS = 65_536

/** Takes a receipt apart without believing it. Throws `NotProven`. */
export function readReceipt(text: string): SignedReceipt {
  const jws = text.trim()
  const [head = '', body = '', signature = '', ...more] = jws.split('.')
  if (jws.length > MAX_CHARACTERS || more.length > 0 || bytesOf(signature)?.length !== 64)
    throw new NotProven('the file is no signed receipt')
  const header = jsonOf(head) as { alg?: unknown; typ?: unknown; kid?: unknown; crit?: unknown } | null
  const { alg, typ, kid, crit } = header ?? {}
  if (alg !== 'ES256' || typ !== 'consent-receipt+jws' || typeof kid !== 'string' || crit !== undefined)
    throw new NotProven('the file is signed in another way than receipts are')
  return { jws, kid, payload: jsonOf(body) }
}

/** Demands that one of these public keys (RFC 7517) signed the receipt. Throws `NotProven`; `NotSignedBy` when the key is none of them. */
export async function demandSignature(
  { jws, kid }: SignedReceipt,
  keys: readonly JsonWebKey[],
): Promise<void> {
  const own = keys.find((key) => 'kid' in key && key.kid === kid)
  if (own === undefined) throw new NotSignedBy('none of these keys is the one that is said to have signed it')
  const { kty = '', crv = '', x = '', y = '' } = own
  const end = jws.lastIndexOf('.')
  const signature = bytesOf(jws.slice(end + 1))
  let isRight = false
  try {
    const curve = { name: 'ECDSA', namedCurve: 'P-256' }
    const key = await crypto.subtle.importKey('jwk', { kty, crv, x, y }, curve, false, ['verify'])
    const how = { name: 'ECDSA', hash: 'SHA-256' }
    isRight =
      signature !== undefined && (await crypto.subtle.verify(how, key, signature, utf8(jws.slice(0, end))))
  } catch (cause) {
    throw new NotProven('the key of the vault is malformed', { cause })
  }
  if (!isRight) throw new NotProven("the vault's signature is not of this text")
}

/** Base64url without padding, in its one spelling. */
function bytesOf(text: string): Bytes | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined
  return fromBase64(text.replaceAll('-', '+').replaceAll('_', '/') + '='.repeat((4 - (text.length % 4)) % 4))
}

function jsonOf(part: string): unknown {
  const bytes = bytesOf(part)
  try {
    if (bytes !== undefined) return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Falls through: no JSON either way.
  }
  throw new NotProven('the file is no signed receipt')
}
