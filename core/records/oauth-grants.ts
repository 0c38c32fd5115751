import type { LedgerReader } from '#core/ledger/ledger.ts'
import { oauthIssuedOf, oauthModelKey } from './oauth-models.ts'
import { asFound, part, put, read, remove } from './parts.ts'
import type { CommitParts } from './parts.ts'

/**
 * Which OAuth Grants point to a grant of ours, and back. Our grant decides; they die with it, never the other
 * way.
 */
const pointersKey = (grantId: string) => `oauth-grants-of/${part(grantId)}`
const backKey = (oauthGrantId: string) => `grant-of-oauth-grant/${part(oauthGrantId)}`

interface Pointers {
  readonly ids: readonly string[]
}

/** Points an OAuth Grant, saved in the same commit, to a grant of ours. */
export async function pointOAuthGrant(
  reader: LedgerReader,
  oauthGrantId: string,
  grantId: string,
): Promise<CommitParts> {
  const found = await read<Pointers>(reader, pointersKey(grantId))
  return {
    checks: [asFound(pointersKey(grantId), found), { key: backKey(oauthGrantId), version: 'absent' }],
    writes: [
      put(pointersKey(grantId), { ids: [...(found?.value.ids ?? []), oauthGrantId] }),
      put(backKey(oauthGrantId), { id: grantId }),
    ],
  }
}

/** Id of our grant behind an OAuth Grant. */
export async function findGrantId(reader: LedgerReader, oauthGrantId: string): Promise<string | undefined> {
  const found = await reader.get<{ id: string }>(backKey(oauthGrantId))
  return found?.value.id
}

/** Ends one OAuth Grant: its row and its pointers both ways. Ours lives on. */
export async function dropOAuthGrant(reader: LedgerReader, oauthGrantId: string): Promise<CommitParts> {
  const gone = remove(oauthModelKey('Grant', oauthGrantId))
  const grantId = await findGrantId(reader, oauthGrantId)
  if (grantId === undefined) return { writes: [gone] }
  const found = await read<Pointers>(reader, pointersKey(grantId))
  const ids = (found?.value.ids ?? []).filter((id) => id !== oauthGrantId)
  return {
    checks: [asFound(pointersKey(grantId), found)],
    writes: [
      gone,
      remove(backKey(oauthGrantId)),
      ids.length === 0 ? remove(pointersKey(grantId)) : put(pointersKey(grantId), { ids }),
    ],
  }
}

/**
 * Ends every OAuth Grant that points to our grant: none can be added unseen, as the pointers' row is checked.
 */
export async function dropOAuthGrants(reader: LedgerReader, grantId: string): Promise<CommitParts> {
  const found = await read<Pointers>(reader, pointersKey(grantId))
  const ids = found?.value.ids ?? []
  // Codes and refresh tokens are worth nothing without their OAuth Grant, and name the customer.
  const issued = await Promise.all(ids.map((id) => reader.list<{ key: string }>(oauthIssuedOf(id))))
  return {
    checks: [asFound(pointersKey(grantId), found)],
    writes: [
      ...issued.flat().flatMap((row) => [remove(row.key), remove(row.value.key)]),
      ...ids.flatMap((id) => [remove(oauthModelKey('Grant', id)), remove(backKey(id))]),
      ...(found === undefined ? [] : [remove(pointersKey(grantId))]),
    ],
  }
}
