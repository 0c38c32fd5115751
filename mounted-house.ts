/**
 * The house a second time under a path of the first one's addresses, on a ledger, keys and log of its own: what is tried out
 * there is as real as here, and never mixes with it. The tour and the sandbox are such houses.
 */
import express, { type Router } from 'express'
import type { Config } from '#core/config.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { configUnder, openLedgerAndKeys, openPods } from './house.ts'
import { vendorOperator, type VendorOperator } from './vault-server/operator/vendors.ts'
import type { ThrowAway } from './vault-server/customer/vaults.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'
import { openVault, type Vault } from './vault-server/server.ts'
import { operations } from './vendor-gateway/operations.ts'
import { createVendorGateway, type GatewayTuning } from './vendor-gateway/server.ts'

const { path: metadataPath } = operations.readMetadata

export interface MountedHouse extends AsyncDisposable {
  /** With the addresses under the path. */
  readonly config: Config
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly vault: Vault
  readonly operator: VendorOperator
  /** To be mounted at `/<part>` of the two servers. */
  readonly vaultRouter: Router
  readonly gatewayRouter: Router
  /** By its path at the root of the gateway's origin: RFC 9728 section 3.1 puts that of the resource behind the well-known one. */
  readonly gatewayMetadata: Readonly<Record<string, Router>>
}

/** What a house beside the first one hands to the servers: routers by path, and what must stand at the vault's root. */
export interface Mounts {
  readonly vaultMounts: Readonly<Record<string, Router>>
  readonly originRouter: Router
  readonly gatewayMounts: Readonly<Record<string, Router>>
  /** Ends what open pages are told; to be called before the port is shut. */
  closeStreams(): void
}

export async function openMountedHouse(options: {
  config: Config
  /** The path without a slash, which is also the folder and part of the log's origin. */
  part: string
  podServer: EmbeddedPods
  /** Whether the first house, on the same pods, has an account for this WebID. */
  belongsElsewhere: (webId: string) => Promise<boolean>
  /** Of a house whose vaults are made to be thrown away. */
  throwAway?: (house: Pick<MountedHouse, 'ledger' | 'keys'>) => Promise<ThrowAway>
  tuning?: GatewayTuning
  now: () => number
  log: Logger
}): Promise<MountedHouse> {
  const { part, podServer, belongsElsewhere, tuning = {}, now, log } = options
  await using opened = new AsyncDisposableStack()
  const { ledger, keys } = opened.use(await openLedgerAndKeys({ config: options.config, now, part }))
  const config = configUnder(options.config, part)
  const throwAway = await options.throwAway?.({ ledger, keys })
  const pods = opened.use(await openPods({ config, ledger, keys, podServer, now, log }))
  const vaultParts = { config, ledger, keys, podServer, pods, throwAway, belongsElsewhere, now, log }
  const vault = opened.use(await openVault(vaultParts))
  const gateway = opened.use(await createVendorGateway({ config, ledger, keys, pods, now, log, tuning }))
  const { authorization } = vault
  const operator = vendorOperator({ ledger, authorization, now, outboundAllow: config.outboundAllow })
  const resources = opened.move()
  return {
    config,
    ledger,
    keys,
    vault,
    operator,
    vaultRouter: vault.router,
    gatewayRouter: express.Router().use(gateway.app),
    gatewayMetadata: {
      [`${metadataPath}/${part}`]: express.Router().use((request, response) => {
        request.url = metadataPath
        gateway.app(request, response)
      }),
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
