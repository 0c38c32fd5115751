import type { Request, RequestHandler, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { newHandle } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { endSession, extendSession, openSession, readSession } from '#core/records/sessions.ts'
import type { Session } from '#core/records/sessions.ts'
import type { HostCookie } from './cookies.ts'

const hour = 3_600_000
/** A session that nobody uses ends after this, and any session after `longestSessionMs`. */
const idleMs = 72 * hour
export const longestSessionMs = 14 * 24 * hour
/** The end is moved at most this often, so that reading does not write each time. */
const extendEveryMs = hour

/** Who is signed in: all that routes of the customer need to know. */
export interface Customer {
  readonly accountId: string
  /** Names the Solid-OIDC login of this session, with which pod data is edited. */
  readonly podLogin: string | undefined
}

export interface Sessions {
  /** Loads the session of the cookie, if there is one that lives; goes on in any case. */
  readonly load: RequestHandler
  /**
   * A new session: `parts` belong into the commit that signs in, `setCookie` after it. The id is always
   * fresh.
   */
  begin(opened: { accountId: string; podLogin: string }): {
    parts: CommitParts
    setCookie: (response: Response) => void
  }
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

  return {
    load: async (request, _response, next) => {
      const sessionId = cookie.read(request)
      const stored = sessionId === undefined ? undefined : await readSession(ledger, names, sessionId)
      if (stored !== undefined && now() < stored.value.expiresAt) {
        loaded.set(request, stored)
        await extend(stored)
      }
      next()
    },
    begin({ accountId, podLogin }) {
      const sessionId = newHandle()
      const createdAt = now()
      const expiresAt = createdAt + idleMs
      return {
        parts: openSession(names, sessionId, { v: 1, accountId, podLogin, createdAt, expiresAt }),
        setCookie: (response) => cookie.set(response, sessionId, longestSessionMs / 1000),
      }
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
  return session === undefined ? undefined : { accountId: session.accountId, podLogin: session.podLogin }
}

/** Who is signed in; refuses with `not-signed-in`. */
export function customerOf(request: Request): Customer {
  const customer = customerIfAny(request)
  if (customer === undefined) throw new DomainError('not-signed-in', 'Sign in first')
  return customer
}

/** In front of routes that are for customers only. */
export const signedInOnly: RequestHandler = (request, _response, next) => {
  customerOf(request)
  next()
}
