import { DomainError } from '#core/domain/errors.ts'
import type { JobHandlers } from '#core/jobs/worker.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { receiptsOf } from '#core/pods/access.ts'
import { createPodClient } from '#core/pods/client.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { readReceipt } from '#core/records/receipts.ts'
import { proveReceipt } from './receipts.ts'

/**
 * The job `write-receipt`: puts a receipt and the proof of its place in the log into the customer's pod, as Reach's
 * agent. Under its id it is written once; done again it changes nothing.
 */
export function receiptDelivery({
  ledger,
  agentFetch,
}: {
  ledger: Ledger
  agentFetch: PodFetch
}): JobHandlers {
  const pod = createPodClient({ fetch: agentFetch })

  /** The agent may add but not change, so an existing file is refused as 403 by some pods and as 412 by others. */
  async function add(url: string, body: string, contentType: string): Promise<void> {
    try {
      await pod.put(url, body, { ifNoneMatch: '*' }, contentType)
    } catch (error) {
      const there = error instanceof DomainError && ['pod-access-lost', 'pod-changed'].includes(error.code)
      if (!there || (await pod.get(url, { accept: '*/*' })).status !== 'found') throw error
    }
  }

  return {
    'write-receipt': async ({ payload }) => {
      const { accountId, receiptId } = payload as { accountId: string; receiptId: string }
      const [account, receipt] = await Promise.all([
        readAccount(ledger, accountId),
        readReceipt(ledger, receiptId),
      ])
      // Forgotten meanwhile: there is nobody to deliver to.
      if (account === undefined || receipt === undefined) return
      const standing = await readCustomerStanding(ledger, accountId)
      // Only connecting proves that the pod is hers: a profile may name one that trusts the agent for somebody else.
      if (standing?.value.podAccess === 'none')
        throw new DomainError('pod-not-connected', 'There is no pod to deliver to')
      const place = receiptsOf(account.value.container) + receiptId
      await add(`${place}.jws`, receipt.value.jws, 'application/jose')
      await add(`${place}.tlog-proof`, await proveReceipt(ledger, receipt.value), 'text/plain')
    },
  }
}
