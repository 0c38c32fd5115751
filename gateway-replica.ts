/** One gateway of several on one database: the businesses' side. */
import { openCounts, openLedgerAndKeys, openPods } from './house.ts'
import type { ServeParts } from './serve.ts'
import { startAdmin } from './vault-server/admin.ts'
import { watchClock } from './vault-server/operator/clock.ts'
import { startVendorGateway } from './vendor-gateway/server.ts'

export interface GatewayReplica extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string
}

/** Resolves when the gateway and its operator port answer, which is the one after `REACH_ADMIN_PORT`. */
export async function startGatewayReplica(parts: ServeParts): Promise<GatewayReplica> {
  const { config, now, log, metrics } = parts
  await using opened = new AsyncDisposableStack()
  const house = opened.use(await openLedgerAndKeys({ config, now, part: '', replica: 'replica-gateway' }))
  const { ledger, keys } = house
  const pods = opened.use(
    await openPods({ config, ledger, keys, podServer: undefined, isAlone: false, now, log }),
  )
  opened.use(await watchClock({ ledger, now, log }))
  const counts = opened.use(await openCounts(config))
  const gateway = opened.use(
    await startVendorGateway({ config, ledger, keys, pods, now, log, tuning: { limiterStore: counts.open } }),
  )
  opened.use(
    await startAdmin({
      config: { ...config, adminPort: config.adminPort + 1 },
      state: { stopped: () => ledger.stopped, ready: () => true },
      metrics,
      log,
    }),
  )
  const resources = opened.move()
  return { url: gateway.url, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}
