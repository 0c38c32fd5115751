/** What every program of Reach has around its servers: settings, signals, and a fault in one line where somebody can mend it. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { addCatalogueFolder } from '#core/catalogue-folder.ts'
import { type Config, ConfigError, readConfig } from '#core/config.ts'
import { listen } from '#core/http/server.ts'
import { LedgerInUse } from '#core/ledger/ledger.ts'
import { type Logger, createLogger } from '#core/logger.ts'
import { type Metrics, createMetrics } from '#core/metrics.ts'
import { refusalToOpen } from './house.ts'

export interface ServeParts {
  readonly config: Config
  /** Unix ms. */
  readonly now: () => number
  readonly log: Logger
  readonly metrics: Metrics
}

/** Runs what `start` gives until the process is asked to end, then disposes it. Sets the exit code. */
export async function serve<Served extends AsyncDisposable>(options: {
  env: Parameters<typeof readConfig>[0]
  now: () => number
  start: (parts: ServeParts) => Promise<Served>
  /** `stop` is aborted when the process is asked to end. */
  announce: (served: Served, config: Config, stop: AbortSignal) => void
}): Promise<void> {
  // Whatever this process and the pod server write is nobody else's to read, whoever copies or restores it.
  process.umask(0o077)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
  let isServing = false
  let config: Config | undefined
  try {
    config = readConfig(options.env, import.meta.dirname)
    for (const warning of config.warnings) console.error(warning)
    if (config.catalogueFolder !== undefined) addCatalogueFolder(config.catalogueFolder)
    const metrics = createMetrics()
    const log = createLogger({ level: config.logLevel, observe: metrics.observe })
    await refuseTakenPorts(config)
    await using served = await options.start({ config, now: options.now, log, metrics })
    isServing = true
    options.announce(served, config, stop.signal)
    if (!stop.signal.aborted) await once(stop.signal, 'abort')
    console.log('\nStopping; what is under way gets its answer.')
  } catch (error) {
    // A signal goes to all that a start has begun, which fails of it.
    const isStopped = stop.signal.aborted && !isServing
    const stopped = isStopped ? 'Stopped while starting; the next start begins anew.' : undefined
    const line = inOneLine(error, config) ?? stopped
    if (line === undefined) throw error
    console.error(line)
    process.exitCode = 1
  }
}

/**
 * The log and the pods are named after their addresses for ever at the first start: then a port that another program has must be
 * told before, or the address that is set next would come too late.
 */
async function refuseTakenPorts({ listen: at, keysFolder, podsHere, ...config }: Config): Promise<void> {
  if (existsSync(join(keysFolder, 'log.json'))) return
  const pods =
    config.embeddedPods && podsHere ? [at.podsPort, ...config.podShards.map(({ port }) => port)] : []
  for (const port of [at.vaultPort, ...pods]) {
    await using _ = await listen({ app: () => undefined, host: at.host, port })
  }
}

/** What the operator can do something about, in one line; anything else is a bug and keeps its stack. */
function inOneLine(error: unknown, config: Config | undefined): string | undefined {
  if (error instanceof ConfigError) return error.message
  if (error instanceof LedgerInUse)
    return 'Reach is already running on this data folder: stop it first, or set REACH_DATA and REACH_KEYS.'
  if (error instanceof Error && 'code' in error && 'syscall' in error && error.syscall === 'listen') {
    const port = 'port' in error ? Number(error.port) : undefined
    const address = 'address' in error ? String(error.address) : undefined
    return (
      refusalToListen(String(error.code), { port, address }, settingOf(port, config)) ?? refusalToOpen(error)
    )
  }
  return refusalToOpen(error)
}

/** Before the disk is blamed: the system says EACCES of both. */
function refusalToListen(
  code: string,
  { port, address }: { port: number | undefined; address: string | undefined },
  setting: string,
): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program: stop it, or set another (${setting}).`
    case 'EACCES':
      return `Port ${port} is not for this user: set another (${setting}).`
    case 'EADDRNOTAVAIL':
      return address === '127.0.0.1'
        ? 'This machine has no address 127.0.0.1, where the operator port listens.'
        : 'REACH_LISTEN_HOST is no address of this machine.'
    default:
      return undefined
  }
}

/** Where a port comes from: plain http has it in the address. */
function settingOf(port: number | undefined, config: Config | undefined): string {
  const { vaultPort, gatewayPort, podsPort } = config?.listen ?? {}
  const of = (name: string, url = ''): string => `REACH_${name}_${url.startsWith('https:') ? 'PORT' : 'URL'}`
  if (port === vaultPort) return of('VAULT', config?.vaultUrl)
  if (port === gatewayPort) return of('GATEWAY', config?.gatewayUrl)
  if (port === podsPort) return of('PODS', config?.podsUrl)
  return config?.podOrigins.some((url) => url.endsWith(`:${port}`)) ? 'REACH_PODS_SHARDS' : 'REACH_ADMIN_PORT'
}
