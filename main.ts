/** `npm start`: everything in one process. */
import { styleText } from 'node:util'
import type { Config } from '#core/config.ts'
import { type Reach, startReach } from './reach.ts'
import { buildConsentApp } from './scripts/build-consent-app.ts'
import { serve } from './serve.ts'

await serve({
  env: process.env,
  now: Date.now,
  async start(parts) {
    await buildConsentApp()
    return await startReach(parts)
  },
  announce,
})

function announce(reach: Reach, config: Config, stop: AbortSignal): void {
  const { vaultUrl, gatewayUrl, podsUrl } = config
  const address = (url: string): string => styleText(['bold', 'cyan'], url)
  console.log(`
  Reach is running.

    Vault    ${address(vaultUrl)}   customers and auditors
    Gateway  ${address(gatewayUrl)}   businesses
    Pods     ${podsUrl === undefined ? 'none of our own' : `${address(podsUrl)}   ${config.podsHere ? 'starting, a few seconds' : 'in another process'}`}

  Next: open ${vaultUrl}${config.tour ? ' and take the tour, or create a vault' : ' and create a vault'}.
        Admit a business:  npm run reach -- vendor add --name "Corner Shop"
        Play a business:   npm run example${exampleOptions(config)}
${config.sandbox ? `        Build a business:  ${gatewayUrl}/sandbox/docs/   credentials at once, customers to play\n` : ''}        Verify the log:    npm run reach -- audit verify ${vaultUrl}/log
  Ctrl-C stops; data stays in ${config.dataFolder}, keys in ${config.keysFolder}.
`)
  reach.podServer?.ready.then(
    () => console.log('  The pods are ready.'),
    () => {
      if (!stop.aborted)
        console.error('  The pods did not start; the vault says so to customers. See the lines above.')
    },
  )
}

/** The example is a business's program, which knows no settings of ours. */
function exampleOptions({ vaultUrl, gatewayUrl }: Config): string {
  const others = [
    ['--vault', vaultUrl, 'http://localhost:3100'],
    ['--gateway', gatewayUrl, 'http://localhost:3200'],
  ].filter(([, url, usual]) => url !== usual)
  return others.length === 0 ? '' : ` -- ${others.map(([option, url]) => `${option} ${url}`).join(' ')}`
}
