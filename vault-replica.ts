/** One vault of several on one database: customers' and auditors' side, the embedded pods beside one of them. */
import { startPods } from './embedded-pods.ts'
import { openCounts, openLedgerAndKeys, openPods } from './house.ts'
import { openOperatorPort } from './operator-port.ts'
import type { ServeParts } from './serve.ts'
import { readWitnessPolicy } from './vault-server/audit/witnesses.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'
import { startVaultServer } from './vault-server/server.ts'

export interface VaultReplica extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string
  readonly podServer: EmbeddedPods | undefined
}

/** Resolves when the vault and its operator port answer, which is before the pods do. */
export async function startVaultReplica(parts: ServeParts): Promise<VaultReplica> {
  const { config: settings, now, log } = parts
  // Both of them are houses in one process.
  const config = { ...settings, tour: false, sandbox: false }
  await using opened = new AsyncDisposableStack()
  const { ledger, keys } = opened.use(await openLedgerAndKeys({ config, now, part: '' }))
  const podServer = opened.use(await startPods({ config, keys, log }))
  // Gateways do not hear the pods' own feed, so nobody here goes by it: customers are told one bound.
  const pods = opened.use(
    await openPods({ config, ledger, keys, podServer: undefined, isAlone: false, now, log }),
  )
  const witnessPolicy =
    config.witnessFile === undefined ? undefined : await readWitnessPolicy(config.witnessFile, ledger.log)
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
      witnessPolicy,
      limiterStore: counts.open,
    }),
  )
  opened.use(await openOperatorPort({ ...parts, config }, { ledger, keys, vault, pods, podServer }))
  const resources = opened.move()
  return { url: vault.url, podServer, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}
