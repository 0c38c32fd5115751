import { Buffer } from 'node:buffer'
import { Router } from 'express'
import type { Request, Response } from 'express'
import { generateAuthenticationOptions, generateRegistrationOptions } from '@simplewebauthn/server'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import { readAccount, readCustomerStanding, staying } from '#core/records/accounts.ts'
import { newHandle } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import {
  addPasskey,
  askChallenge,
  changePasskey,
  findPasskey,
  listPasskeys,
  readChallenge,
  readPasskey,
  removePasskey,
  useUpChallenge,
} from '#core/records/passkeys.ts'
import type { Passkey } from '#core/records/passkeys.ts'
import type { Stored } from '#core/records/parts.ts'
import type { Passkeys, PasskeySignIn } from '#schemas/types.gen.ts'
import type { HostCookie } from './cookies.ts'
import { limitPerAddress } from './limits.ts'
import type { ShowMe } from './me.ts'
import { algorithms, failed, newPasskey, verifySigned } from './passkey-proof.ts'
import type { Party } from './passkey-proof.ts'
import type { PodLogins } from './pod-login.ts'
import { customerOf } from './session.ts'
import type { Customer, Sessions } from './session.ts'

/** How long a person has to find her finger or her security key. */
const challengeMs = 5 * 60_000
const mostPasskeys = 20

interface PasskeyParts {
  readonly ledger: Ledger
  readonly names: Names
  readonly sessions: Sessions
  readonly podLogins: PodLogins
  readonly now: () => number
}

type OfPasskey = { id: string }

/**
 * Passkeys (WebAuthn Level 3) for the next visit: discoverable, with the user verified, for this very origin. `POST
 * /passkeys/sign-in` opens a session without the pod's login: decisions, activity and withdrawal, and nothing in the pod.
 * Making one takes a session that the pod's sign-in opened; so a stolen passkey session cannot make itself at home.
 */
export function passkeyRoutes(
  parts: PasskeyParts,
  { cookie, vaultUrl, showMe }: { cookie: HostCookie; vaultUrl: string; showMe: ShowMe },
): Router {
  const { ledger, names, sessions, now } = parts
  const { origin, hostname: rpID } = new URL(vaultUrl)
  const party: Party = { origin, rpID }
  const parseNothing = parser('api/nothing.json')
  const parseAdd = parser('api/add-passkey.json')
  const parseName = parser('api/name-passkey.json')
  const parseSignIn = parser('api/passkey-sign-in.json')
  const router = Router()
  const limited = limitPerAddress({ points: 60, seconds: 60 })

  /** The challenge is worth something in this browser only, once, and for a short time. */
  async function ask(response: Response, challenge: string, accountId?: string): Promise<void> {
    const handle = newHandle()
    const expiresAt = now() + challengeMs
    const whose = accountId === undefined ? {} : { accountId }
    await ledger.commit(askChallenge(names, handle, { v: 1, challenge, ...whose, expiresAt }))
    cookie.set(response, handle, challengeMs / 1000)
  }

  /** The challenge this browser was given, used up whatever becomes of the answer. */
  async function answered(request: Request, response: Response, accountId?: string): Promise<string> {
    const handle = cookie.read(request)
    const stored = handle === undefined ? undefined : await readChallenge(ledger, names, handle)
    if (stored === undefined || stored.value.expiresAt <= now()) throw failed()
    cookie.clear(response)
    await ledger.commit(useUpChallenge(stored)).catch((cause: unknown) => {
      throw cause instanceof CommitRefused ? failed(cause) : cause
    })
    if (stored.value.accountId !== accountId) throw failed()
    return stored.value.challenge
  }

  const viewAll = async ({ accountId, passkey }: Customer): Promise<Passkeys> => ({
    passkeys: (await listPasskeys(ledger, accountId)).map(({ value }) => view(value, passkey)),
  })

  const own = async ({ accountId }: Customer, id: string): Promise<Stored<Passkey>> => {
    const stored = /^[A-Za-z0-9_-]{16,64}$/.test(id) ? await readPasskey(ledger, accountId, id) : undefined
    if (stored === undefined) throw new DomainError('not-found', 'There is no such passkey')
    return stored
  }

  router.get('/passkeys', async (request, response) => {
    response.json(await viewAll(customerOf(request)))
  })

  router.post('/passkeys/options', limited, jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const { accountId } = atHerPod(customerOf(request))
    const account = await readAccount(ledger, accountId)
    if (account === undefined) throw new DomainError('not-signed-in', 'Sign in first')
    const known = await listPasskeys(ledger, accountId)
    assertRoom(known)
    const label = labelOf(account.value.webId)
    const options = await generateRegistrationOptions({
      rpName: 'Reach',
      rpID,
      userID: new Uint8Array(Buffer.from(userHandleOf(names, accountId), 'base64url')),
      userName: label,
      userDisplayName: label,
      attestationType: 'none',
      excludeCredentials: known.map(({ value }) => ({
        id: value.credentialId,
        transports: [...value.transports],
      })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: algorithms,
      timeout: challengeMs,
    })
    await ask(response, options.challenge, accountId)
    response.json(options)
  })

  router.post('/passkeys', limited, jsonBody(), async (request, response) => {
    const made = parseAdd(request.body)
    const customer = atHerPod(customerOf(request))
    const { accountId } = customer
    const challenge = await answered(request, response, accountId)
    const passkey = await newPasskey(made, { challenge, ...party }, { accountId, now: now() })
    await commitAnew(ledger, async () => {
      assertRoom(await listPasskeys(ledger, accountId))
      const parts = combine(
        addPasskey(names, passkey),
        await staying(ledger, accountId),
        await sessions.holding(request),
      )
      return { parts, result: undefined }
    }).catch((cause: unknown) => {
      throw cause instanceof CommitRefused ? failed(cause) : cause
    })
    response.status(201).json(await viewAll(customer))
  })

  router.post<OfPasskey>('/passkeys/:id/name', jsonBody(), async (request, response) => {
    const { name } = parseName(request.body)
    const customer = customerOf(request)
    await commitAnew(ledger, async () => {
      const parts = changePasskey(await own(customer, request.params.id), { name })
      return { parts, result: undefined }
    })
    response.json(await viewAll(customer))
  })

  router.post<OfPasskey>('/passkeys/:id/remove', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const customer = customerOf(request)
    // Also while it signs somebody in: then above all.
    await commitAnew(ledger, async () => {
      const parts = removePasskey(names, await own(customer, request.params.id))
      return { parts, result: undefined }
    })
    response.json(await viewAll(customer))
  })

  router.post('/passkeys/sign-in/options', limited, jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const options = await generateAuthenticationOptions({
      rpID,
      userVerification: 'required',
      timeout: challengeMs,
    })
    await ask(response, options.challenge)
    response.json(options)
  })

  router.post('/passkeys/sign-in', limited, jsonBody(), async (request, response) => {
    const signed = parseSignIn(request.body)
    const challenge = await answered(request, response)
    const accountId = await signIn(parts, party, { signed, challenge, request, response })
    response.json(await showMe({ accountId, podLogin: undefined }))
  })
  return router
}

