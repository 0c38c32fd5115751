/**
 * Everything in one process: a ledger, its keys, the pods as Reach's agent reads them, vault, gateway,
 * operator port, and in development the tour, which is the same house a second time under `/tour`. Reads as a
 * table of contents.
 */
import express from 'express'
import type { Slots } from '#core/jobs/slots.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { PodCache } from '#core/pods/cache.ts'
import { findAccount } from '#core/records/accounts.ts'
import { createNames } from '#core/records/names.ts'
import { startPods } from './embedded-pods.ts'
import { openCounts, openLedgerAndKeys, openPods } from './house.ts'
import type { Mounts } from './mounted-house.ts'
import { openOperatorPort } from './operator-port.ts'
import { openSandbox, type Sandbox } from './sandbox/open-sandbox.ts'
import type { ServeParts } from './serve.ts'
import { openTour } from './tour/open-tour.ts'
import { readWitnessPolicy } from './vault-server/audit/witnesses.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'
import { startVaultServer, type VaultServer } from './vault-server/server.ts'
import { startVendorGateway } from './vendor-gateway/server.ts'

export interface Reach extends AsyncDisposable {
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly podServer: EmbeddedPods | undefined
  readonly pods: PodCache
  readonly vault: VaultServer
  /** Of what businesses are told. */
  readonly delivery: Slots
  /** The house in which businesses try themselves out, if there is one. */
  readonly sandbox: Sandbox | undefined
  /** Where the operator's port listens. */
  readonly adminUrl: string
}

/**
 * Starts it all; resolves when vault, gateway and operator port answer, which is before the pods do. `pods` run already, beside
 * others than this Reach, and go on after it.
 */
export async function startReach({
  config,
  now,
  log,
  metrics,
  pods: running,
}: ServeParts & { readonly pods?: EmbeddedPods | undefined }): Promise<Reach> {
  await using opened = new AsyncDisposableStack()
  const house = opened.use(await openLedgerAndKeys({ config, now, part: '' }))
  const { ledger, keys } = house
  const podServer = running ?? opened.use(await startPods({ config, keys, log }))
  const pods = opened.use(await openPods({ config, ledger, keys, podServer, now, log }))
  const names = createNames(await keys.secret('names'))
  const belongsElsewhere = async (webId: string) => (await findAccount(ledger, names, webId)) !== undefined
  const besides = podServer && { config, podServer, belongsElsewhere, now, log }
  const tour = config.tour && besides ? opened.use(await openTour(besides)) : undefined
  const sandbox = config.sandbox && besides ? opened.use(await openSandbox(besides)) : undefined
  const houses = [tour, sandbox].filter((house) => house !== undefined)

  const counts = opened.use(await openCounts(config))
  const vault = opened.use(
    await startVaultServer({
      config,
      ledger,
      keys,
      podServer,
      pods,
      now,
      log,
      limiterStore: counts.open,
      mounts: vaultMounts(houses),
      closeMounted: () => houses.forEach((house) => house.closeStreams()),
      witnessPolicy:
        config.witnessFile === undefined
          ? undefined
          : await readWitnessPolicy(config.witnessFile, ledger.log),
    }),
  )
  const gateway = opened.use(
    await startVendorGateway({
      config,
      ledger,
      keys,
      pods,
      now,
      log,
      mounts: gatewayMounts(houses),
      tuning: { limiterStore: counts.open },
    }),
  )
  await tour?.openShop()
  const admin = opened.use(
    await openOperatorPort(
      { config, now, log, metrics },
      { ledger, keys, vault, pods, podServer, sandbox: sandbox?.businesses },
    ),
  )
  const resources = opened.move()
  return {
    ledger,
    keys,
    podServer,
    pods,
    vault,
    delivery: gateway.delivery,
    sandbox,
    adminUrl: admin.url,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

type MountsByPath = Readonly<Record<string, express.Router>>

function vaultMounts(houses: readonly Mounts[]): MountsByPath {
  if (houses.length === 0) return {}
  const origin = express.Router()
  for (const { originRouter } of houses) origin.use(originRouter)
  return { ...mergeAll(houses.map((house) => house.vaultMounts)), '/': origin }
}

function gatewayMounts(houses: readonly Mounts[]): MountsByPath {
  return mergeAll(houses.map((house) => house.gatewayMounts))
}

function mergeAll(mounts: readonly MountsByPath[]): MountsByPath {
  return Object.assign({}, ...mounts) as MountsByPath
}
