/** The embedded pods that run beside this process, if any do. */
import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, ConfigError } from '#core/config.ts'
import { makePrivateFolder } from '#core/ledger/key-files.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Logger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { type PodShards, shardFolder, startPodShards } from './vault-server/pods/shards.ts'

/** Throws `ConfigError` where pods were and are no more. */
export async function startPods({
  config,
  keys,
  log,
}: {
  config: Config
  keys: Pick<KeyStore, 'document' | 'storedDocument' | 'secret'>
  log: Logger
}): Promise<PodShards | undefined> {
  if (!config.embeddedPods || !config.podsHere) return undefined
  const folder = join(config.dataFolder, 'pods')
  const places = [
    { url: config.podsUrl, folder },
    ...config.podShards.map(({ url }) => ({ url, folder: shardFolder(folder, url) })),
  ]
  for (const place of places) {
    refuseLost(place, keys)
    // A copy that was put back has the rights its copier gave it; what lies here is in the clear.
    await makePrivateFolder(place.folder)
  }
  await using opened = new AsyncDisposableStack()
  const pods = opened.use(
    await startPodShards({
      url: config.podsUrl,
      more: config.podShards,
      podBytes: config.podBytes,
      folder,
      vaultUrl: config.vaultUrl,
      host: config.listen.host,
      port: config.listen.podsPort,
      outboundAllow: config.outboundAllow,
      names: createNames(await keys.secret('names')),
      log,
    }),
  )
  for (const { url } of places) await keys.document(markOf(url), () => ({ v: 1, url }))
  opened.move()
  return pods
}

const markOf = (url: string): string => `pods-${hash('sha256', url, 'hex').slice(0, 16)}`

/** A name in empty pods is free again, and whoever takes it has the WebID of the customer who had it, and so her account. */
function refuseLost(
  { url, folder }: { url: string; folder: string },
  keys: Pick<KeyStore, 'storedDocument'>,
) {
  if (keys.storedDocument(markOf(url)) === undefined) return
  if (existsSync(join(folder, 'base-url')) && existsSync(join(folder, 'root'))) return
  throw new ConfigError(
    'REACH_DATA',
    `lacks the pods of ${url}: put ${folder} back, or set REACH_PODS_HERE=off where they run elsewhere; without a copy only another REACH_PODS_URL begins anew`,
  )
}
