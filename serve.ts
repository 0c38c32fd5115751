/** What every program of Reach has around its servers: settings, signals, and a fault in one line where somebody can mend it. */
import { once } from 'node:events'
import { addCatalogueFolder } from '#core/catalogue-folder.ts'
import { type Config, ConfigError, readConfig } from '#core/config.ts'
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
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
  let isServing = false
  try {
    const config = readConfig(options.env, import.meta.dirname)
    for (const warning of config.warnings) console.error(warning)
    if (config.catalogueFolder !== undefined) addCatalogueFolder(config.catalogueFolder)
    const metrics = createMetrics()
    const log = createLogger({ level: config.logLevel, observe: metrics.observe })
    await using served = await options.start({ config, now: options.now, log, metrics })
    isServing = true
    options.announce(served, config, stop.signal)
    if (!stop.signal.aborted) await once(stop.signal, 'abort')
    console.log('\nStopping; what is under way gets its answer.')
  } catch (error) {
    // A signal goes to all that a start has begun, which fails of it.
    const isStopped = stop.signal.aborted && !isServing
    const stopped = isStopped ? 'Stopped while starting; the next start begins anew.' : undefined
    const line = inOneLine(error) ?? stopped
    if (line === undefined) throw error
    console.error(line)
    process.exitCode = 1
  }
}

/** What the operator can do something about, in one line; anything else is a bug and keeps its stack. */
function inOneLine(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.message
  if (error instanceof LedgerInUse)
    return 'Reach is already running on this data folder: stop it first, or set REACH_DATA and REACH_KEYS.'
  if (error instanceof Error && 'code' in error && 'syscall' in error && error.syscall === 'listen')
    return refusalToListen(String(error.code), 'port' in error ? String(error.port) : '')
  return refusalToOpen(error)
}

/** Before the disk is blamed: the system says EACCES of both. */
function refusalToListen(code: string, port: string): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program: stop it, or set another address.`
    case 'EACCES':
      return `Port ${port} is not for this user: set another (REACH_VAULT_PORT, REACH_GATEWAY_PORT, REACH_PODS_PORT).`
    case 'EADDRNOTAVAIL':
      return 'REACH_LISTEN_HOST is no address of this machine.'
    default:
      return undefined
  }
}
