import { DomainError } from '#core/domain/errors.ts'
import { day } from '#core/domain/times.ts'
import type { Outbound } from '#core/http/outbound.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { vendorEntry } from '#core/records/entries.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { changeVendor, listVendors, readVendor } from '#core/records/vendors.ts'
import type { Vendor } from '#schemas/types.gen.ts'
import { lookForProof, proofFetch, proofPath, provableDomain } from './domain-proof.ts'
import type { ProofFound } from './domain-proof.ts'

/** Each business with a website is looked at once in this time, in ms: proven ones, and those that may have become so. */
const lookEvery = day
/** A proof that is not there for this long is lost, in ms. One that names another business is lost at once. */
export const proofMissingMost = 3 * day

interface Ports {
  readonly ledger: Ledger
  readonly outboundAllow: readonly string[]
  /** Unix ms. */
  readonly now: () => number
}

/**
 * Looks now and records what it found. Refuses `conflict` with the reason when the domain is not proven by it, or is another
 * than the host of the website; `not-found`.
 */
export async function proveDomain(ports: Ports, vendorId: string, wanted: string | undefined): Promise<void> {
  await using outbound = proofFetch(ports.outboundAllow)
  const vendor = await readVendor(ports.ledger, vendorId)
  if (vendor === undefined) throw new DomainError('not-found', 'There is no such business.')
  const { domain, origin } = provableDomain(vendor.value, ports.outboundAllow)
  if (wanted !== undefined && wanted.toLowerCase() !== domain)
    throw new DomainError('conflict', `Only the host of its website can be proven, which is ${domain}.`)
  const found = await look(ports, outbound, { vendorId, domain, origin })
  if (found.found !== 'proven')
    throw new DomainError('conflict', `${origin}${proofPath} does not prove the domain: ${found.why}.`)
}

/** Looks at every business that is due, and gives how many those were. Some at once, since hosts may be slow. */
export async function checkDomains(ports: Ports, { atOnce = 8 }: { atOnce?: number } = {}): Promise<number> {
  await using outbound = proofFetch(ports.outboundAllow)
  let looked = 0
  for (let rows = await listVendors(ports.ledger, { limit: 100 }); rows.length > 0;) {
    const due = rows.filter(({ value }) => isDue(value, ports.now()))
    for (let at = 0; at < due.length; at += atOnce)
      await Promise.all(due.slice(at, at + atOnce).map(({ value }) => recheck(ports, outbound, value)))
    looked += due.length
    rows = await listVendors(ports.ledger, { limit: 100, after: rows.at(-1)?.value.vendorId ?? '' })
  }
  return looked
}

/** Whoever has no client yet, or no more, is not looked at: it asks nobody. */
function isDue({ website, clientId, awaitsKeys, domainCheckedAt = 0 }: Vendor, now: number): boolean {
  const asks = clientId !== undefined && awaitsKeys !== true
  return website !== undefined && asks && now - domainCheckedAt >= lookEvery
}

async function recheck(ports: Ports, outbound: Outbound, vendor: Vendor): Promise<void> {
  const { vendorId } = vendor
  try {
    await look(ports, outbound, { vendorId, ...provableDomain(vendor, ports.outboundAllow) })
  } catch (error) {
    // A website that proves nothing, or a row that changes all the time: not worth failing the others for.
    if (!(error instanceof DomainError || error instanceof CommitRefused)) throw error
  }
}

async function look(
  { ledger, now }: Ports,
  { fetch }: Outbound,
  asked: { vendorId: string; domain: string; origin: string },
): Promise<ProofFound> {
  const found = await lookForProof(fetch, asked)
  for (let attempt = 1; ; attempt++) {
    const vendor = await readVendor(ledger, asked.vendorId)
    // What was found for a website that is another by now says nothing any more.
    if (vendor === undefined || originOf(vendor.value) !== asked.origin) return found
    try {
      await ledger.commit(afterLook(vendor, { ...asked, found: found.found, now: now() }))
      return found
    } catch (error) {
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

/** What is told of a business changes. A proof is of the host of its website: with that host it goes, and another is to come. */
export function correctVendor(vendor: Stored<Vendor>, next: Vendor): CommitParts {
  const {
    domain,
    domainProvenAt: _at,
    domainMissingSince: _since,
    domainCheckedAt: _look,
    ...unproven
  } = next
  if (originOf(next) === originOf(vendor.value)) return changeVendor(vendor, next)
  const lost = { type: 'vendor-domain-lost', vendor: next.vendorId, domain: domain ?? '' } as const
  return combine(changeVendor(vendor, unproven), domain === undefined ? {} : { entries: [vendorEntry(lost)] })
}

function originOf({ website }: Pick<Vendor, 'website'>): string | undefined {
  return website === undefined ? undefined : URL.parse(website)?.origin
}

/** What a look changes: the proof begins, goes on, is missing for now, or is lost. */
function afterLook(
  vendor: Stored<Vendor>,
  { found, domain, now }: { found: ProofFound['found']; domain: string; now: number },
): CommitParts {
  const { domain: proven, domainProvenAt, domainMissingSince, ...rest } = vendor.value
  const { vendorId } = rest
  const looked = { ...rest, domainCheckedAt: now }
  const told = (type: 'vendor-domain-proven' | 'vendor-domain-lost', which: string): CommitParts => ({
    entries: [vendorEntry({ type, vendor: vendorId, domain: which })],
  })
  if (found === 'proven') {
    const isNews = proven !== domain || domainProvenAt === undefined
    const next = { ...looked, domain, domainProvenAt: isNews ? now : domainProvenAt }
    return combine(changeVendor(vendor, next), isNews ? told('vendor-domain-proven', domain) : {})
  }
  if (proven === undefined || domainProvenAt === undefined) return changeVendor(vendor, looked)
  const since = domainMissingSince ?? now
  const isLost = found === 'foreign' || now - since >= proofMissingMost
  if (isLost) return combine(changeVendor(vendor, looked), told('vendor-domain-lost', proven))
  return changeVendor(vendor, { ...looked, domain: proven, domainProvenAt, domainMissingSince: since })
}
