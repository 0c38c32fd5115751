import { Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { newHandle } from '#core/records/ids.ts'
import type { EmbeddedPods } from '../pods/embedded.ts'
import { createProvisioning } from '../pods/provisioning.ts'
import { signInAtEmbeddedPods } from '../pods/scripted-sign-in.ts'
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

/**
 * `POST /vaults`: a pod at the embedded pod server with its account here, and a session. The person has just
 * typed the password, so the sign-in at her new pod is walked through for her; the password is not kept.
 */
export function vaultRoutes(
  parts: SignInParts,
  {
    podServer,
    showMe,
    throwAway,
  }: { podServer: EmbeddedPods; showMe: ShowMe; throwAway?: ThrowAway | undefined },
): Router {
  const { podLogins } = parts
  const parseCreateVault = parser('api/create-vault.json')
  const router = Router()

  router.post(
    '/vaults',
    limitPerAddress({ points: 30, seconds: 60 }),
    jsonBody(),
    async (request, response) => {
      const { podName, email, password } = parseCreateVault(request.body)
      const { state, door, baseUrl: issuer } = podServer.shardFor(email)
      if (state !== 'ready') {
        throw new DomainError('pod-unreachable', 'The pods are starting', { retryAfter: 3 })
      }
      await throwAway?.admit()
      const pod = await createProvisioning(door).createPod({ podName, email, password })
      await throwAway?.made(pod)
      const { webId } = pod
      const podLogin = newHandle()
      const page = await podLogins.begin(podLogin, issuer)
      const back = await signInAtEmbeddedPods(door, page, { email, password, webId })
      const { search: query } = new URL(back)
      const { accountId } = await openSession(request, response, { podLogin, issuer, query }, parts)
      response.status(201).json(await showMe({ accountId, podLogin }))
    },
  )
  return router
}
