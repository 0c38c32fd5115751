import { categories, findField, sourcesOf } from '#core/domain/catalogue.ts'
import { derivable, derive } from '#core/domain/derivations.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Json, Ledger } from '#core/ledger/ledger.ts'
import { createPodClient } from '#core/pods/client.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { readCategory, resourceOf } from '#core/pods/vocabulary.ts'
import { recordLostAccess } from '#core/records/access.ts'
import { readAccount } from '#core/records/accounts.ts'

/**
 * Today's values of these fields as a business would receive them, read by Reach's agent right now and kept nowhere. A
 * field without a value is missing. Refuses with `pod-access-lost` (recorded then), `pod-unreachable` or
 * `pod-unreadable`. To be asked only while the customer's pod is open to Reach.
 */
export function previewOf({
  ledger,
  agentFetch,
  now,
}: {
  ledger: Ledger
  agentFetch: PodFetch
  now: () => number
}): (accountId: string, fieldIds: readonly string[]) => Promise<ReadonlyMap<string, Json>> {
  const pod = createPodClient({ fetch: agentFetch })
  return async (accountId, fieldIds) => {
    const account = await readAccount(ledger, accountId)
    if (account === undefined) throw new DomainError('pod-not-connected', 'There is no pod')
    const { container } = account.value
    const needed = new Set(fieldIds.flatMap(sourcesOf).map((id) => findField(id)?.category))
    const stored: Record<string, unknown> = {}
    try {
      const read = categories.filter(({ id }) => needed.has(id))
      for (const part of await Promise.all(read.map(({ id }) => readValues(id)))) Object.assign(stored, part)
    } catch (error) {
      if (error instanceof DomainError && error.code === 'pod-access-lost')
        await recordLostAccess(ledger, accountId)
      throw error
    }
    const today = new Date(now()).toISOString().slice(0, 10)
    const values = fieldIds.map(
      (id) => [id, derivable.includes(id) ? derive(id, stored, today) : stored[id]] as const,
    )
    // What comes out of `readCategory` fits a JSON Schema, so it is JSON.
    return new Map(values.filter(([, value]) => value !== undefined) as [string, Json][])

    async function readValues(category: string): Promise<Record<string, unknown>> {
      const url = resourceOf(container, category)
      const { status, body } = await pod.get(url)
      if (status === 'missing') return {}
      const { values: found, unreadable } = readCategory(category, body, url)
      if (unreadable !== undefined) throw new DomainError('pod-unreadable', unreadable)
      return Object.fromEntries(Object.entries(found).map(([name, value]) => [`${category}.${name}`, value]))
    }
  }
}
