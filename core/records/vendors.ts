import { DomainError } from '#core/domain/errors.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Vendor, VendorStanding } from '#schemas/types.gen.ts'
import { absent, part, peek, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

const prefix = 'vendor/'
const vendorKey = (vendorId: string) => `${prefix}${part(vendorId)}`
const standingKey = (vendorId: string) => `vendor-standing/${part(vendorId)}`
const clientKey = (clientId: string) => `vendor-of-client/${part(clientId)}`

/** A business that the operator let in and that has not registered yet. */
export function admitVendor(vendor: Vendor): CommitParts {
  const standing: VendorStanding = { v: 1, state: 'admitted' }
  return {
    checks: [absent(vendorKey(vendor.vendorId)), absent(standingKey(vendor.vendorId))],
    writes: [put(vendorKey(vendor.vendorId), vendor), put(standingKey(vendor.vendorId), standing)],
  }
}

/** The business has registered its one OAuth client. A second registration is refused. */
export function registerVendor(
  vendor: Stored<Vendor>,
  standing: Stored<VendorStanding>,
  clientId: string,
): CommitParts {
  if (vendor.value.clientId !== undefined || standing.value.state !== 'admitted') {
    throw new DomainError('conflict', 'This business has registered already.')
  }
  return {
    checks: [unchanged(vendor), unchanged(standing), absent(clientKey(clientId))],
    writes: [
      put(vendor.key, { ...vendor.value, clientId }),
      put(standing.key, { ...standing.value, state: 'active' }),
      put(clientKey(clientId), { id: vendor.value.vendorId }),
    ],
  }
}

/** The business gave its client back: nothing is released to it until it has registered again. */
export function unregisterVendor(vendor: Stored<Vendor>, standing: Stored<VendorStanding>): CommitParts {
  const { clientId, ...rest } = vendor.value
  const state = standing.value.state === 'suspended' ? 'suspended' : 'admitted'
  return {
    checks: [unchanged(vendor), unchanged(standing)],
    writes: [
      put(vendor.key, rest),
      put(standing.key, { ...standing.value, state }),
      ...(clientId === undefined ? [] : [remove(clientKey(clientId))]),
    ],
  }
}

/** Ends every release to this business with the commit it is part of. */
export function suspendVendor(standing: Stored<VendorStanding>): CommitParts {
  return changeStanding(standing, 'suspended')
}

export function reinstateVendor(vendor: Stored<Vendor>, standing: Stored<VendorStanding>): CommitParts {
  const part = changeStanding(standing, vendor.value.clientId === undefined ? 'admitted' : 'active')
  return { ...part, checks: [unchanged(vendor), ...(part.checks ?? [])] }
}

function changeStanding(standing: Stored<VendorStanding>, state: VendorStanding['state']): CommitParts {
  return { checks: [unchanged(standing)], writes: [put(standing.key, { ...standing.value, state })] }
}

export function readVendor(reader: LedgerReader, vendorId: string): Promise<Stored<Vendor> | undefined> {
  return read<Vendor>(reader, vendorKey(vendorId))
}

/** The business behind an OAuth client id, which may come from outside. */
export async function findVendor(
  reader: LedgerReader,
  clientId: string,
): Promise<Stored<Vendor> | undefined> {
  const pointer = await reader.get<{ id: string }>(clientKey(clientId))
  return pointer === undefined ? undefined : readVendor(reader, pointer.value.id)
}

/** Without I/O, for the hot path; says nothing when one of the two rows is not at hand. */
export function peekVendor(reader: LedgerReader, clientId: string): Stored<Vendor> | undefined {
  const pointer = reader.peek<{ id: string }>(clientKey(clientId))
  return pointer === undefined ? undefined : peek<Vendor>(reader, vendorKey(pointer.value.id))
}

export async function listVendors(
  reader: LedgerReader,
  options: { after?: string; limit: number },
): Promise<readonly Stored<Vendor>[]> {
  const { after, limit } = options
  return reader.list<Vendor>(prefix, { limit, ...(after === undefined ? {} : { after: vendorKey(after) }) })
}

export function readVendorStanding(
  reader: LedgerReader,
  vendorId: string,
): Promise<Stored<VendorStanding> | undefined> {
  return read<VendorStanding>(reader, standingKey(vendorId))
}

export function peekVendorStanding(
  reader: LedgerReader,
  vendorId: string,
): Stored<VendorStanding> | undefined {
  return peek<VendorStanding>(reader, standingKey(vendorId))
}
