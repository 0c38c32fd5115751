/**
 * What one house stands on: a ledger with its keys, and the pods of its customers as Reach's agent reads
 * them.
 */
import { join } from 'node:path'
import { WebSocket } from 'undici'
import type { Config } from '#core/config.ts'
import { createOutbound } from '#core/http/outbound.ts'
import { KeysDamaged } from '#core/ledger/key-files.ts'
import { type KeyStore, openKeyStore } from '#core/ledger/key-store.ts'
import { type Ledger, LedgerDamaged, LedgerForeign } from '#core/ledger/ledger.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import { createAgentFetch } from '#core/pods/agent.ts'
import { createPodCache, type PodCache } from '#core/pods/cache.ts'
import { recordLostAccess } from '#core/records/access.ts'
import { openAgentIdentity } from './vault-server/pods/agent-identity.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'

/** Of one reply of a pod. */
const MAX_REPLY_BYTES = 1024 * 1024

/** `part` is the folder below the data and keys folders, and the path of the log's origin: '' or 'tour'. */
export async function openLedgerAndKeys({
  config,
  now,
  part,
}: {
  config: Pick<Config, 'dataFolder' | 'keysFolder' | 'vaultUrl'>
  now: () => number
  part: string
}): Promise<{ ledger: Ledger; keys: KeyStore } & AsyncDisposable> {
  const keysFolder = join(config.keysFolder, part)
  const keys = await openKeyStore(keysFolder)
  const ledger = await openLevelLedger({
    folder: join(config.dataFolder, part, 'ledger'),
    keys,
    anchorFile: join(keysFolder, 'anchor'),
    // tlog-tiles: the URL prefix of the log without its scheme.
    origin: `${new URL(config.vaultUrl).host}/${part === '' ? '' : `${part}/`}log`,
    now,
  })
  return { ledger, keys, [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose]() }
}

/** Why a ledger or its keys refuse to open, in one line for the operator; `undefined` for any other error. */
export function refusalToOpen(error: unknown): string | undefined {
  const refuses =
    error instanceof LedgerDamaged || error instanceof LedgerForeign || error instanceof KeysDamaged
  return refuses ? `The ledger refuses to open: ${error.message}` : undefined
}

/** The pods of this ledger's customers, read as Reach's agent. */
export async function openPods({
  config,
  ledger,
  keys,
  podServer,
  now,
}: {
  config: Pick<Config, 'vaultUrl' | 'outboundAllow'>
  ledger: Ledger
  keys: KeyStore
  podServer: EmbeddedPods | undefined
  now: () => number
}): Promise<PodCache & AsyncDisposable> {
  const outbound = createOutbound({
    allow: config.outboundAllow,
    timeoutMs: 10_000,
    maxBytes: MAX_REPLY_BYTES,
  })
  const identity = await openAgentIdentity({ vaultUrl: config.vaultUrl, keys })
  const cache = createPodCache({
    fetch: await createAgentFetch(identity, { fetch: outbound.fetch, now }),
    now,
    connect: (url) => new WebSocket(url, { dispatcher: outbound.dispatcher }),
    onAccessLost: async (accountId) => void (await recordLostAccess(ledger, accountId)),
    ...(podServer === undefined ? {} : { feed: podServer.feed }),
  })
  return {
    ...cache,
    async [Symbol.asyncDispose]() {
      cache[Symbol.dispose]()
      await outbound[Symbol.asyncDispose]()
    },
  }
}