/** Opens a session with a fresh id, and takes down what the passkey says of itself: one commit. */
async function signIn(
  { ledger, names, sessions, podLogins, now }: PasskeyParts,
  party: Party,
  {
    signed,
    challenge,
    request,
    response,
  }: { signed: PasskeySignIn; challenge: string; request: Request; response: Response },
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const stored = await findPasskey(ledger, names, signed.credentialId)
    if (stored === undefined) throw failed()
    const { accountId, id } = stored.value
    if (signed.userHandle !== userHandleOf(names, accountId)) throw failed()
    const standing = await readCustomerStanding(ledger, accountId)
    const account = await readAccount(ledger, accountId)
    if (account === undefined || standing === undefined || standing.value.leaving === true) throw failed()
    const told = await verifySigned(signed, stored.value, { challenge, ...party })
    const used = { counter: told.counter, isSynced: told.isSynced, lastUsedAt: now() }
    const session = sessions.begin(request, { accountId, passkey: id })
    try {
      const stays = { checks: [unchanged(standing)] }
      await ledger.commit(combine(changePasskey(stored, used), session.parts, stays))
    } catch (error) {
      // The same passkey signed somebody in on another of her devices.
      if (!(error instanceof CommitRefused) || attempt === 3) throw error
      continue
    }
    const before = await sessions.end(request, response)
    if (before !== undefined) await podLogins.end(before)
    session.setCookie(response)
    return accountId
  }
}

function view(passkey: Passkey, usedNow: string | undefined): Passkeys['passkeys'][number] {
  const { id, name, isSynced, createdAt, lastUsedAt } = passkey
  return {
    id,
    name,
    synced: isSynced,
    ...(id === usedNow ? { usedNow: true as const } : {}),
    createdAt: formatTime(createdAt),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: formatTime(lastUsedAt) }),
  }
}

/** What the authenticator knows the customer by: says nothing, and finds nothing without the passkey itself. */
function userHandleOf(names: Names, accountId: string): string {
  return names.hidden('passkey-user', accountId)
}

/** For the customer's own list of passkeys; stays in her authenticator. */
function labelOf(webId: string): string {
  const { host, pathname } = new URL(webId)
  return `${host}${pathname}`.slice(0, 64)
}

function atHerPod(customer: Customer): Customer {
  if (customer.podLogin === undefined)
    throw new DomainError('not-signed-in', 'Sign in at your pod to make a passkey')
  return customer
}

function assertRoom(known: readonly unknown[]): void {
  if (known.length >= mostPasskeys)
    throw new DomainError('conflict', 'There are as many passkeys as there may be: remove one first')
}
