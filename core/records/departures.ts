import { DomainError } from '#core/domain/errors.ts'
import { hasEnded, relinquish } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Json, Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { endEach } from './ends.ts'
import { vendorEntry } from './entries.ts'
import { listVendorGrants } from './grants.ts'
import { enqueueJob } from './jobs.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import { readVendor, readVendorStanding, removeVendor } from './vendors.ts'
import { dropEndpoints } from './webhook-endpoints.ts'
import type { Vendor } from '#schemas/types.gen.ts'

/** Kind of the job that ends the grants of a business that has left. */
export const endGrantsJob = 'end-vendor-grants'

/**
 * A business leaves for good. With this one commit nothing is released to it any more; the job that begins with it ends
 * its grants one by one. The rows of its client are not part of it. Refuses `not-found`, and `conflict` once it has left.
 */
export async function departure(
  reader: LedgerReader,
  vendorId: string,
  now: number,
): Promise<{ parts: CommitParts; vendor: Stored<Vendor> }> {
  const [vendor, standing] = await Promise.all([
    readVendor(reader, vendorId),
    readVendorStanding(reader, vendorId),
  ])
  if (vendor === undefined || standing === undefined)
    throw new DomainError('not-found', 'There is no such business.')
  if (standing.value.state === 'removed') throw new DomainError('conflict', 'This business has left already.')
  const parts = combine(
    removeVendor(vendor, standing),
    await dropEndpoints(reader, vendorId),
    { entries: [vendorEntry({ type: 'vendor-removed', vendor: vendorId })] },
    enqueueJob({ id: `${endGrantsJob}-${vendorId}`, kind: endGrantsJob, payload: { vendorId } }, now),
  )
  return { parts, vendor }
}

interface Ports {
  readonly ledger: Ledger
  readonly names: Names
  /** Unix ms. */
  readonly now: () => number
}

/** Grants looked at together, and by one job: a job must be done within its lease. */
const page = 200
const pagesOfOneJob = 5
const attempts = 5

/**
 * The job: ends what the business still held, each grant with an entry of its own, and hands what is left to a job that
 * goes on from there. Whatever is killed and whenever, doing it again ends what is not ended and nothing twice. Grants that
 * were not redeemed end by themselves.
 */
export function endVendorGrants(ports: Ports, { atOnce = page }: { atOnce?: number } = {}) {
  async function run({ payload }: { readonly payload: Json }): Promise<void> {
    const { vendorId, after } = payload as { vendorId: string; after?: string }
    let next = after
    for (let pages = 0; pages < pagesOfOneJob; pages++) {
      next = await endPage(ports, vendorId, { after: next, limit: atOnce })
      if (next === undefined) return
    }
    if (next !== undefined) await goOn(ports, vendorId, next)
  }
  return { run }
}

async function endPage(
  ports: Ports,
  vendorId: string,
  options: { after: string | undefined; limit: number },
): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    const { rows, next } = await listVendorGrants(ports.ledger, vendorId, options)
    const open = rows.filter(({ value }) => !hasEnded(value))
    const ended = await endEach(ports, open, (grant, now) => ({
      grant: relinquish(grant, now),
      fact: { type: 'relinquished' },
    }))
    if (ended === open.length) return next
    if (attempt === attempts) throw new Error('grants of a business that left change all the time')
  }
}

async function goOn({ ledger, now }: Ports, vendorId: string, after: string): Promise<void> {
  const id = `${endGrantsJob}-${vendorId}-${after.replaceAll('/', '-')}`
  try {
    await ledger.commit(enqueueJob({ id, kind: endGrantsJob, payload: { vendorId, after } }, now()))
  } catch (error) {
    // An earlier attempt of this job got as far as this.
    if (!(error instanceof CommitRefused)) throw error
  }
}
