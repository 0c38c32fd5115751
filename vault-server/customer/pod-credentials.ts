import { Router } from 'express'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { closeAccess } from '#core/pods/access.ts'
import { commitUntilItHolds } from '#core/records/access.ts'
import { changeAccount, readAccount, staying } from '#core/records/accounts.ts'
import { combine } from '#core/records/parts.ts'
import { forgetCredentials, keepPodCredentials, readPodCredentials } from '#core/records/pod-credentials.ts'
import type { Probe } from '#schemas/types.gen.ts'
import { accountOfCustomer, connect, fetchAsCustomer, look } from './pod-connection.ts'
import type { PodConnectionParts } from './pod-connection.ts'

/**
 * Where a pod server cannot ask Reach who its agent is, the customer makes client credentials at that server: for a WebID
 * of its own, which then gets exactly what the agent would get, or for herself. `POST /pod/credentials` keeps them and
 * connects; `/pod/credentials/remove` forgets them.
 */
export function podCredentialRoutes(parts: PodConnectionParts): Router {
  const { ledger, pods, now } = parts
  const parse = parser('api/pod-credentials.json')
  const parseNothing = parser('api/nothing.json')
  const router = Router()

  router.post('/pod/credentials', jsonBody(), async (request, response) => {
    const { clientId, clientSecret } = parse(request.body)
    const { accountId, issuer } = await accountOfCustomer(ledger, request)
    // Her own session is needed for what comes after: better to find that out first.
    const fetch = await fetchAsCustomer(parts, request)
    const { webId } = await pods.credentialLogin({ issuer, clientId, clientSecret })
    const credentials = { v: 1, issuer, clientId, clientSecret, createdAt: now() } as const
    await commitUntilItHolds(ledger, async () => {
      const account = await readAccount(ledger, accountId)
      if (account === undefined) return undefined
      const found = await readPodCredentials(ledger, accountId)
      return combine(
        changeAccount(account, { actingAs: webId }),
        keepPodCredentials(found, accountId, credentials),
        await staying(ledger, accountId),
      )
    })
    const account = await accountOfCustomer(ledger, request)
    // One way in is enough.
    await closeAccess(fetch, { container: account.container, owner: account.webId, agent: pods.agent.webId })
    response.json((await connect(parts, account, async () => fetch)) satisfies Probe)
  })

  router.post('/pod/credentials/remove', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const { accountId, container, webId: owner, actingAs } = await accountOfCustomer(ledger, request)
    // Not for a session that a passkey opened: found out before anything is done.
    const fetch = await fetchAsCustomer(parts, request)
    await forgetCredentials(ledger, accountId)
    pods.forget(accountId)
    if (actingAs !== undefined && actingAs !== owner)
      await closeAccess(fetch, { container, owner, agent: actingAs })
    const account = await accountOfCustomer(ledger, request)
    response.json((await look(parts, account, async () => fetch)) satisfies Probe)
  })
  return router
}
