import { Router } from 'express'
import type { Request } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { changeAccount, readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { Account, Storages } from '#schemas/types.gen.ts'
import { readWebIdProfile } from './issuer.ts'
import { accountOfCustomer, fetchAsCustomer } from './pod-connection.ts'
import type { PodConnectionParts } from './pod-connection.ts'
import { assertContainer, findStorages } from './pod-location.ts'

/**
 * Where in her pods the customer's data shall lie, before anything was connected: `POST /pod/storages` says what there
 * is, `POST /pod/container` chooses. Later it takes a move.
 */
export function podPlaceRoutes(parts: PodConnectionParts): Router {
  const { ledger, pods } = parts
  const parseNothing = parser('api/nothing.json')
  const parseChoice = parser('api/choose-container.json')
  const router = Router()

  async function view(request: Request, account: Account): Promise<Storages> {
    const found = await storagesOf(account, parts, request)
    return {
      container: account.container,
      storages: found.map((url) => ({ url, suggested: `${url}vrm/` })),
    }
  }

  router.post('/pod/storages', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    response.json(await view(request, await accountOfCustomer(ledger, request)))
  })

  router.post('/pod/container', jsonBody(), async (request, response) => {
    const { container } = parseChoice(request.body)
    const { accountId } = await accountOfCustomer(ledger, request)
    const account = await readAccount(ledger, accountId)
    const standing = await readCustomerStanding(ledger, accountId)
    if (account === undefined || standing === undefined) throw new Error('a session without an account')
    const { value } = account
    const { href } = new URL(container)
    const podUrl = assertContainer(href, await storagesOf(value, parts, request), value.webId)
    if (href !== value.container) {
      if (standing.value.podAccess !== 'none')
        throw new DomainError('conflict', 'Your data lie in a folder already. Move them instead.')
      // What was none when it was read must be none when it is written.
      await ledger.commit(
        combine({ checks: [unchanged(standing)] }, changeAccount(account, { podUrl, container: href })),
      )
      pods.forget(accountId)
    }
    response.json(await view(request, await accountOfCustomer(ledger, request)))
  })
  return router
}

async function storagesOf(
  { webId }: Account,
  parts: PodConnectionParts,
  request: Request,
): Promise<readonly string[]> {
  const { storages } = await readWebIdProfile(webId, { fetch: parts.pods.anyone })
  return await findStorages(webId, storages, { fetch: await fetchAsCustomer(parts, request) })
}
