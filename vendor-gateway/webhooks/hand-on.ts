import type { Ledger } from '#core/ledger/ledger.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import { combine, remove, unchanged } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { listVendorEvents } from '#core/records/vendor-events.ts'
import type { VendorEvent } from '#core/records/vendor-events.ts'
import { layAside, queueDelivery } from '#core/records/webhook-deliveries.ts'
import { listEndpoints, wants } from '#core/records/webhook-endpoints.ts'
import { planRound } from '#core/records/webhook-rounds.ts'

export interface HandOnParts {
  readonly ledger: Ledger
  /** Unix ms. */
  readonly now: () => number
  /** Told the key of what cannot be read. */
  readonly onDamaged: (key: string) => void
}

const lookedAtOnce = 200
/** Events of one commit: each brings three rows per endpoint. */
const mostTogether = 50

/**
 * Puts every event in line for each endpoint of its business that wants it, one commit per business and bundle; an
 * event that nobody wants goes away. Whoever else does the same at this moment gets the others. A row that cannot be read
 * holds up nobody: what an endpoint should have got is laid aside for its business to have sent again.
 */
export async function handOnEvents({ ledger, now, onDamaged }: HandOnParts): Promise<void> {
  for (let after: string | undefined; ;) {
    const events = await listVendorEvents(ledger, { limit: lookedAtOnce, after, onDamaged })
    const byVendor = Map.groupBy(events, (event) => event.value.vendorId)
    for (const [vendorId, own] of byVendor) {
      for (let at = 0; at < own.length; at += mostTogether) {
        const bundle = own.slice(at, at + mostTogether)
        // A bundle that was refused is behind the ones after it: leave these for the next look.
        if (!(await tryCommit(ledger, await handedOn({ ledger, now, onDamaged }, { vendorId, bundle }))))
          break
      }
    }
    if (events.length < lookedAtOnce) return
    for (const { key } of events) if (after === undefined || key > after) after = key
  }
}

async function handedOn(
  { ledger, now: clock, onDamaged }: HandOnParts,
  { vendorId, bundle }: { vendorId: string; bundle: readonly Stored<VendorEvent>[] },
): Promise<CommitParts> {
  const now = clock()
  const parts: CommitParts[] = [
    { checks: bundle.map(unchanged), writes: bundle.map(({ key }) => remove(key)) },
  ]
  const lost: string[] = []
  const endpoints = await listEndpoints(ledger, vendorId, (name) => lost.push(name))
  for (const name of lost) {
    onDamaged(`webhook-endpoint/${vendorId}/${name}`)
    for (const { value, version } of bundle) parts.push(layAside(name, value, { version, now }))
  }
  for (const { value: endpoint } of endpoints) {
    const wanted = bundle.filter(({ value }) => wants(endpoint, value.type))
    if (wanted.length === 0) continue
    for (const { value, version } of wanted)
      parts.push(queueDelivery(endpoint, value, { version, now }).parts)
    const { endpointId, name } = endpoint
    parts.push(await planRound(ledger, { endpointId, vendorId, endpoint: name }, { now }))
  }
  return combine(...parts)
}
