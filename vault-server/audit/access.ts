import type { Request, RequestHandler, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { auditorEntry, changeAuditor, givePass, openPass, usePass } from '#core/records/auditors.ts'
import type { Auditor } from '#core/records/auditors.ts'
import { newHandle } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import type { HostCookie } from '../customer/cookies.ts'
import { sameOriginOnly } from '../customer/csrf.ts'

const sessionMs = 12 * 3_600_000

export interface AuditorAccess {
  /** Finds out who is looking; refuses what comes from another site, unless it carries the key itself. */
  readonly load: readonly RequestHandler[]
  /** Redeems an invitation: gives the key of the account, told this once, and opens a session. */
  join(invitation: string, response: Response): Promise<{ auditor: Auditor; token: string }>
  /** Opens a session by the key. */
  signIn(token: string, response: Response): Promise<Auditor>
  signOut(request: Request, response: Response): Promise<void>
}

const loaded = new WeakMap<Request, Stored<Auditor>>()

/** Who is looking; refuses with `not-signed-in`. */
export function auditorOf(request: Request): Stored<Auditor> {
  const auditor = loaded.get(request)
  if (auditor === undefined) throw new DomainError('not-signed-in', 'Sign in as an auditor first')
  return auditor
}

/**
 * Auditors have accounts of their own: a key of 256 random bits, kept as its keyed hash, that an invitation is redeemed for.
 * Programs send it as `Authorization: Bearer`; a browser trades it for a session of some hours. `now` in Unix ms.
 */
export function auditorAccess(parts: {
  ledger: Ledger
  names: Names
  cookie: HostCookie
  vaultUrl: string
  now: () => number
}): AuditorAccess {
  const { ledger, names, cookie, vaultUrl, now } = parts
  const fromPage = sameOriginOnly({ origin: new URL(vaultUrl).origin })

  async function open(kind: 'token' | 'session', pass: string): Promise<Stored<Auditor> | undefined> {
    const auditor = (await openPass(ledger, names, kind, pass))?.auditor
    return auditor && isAdmitted(auditor.value, now()) ? auditor : undefined
  }

  function session({ auditorId, expiresAt: end }: Auditor) {
    const pass = newHandle()
    const expiresAt = Math.min(now() + sessionMs, end)
    return {
      parts: givePass(names, 'session', pass, { auditorId, expiresAt }),
      setCookie: (response: Response) => cookie.set(response, pass, sessionMs / 1000),
    }
  }

  const load: RequestHandler = async (request, response, next) => {
    const { authorization } = request.headers
    const pass = authorization === undefined ? cookie.read(request) : bearerOf(authorization)
    const kind = authorization === undefined ? 'session' : 'token'
    const auditor = pass === undefined ? undefined : await open(kind, pass)
    if (authorization !== undefined && auditor === undefined)
      throw new DomainError('invalid-token', 'The key of the auditor is wrong or has ended', {
        headers: { 'WWW-Authenticate': 'Bearer realm="audit", error="invalid_token"' },
      })
    if (auditor !== undefined) loaded.set(request, auditor)
    // No page of another site can send the key: it has none, and the preflight would fail.
    if (authorization === undefined) fromPage(request, response, next)
    else next()
  }

  return {
    load: [load],
    async join(invitation, response) {
      const found = await openPass(ledger, names, 'invitation', invitation)
      if (found === undefined || !isAdmitted(found.auditor.value, now()))
        throw new DomainError('not-found', 'The invitation is not valid, or was redeemed before')
      const { auditorId, expiresAt } = found.auditor.value
      const token = newHandle()
      const opened = session(found.auditor.value)
      try {
        await ledger.commit(
          combine(
            usePass(found.pass),
            changeAuditor(found.auditor, { joinedAt: now() }),
            givePass(names, 'token', token, { auditorId, expiresAt }),
            opened.parts,
            { entries: [auditorEntry({ type: 'auditor-joined', auditor: auditorId })] },
          ),
        )
      } catch (cause) {
        if (!(cause instanceof CommitRefused)) throw cause
        throw new DomainError('not-found', 'The invitation is not valid, or was redeemed before', { cause })
      }
      opened.setCookie(response)
      return { auditor: found.auditor.value, token }
    },
    async signIn(token, response) {
      const auditor = await open('token', token)
      if (auditor === undefined) throw new DomainError('sign-in-failed', 'The key is wrong or has ended')
      const opened = session(auditor.value)
      await ledger.commit(opened.parts)
      opened.setCookie(response)
      return auditor.value
    },
    async signOut(request, response) {
      const pass = cookie.read(request)
      const found = pass === undefined ? undefined : await openPass(ledger, names, 'session', pass)
      cookie.clear(response)
      if (found !== undefined) await ledger.commit({ writes: usePass(found.pass).writes ?? [] })
    },
  }
}

function isAdmitted({ revokedAt, expiresAt }: Auditor, now: number): boolean {
  return revokedAt === undefined && now <= expiresAt
}

function bearerOf(authorization: string): string | undefined {
  return /^Bearer ([\w-]{43})$/.exec(authorization)?.[1]
}
