/**
 * What one house stands on: a ledger with its keys, and the pods of its customers as Reach's agent reads
 * them.
 */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { createOutbound } from '#core/http/outbound.ts'
import { KeysDamaged } from '#core/ledger/key-files.ts'
import { type KeyStore, demandKeys, openKeyStore } from '#core/ledger/key-store.ts'
import { type Ledger, LedgerBusy, LedgerDamaged, LedgerForeign, LedgerStopped } from '#core/ledger/ledger.ts'
import { hasDatabase } from '#core/ledger/level-database.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import { openPgLedger } from '#core/ledger/pg-ledger.ts'
import { openPgLimits, type PgLimits } from '#core/ledger/pg-limits.ts'
import type { Logger } from '#core/logger.ts'
import { createAgentFetch } from '#core/pods/agent.ts'
import { createPodCache, type PodCache } from '#core/pods/cache.ts'
import { createCredentialLogins } from '#core/pods/client-credentials.ts'
import type { AccountFetch, PodFetch } from '#core/pods/pod.ts'
import { createPodWebhooks } from '#core/pods/webhooks.ts'
import { recordLostAccess, recordLostCategory } from '#core/records/access.ts'
import { noticeReading } from '#core/records/data-changes.ts'
import { createNames } from '#core/records/names.ts'
import { readPodCredentials } from '#core/records/pod-credentials.ts'
import { openAgentIdentity } from './vault-server/pods/agent-identity.ts'
import type { EmbeddedPods } from './vault-server/pods/embedded.ts'
import type { ReachPods } from './vault-server/pods/reach-pods.ts'

/** Of one reply of a pod. */
const MAX_REPLY_BYTES = 1024 * 1024
const POD_TIMEOUT_MS = 10_000
/** For each silence while a large file comes or goes; a server that has taken it may be busy with it for a while. */
const STREAM_TIMEOUT_MS = 60_000

/** Where everything of one house lies, and what its log is called. */
export function placesOf(
  config: Pick<Config, 'dataFolder' | 'keysFolder' | 'vaultUrl'> & Partial<Pick<Config, 'logName'>>,
  part: string,
  replica: Replica = 'replica',
) {
  const [data, keysFolder] = [join(config.dataFolder, part), join(config.keysFolder, part)]
  return {
    keysFolder,
    // tlog-tiles: the URL prefix of the log without its scheme.
    origin: `${new URL(config.vaultUrl).host}/${part === '' ? '' : `${part}/`}${config.logName ?? 'log'}`,
    levelFolder: join(data, 'ledger'),
    levelAnchor: join(keysFolder, 'anchor'),
    replicaAnchor: join(data, replica, 'anchor'),
  }
}

type Replica = 'replica' | 'replica-gateway'

/**
 * `part` is the folder below the data and keys folders, and the path of the log's origin: '' or 'tour'. `replica` is the folder
 * for what this process has seen of a database that others write to as well.
 */
export async function openLedgerAndKeys({
  config,
  now,
  part,
  replica = 'replica',
}: {
  config: Pick<Config, 'dataFolder' | 'keysFolder' | 'storeUrl' | 'vaultUrl'>
  now: () => number
  part: string
  replica?: Replica
}): Promise<{ ledger: Ledger; keys: KeyStore } & AsyncDisposable> {
  const { keysFolder, origin, levelFolder, levelAnchor, replicaAnchor } = placesOf(config, part, replica)
  try {
    // Keys that were made here would stand in a folder that was named by mistake.
    const isBegun = config.storeUrl === undefined ? await hasDatabase(levelFolder) : existsSync(replicaAnchor)
    if (isBegun) demandKeys(keysFolder)
    const keys = await openKeyStore(keysFolder)
    // The replicas on a database share the keys; what each has seen lies in its own data folder.
    const ledger = await (config.storeUrl === undefined
      ? openLevelLedger({ folder: levelFolder, keys, anchorFile: levelAnchor, origin, now })
      : openPgLedger({ url: config.storeUrl, part, keys, anchorFile: replicaAnchor, origin, now }))
    return { ledger, keys, [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose]() }
  } catch (error) {
    // Three ledgers have the same files: whoever is to mend one must know which.
    if (part !== '' && error instanceof Error) error.message = `in the ${part}, ${error.message}`
    throw error
  }
}

/** The settings of the house under a path; there is no third one under it. */
export function configUnder(config: Config, part: string): Config {
  return {
    ...config,
    vaultUrl: `${config.vaultUrl}/${part}`,
    gatewayUrl: `${config.gatewayUrl}/${part}`,
    tour: false,
    sandbox: false,
  }
}

