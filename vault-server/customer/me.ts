import { Router } from 'express'
import type { Config } from '#core/config.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import type { Me } from '#schemas/types.gen.ts'
import type { EmbeddedPods } from '../pods/embedded.ts'
import { customerIfAny } from './session.ts'
import type { Customer } from './session.ts'

export type ShowMe = (customer: Customer | undefined) => Promise<Me>

/** What the app shows first: how this Reach is set up, whether its pods are there yet, and who is signed in. */
export function meOf(options: {
  reader: LedgerReader
  config: Pick<Config, 'mode' | 'tour'>
  podServer: EmbeddedPods | undefined
  agentWebId: string
}): ShowMe {
  const { reader, config, podServer, agentWebId } = options
  return async (customer) => {
    const account = customer && (await readAccount(reader, customer.accountId))?.value
    const standing = customer && (await readCustomerStanding(reader, customer.accountId))?.value
    const setup = {
      mode: config.mode,
      tour: config.tour,
      embeddedPods: podServer !== undefined,
      podsReady: podServer === undefined || podServer.state === 'ready',
      agent: agentWebId,
    }
    if (account === undefined) return { signedIn: false, ...setup }
    const { accountId, webId, issuer, container } = account
    return {
      signedIn: true,
      ...setup,
      accountId,
      webId,
      issuer,
      container,
      podAccess: standing?.podAccess ?? 'none',
    }
  }
}

/** `GET /me`, for everybody. */
export function meRoutes({ showMe }: { showMe: ShowMe }): Router {
  const router = Router()
  router.get('/me', async (request, response) => {
    response.json(await showMe(customerIfAny(request)))
  })
  return router
}
