import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** A passkey (WebAuthn Level 3 credential record, section 4) of a customer. Opens her session here, not her pod. */
export interface Passkey {
  readonly v: 1
  /** Ours, for addresses. */
  readonly id: string
  readonly accountId: string
  /** base64url, as the authenticator made it. */
  readonly credentialId: string
  /** COSE key, base64url. */
  readonly publicKey: string
  /** Signatures the authenticator says it made; 0 for ever where it does not count. */
  readonly counter: number
  /** It may be on several devices (backup eligible), and is (backup state). */
  readonly canSync: boolean
  readonly isSynced: boolean
  readonly transports: readonly string[]
  /** The customer's own word for it. */
  readonly name: string
  /** Unix ms. */
  readonly createdAt: number
  readonly lastUsedAt?: number
}

/** What a browser was asked to sign, once. */
export interface PasskeyChallenge {
  readonly v: 1
  readonly challenge: string
  /** Whose new passkey it is for; absent: it is to sign somebody in. */
  readonly accountId?: string
  /** Unix ms. */
  readonly expiresAt: number
}

interface Pointer {
  readonly accountId: string
  readonly id: string
}

const prefix = (accountId: string) => `passkey/${accountId}/`
const credentialKey = (names: Names, credentialId: string) =>
  `passkey-of-credential/${names.hidden('passkey', credentialId)}`
const challengeKey = (names: Names, cookie: string) =>
  `passkey-challenge/${names.hidden('passkey-challenge', cookie)}`

/** Refused (`changed`) when the credential is somebody's already. Sealed under the customer's key: forgetting her ends it. */
export function addPasskey(names: Names, passkey: Passkey): CommitParts {
  const { accountId, id, credentialId } = passkey
  const pointer: Pointer = { accountId, id }
  return {
    checks: [absent(prefix(accountId) + id), absent(credentialKey(names, credentialId))],
    writes: [
      put(prefix(accountId) + id, passkey, { customer: accountId }),
      put(credentialKey(names, credentialId), pointer),
    ],
  }
}

export async function listPasskeys(
  reader: LedgerReader,
  accountId: string,
): Promise<readonly Stored<Passkey>[]> {
  const rows = await reader.list<Passkey>(prefix(accountId))
  return rows.toSorted((one, other) => one.value.createdAt - other.value.createdAt)
}

export function readPasskey(
  reader: LedgerReader,
  accountId: string,
  id: string,
): Promise<Stored<Passkey> | undefined> {
  return read<Passkey>(reader, prefix(accountId) + id)
}

/** Both may come from outside. `undefined` also when its customer was forgotten. */
export async function findPasskey(
  reader: LedgerReader,
  names: Names,
  credentialId: string,
): Promise<Stored<Passkey> | undefined> {
  const pointer = await reader.get<Pointer>(credentialKey(names, credentialId))
  return pointer === undefined ? undefined : readPasskey(reader, pointer.value.accountId, pointer.value.id)
}

export function changePasskey(
  stored: Stored<Passkey>,
  change: Partial<Pick<Passkey, 'name' | 'counter' | 'isSynced' | 'lastUsedAt'>>,
): CommitParts {
  const passkey: Passkey = { ...stored.value, ...change }
  return { checks: [unchanged(stored)], writes: [put(stored.key, passkey, { customer: passkey.accountId })] }
}

/** Sessions that it opened end with it. */
export function removePasskey(names: Names, stored: Stored<Passkey>): CommitParts {
  return {
    checks: [unchanged(stored)],
    writes: [remove(stored.key), remove(credentialKey(names, stored.value.credentialId))],
  }
}

/** `cookie`: the random handle that the asking browser alone has. */
export function askChallenge(names: Names, cookie: string, challenge: PasskeyChallenge): CommitParts {
  const key = challengeKey(names, cookie)
  return { checks: [absent(key)], writes: [put(key, challenge, { expires: challenge.expiresAt })] }
}

export function readChallenge(
  reader: LedgerReader,
  names: Names,
  cookie: string,
): Promise<Stored<PasskeyChallenge> | undefined> {
  return read<PasskeyChallenge>(reader, challengeKey(names, cookie))
}

/** Of several that answer one challenge, at once or later, one gets this commit. */
export function useUpChallenge(stored: Stored<PasskeyChallenge>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}