/** What files answer when it is the disk, or the rights on it, that is at fault. */
const diskCodes: ReadonlySet<string> = new Set([
  'EIO',
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EEXIST',
  'EISDIR',
  'ELOOP',
])
const fileLimitCodes: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE'])

/** Why a ledger, its keys or the disk refuse, in one line for the operator; `undefined` for any other error. */
export function refusalToOpen(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const known = [LedgerBusy, LedgerDamaged, LedgerForeign, LedgerStopped, KeysDamaged]
  if (known.some((one) => error instanceof one)) return `The ledger refuses to open: ${error.message}`
  if ('code' in error && fileLimitCodes.has(String(error.code)))
    return `Too few files may be open at once (${String(error.code)}): raise the limit, such as by ulimit -n 65536.`
  if ('code' in error && diskCodes.has(String(error.code))) {
    const place = 'path' in error && typeof error.path === 'string' ? ` at ${error.path}` : ''
    return `The disk refuses (${String(error.code)}${place}); is it full, read-only or failing, or not this user's?`
  }
  return undefined
}

/** Where the processes on one database count together; none where there is one process. */
export async function openCounts({
  storeUrl,
}: Pick<Config, 'storeUrl'>): Promise<Partial<PgLimits> & AsyncDisposable> {
  return storeUrl === undefined
    ? { [Symbol.asyncDispose]: () => Promise.resolve() }
    : await openPgLimits(storeUrl)
}

/**
 * The pods of this ledger's customers: one guarded way out, one agent, one cache. Not `isAlone`: other processes answer at the
 * same addresses, so that pod servers cannot call this one.
 */
export async function openPods({
  config,
  ledger,
  keys,
  podServer,
  isAlone = true,
  now,
  log,
}: {
  config: Pick<Config, 'vaultUrl' | 'outboundAllow' | 'mode' | 'moveBytes'>
  ledger: Ledger
  keys: KeyStore
  podServer: EmbeddedPods | undefined
  isAlone?: boolean
  now: () => number
  log: Logger
}): Promise<ReachPods & PodCache & AsyncDisposable> {
  const outbound = createOutbound({
    allow: config.outboundAllow,
    timeoutMs: POD_TIMEOUT_MS,
    maxBytes: MAX_REPLY_BYTES,
  })
  const anyone: PodFetch = (url, init) => outbound.fetch(url, init)
  const large = createOutbound({
    allow: config.outboundAllow,
    timeoutMs: STREAM_TIMEOUT_MS,
    maxBytes: config.moveBytes,
    streams: true,
  })
  const identity = await openAgentIdentity({ vaultUrl: config.vaultUrl, keys, now })
  const asAgent = await createAgentFetch(identity, { fetch: anyone, now })
  const credentialLogin = createCredentialLogins({ fetch: anyone, now })
  const asReach: AccountFetch = async (url, init, { accountId, actingAs }) => {
    if (actingAs === undefined) return await asAgent(url, init)
    const credentials = await readPodCredentials(ledger, accountId)
    if (credentials === undefined) throw new DomainError('sign-in-failed', 'There are no credentials')
    return await (await credentialLogin(credentials.value)).fetch(url, init)
  }
  const names = createNames(await keys.secret('names'))
  // Not to be foreseen: it hides when something changed.
  const random = () => randomInt(2 ** 32) / 2 ** 32
  const address = `${identity.issuer}/notifications/`
  const webhooks = createPodWebhooks({ address, fetch: anyone, now })
  const cache = createPodCache({
    fetch: asReach,
    now,
    connect: outbound.openSocket,
    ...(isAlone ? { webhooks } : {}),
    onAccessLost: async (accountId, category) => {
      await (category === undefined
        ? recordLostAccess(ledger, accountId)
        : recordLostCategory(ledger, accountId, category))
    },
    onRead(accountId, category, fields) {
      const reading = { accountId, category, fields }
      noticeReading({ ledger, names, now, random, mode: config.mode }, reading).catch((error: unknown) => {
        if (ledger.stopped === undefined) log.error('jobs-failed', { job: 'data-changes' }, error)
      })
    },
    ...(podServer === undefined ? {} : { feed: podServer.feed }),
  })
  return {
    ...cache,
    agent: { webId: identity.webId, fetch: asReach, routes: identity.router },
    anyone,
    streams: (url, init) => large.fetch(url, init),
    credentialLogin,
    webhooks,
    async [Symbol.asyncDispose]() {
      cache[Symbol.dispose]()
      await outbound[Symbol.asyncDispose]()
      await large[Symbol.asyncDispose]()
    },
  }
}
