/** `npm run vault`: one vault of several. See docs/operator.md, "Several processes". */
import { buildConsentApp } from '../scripts/build-consent-app.ts'
import { serve } from '../serve.ts'
import { startVaultReplica } from '../vault-replica.ts'

await serve({
  env: process.env,
  now: Date.now,
  async start(parts) {
    await buildConsentApp()
    return await startVaultReplica(parts)
  },
  announce({ url, podServer }, { vaultUrl }) {
    console.log(`A vault of ${vaultUrl} listens at ${url}.`)
    podServer?.ready.then(
      () => console.log('The pods are ready.'),
      () => undefined,
    )
  },
})
