/**
 * Everything in one process: a ledger, its keys, the pods as Reach's agent reads them, vault, gateway,
 * operator port, and in development the tour, which is the same house a second time under `/tour`. Reads as a
 * table of contents.
 */
import { join } from 'node:path'
import express from 'express'
import type { Config } from '#core/config.ts'
import type { Slots } from '#core/jobs/slots.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import type { Metrics } from '#core/metrics.ts'
import type { PodCache } from '#core/pods/cache.ts'
import { createNames } from '#core/records/names.ts'
import { openLedgerAndKeys, openPods } from './house.ts'
import type { Mounts } from './mounted-house.ts'
import { openSandbox, type Sandbox } from './sandbox/open-sandbox.ts'
import { openTour } from './tour/open-tour.ts'
import { readWitnessPolicy } from './vault-server/audit/witnesses.ts'
import { startAdmin } from './vault-server/admin.ts'
import { auditorOperator } from './vault-server/operator/auditors.ts'
import { customerOperator } from './vault-server/operator/customers.ts'
import { vendorOperator } from './vault-server/operator/vendors.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'
import { startPodShards } from './vault-server/pods/shards.ts'
import { startVaultServer, type VaultServer } from './vault-server/server.ts'
import { startVendorGateway } from './vendor-gateway/server.ts'

export interface ReachParts {
  readonly config: Config
  /** Unix ms. */
  readonly now: () => number
  readonly log: Logger
  readonly metrics: Metrics
}

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

/** Starts it all; resolves when vault, gateway and operator port answer, which is before the pods do. */
export async function startReach({ config, now, log, metrics }: ReachParts): Promise<Reach> {
  await using opened = new AsyncDisposableStack()
  const house = opened.use(await openLedgerAndKeys({ config, now, part: '' }))
  const { ledger, keys } = house
  const podServer = opened.use(await startPods({ config, log }))
  const pods = opened.use(await openPods({ config, ledger, keys, podServer, now, log }))
  const tour =
    config.tour && podServer ? opened.use(await openTour({ config, podServer, now, log })) : undefined
  const sandbox =
    config.sandbox && podServer ? opened.use(await openSandbox({ config, podServer, now, log })) : undefined
  const houses = [tour, sandbox].filter((house) => house !== undefined)

  const vault = opened.use(
    await startVaultServer({
      config,
      ledger,
      keys,
      podServer,
      pods,
      now,
      log,
      mounts: vaultMounts(houses),
      witnessPolicy:
        config.witnessFile === undefined
          ? undefined
          : await readWitnessPolicy(config.witnessFile, ledger.log.vkey),
    }),
  )
  const gateway = opened.use(
    await startVendorGateway({ config, ledger, keys, pods, now, log, mounts: gatewayMounts(houses) }),
  )
  await tour?.openShop()
  const admin = opened.use(
    await startAdmin({
      config,
      state: {
        stopped: () => ledger.stopped,
        ready: () => podServer === undefined || podServer.state === 'ready',
      },
      vendors: vendorOperator({
        ledger,
        authorization: vault.authorization,
        now,
        outboundAllow: config.outboundAllow,
      }),
      auditors: auditorOperator({
        ledger,
        names: createNames(await keys.secret('names')),
        vaultUrl: config.vaultUrl,
        now,
      }),
      customers: customerOperator({
        ledger,
        names: createNames(await keys.secret('names')),
        now,
        changed(accountId) {
          pods.forget(accountId)
          vault.jobs.wake()
        },
      }),
      sandbox: sandbox?.businesses,
      metrics,
      log,
    }),
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

async function startPods({ config, log }: Pick<ReachParts, 'config' | 'log'>) {
  if (!config.embeddedPods) return undefined
  return startPodShards({
    url: config.podsUrl,
    more: config.podShards,
    folder: join(config.dataFolder, 'pods'),
    vaultUrl: config.vaultUrl,
    host: config.listen.host,
    port: config.listen.podsPort,
    outboundAllow: config.outboundAllow,
    log,
  })
}
