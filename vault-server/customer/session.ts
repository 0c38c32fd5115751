import type { Request, RequestHandler, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import { newHandle, newId } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { unchanged } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { readPasskey } from '#core/records/passkeys.ts'
import { endSession, extendSession, openSession, readSession, rereadSession } from '#core/records/sessions.ts'
import type { Session } from '#core/records/sessions.ts'
import { deviceOf } from './device.ts'
import type { HostCookie } from './cookies.ts'

const hour = 3_600_000
/** A session that nobody uses ends after this, and any session after `longestSessionMs`. */
export const idleMs = 72 * hour
export const longestSessionMs = 14 * 24 * hour
/** The end is moved at most this often, so that reading does not write each time. */
const extendEveryMs = hour

/** Who is signed in: all that routes of the customer need to know. */
export interface Customer {
  readonly accountId: string
  /** Names the Solid-OIDC login of this session, with which pod data is edited. */
  readonly podLogin: string | undefined
  /** The passkey that opened this session. */
  readonly passkey: string | undefined
  /** Names this session in the list of hers. */
  readonly session: string
  /** Unix ms. */
  readonly signedInAt: number
}

export interface Sessions {
  /** Loads the session of the cookie, if there is one that lives; goes on in any case. */
  readonly load: RequestHandler
  /**
   * A new session: `parts` belong into the commit that signs in, `setCookie` after it. The id is always
   * fresh.
   */
  begin(
    request: Request,
    opened: { accountId: string } & ({ podLogin: string } | { passkey: string }),
  ): {
    parts: CommitParts
    setCookie: (response: Response) => void
  }
  /** Whether the session of this request still is one: for replies that take long. */
  isLive(request: Request): Promise<boolean>
  /**
   * Part of a commit that is made before this session ends, or not at all, however long its request took to come: of what outlasts
   * the session, above all. Refuses with `not-signed-in`.
   */
  holding(request: Request): Promise<CommitParts>
  /** Ends the session of this request; gives the login to be ended with it. */
  end(request: Request, response: Response): Promise<string | undefined>
}

const loaded = new WeakMap<Request, Stored<Session>>()

/** Sessions by an opaque id in a cookie; the ledger keeps its keyed hash and the state. */
export function createSessions(options: {
  ledger: Ledger
  names: Names
  cookie: HostCookie
  now: () => number
}): Sessions {
  const { ledger, names, cookie, now } = options

  /** A session of somebody who leaves ends with that commit, before its row is swept. */
  async function isGood({ accountId, expiresAt, ref, passkey }: Partial<Session>): Promise<boolean> {
    // Sessions from before they could be listed.
    if (accountId === undefined || expiresAt === undefined || ref === undefined) return false
    if (passkey !== undefined && (await readPasskey(ledger, accountId, passkey)) === undefined) return false
    const standing = await readCustomerStanding(ledger, accountId)
    return now() < expiresAt && standing !== undefined && standing.value.leaving !== true
  }

  async function extend(stored: Stored<Session>): Promise<void> {
    const expiresAt = Math.min(now() + idleMs, stored.value.createdAt + longestSessionMs)
    if (expiresAt - stored.value.expiresAt < extendEveryMs) return
    try {
      await ledger.commit(extendSession(stored, expiresAt))
    } catch (error) {
      // Another request of the same session moved it, or ended it: then it stays ended.
      if (!(error instanceof CommitRefused)) throw error
    }
  }

  /** The session of this request as it is now; `undefined` when it is none any more. */
  async function reload(request: Request): Promise<Stored<Session> | undefined> {
    const stored = loaded.get(request)
    const found = stored === undefined ? undefined : await rereadSession(ledger, stored)
    return found !== undefined && (await isGood(found.value)) ? found : undefined
  }

  return {
    load: async (request, _response, next) => {
      const sessionId = cookie.read(request)
      const stored = sessionId === undefined ? undefined : await readSession(ledger, names, sessionId)
      if (stored !== undefined && (await isGood(stored.value))) {
        loaded.set(request, stored)
        await extend(stored)
      }
      next()
    },
    begin(request, opened) {
      const sessionId = newHandle()
      const createdAt = now()
      const expiresAt = createdAt + idleMs
      const [ref, device] = [newId(), deviceOf(request.headers['user-agent'])]
      const session: Session = { v: 1, ...opened, ref, device, createdAt, expiresAt }
      return {
        parts: openSession(names, sessionId, session),
        setCookie: (response) => cookie.set(response, sessionId, longestSessionMs / 1000),
      }
    },
    isLive: async (request) => (await reload(request)) !== undefined,
    async holding(request) {
      const found = await reload(request)
      if (found === undefined) throw notSignedIn()
      return { checks: [unchanged(found)] }
    },
    async end(request, response) {
      const stored = loaded.get(request)
      loaded.delete(request)
      cookie.clear(response)
      if (stored === undefined) return undefined
      await ledger.commit(endSession(stored))
      return stored.value.podLogin
    },
  }
}

/** Who is signed in, for routes that answer everybody. */
export function customerIfAny(request: Request): Customer | undefined {
  const session = loaded.get(request)?.value
  if (session === undefined) return undefined
  const { accountId, podLogin, passkey, ref, createdAt } = session
  return { accountId, podLogin, passkey, session: ref, signedInAt: createdAt }
}

/**
 * Who is signed in. A page names in `Reach-Account` whom it shows: what is asked there is not done to somebody who has signed in
 * since in another tab. Refuses with `not-signed-in`, or `conflict`.
 */
export function customerOf(request: Request): Customer {
  const customer = customerIfAny(request)
  if (customer === undefined) throw notSignedIn()
  const shown = request.headers['reach-account']
  if (shown !== undefined && shown !== customer.accountId)
    throw new DomainError('conflict', 'Somebody else is signed in by now')
  return customer
}

const notSignedIn = () => new DomainError('not-signed-in', 'Sign in first')

/** In front of routes that are for customers only. */
export const signedInOnly: RequestHandler = (request, _response, next) => {
  customerOf(request)
  next()
}
