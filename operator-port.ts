/** The operator's port of a process that has a vault in it. */
import { recordKeyChanges } from '#core/records/log-keys.ts'
import { createNames } from '#core/records/names.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { PodCache } from '#core/pods/cache.ts'
import type { ServeParts } from './serve.ts'
import { type SandboxDoor, startAdmin } from './vault-server/admin.ts'
import { auditorOperator } from './vault-server/operator/auditors.ts'
import { watchClock } from './vault-server/operator/clock.ts'
import { logOperator } from './vault-server/operator/log.ts'
import { customerOperator } from './vault-server/operator/customers.ts'
import { recordSigningKeys, signingKeyOperator } from './vault-server/operator/signing-keys.ts'
import { vendorOperator } from './vault-server/operator/vendors.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'
import type { VaultServer } from './vault-server/server.ts'

/** `url` is where it listens. */
export async function openOperatorPort(
  { config, now, log, metrics }: ServeParts,
  house: {
    ledger: Ledger
    keys: KeyStore
    vault: VaultServer
    pods: Pick<PodCache, 'forget'>
    podServer: EmbeddedPods | undefined
    sandbox?: SandboxDoor | undefined
  },
): Promise<{ readonly url: string } & AsyncDisposable> {
  const { ledger, keys, vault, pods, podServer, sandbox } = house
  const names = createNames(await keys.secret('names'))
  const { vaultUrl, outboundAllow } = config
  await using opened = new AsyncDisposableStack()
  opened.use(await watchClock({ ledger, now, log }))
  await recordKeyChanges(ledger)
  await recordSigningKeys({ ledger, keys })
  const admin = await startAdmin({
    config,
    state: {
      stopped: () => ledger.stopped,
      ready: () => podServer === undefined || podServer.state === 'ready',
    },
    vendors: vendorOperator({ ledger, authorization: vault.authorization, now, outboundAllow }),
    auditors: auditorOperator({ ledger, names, vaultUrl, now }),
    customers: customerOperator({
      ledger,
      names,
      now,
      changed(accountId) {
        pods.forget(accountId)
        vault.jobs.wake()
      },
    }),
    publicLog: logOperator({ ledger, keys, now }),
    signingKeys: signingKeyOperator({ ledger, keys, now }),
    sandbox,
    metrics,
    log,
  })
  opened.use(admin)
  const resources = opened.move()
  return { url: admin.url, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}
