/** The authorization server in a process of its own, over a ledger on disk, with customers who allow what they are asked. */
import { answerAll } from './child.ts'
import { decideAt, startOAuthVault } from '../test/oauth-vault.ts'

/** `decide`: where a request is opened. A customer who was never here opens it and allows it all. */
export type TokenQuestion = 'business' | 'cpu' | 'stop' | { readonly decide: string }

const vault = await startOAuthVault()
const answers: Record<Extract<TokenQuestion, string>, () => Promise<unknown>> = {
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
answerAll<TokenQuestion>((question) =>
  typeof question === 'string' ? answers[question]() : decide(new URL(question.decide)),
)

/** Gives the address that the browser comes back to, with the code. */
async function decide(start: URL): Promise<string> {
  return (await decideAt(vault, await vault.customer(), start)).callback.href
}
