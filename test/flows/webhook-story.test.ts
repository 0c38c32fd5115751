/** From a customer's decision at the vault to the business's server, and its signature back, with a real client's keys. */
import { SignJWT } from 'jose'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { createLogger } from '#core/logger.ts'
import { readGrant } from '#core/records/grants.ts'
import {
  changeEndpoint,
  createEndpoint,
  proveEndpoint,
  readEndpoint,
} from '#core/records/webhook-endpoints.ts'
import { actOnGrant } from '../../vault-server/customer/grants.ts'
import { Acknowledgements } from '../../vendor-gateway/webhooks/acknowledgement.ts'
import { openWebhooks } from '../../vendor-gateway/webhooks/webhooks.ts'
import { ask, redeem } from '../business.ts'
import { allowing, decideAt, startOAuthVault } from '../oauth-vault.ts'
import { openReceiver } from '../webhook-receiver.ts'

test('decisions, the end and what is asked for then reach the business; its registered key answers', async () => {
  await using vault = await startOAuthVault()
  await using receiver = await openReceiver()
  const shop = await vault.business()
  const alma = await vault.customer()
  const { ledger, names, gatewayUrl } = vault
  const now = Date.now
  await using webhooks = openWebhooks({
    config: { gatewayUrl, outboundAllow: [receiver.origin] },
    ledger,
    names,
    now,
    log: createLogger({ level: 'silent' }),
  })
  const of = { vendorId: shop.vendorId, name: 'main', url: `${receiver.origin}/hooks` }
  const { endpoint, parts } = createEndpoint(of, now())
  await ledger.commit(parts)
  const made = await readEndpoint(ledger, shop.vendorId, 'main')
  if (made === undefined || made === 'unreadable') throw new Error('no endpoint')
  await ledger.commit(changeEndpoint(made, proveEndpoint(endpoint, now())))
  const told = async () => {
    await webhooks.delivery.settle()
    return receiver.received.map(({ body, headers }) => {
      const read = new Webhook(endpoint.secret).verify(body, headers as Record<string, string>)
      return read as { type: string; data: Record<string, unknown> }
    })
  }

  for (const decision of ['later', 'deny'] as const)
    await decideAt(vault, await vault.customer(), (await ask(shop)).url, (view) => ({
      accountId: view.accountId,
      requestHash: view.requestHash,
      decision,
    }))
  const pending = await ask(shop)
  const { callback, view } = await decideAt(vault, alma, pending.url, (shown) => allowing(shown))
  const decided = await told()
  expect(decided.map(({ type, data }) => [type, data['status']]).toSorted()).toEqual([
    ['request.decided', 'allowed'],
    ['request.decided', 'later'],
    ['request.decided', 'refused'],
  ])
  for (const { data } of decided) expect(Object.keys(data).toSorted()).toEqual(['request_id', 'status'])

  const { grantId, subject } = await redeem(shop, callback, pending)
  await actOnGrant(
    { accountId: alma.accountId, grantId, act: 'withdraw', askDeletion: true },
    { ledger, names, now },
  )
  const story = (await told()).filter(({ data }) => data['request_id'] === view.requestId)
  expect(story.map(({ type }) => type)).toEqual(['request.decided', 'grant.withdrawn', 'deletion.requested'])
  expect(story[2]?.data).toMatchObject({ grant_id: grantId, subject, acknowledge: 'deletion' })

  const jws = await new SignJWT({ grant_id: grantId, kind: 'deletion' })
    .setProtectedHeader({ alg: shop.algorithm, kid: shop.kid, typ: 'reach-acknowledgement+jwt' })
    .setIssuer(shop.clientId)
    .setAudience(gatewayUrl)
    .setIssuedAt()
    .sign(shop.keys.privateKey)
  const acknowledgements = new Acknowledgements({ ledger, names, gatewayUrl, now })
  expect(await acknowledgements.take(shop, grantId, { jws })).toMatchObject({ kind: 'deletion', late: false })
  expect((await readGrant(ledger, grantId))?.value.acknowledgement?.jws).toBe(jws)
})
