import { Router } from 'express'
import type { Request, Response } from 'express'
import { LRUCache } from 'lru-cache'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { findAccount } from '#core/records/accounts.ts'
import { newHandle } from '#core/records/ids.ts'
import type { CreateVault, NewVault } from '#schemas/types.gen.ts'
import type { EmbeddedPods } from '../pods/embedded.ts'
import { createProvisioning, webIdAt } from '../pods/provisioning.ts'
import { signInAtEmbeddedPods } from '../pods/scripted-sign-in.ts'
import type { HostCookie } from './cookies.ts'
import { limitPerAddress } from './limits.ts'
import type { ShowMe } from './me.ts'
import { openSession } from './sign-in.ts'
import type { SignInParts } from './sign-in.ts'

/** Where vaults are made to be thrown away. */
export interface ThrowAway {
  /** Refuses when there are too many. */
  admit(): Promise<void>
  /** A pod was made, which is to be ended some day. */
  made(pod: { readonly podUrl: string; readonly webId: string }): Promise<void>
  /** Whether a pod of hers was made here. */
  admits(webId: string): Promise<boolean>
}

/** How long somebody may take to come back for a vault that was made for her: her code at the pod server lives no longer. */
const keptSeconds = 600
const mostKept = 1_000

type WayIn = Parameters<typeof openSession>[2]

/** A vault that is being made. */
interface Making {
  view(): NewVault
  /** Rejects with why it failed. */
  readonly wayIn: Promise<WayIn>
}

/**
 * A pod at the embedded pod server with its account here, and a session. The person has just typed the password, so the
 * sign-in at her new pod is walked through for her; the password is not kept. `POST /vaults` answers when all is done.
 * For pages: `POST /vaults/begin` answers at once, `GET /vaults/progress` says how far it is, also to a page that was
 * loaded again, and `POST /vaults/enter` opens the session.
 */
export function vaultRoutes(
  parts: SignInParts,
  {
    podServer,
    showMe,
    cookie,
    throwAway,
    belongsElsewhere,
  }: {
    podServer: EmbeddedPods
    showMe: ShowMe
    cookie: HostCookie
    throwAway?: ThrowAway | undefined
    /** Whether another house on the same pods has an account for this WebID. */
    belongsElsewhere?: ((webId: string) => Promise<boolean>) | undefined
  },
): Router {
  const { podLogins } = parts
  const parseCreateVault = parser('api/create-vault.json')
  const parseNothing = parser('api/nothing.json')
  const limited = limitPerAddress({ points: 30, seconds: 60 })
  const limitedLooks = limitPerAddress({ points: 600, seconds: 60 })
  /** By the handle in the cookie, which opens a session: only in memory, as the password is until the pod is made. */
  const kept = new LRUCache<string, Making>({ max: mostKept, ttl: keptSeconds * 1000 })
  const router = Router()

  /**
   * Whoever has a pod is whom its WebID has an account for. So none is made in the place of one that was lost, not for a moment:
   * its owner could come in by the pods' own page, whatever becomes of her asking here.
   */
  async function refuseKnown(webId: string): Promise<void> {
    const isKnown = (await findAccount(parts.ledger, parts.names, webId)) !== undefined
    if (!isKnown && (await belongsElsewhere?.(webId)) !== true) return
    const violations = [{ pointer: '/podName', detail: 'This name is taken' }]
    throw new DomainError('account-exists', 'This name is taken', { violations })
  }

  /** Refuses at once what can be refused at once; anything later is in `wayIn`. */
  async function make({ podName, email, password }: CreateVault): Promise<Making> {
    const { state, door, baseUrl: issuer } = podServer.shardFor(email)
    if (state !== 'ready')
      throw new DomainError('pod-unreachable', 'The pods are starting', { retryAfter: 3 })
    await refuseKnown(webIdAt(door, podName))
    await throwAway?.admit()
    let before: (() => number) | undefined
    let step: 'pod' | 'sign-in' | 'ready' = 'pod'
    let failure: unknown
    const making = createProvisioning(door).createPod(
      { podName, email, password },
      (place) => (before = place),
    )
    if (before === undefined) await making
    const finish = async (): Promise<WayIn> => {
      const pod = await making
      step = 'sign-in'
      await throwAway?.made(pod)
      const podLogin = newHandle()
      const page = await podLogins.begin(podLogin, issuer)
      const back = await signInAtEmbeddedPods(door, page, pod)
      step = 'ready'
      return { podLogin, issuer, query: new URL(back).search }
    }
    const wayIn = finish()
    wayIn.catch((error: unknown) => (failure = error))
    return {
      wayIn,
      view() {
        if (failure !== undefined)
          return { state: 'failed', code: failure instanceof DomainError ? failure.code : 'unknown' }
        const waiting = step === 'pod' ? (before?.() ?? 0) : 0
        return waiting > 0 ? { state: 'waiting', before: waiting } : { state: step }
      },
    }
  }

  async function enter(request: Request, response: Response, { wayIn }: Making): Promise<void> {
    const way = await wayIn
    const { accountId } = await openSession(request, response, way, parts)
    response.status(201).json(await showMe({ accountId, podLogin: way.podLogin }))
  }

  router.post('/vaults', limited, jsonBody(), async (request, response) => {
    await enter(request, response, await make(parseCreateVault(request.body)))
  })

  router.post('/vaults/begin', limited, jsonBody(), async (request, response) => {
    const making = await make(parseCreateVault(request.body))
    const handle = newHandle()
    kept.set(handle, making)
    cookie.set(response, handle, keptSeconds)
    response.status(202).json(making.view() satisfies NewVault)
  })

  router.get('/vaults/progress', limitedLooks, (request, response) => {
    const handle = cookie.read(request)
    const view: NewVault =
      handle === undefined ? { state: 'none' } : (kept.get(handle)?.view() ?? { state: 'lost' })
    response.json(view)
  })

  router.post('/vaults/enter', limited, jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const handle = cookie.read(request)
    const making = handle === undefined ? undefined : kept.get(handle)
    if (handle === undefined || making?.view().state !== 'ready')
      throw new DomainError('conflict', 'There is no vault that could be entered')
    // Once, whatever becomes of it.
    kept.delete(handle)
    cookie.clear(response)
    await enter(request, response, making)
  })
  return router
}
