/** The embedded pods that run beside this process, if any do. */
import { join } from 'node:path'
import type { Config } from '#core/config.ts'
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
