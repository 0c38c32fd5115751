/**
 * Opens the tour: the house's rooms a second time, on a ledger of its own, mounted under `/tour` of vault and
 * gateway.
 */
import express, { type Router } from 'express'
import type { Config } from '#core/config.ts'
import type { Json } from '#core/ledger/ledger.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Logger } from '#core/logger.ts'
import { openShop, registerShop, type ShopRegistration } from '../examples/shop.ts'
import { openLedgerAndKeys, openPods } from '../house.ts'
import { vendorOperator, type VendorOperator } from '../vault-server/operator/vendors.ts'
import type { EmbeddedPods } from '../vault-server/pods/embedded.ts'
import { sameOriginOnly } from '../vault-server/customer/csrf.ts'
import { openVault } from '../vault-server/server.ts'
import { createVendorGateway } from '../vendor-gateway/server.ts'
import { type SampleShop, sampleShop } from './sample-shop.ts'
import { tourRoutes } from './tour.ts'

const PART = 'tour'

export interface Tour extends AsyncDisposable {
  readonly vaultMounts: Readonly<Record<string, Router>>
  readonly gatewayMounts: Readonly<Record<string, Router>>
  /** Registers the sample shop at the first start. To be called when vault and gateway answer. */
  openShop(): Promise<void>
}

export async function openTour({
  config,
  podServer,
  now,
  log,
}: {
  config: Config
  podServer: EmbeddedPods
  now: () => number
  log: Logger
}): Promise<Tour> {
  await using opened = new AsyncDisposableStack()
  const { ledger, keys } = opened.use(await openLedgerAndKeys({ config, now, part: PART }))
  const tourConfig = {
    ...config,
    vaultUrl: `${config.vaultUrl}/${PART}`,
    gatewayUrl: `${config.gatewayUrl}/${PART}`,
    tour: false,
  }
  const pods = opened.use(await openPods({ config: tourConfig, ledger, keys, podServer, now }))
  const vault = opened.use(await openVault({ config: tourConfig, ledger, keys, podServer, pods, now, log }))
  const gateway = opened.use(await createVendorGateway({ config: tourConfig, ledger, keys, pods, now, log }))
  const operator = vendorOperator({ ledger, authorization: vault.authorization, now })

  // The shop is a client of servers that do not answer yet, so its routes are filled in later.
  const shopRoutes = express.Router()
  const startRoutes = express.Router()
  const vaultTour = express.Router().use(vault.originRouter)
  const resources = opened.move()
  return {
    vaultMounts: { '/api/tour': startRoutes, [`/${PART}`]: vault.router, '/': vaultTour },
    gatewayMounts: { [`/${PART}/shop`]: shopRoutes, [`/${PART}`]: express.Router().use(gateway.app) },
    async openShop() {
      const shop = await openSampleShop({ config: tourConfig, keys, operator, now })
      shopRoutes.use(shop.routes)
      startRoutes.use(
        sameOriginOnly({ origin: new URL(config.vaultUrl).origin }),
        tourRoutes({ vaultUrl: tourConfig.vaultUrl, shop }),
      )
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

async function openSampleShop({
  config,
  keys,
  operator,
  now,
}: {
  config: Pick<Config, 'vaultUrl' | 'gatewayUrl'>
  keys: KeyStore
  operator: VendorOperator
  now: () => number
}): Promise<SampleShop> {
  const base = `${new URL(config.gatewayUrl).pathname}/shop/`
  const redirectUri = new URL(`${base}callback`, config.gatewayUrl).href
  const registration = (await keys.document('sample-shop', async () => {
    const admission = await operator.add({
      name: 'Corner Shop (sample)',
      contact: 'privacy@corner-shop.example',
      website: 'https://corner-shop.example/',
    })
    const registered = await registerShop({ issuer: `${config.vaultUrl}/oauth`, redirectUri, ...admission })
    return registered as unknown as Json
  })) as unknown as ShopRegistration
  return sampleShop({
    shop: await openShop(registration),
    base,
    vaultUrl: config.vaultUrl,
    gatewayUrl: config.gatewayUrl,
    now,
  })
}
