/**
 * The whole of Reach as `npm start` runs it, on free ports in a temporary folder, with a clock that can be
 * moved and every log line kept for looking at.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, readConfig } from '../core/config.ts'
import { createLogger } from '../core/logger.ts'
import { createMetrics } from '../core/metrics.ts'
import { type Reach, startReach } from '../reach.ts'
import { freePorts } from './free-ports.ts'
import { sharedPods } from './pod-server.ts'
import { vendorOperator, type VendorOperator } from '../vault-server/operator/vendors.ts'

export interface World extends AsyncDisposable {
  readonly config: Config
  readonly reach: Reach
  readonly operator: VendorOperator
  /** Every line logged so far, at the finest level. */
  readonly lines: readonly string[]
  metrics(): Promise<string>
  /** Moves the clock of vault, gateway and ledger, in ms. */
  readonly clock: { ahead: number }
  /** Waits until the jobs of all commits so far are done. */
  settle(): Promise<void>
  /**
   * Stops everything but shared pods and starts it again on the same folders; `between` runs while it is stopped and may give
   * another store.
   */
  restart(between?: () => Promise<Pick<Config, 'storeUrl'>>): Promise<void>
}

export interface WorldOptions {
  readonly tour?: boolean
  readonly sandbox?: boolean
  /**
   * Pods in its own folders, which start and stop with it; else those of this worker. A tour and a sandbox have such, since
   * their people are called the same everywhere.
   */
  readonly ownPods?: boolean
  /** Origins of this machine that guarded requests may reach, such as a business's own endpoint. */
  readonly outboundAllow?: readonly string[]
  /** Address of a PostgreSQL database instead of the embedded one. */
  readonly store?: string
}

/** Resolves when the pods answer, too. */
export async function createWorld({
  tour = false,
  sandbox = false,
  ownPods = tour || sandbox,
  outboundAllow = [],
  store = 'level',
}: WorldOptions = {}): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-world-'))
  opened.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const shared = ownPods ? undefined : await sharedPods()
  const [pods, ownVault, gateway, admin] = await freePorts(4)
  const vault = (await shared?.vaultPort()) ?? ownVault
  let config = readConfig(
    {
      REACH_PODS_URL:
        shared === undefined ? `http://localhost:${pods}` : new URL(shared.server.baseUrl).origin,
      REACH_VAULT_URL: `http://localhost:${vault}`,
      REACH_GATEWAY_URL: `http://localhost:${gateway}`,
      REACH_ADMIN_PORT: String(admin),
      REACH_TOUR: tour ? 'on' : 'off',
      REACH_SANDBOX: sandbox ? 'on' : 'off',
      REACH_OUTBOUND_ALLOW: outboundAllow.join(),
      REACH_STORE: store,
    },
    folder,
  )
  const clock = { ahead: 0 }
  const lines: string[] = []
  const metrics = createMetrics()
  const log = createLogger({
    level: 'trace',
    stream: { write: (line) => void lines.push(line) },
    observe: metrics.observe,
  })
  const now = (): number => Date.now() + clock.ahead
  const start = async (): Promise<Reach> => {
    const reach = await startReach({ config, now, log, metrics, pods: shared?.server })
    await reach.podServer?.ready
    return reach
  }

  let reach = await start()
  opened.defer(() => reach[Symbol.asyncDispose]())
  const resources = opened.move()
  return {
    get config() {
      return config
    },
    get reach() {
      return reach
    },
    get operator() {
      return vendorOperator({ ledger: reach.ledger, authorization: reach.vault.authorization, now })
    },
    lines,
    metrics: () => metrics.text(),
    clock,
    async settle() {
      await reach.vault.jobs.settle()
      await reach.delivery.settle()
    },
    async restart(between) {
      await reach[Symbol.asyncDispose]()
      config = { ...config, ...(await between?.()) }
      reach = await start()
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
