import type { Router } from 'express'
import type { PodCache } from '#core/pods/cache.ts'
import type { createCredentialLogins } from '#core/pods/client-credentials.ts'
import type { AccountFetch, PodFetch } from '#core/pods/pod.ts'
import type { PodWebhooks } from '#core/pods/webhooks.ts'

/** Reach as it comes to pods. */
export interface PodAgent {
  readonly webId: string
  /** As the agent, or as whom a customer wants Reach to come to her pod instead. */
  readonly fetch: AccountFetch
  /** What its issuer publishes. */
  readonly routes: Router
}

/** The pods of a ledger's customers, and everything with which Reach comes to them. */
export interface ReachPods extends Omit<PodCache, typeof Symbol.dispose> {
  readonly agent: PodAgent
  /** As nobody in particular, and guarded. */
  readonly anyone: PodFetch
  /** The same for files of any size that is let through: bodies are passed on while they come. */
  readonly streams: PodFetch
  readonly credentialLogin: ReturnType<typeof createCredentialLogins>
  readonly webhooks: PodWebhooks
}
