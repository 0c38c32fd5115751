import { Router } from 'express'
import type { Request, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { newHandle } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import { beginSignIn, completeSignIn, readSignIn } from '#core/records/sessions.ts'
import type { SignIn } from '#core/records/sessions.ts'
import type { Redirect } from '#schemas/types.gen.ts'
import { accountOf } from './account.ts'
import type { HostCookie } from './cookies.ts'
import type { GuardedOidc } from './guarded-oidc.ts'
import { findIssuer, verifyIssuerOf } from './issuer.ts'
import { limitPerAddress } from './limits.ts'
import type { ReachPods } from '../pods/reach-pods.ts'
import type { PodLogins } from './pod-login.ts'
import { assertAtPod, beginMove } from './pod-move.ts'
import { customerOf } from './session.ts'
import type { Sessions } from './session.ts'

/** How long a person has to type her password at the issuer. */
export const signInMs = 15 * 60_000

export interface SignInParts {
  readonly ledger: Ledger
  readonly names: Names
  readonly podLogins: PodLogins
  readonly sessions: Sessions
  /** Guarded: issuers, WebIDs and pods are typed by people. */
  readonly fetch: PodFetch
  readonly now: () => number
  /** Whom this vault lets in; everybody when left out. */
  readonly admits?: ((webId: string) => Promise<boolean>) | undefined
}

/** Solid-OIDC sign-in: `POST /sign-in` leads to the issuer, `/sign-in/complete` back, `/sign-out` ends it. */
export function signInRoutes(
  parts: SignInParts,
  {
    cookie,
    vaultUrl,
    oidc,
    pods,
  }: { cookie: HostCookie; vaultUrl: string; oidc: GuardedOidc; pods: ReachPods },
): Router {
  const { ledger, names, podLogins, sessions, fetch, now } = parts
  const parseSignIn = parser('api/sign-in.json')
  const parseCompletion = parser('api/complete-sign-in.json')
  const parseMove = parser('api/begin-pod-move.json')
  const parseNothing = parser('api/nothing.json')
  const router = Router()
  const limited = limitPerAddress({ points: 60, seconds: 60 })

  /** Where the browser goes now; where it comes back to stands in the ledger. */
  async function begin(
    response: Response,
    typed: string,
    then: Pick<SignIn, 'returnTo' | 'movingAccount'>,
  ): Promise<Redirect> {
    const issuer = await findIssuer(typed, { fetch })
    const podLogin = newHandle()
    const location = await podLogins.begin(podLogin, issuer)
    // The issuer chose this address: one that is no web page would run as a script of ours.
    await oidc.check(location).catch((cause: unknown) => {
      throw failed('The sign-in page of the pod may not be opened from here', cause)
    })
    const stateId = newHandle()
    const createdAt = now()
    const state = new URL(location).searchParams.get('state') ?? ''
    const expiresAt = createdAt + signInMs
    await ledger.commit(
      beginSignIn(names, stateId, { v: 1, podLogin, issuer, state, ...then, createdAt, expiresAt }),
    )
    cookie.set(response, stateId, signInMs / 1000)
    return { location }
  }

  router.post('/sign-in', limited, jsonBody(), async (request, response) => {
    const { issuer, returnTo = '/' } = parseSignIn(request.body)
    response.json(await begin(response, issuer, { returnTo }))
  })

  // A move begins with a sign-in at the pod where the data shall go.
  router.post('/pod/move', limited, jsonBody(), async (request, response) => {
    const { issuer } = parseMove(request.body)
    const { accountId } = customerOf(request)
    assertAtPod(request)
    response.json(await begin(response, issuer, { returnTo: '/settings', movingAccount: accountId }))
  })

  router.post('/sign-in/complete', limited, jsonBody(), async (request, response) => {
    const { query } = parseCompletion(request.body)
    const stateId = cookie.read(request)
    const signIn = stateId === undefined ? undefined : await readSignIn(ledger, names, stateId)
    if (signIn === undefined) throw failed('No sign-in is under way in this browser. Begin it again.')
    // Anybody can lead this browser here with an answer of their own: one that is not to this sign-in leaves it alone.
    if (new URLSearchParams(query).getAll('state').join(' ') !== signIn.value.state)
      throw failed('The answer belongs to another sign-in')
    cookie.clear(response)
    // First of all, so that the same answer sent twice, or at once, counts once.
    await ledger.commit(completeSignIn(signIn)).catch((cause: unknown) => {
      throw cause instanceof CommitRefused ? failed('This sign-in was completed before', cause) : cause
    })
    assertIssuer(query, signIn.value.issuer)
    const { movingAccount } = signIn.value
    if (movingAccount !== undefined)
      await beginMove(request, { ...signIn.value, movingAccount, query }, { ...parts, pods })
    else await openSession(request, response, { ...signIn.value, query }, parts)
    response.json({ location: vaultUrl + signIn.value.returnTo } satisfies Redirect)
  })

  router.post('/sign-out', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const podLogin = await sessions.end(request, response)
    if (podLogin !== undefined) await podLogins.end(podLogin)
    response.status(204).end()
  })
  return router
}

/**
 * Ends a sign-in at the issuer and opens a session with a fresh id, the account with it where there is none:
 * one commit. A session this browser had before is ended.
 */
export async function openSession(
  request: Request,
  response: Response,
  way: { podLogin: string; issuer: string; query: string },
  { ledger, names, podLogins, sessions, fetch, now, admits }: SignInParts,
): Promise<{ accountId: string }> {
  const { podLogin, issuer, query } = way
  try {
    const webId = await podLogins.complete(podLogin, query)
    if (admits !== undefined && !(await admits(webId)))
      throw failed('Only vaults that were made here are let in here')
    const { storages } = await verifyIssuerOf(webId, issuer, { fetch })
    const person = { webId, issuer, storages, fetch: await podLogins.fetchOf(podLogin) }
    for (let attempt = 1; ; attempt++) {
      const account = await accountOf(person, { reader: ledger, names, now })
      const session = sessions.begin(request, { accountId: account.accountId, podLogin })
      try {
        await ledger.commit(combine(account.parts, session.parts))
      } catch (error) {
        // Her other browser made the account first.
        if (!(error instanceof CommitRefused) || attempt === 3) throw error
        continue
      }
      const before = await sessions.end(request, response)
      if (before !== undefined) await podLogins.end(before)
      session.setCookie(response)
      return { accountId: account.accountId }
    }
  } catch (error) {
    await podLogins.end(podLogin)
    throw error
  }
}

/**
 * The answer must say that it is of the issuer the browser was sent to (RFC 9207): an attacker's issuer may have sent it on to
 * another one, to get that one's code and our verifier. An issuer that does not say who it is cannot be told from that.
 */
function assertIssuer(query: string, issuer: string): void {
  const parameters = new URLSearchParams(query)
  const told = parameters.getAll('iss')
  if (told.length > 1 || (told[0] !== undefined && told[0] !== issuer)) {
    throw failed('The answer comes from another sign-in server than the one you chose')
  }
  if (parameters.has('error')) throw failed('The sign-in server of the pod did not let you in')
  if (told[0] === undefined) throw failed('The sign-in server does not say who it is (RFC 9207)')
  for (const name of ['code', 'state']) {
    if (parameters.getAll(name).length !== 1) throw failed('The answer of the sign-in server is not complete')
  }
}

function failed(detail: string, cause?: unknown): DomainError {
  return new DomainError('sign-in-failed', detail, { cause })
}
