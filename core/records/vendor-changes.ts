import { readFact } from '#core/domain/facts.ts'
import type { Fact, FactType } from '#core/domain/facts.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readGrant } from './grants.ts'
import { part } from './parts.ts'

/** What a business can see of its grants and requests changes with these facts, and with time alone. */
const changesOf = {
  grant: [
    'redeemed',
    'changed',
    'paused',
    'resumed',
    'withdrawn',
    'relinquished',
    'expired',
    'deletion-requested',
    'acknowledged',
  ],
  /** Turned away looks like refused, in its place in time as well: or a business could tell that it is blocked. */
  request: ['granted', 'refused', 'turned-away', 'deferred', 'redeemed'],
} as const satisfies Record<string, readonly FactType[]>

const told: ReadonlySet<FactType> = new Set(Object.values(changesOf).flat())

/**
 * The thread in which a business's changes stand in the one order that commits have. What it cannot see is not in it:
 * neither reads, nor that a customer opened a request, nor that a pod was lost.
 */
export function changeThreads(type: FactType, vendorId: string): readonly string[] {
  return told.has(type) ? [changesThread(vendorId)] : []
}

const changesThread = (vendorId: string) => `changes-of-vendor/${part(vendorId)}`

/**
 * Ids of the grants or requests of a business that changed with an entry from `from` up to below `before`, latest change
 * first, each once. `next`, when there may be more: `before` of the next call.
 */
export async function listVendorChanges(
  reader: LedgerReader,
  vendorId: string,
  options: { of: 'grant' | 'request'; from: number; before: number; limit: number; mostLookedAt: number },
): Promise<{ ids: readonly string[]; next?: number }> {
  const { of, from, limit, mostLookedAt } = options
  const idIn = of === 'grant' ? grantIn : (fact: Fact) => requestIn(reader, fact)
  const ids = new Set<string>()
  let before = options.before
  for (let lookedAt = 0; lookedAt < mostLookedAt;) {
    const items = await reader.history(changesThread(vendorId), { before, limit: atOnce })
    for (const { index, ops } of items) {
      if (index < from) return { ids: [...ids] }
      if (ids.size === limit) return { ids: [...ids], next: before }
      const fact = readFact(ops)
      const id = isOf(of, fact.type) ? await idIn(fact) : undefined
      if (id !== undefined) ids.add(id)
      before = index
      lookedAt++
    }
    if (items.length < atOnce) return { ids: [...ids] }
  }
  return { ids: [...ids], next: before }
}

const atOnce = 100

function isOf(of: 'grant' | 'request', type: FactType): boolean {
  const types: readonly FactType[] = changesOf[of]
  return types.includes(type)
}

function grantIn(fact: Fact): string | undefined {
  return 'grant' in fact ? fact.grant : undefined
}

/** A request names its grant from the redemption on, which is a fact of the grant alone. */
async function requestIn(reader: LedgerReader, fact: Fact): Promise<string | undefined> {
  if ('request' in fact) return fact.request
  const grantId = grantIn(fact)
  return grantId === undefined ? undefined : (await readGrant(reader, grantId))?.value.requestId
}
