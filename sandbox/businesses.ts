import { randomBytes } from 'node:crypto'
import { DomainError } from '#core/domain/errors.ts'
import { day } from '#core/domain/times.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Names } from '#core/records/names.ts'
import {
  findSandboxBusiness,
  forget,
  keepSandboxBusiness,
  listSandboxBusinesses,
} from '#core/records/sandbox.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import type { SandboxCredentials, VendorAdmission } from '#schemas/types.gen.ts'
import type { VendorOperator } from '../vault-server/operator/vendors.ts'

/** The path of the sandbox, its folder, and what its log is named after. */
export const SANDBOX = 'sandbox'

/** A business of the sandbox is removed after this, in ms; the next one is made in a second. */
export const businessLife = 30 * day
/** At once, whoever made them. */
const mostBusinesses = 1_000

export interface SandboxBusinesses {
  /** Lets a business into the sandbox. Refuses `rate-limited` when there are too many. */
  add(business: VendorAdmission): Promise<SandboxCredentials>
  /** The business that holds this key; refuses `invalid-token`, and `vendor-suspended`. */
  holderOf(sandboxKey: string | undefined): Promise<string>
  /** Removes what has outlived its time; gives how many. */
  sweep(): Promise<number>
}

export function sandboxBusinesses({
  ledger,
  names,
  operator,
  now,
}: {
  ledger: Ledger
  names: Names
  operator: VendorOperator
  now: () => number
}): SandboxBusinesses {
  return {
    async add(business) {
      if ((await listSandboxBusinesses(ledger, mostBusinesses)).length >= mostBusinesses)
        throw new DomainError('rate-limited', 'The sandbox is full at the moment.', { retryAfter: 3600 })
      const admission = await operator.add(business)
      const sandboxKey = `sandbox_${randomBytes(24).toString('base64url')}`
      const row = { v: 1, vendorId: admission.vendorId, createdAt: now() } as const
      await ledger.commit(keepSandboxBusiness(names, sandboxKey, row))
      return { ...admission, sandboxKey }
    },

    async holderOf(sandboxKey) {
      const found =
        sandboxKey === undefined ? undefined : await findSandboxBusiness(ledger, names, sandboxKey)
      if (found === undefined)
        throw new DomainError('invalid-token', 'The sandbox key is missing or wrong', {
          headers: { 'WWW-Authenticate': 'Bearer realm="sandbox"' },
        })
      const { vendorId } = found.value
      if ((await readVendorStanding(ledger, vendorId))?.value.state === 'suspended')
        throw new DomainError('vendor-suspended', 'This business is suspended in the sandbox')
      return vendorId
    },

    async sweep() {
      const rows = await listSandboxBusinesses(ledger, mostBusinesses)
      const old = rows.filter(({ value }) => now() - value.createdAt >= businessLife)
      for (const stored of old) {
        await operator.remove(stored.value.vendorId)
        await ledger.commit(forget(stored))
      }
      return old.length
    },
  }
}
