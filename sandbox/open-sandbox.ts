/** Opens the sandbox: the house a second time under `/sandbox`, in which businesses try themselves out on sample customers. */
import express from 'express'
import type { Config } from '#core/config.ts'
import { every } from '#core/jobs/every.ts'
import type { Logger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { type MountedHouse, type Mounts, openMountedHouse } from '../mounted-house.ts'
import type { EmbeddedPods } from '../vault-server/pods/embedded.ts'
import { dailyBudget, takesRoom, whileThereIsRoom } from './budget.ts'
import { SANDBOX, sandboxBusinesses, type SandboxBusinesses } from './businesses.ts'
import { sampleCustomers, type SampleCustomers } from './customers.ts'
import { sandboxRoutes } from './routes.ts'
import { sandboxVaults, type SandboxVaults } from './vaults.ts'

/** How soon what has ended is swept. */
const sweepEveryMs = 600_000
/** Two full batches: processor and disk are those of the real house, and every read is kept for ever. */
const subjectsPerMinute = 2_000

export interface Sandbox extends Mounts, AsyncDisposable {
  readonly house: MountedHouse
  readonly businesses: SandboxBusinesses
  readonly customers: SampleCustomers
  readonly vaults: SandboxVaults
}

export async function openSandbox(options: {
  config: Config
  podServer: EmbeddedPods
  belongsElsewhere: (webId: string) => Promise<boolean>
  now: () => number
  log: Logger
}): Promise<Sandbox> {
  const { podServer, now, log } = options
  await using opened = new AsyncDisposableStack()
  const { removePod } = podServer
  const tuning = { subjectsPerMinute, subjectsPerDay: dailyBudget.subjects }
  const vaultsOf = async ({ ledger, keys }: Pick<MountedHouse, 'ledger' | 'keys'>) =>
    sandboxVaults({ ledger, names: createNames(await keys.secret('names')), removePod, now })
  const house = opened.use(await openMountedHouse({ ...options, part: SANDBOX, throwAway: vaultsOf, tuning }))
  const { ledger, keys, operator, config } = house
  const { vaultUrl, gatewayUrl } = config
  const names = createNames(await keys.secret('names'))
  const vaults = await vaultsOf(house)
  const businesses = sandboxBusinesses({ ledger, names, operator, now })
  const customers = sampleCustomers({ ledger, vaultUrl, removePod, now })
  opened.use(
    every(sweepEveryMs, async () => {
      try {
        await customers.sweep()
        await vaults.sweep()
        await businesses.sweep()
      } catch (error) {
        log.error('jobs-failed', {}, error)
      }
    }),
  )
  const publicLog = ledger.log
  const room = whileThereIsRoom({ log, publicLog, takes: takesRoom.gateway })
  const vaultRoom = whileThereIsRoom({ log, publicLog, takes: takesRoom.vault })
  const control = sandboxRoutes({ businesses, customers, gatewayUrl, log })
  const resources = opened.move()
  return {
    house,
    businesses,
    customers,
    vaults,
    vaultMounts: { [`/${SANDBOX}`]: express.Router().use(vaultRoom, house.vaultRouter) },
    originRouter: house.vault.originRouter,
    closeStreams: () => house.vault.closeStreams(),
    gatewayMounts: {
      [`/${SANDBOX}`]: express.Router().use(room, control, house.gatewayRouter),
      ...house.gatewayMetadata,
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
