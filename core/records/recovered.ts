/**
 * After the log came back from a mirror and the state did not: what the lost entries speak of may stand in any way, so it stops. Done
 * before anybody else opens the ledger; doing it again stops nothing twice.
 */
import { writeFact, readFact, type Fact } from '#core/domain/facts.ts'
import { endLost, hasEnded } from '#core/domain/grant.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { auditorEntry, changeAuditor, readAuditor } from './auditors.ts'
import { grantEntry, vendorEntry } from './entries.ts'
import { changeGrant, listPassedGrants, readGrant } from './grants.ts'
import type { Names } from './names.ts'
import { absent, ascending, combine, latest, put } from './parts.ts'
import { readVendorStanding, suspendVendor } from './vendors.ts'

export interface Stopped {
  readonly grants: number
  readonly businesses: number
  readonly auditors: number
  /** Customers who blocked a business in the lost part; whom, no entry tells. */
  readonly blocks: number
  /** Erasures that were completed in it: their keys are gone, and so is what was sealed. */
  readonly erasures: number
  /** Erasures that were only begun in it; of whom, no entry tells: so every grant has ended. */
  readonly erasuresCut: number
}

interface Parts {
  readonly ledger: Ledger
  readonly names: Names
  /** Unix ms. */
  readonly now: () => number
}

const AT_ONCE = 1_000
const key = (first: number) => `recovered/${ascending(first)}`

/** Ends every grant, suspends every business and revokes every auditor that entries `first` up to below `end` took a right from, or may have. */
export async function stopRecovered(
  { ledger, names, now }: Parts,
  { first, end }: { readonly first: number; readonly end: number },
): Promise<Stopped> {
  const lost = await lostFacts(ledger, first, end)
  const grants = new Set(
    lost.flatMap((fact) => ('grant' in fact && fact.grant !== undefined ? [fact.grant] : [])),
  )
  const vendors = new Set(lost.flatMap((fact) => (isEndOfVendor(fact) ? [fact.vendor] : [])))
  const auditors = new Set(lost.flatMap((fact) => (fact.type === 'auditor-revoked' ? [fact.auditor] : [])))
  const stopped = { grants: 0, businesses: 0, auditors: 0 }
  for (const grantId of grants) {
    const stored = await readGrant(ledger, grantId)
    if (stored === undefined || hasEnded(stored.value)) continue
    await ledger.commit(await changeGrant({ reader: ledger, names }, stored, endLost(stored.value, now())))
    stopped.grants++
  }
  const erased = new Set(lost.flatMap((fact) => (fact.type === 'erased' ? [fact.erasure] : [])))
  const cut = lost.filter((fact) => fact.type === 'erasure-begun' && !erased.has(fact.erasure))
  if (cut.length > 0) stopped.grants += await endEveryGrant({ ledger, names, now })
  for (const vendor of vendors) {
    const standing = await readVendorStanding(ledger, vendor)
    if (standing === undefined || standing.value.state !== 'active') continue
    const entries = [vendorEntry({ type: 'vendor-suspended', vendor })]
    await ledger.commit(combine(suspendVendor(standing), { entries }))
    stopped.businesses++
  }
  for (const auditor of auditors) {
    const stored = await readAuditor(ledger, auditor)
    if (stored === undefined || stored.value.revokedAt !== undefined) continue
    const entries = [auditorEntry({ type: 'auditor-revoked', auditor })]
    await ledger.commit(combine(changeAuditor(stored, { revokedAt: now() }), { entries }))
    stopped.auditors++
  }
  if ((await ledger.get(key(first))) === undefined)
    await ledger.commit({
      checks: [absent(key(first))],
      writes: [put(key(first), { v: 1, end })],
      entries: [{ claims: ({ time }) => ({ ops: writeFact({ type: 'log-recovered', time, first, end }) }) }],
    })
  return {
    ...stopped,
    blocks: lost.filter(({ type }) => type === 'blocked').length,
    erasures: erased.size,
    erasuresCut: cut.length,
  }
}

/** Each by an entry of its own: none of the lost ones may have named it. */
async function endEveryGrant({ ledger, names, now }: Parts): Promise<number> {
  let ended = 0
  for (;;) {
    const { grants, gone } = await listPassedGrants(ledger, latest, AT_ONCE)
    if (grants.length === 0 && (gone.writes ?? []).length === 0) return ended
    await ledger.commit(gone)
    for (const stored of grants) {
      const change = await changeGrant({ reader: ledger, names }, stored, endLost(stored.value, now()))
      await ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: 'withdrawn' })] }))
      ended++
    }
  }
}

async function lostFacts(ledger: Ledger, first: number, end: number): Promise<Fact[]> {
  const facts: Fact[] = []
  for (let at = first; at < end; at += AT_ONCE)
    for (const { ops } of await ledger.openings(at, Math.min(AT_ONCE, end - at))) facts.push(readFact(ops))
  return facts
}

/** Keys that a business put in the place of others: the others are back, and may be a thief's. */
const endsOfVendor = [
  'vendor-suspended',
  'vendor-removed',
  'vendor-keys-revoked',
  'vendor-keys-changed',
] as const
type EndOfVendor = Extract<Fact, { type: (typeof endsOfVendor)[number] }>

const isEndOfVendor = (fact: Fact): fact is EndOfVendor => endsOfVendor.some((type) => type === fact.type)
