import type { LedgerReader } from '#core/ledger/ledger.ts'
import { part, put } from './parts.ts'
import type { CommitParts } from './parts.ts'

/**
 * Access tokens are JWTs that nobody stores. These marks make some of them bad (401) before they expire;
 * whether a grant is live is another question, which its own row answers. A mark outlives the last token it
 * can be about.
 */
const grantKey = (grantId: string) => `tokens-ended/${part(grantId)}`
const tokenKey = (jti: string) => `token-revoked/${part(jti)}`

/**
 * Longest life of an access token, in ms, with room for a token that was being made while the mark was set.
 */
const outlives = 420_000

/**
 * The tokens issued for this grant of ours are no good any more: a code was used twice, or they were given
 * back.
 */
export function endTokens(grantId: string, now: number): CommitParts {
  return { writes: [put(grantKey(grantId), { v: 1 }, { expires: now + outlives })] }
}

/** One token is no good any more; `expires` (Unix ms) is its own end. */
export function revokeToken(jti: string, expires: number): CommitParts {
  return { writes: [put(tokenKey(jti), { v: 1 }, { expires: expires + 60_000 })] }
}

/**
 * Whether an access token with these claims was marked. Both may come from a token that is otherwise good.
 */
export async function isTokenMarked(reader: LedgerReader, token: Marked): Promise<boolean> {
  if ((await reader.get(tokenKey(token.jti))) !== undefined) return true
  return token.grantId !== undefined && (await reader.get(grantKey(token.grantId))) !== undefined
}

/** The same without I/O, for the hot path: `false` says nothing. */
export function isSurelyUnmarked(reader: LedgerReader, { jti, grantId }: Marked): boolean {
  return reader.isAbsent(tokenKey(jti)) && (grantId === undefined || reader.isAbsent(grantKey(grantId)))
}

interface Marked {
  readonly jti: string
  readonly grantId?: string | undefined
}
