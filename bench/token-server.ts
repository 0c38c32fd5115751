/** The authorization server in a process of its own, over a ledger on disk. */
import { answerAll } from './child.ts'
import { startOAuthVault } from '../test/oauth-vault.ts'

export type TokenQuestion = 'business' | 'cpu' | 'stop'

const vault = await startOAuthVault()
const answers: Record<TokenQuestion, () => Promise<unknown>> = {
  business: async () => ({
    issuer: vault.issuer,
    admission: await vault.operator.add({ name: 'Corner Shop', contact: 'privacy@shop.example' }),
  }),
  cpu: async () => process.cpuUsage(),
  stop: async () => {
    process.disconnect()
    await vault[Symbol.asyncDispose]()
  },
}
answerAll<TokenQuestion>((question) => answers[question]())
