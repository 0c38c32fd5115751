import type { LedgerReader, Write } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * A signed-in browser. The cookie holds the id; the row is found by its keyed hash, so the database opens no
 * session.
 */
export interface Session {
  readonly v: 1
  readonly accountId: string
  /** Names it in the list of the customer's sessions, and opens nothing. */
  readonly ref: string
  readonly device: Device
  /** Namespace of the Solid-OIDC login in `pod-logins.ts`; absent when this session cannot edit pod data. */
  readonly podLogin?: string
  /** The passkey that opened it; it ends with it. */
  readonly passkey?: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** What kind of browser it is, as coarse as tells one's own apart. */
export interface Device {
  readonly browser: 'chrome' | 'edge' | 'firefox' | 'safari' | 'other'
  readonly system: 'android' | 'ios' | 'linux' | 'macos' | 'windows' | 'other'
}

/** A sign-in on its way to an issuer and back. */
export interface SignIn {
  readonly v: 1
  readonly podLogin: string
  /** The issuer the browser was sent to; an answer of another one is refused (RFC 9207). */
  readonly issuer: string
  /** The OAuth state of this sign-in: an answer without it is not even looked at. */
  readonly state: string
  /** Whose data shall move into the pod that is signed in to; absent: the sign-in opens a session. */
  readonly movingAccount?: string
  /** Path of ours to go to afterwards. */
  readonly returnTo: string
  readonly createdAt: number
  readonly expiresAt: number
}

const sessionKey = (names: Names, sessionId: string) => `session/${names.hidden('session', sessionId)}`
const ownPrefix = (accountId: string) => `session-of-account/${part(accountId)}/`
const ownKey = ({ accountId, ref }: Session) => ownPrefix(accountId) + part(ref)
const signInKey = (names: Names, stateId: string) => `sign-in/${names.hidden('sign-in', stateId)}`

export function openSession(names: Names, sessionId: string, session: Session): CommitParts {
  const key = sessionKey(names, sessionId)
  return { checks: [absent(key)], writes: rowsOf(key, session) }
}

function rowsOf(key: string, session: Session): Write[] {
  const expires = { expires: session.expiresAt }
  return [put(key, session, expires), put(ownKey(session), { key }, expires)]
}

export function readSession(
  reader: LedgerReader,
  names: Names,
  sessionId: string,
): Promise<Stored<Session> | undefined> {
  return read<Session>(reader, sessionKey(names, sessionId))
}

/** As it is now; `undefined` when it has ended. */
export function rereadSession(
  reader: LedgerReader,
  stored: Stored<Session>,
): Promise<Stored<Session> | undefined> {
  return read<Session>(reader, stored.key)
}

/** Moves the end of a session that is in use. */
export function extendSession(stored: Stored<Session>, expiresAt: number): CommitParts {
  const session: Session = { ...stored.value, expiresAt }
  return { checks: [unchanged(stored)], writes: rowsOf(stored.key, session) }
}

/** A customer's sessions, in no order that tells anything. */
export async function listSessions(reader: LedgerReader, accountId: string): Promise<Stored<Session>[]> {
  const rows = await reader.list<{ key: string }>(ownPrefix(accountId))
  const sessions = await Promise.all(rows.map(({ value }) => read<Session>(reader, value.key)))
  return sessions.filter((session) => session !== undefined)
}

/** Unchecked: a session that was moved on meanwhile ends all the same. */
export function endSession(stored: Stored<Session>): CommitParts {
  return { writes: [remove(stored.key), remove(ownKey(stored.value))] }
}

export function beginSignIn(names: Names, stateId: string, signIn: SignIn): CommitParts {
  const key = signInKey(names, stateId)
  return { checks: [absent(key)], writes: [put(key, signIn, { expires: signIn.expiresAt })] }
}

export function readSignIn(
  reader: LedgerReader,
  names: Names,
  stateId: string,
): Promise<Stored<SignIn> | undefined> {
  return read<SignIn>(reader, signInKey(names, stateId))
}

/** Part of the commit that opens the session: a sign-in completes once. */
export function completeSignIn(stored: Stored<SignIn>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}
