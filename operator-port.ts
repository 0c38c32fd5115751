/** The operator's port of a process that has a vault in it. */
import { recordKeyChanges } from '#core/records/log-keys.ts'
import { createNames } from '#core/records/names.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { PodCache } from '#core/pods/cache.ts'
import type { ServeParts } from './serve.ts'
import { type SandboxDoor, startAdmin } from './vault-server/admin.ts'
import { auditorOperator } from './vault-server/operator/auditors.ts'
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
  await warnOfClock({ ledger, now, log })
  await recordKeyChanges(ledger)
  await recordSigningKeys({ ledger, keys })
  return await startAdmin({
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
}

const CLOCK_TOLERANCE_MS = 60_000

/**
 * Records never go back in time: after a clock that was ahead they keep the latest until it has caught up, and what ends before
 * then, such as a question or a code, has ended at once.
 */
export async function warnOfClock({ ledger, now, log }: Pick<ServeParts, 'now' | 'log'> & { ledger: Ledger }) {
  const { time } = await ledger.commit({})
  const behind = time - now()
  if (behind > CLOCK_TOLERANCE_MS) log.warn('clock-behind', { ms: behind })
}
