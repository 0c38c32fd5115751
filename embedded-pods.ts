/** The embedded pods that run beside this process, if any do. */
import { join } from 'node:path'
import type { Config } from '#core/config.ts'
import { makePrivateFolder } from '#core/ledger/key-files.ts'
import type { Logger } from '#core/logger.ts'
import { type PodShards, startPodShards } from './vault-server/pods/shards.ts'

export async function startPods({
  config,
  log,
}: {
  config: Config
  log: Logger
}): Promise<PodShards | undefined> {
  if (!config.embeddedPods || !config.podsHere) return undefined
  // A copy that was put back has the rights its copier gave it; what lies here is in the clear.
  for (const folder of ['pods', ...(config.podShards.length > 0 ? ['pods-shards'] : [])])
    await makePrivateFolder(join(config.dataFolder, folder))
  return await startPodShards({
    url: config.podsUrl,
    more: config.podShards,
    podBytes: config.podBytes,
    folder: join(config.dataFolder, 'pods'),
    vaultUrl: config.vaultUrl,
    host: config.listen.host,
    port: config.listen.podsPort,
    outboundAllow: config.outboundAllow,
    log,
  })
}
