import { SignJWT, importJWK, jwtVerify } from 'jose'
import type { SigningKey } from './oauth-keys.ts'
import { publicPart } from './oauth-keys.ts'

/** What the operator vouches for when a business registers (RFC 7591 section 2.3). */
export interface SoftwareStatement {
  /** Our id of the business; it becomes `software_id` of its client. */
  readonly vendorId: string
  readonly name: string
  /** SHA-256 of the admission code this statement is good with, in base64url; its jti. */
  readonly codeHash: string
}

const typ = 'software-statement+jwt'
const life = 7 * 86_400

/** A statement for one registration, good for 7 days. `issuer` is the vault's URL, `now` Unix ms. */
export async function signStatement(
  statement: SoftwareStatement,
  { issuer, key, now }: { issuer: string; key: SigningKey; now: number },
): Promise<string> {
  const issuedAt = Math.floor(now / 1000)
  return new SignJWT({ software_id: statement.vendorId, client_name: statement.name })
    .setProtectedHeader({ alg: 'ES256', typ, kid: key.kid })
    .setIssuer(issuer)
    .setSubject(statement.vendorId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + life)
    .setJti(statement.codeHash)
    .sign(await importJWK(key, 'ES256'))
}

/** Throws when the statement is not ours, not of this kind or no longer good. */
export async function verifyStatement(
  text: string,
  { issuer, key, now }: { issuer: string; key: SigningKey; now: number },
): Promise<SoftwareStatement> {
  const { payload } = await jwtVerify(text, await importJWK(publicPart(key), 'ES256'), {
    issuer,
    typ,
    algorithms: ['ES256'],
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_name'],
    currentDate: new Date(now),
  })
  const { sub, jti, client_name: name } = payload
  if (typeof sub !== 'string' || typeof jti !== 'string' || typeof name !== 'string')
    throw new Error('a claim of the statement is not a string')
  return { vendorId: sub, name, codeHash: jti }
}
