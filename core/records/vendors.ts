import { DomainError } from '#core/domain/errors.ts'
import type { LedgerReader, Write } from '#core/ledger/ledger.ts'
import type { Vendor, VendorLogo, VendorStanding } from '#schemas/types.gen.ts'
import { oauthModelKey } from './oauth-models.ts'
import { absent, part, peek, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

const prefix = 'vendor/'
const vendorKey = (vendorId: string) => `${prefix}${part(vendorId)}`
const standingKey = (vendorId: string) => `vendor-standing/${part(vendorId)}`
const logoKey = (vendorId: string) => `vendor-logo/${part(vendorId)}`
const clientKey = (clientId: string) => `vendor-of-client/${part(clientId)}`

/** A business that the operator let in and that has not registered yet. */
export function admitVendor(vendor: Vendor, logo?: VendorLogo): CommitParts {
  const { vendorId } = vendor
  const standing: VendorStanding = { v: 1, state: 'admitted' }
  return {
    checks: [absent(vendorKey(vendorId)), absent(standingKey(vendorId))],
    writes: [
      put(vendorKey(vendorId), vendor),
      put(standingKey(vendorId), standing),
      ...(logo === undefined ? [] : [put(logoKey(vendorId), logo)]),
    ],
  }
}

/** From here on no other admission code is good for this business. */
export function replaceAdmission(vendor: Stored<Vendor>, admission: string): CommitParts {
  return changeVendor(vendor, { ...vendor.value, admission })
}

/**
 * The business has registered its one OAuth client, or new keys for it after the operator took the old ones away. Any
 * other registration is refused. `registrationToken` is the id of the access token for its registration.
 */
export function registerVendor(
  vendor: Stored<Vendor>,
  standing: Stored<VendorStanding>,
  clientId: string,
  registrationToken?: string,
): CommitParts {
  const { admission: _spent, awaitsKeys, ...rest } = vendor.value
  const isOpen = rest.clientId === undefined || (awaitsKeys === true && rest.clientId === clientId)
  if (!isOpen || standing.value.state !== 'admitted')
    throw new DomainError('conflict', 'This business has registered already.')
  const token =
    registrationToken === undefined
      ? {}
      : { registrationKey: oauthModelKey('RegistrationAccessToken', registrationToken) }
  const pointer = clientKey(clientId)
  return {
    checks: [unchanged(vendor), unchanged(standing), ...(awaitsKeys ? [] : [absent(pointer)])],
    writes: [
      put(vendor.key, { ...rest, clientId, ...token }),
      put(standing.key, { ...standing.value, state: 'active' }),
      put(pointer, { id: rest.vendorId }),
    ],
  }
}

/**
 * All keys of the business are worth nothing from this commit on, its access tokens neither: they name an earlier epoch.
 * Its client id and its grants stay; nothing is released before it has registered new keys with `admission`.
 */
export function revokeVendorKeys(
  vendor: Stored<Vendor>,
  standing: Stored<VendorStanding>,
  admission: string,
): CommitParts {
  const { registrationKey: _gone, ...rest } = vendor.value
  const state = standing.value.state === 'suspended' ? 'suspended' : 'admitted'
  const keyEpoch = (rest.keyEpoch ?? 0) + 1
  return {
    checks: [unchanged(vendor), unchanged(standing)],
    writes: [
      put(vendor.key, { ...rest, keyEpoch, awaitsKeys: true, admission }),
      put(standing.key, { ...standing.value, state }),
      ...clientRows(vendor.value),
    ],
  }
}

/**
 * The business has left, for good: nothing is released to it from this commit on. Its name stays, since customers and
 * receipts refer to it. `dropClientRows` completes the commit, unless the library deletes those rows itself.
 */
export function removeVendor(vendor: Stored<Vendor>, standing: Stored<VendorStanding>): CommitParts {
  const { clientId, registrationKey: _gone, awaitsKeys: _none, admission: _spent, ...rest } = vendor.value
  return {
    checks: [unchanged(vendor), unchanged(standing)],
    writes: [
      put(vendor.key, rest),
      put(standing.key, { ...standing.value, state: 'removed' }),
      ...(clientId === undefined ? [] : [remove(clientKey(clientId))]),
    ],
  }
}

/** The library's records of the client and of the token for its registration. */
export function dropClientRows(vendor: Stored<Vendor>): CommitParts {
  return { writes: clientRows(vendor.value) }
}

function clientRows({ clientId, registrationKey }: Vendor): Write[] {
  return [
    ...(clientId === undefined ? [] : [remove(oauthModelKey('Client', clientId))]),
    ...(registrationKey === undefined ? [] : [remove(registrationKey)]),
  ]
}

/** The next state of what is known of a business; whatever must stop releases changes its standing instead. */
export function changeVendor(vendor: Stored<Vendor>, next: Vendor): CommitParts {
  return { checks: [unchanged(vendor)], writes: [put(vendor.key, next)] }
}

/** Ends every release to this business with the commit it is part of. */
export function suspendVendor(standing: Stored<VendorStanding>): CommitParts {
  return changeStanding(standing, 'suspended')
}

export function reinstateVendor(vendor: Stored<Vendor>, standing: Stored<VendorStanding>): CommitParts {
  const { clientId, awaitsKeys } = vendor.value
  const part = changeStanding(standing, clientId === undefined || awaitsKeys ? 'admitted' : 'active')
  return { ...part, checks: [unchanged(vendor), ...(part.checks ?? [])] }
}

function changeStanding(standing: Stored<VendorStanding>, state: VendorStanding['state']): CommitParts {
  return { checks: [unchanged(standing)], writes: [put(standing.key, { ...standing.value, state })] }
}

/** The picture that it is shown with from here on. */
export function replaceLogo(vendorId: string, logo: VendorLogo): CommitParts {
  return { writes: [put(logoKey(vendorId), logo)] }
}

export function readVendor(reader: LedgerReader, vendorId: string): Promise<Stored<Vendor> | undefined> {
  return read<Vendor>(reader, vendorKey(vendorId))
}

/** The picture of a business; the id may come from outside. */
export async function readVendorLogo(
  reader: LedgerReader,
  vendorId: string,
): Promise<VendorLogo | undefined> {
  return (await read<VendorLogo>(reader, logoKey(vendorId)))?.value
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
