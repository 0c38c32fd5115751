/** `npm start`: settings, one house, signals. */
import { once } from 'node:events'
import { styleText } from 'node:util'
import { addCatalogueFolder } from '#core/catalogue-folder.ts'
import { type Config, ConfigError, readConfig } from '#core/config.ts'
import { LedgerInUse } from '#core/ledger/ledger.ts'
import { createLogger } from '#core/logger.ts'
import { createMetrics } from '#core/metrics.ts'
import { refusalToOpen } from './house.ts'
import { type Reach, startReach } from './reach.ts'
import { buildConsentApp } from './scripts/build-consent-app.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())

try {
  const config = readConfig(process.env, import.meta.dirname)
  for (const warning of config.warnings) console.error(warning)
  if (config.catalogueFolder !== undefined) addCatalogueFolder(config.catalogueFolder)
  await buildConsentApp()
  const metrics = createMetrics()
  const log = createLogger({ level: config.logLevel, observe: metrics.observe })
  await using reach = await startReach({ config, now: Date.now, log, metrics })
  announce(config, reach)
  if (!stop.signal.aborted) await once(stop.signal, 'abort')
  console.log('\nStopping; what is under way gets its answer.')
} catch (error) {
  const line = inOneLine(error)
  if (line === undefined) throw error
  console.error(line)
  process.exitCode = 1
}

function announce(config: Config, reach: Reach): void {
  const { vaultUrl, gatewayUrl, podsUrl } = config
  const address = (url: string): string => styleText(['bold', 'cyan'], url)
  console.log(`
  Reach is running.

    Vault    ${address(vaultUrl)}   customers and auditors
    Gateway  ${address(gatewayUrl)}   businesses
    Pods     ${podsUrl === undefined ? 'none of our own' : `${address(podsUrl)}   starting, a few seconds`}

  Next: open ${vaultUrl}${config.tour ? ' and take the tour, or create a vault' : ' and create a vault'}.
        Admit a business:  npm run reach -- vendor add --name "Corner Shop"
        Play a business:   npm run example
${config.sandbox ? `        Build a business:  ${gatewayUrl}/sandbox/docs/   credentials at once, customers to play\n` : ''}        Verify the log:    npm run reach -- audit verify ${vaultUrl}/log
  Ctrl-C stops; data stays in ${config.dataFolder}, keys in ${config.keysFolder}.
`)
  reach.podServer?.ready.then(
    () => console.log('  The pods are ready.'),
    () => {
      if (!stop.signal.aborted)
        console.error('  The pods did not start; the vault says so to customers. See the lines above.')
    },
  )
}

/** What the operator can do something about, in one line; anything else is a bug and keeps its stack. */
function inOneLine(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.message
  if (error instanceof LedgerInUse)
    return 'Reach is already running on this data folder: stop it first, or set REACH_DATA and REACH_KEYS.'
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error)
    return `Port ${String(error.port)} is taken by another program: stop it, or set another address.`
  return refusalToOpen(error)
}
