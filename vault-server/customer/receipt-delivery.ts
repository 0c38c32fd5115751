import { DomainError } from '#core/domain/errors.ts'
import type { Job, JobHandlers } from '#core/jobs/worker.ts'
import type { Json, Ledger, LogReader } from '#core/ledger/ledger.ts'
import { receiptsOf } from '#core/pods/access.ts'
import { createPodClient } from '#core/pods/client.ts'
import type { PodClient } from '#core/pods/client.ts'
import type { AccountFetch } from '#core/pods/pod.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { enqueueJob } from '#core/records/jobs.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { keepReceipt, readReceipt } from '#core/records/receipts.ts'
import type { StoredReceipt } from '#schemas/types.gen.ts'
import { proveReceipt } from './receipts.ts'

/** The receipt, and the job that writes it into the pod under its id; `at` in Unix ms. */
export function issueReceipt(receipt: StoredReceipt, at: number): CommitParts {
  const { accountId, receiptId } = receipt
  const payload = { accountId, receiptId }
  return combine(
    keepReceipt(receipt),
    enqueueJob({ id: `write-receipt-${receiptId}`, kind: 'write-receipt', payload, customer: accountId }, at),
  )
}

/**
 * The job `write-receipt`: puts a receipt and the proof of its place in the log into the customer's pod, as Reach's
 * agent. Under its id it is written once; done again it changes nothing.
 */
export function receiptDelivery({
  ledger,
  publicLog,
  agentFetch,
}: {
  ledger: Ledger
  publicLog: LogReader
  agentFetch: AccountFetch
}): JobHandlers {
  /** The agent may add but not change, so an existing file is refused as 403 by some pods and as 412 by others. */
  async function add(
    pod: PodClient,
    [url, body, contentType]: readonly [url: string, body: string, contentType: string],
  ): Promise<void> {
    try {
      await pod.put(url, body, { ifNoneMatch: '*' }, contentType)
    } catch (error) {
      const there = error instanceof DomainError && ['pod-access-lost', 'pod-changed'].includes(error.code)
      if (!there || (await pod.get(url, { accept: '*/*' })).status !== 'found') throw error
    }
  }

  /** Pods of one host are slow together. */
  async function laneOf(payload: Json): Promise<string | undefined> {
    const { accountId } = payload as { accountId: string }
    const account = await readAccount(ledger, accountId)
    return account === undefined ? undefined : new URL(account.value.container).host
  }

  async function writeReceipt({ payload }: Job): Promise<void> {
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
    const pod = createPodClient({ fetch: (url, init) => agentFetch(url, init, account.value) })
    const place = receiptsOf(account.value.container) + receiptId
    await add(pod, [`${place}.jws`, receipt.value.jws, 'application/jose'])
    const proof = await proveReceipt({ ledger, publicLog }, receipt.value)
    await add(pod, [`${place}.tlog-proof`, proof, 'text/plain'])
  }

  return {
    'write-receipt': { laneOf, run: writeReceipt },
  }
}
