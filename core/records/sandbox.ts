import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, ascending, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** A business in the sandbox: found by the key with which it plays its sample customers. */
export interface SandboxBusiness {
  readonly v: 1
  readonly vendorId: string
  /** Unix ms. */
  readonly createdAt: number
}

/** A sample customer: invented, with a pod of her own, played by the business that made her. */
export interface SampleCustomer {
  readonly v: 1
  readonly customerId: string
  readonly vendorId: string
  readonly accountId: string
  readonly podUrl: string
  /** Of her session at the sandbox's vault, one `name=value` each. */
  readonly cookies: readonly string[]
  /** Unix ms. */
  readonly createdAt: number
}

/** A vault that was made in the sandbox: its pod is to be ended. */
export interface SandboxVault {
  readonly v: 1
  readonly id: string
  readonly podUrl: string
  readonly webId: string
  /** Unix ms. */
  readonly createdAt: number
}

const vaultPrefix = 'sandbox-vault/'
const businessPrefix = 'sandbox-business/'
const customerPrefix = 'sandbox-customer/'
const businessKey = (names: Names, sandboxKey: string) => businessPrefix + names.hidden('sandbox', sandboxKey)
const customersOf = (vendorId: string) => `${customerPrefix}${part(vendorId)}/`

export function keepSandboxBusiness(names: Names, sandboxKey: string, row: SandboxBusiness): CommitParts {
  const key = businessKey(names, sandboxKey)
  return { checks: [absent(key)], writes: [put(key, row)] }
}

/** The business that holds this key, which may come from outside. */
export function findSandboxBusiness(
  reader: LedgerReader,
  names: Names,
  sandboxKey: string,
): Promise<Stored<SandboxBusiness> | undefined> {
  return read<SandboxBusiness>(reader, businessKey(names, sandboxKey))
}

export function listSandboxBusinesses(
  reader: LedgerReader,
  limit: number,
): Promise<Stored<SandboxBusiness>[]> {
  return reader.list<SandboxBusiness>(businessPrefix, { limit })
}

export function keepSampleCustomer(row: SampleCustomer): CommitParts {
  const key = customersOf(row.vendorId) + part(row.customerId)
  return { checks: [absent(key)], writes: [put(key, row)] }
}

export function readSampleCustomer(
  reader: LedgerReader,
  vendorId: string,
  customerId: string,
): Promise<Stored<SampleCustomer> | undefined> {
  return read<SampleCustomer>(reader, customersOf(vendorId) + part(customerId))
}

/** Of one business, or of all when left out. */
export function listSampleCustomers(
  reader: LedgerReader,
  options: { vendorId?: string; limit: number },
): Promise<Stored<SampleCustomer>[]> {
  const { vendorId, limit } = options
  return reader.list<SampleCustomer>(vendorId === undefined ? customerPrefix : customersOf(vendorId), {
    limit,
  })
}

export function keepSandboxVault(row: SandboxVault): CommitParts {
  return { writes: [put(`${vaultPrefix}${ascending(row.createdAt)}/${part(row.id)}`, row)] }
}

/** Earliest first. */
export function listSandboxVaults(reader: LedgerReader, limit: number): Promise<Stored<SandboxVault>[]> {
  return reader.list<SandboxVault>(vaultPrefix, { limit })
}

export function forget(stored: Stored<SandboxBusiness | SampleCustomer | SandboxVault>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}
