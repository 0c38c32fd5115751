import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * A signed-in browser. The cookie holds the id; the row is found by its keyed hash, so the database opens no
 * session.
 */
export interface Session {
  readonly v: 1
  readonly accountId: string
  /** Namespace of the Solid-OIDC login in `pod-logins.ts`; absent when this session cannot edit pod data. */
  readonly podLogin?: string
  readonly createdAt: number
  readonly expiresAt: number
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
const signInKey = (names: Names, stateId: string) => `sign-in/${names.hidden('sign-in', stateId)}`

export function openSession(names: Names, sessionId: string, session: Session): CommitParts {
  const key = sessionKey(names, sessionId)
  return { checks: [absent(key)], writes: [put(key, session, { expires: session.expiresAt })] }
}

export function readSession(
  reader: LedgerReader,
  names: Names,
  sessionId: string,
): Promise<Stored<Session> | undefined> {
  return read<Session>(reader, sessionKey(names, sessionId))
}

/** Moves the end of a session that is in use. */
export function extendSession(stored: Stored<Session>, expiresAt: number): CommitParts {
  const session: Session = { ...stored.value, expiresAt }
  return { checks: [unchanged(stored)], writes: [put(stored.key, session, { expires: expiresAt })] }
}

/** Unchecked: a session that was moved on meanwhile ends all the same. */
export function endSession(stored: Stored<Session>): CommitParts {
  return { writes: [remove(stored.key)] }
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
