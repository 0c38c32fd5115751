import type { Ledger } from '#core/ledger/ledger.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import { combine, remove, unchanged } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { listVendorEvents } from '#core/records/vendor-events.ts'
import type { VendorEvent } from '#core/records/vendor-events.ts'
import { queueDelivery } from '#core/records/webhook-deliveries.ts'
import { listEndpoints, wants } from '#core/records/webhook-endpoints.ts'
import { planRound } from '#core/records/webhook-rounds.ts'

const lookedAtOnce = 200
/** Events of one commit: each brings three rows per endpoint. */
const mostTogether = 50

/**
 * Puts every event in line for each endpoint of its business that wants it, one commit per business and bundle; an
 * event that nobody wants goes away. Whoever else does the same at this moment gets the others.
 */
export async function handOnEvents({ ledger, now }: { ledger: Ledger; now: () => number }): Promise<void> {
  for (;;) {
    const events = await listVendorEvents(ledger, lookedAtOnce)
    const byVendor = Map.groupBy(events, (event) => event.value.vendorId)
    for (const [vendorId, own] of byVendor) {
      for (let at = 0; at < own.length; at += mostTogether) {
        const bundle = own.slice(at, at + mostTogether)
        // A bundle that was refused is behind the ones after it: leave these for the next look.
        if (!(await tryCommit(ledger, await handedOn(ledger, { vendorId, bundle, now: now() })))) break
      }
    }
    if (events.length < lookedAtOnce) return
  }
}

async function handedOn(
  ledger: Ledger,
  { vendorId, bundle, now }: { vendorId: string; bundle: readonly Stored<VendorEvent>[]; now: number },
): Promise<CommitParts> {
  const parts: CommitParts[] = [
    { checks: bundle.map(unchanged), writes: bundle.map(({ key }) => remove(key)) },
  ]
  for (const { value: endpoint } of await listEndpoints(ledger, vendorId)) {
    const wanted = bundle.filter(({ value }) => wants(endpoint, value.type))
    if (wanted.length === 0) continue
    for (const { value, version } of wanted)
      parts.push(queueDelivery(endpoint, value, { version, now }).parts)
    const { endpointId, name } = endpoint
    parts.push(await planRound(ledger, { endpointId, vendorId, endpoint: name }, { now }))
  }
  return combine(...parts)
}
