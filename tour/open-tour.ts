/** Opens the tour: the house a second time under `/tour`, with a sample shop. */
import express from 'express'
import type { Config } from '#core/config.ts'
import type { Json } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { openShop, registerShop, type ShopRegistration } from '../examples/shop.ts'
import { type MountedHouse, type Mounts, openMountedHouse } from '../mounted-house.ts'
import type { EmbeddedPods } from '../vault-server/pods/embedded.ts'
import { sameOriginOnly } from '../vault-server/customer/csrf.ts'
import { type SampleShop, sampleShop } from './sample-shop.ts'
import { tourRoutes } from './tour.ts'

const PART = 'tour'

export interface Tour extends Mounts, AsyncDisposable {
  /** Registers the sample shop at the first start. To be called when vault and gateway answer. */
  openShop(): Promise<void>
}

export async function openTour(options: {
  config: Config
  podServer: EmbeddedPods
  belongsElsewhere: (webId: string) => Promise<boolean>
  now: () => number
  log: Logger
}): Promise<Tour> {
  const { config, now } = options
  const house = await openMountedHouse({ ...options, part: PART })
  // The shop is a client of servers that do not answer yet, so its routes are filled in later.
  const shopRoutes = express.Router()
  const startRoutes = express.Router()
  return {
    vaultMounts: { '/api/tour': startRoutes, [`/${PART}`]: house.vaultRouter },
    originRouter: house.vault.originRouter,
    closeStreams: () => house.vault.closeStreams(),
    gatewayMounts: {
      [`/${PART}/shop`]: shopRoutes,
      [`/${PART}`]: house.gatewayRouter,
      ...house.gatewayMetadata,
    },
    async openShop() {
      const shop = await openSampleShop(house, now)
      shopRoutes.use(shop.routes)
      startRoutes.use(
        sameOriginOnly({ origin: new URL(config.vaultUrl).origin }),
        tourRoutes({ vaultUrl: house.config.vaultUrl, shop }),
      )
    },
    [Symbol.asyncDispose]: () => house[Symbol.asyncDispose](),
  }
}

async function openSampleShop(
  { config, keys, operator }: MountedHouse,
  now: () => number,
): Promise<SampleShop> {
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
