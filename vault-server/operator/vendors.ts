import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { plainTextFault } from '#core/domain/plain-text.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { vendorEntry } from '#core/records/entries.ts'
import { newId } from '#core/records/ids.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import {
  admitVendor,
  listVendors,
  readVendor,
  readVendorStanding,
  reinstateVendor,
  suspendVendor,
} from '#core/records/vendors.ts'
import type { Vendor, VendorAdmission, VendorStanding } from '#schemas/types.gen.ts'
import { collect } from '../oauth/collected.ts'
import type { Admission, AuthorizationServer } from '../oauth/provider.ts'

/** A business as the operator sees it: what was admitted, and how it stands. */
export type VendorRow = Vendor & { readonly state: VendorStanding['state'] }

/** What the operator does about businesses. All of it ends up in the log. */
export interface VendorOperator {
  /** Lets a business in. It registers itself with what is handed out. Refuses words that could mislead a customer. */
  add(business: VendorAdmission): Promise<{ readonly vendorId: string } & Admission>
  /** A new code for a business that has not registered, or has given its registration back. */
  readmit(vendorId: string): Promise<{ readonly vendorId: string } & Admission>
  /** In the order of their ids, at most `limit`, beginning behind `after`. */
  list(options?: { after?: string; limit?: number }): Promise<readonly VendorRow[]>
  show(vendorId: string): Promise<VendorRow>
  /** From this commit on nothing leaves to the business. Suspending what is suspended changes nothing. */
  suspend(vendorId: string): Promise<VendorRow>
  reinstate(vendorId: string): Promise<VendorRow>
}

/** `now` in Unix ms. Unknown businesses are `not-found`; what does not fit their state is `conflict`. */
export function vendorOperator({
  ledger,
  authorization,
  now,
}: {
  ledger: Ledger
  authorization: Pick<AuthorizationServer, 'admit'>
  now: () => number
}): VendorOperator {
  return {
    async add(business) {
      checkWords(business)
      const vendor: Vendor = {
        v: 1,
        vendorId: newId(),
        ...business,
        admittedAt: now(),
      }
      const { result, collection } = await collect(async (scope) => {
        scope.add(admitVendor(vendor))
        scope.add(told('vendor-admitted', vendor.vendorId))
        return authorization.admit(vendor)
      })
      await ledger.commit(collection.commit())
      return { vendorId: vendor.vendorId, ...result }
    },

    async readmit(vendorId) {
      const { vendor, standing } = await load(vendorId)
      if (standing.value.state !== 'admitted')
        throw new DomainError('conflict', 'The business has registered already.')
      const { result, collection } = await collect(async (scope) => {
        scope.add({ checks: [{ key: standing.key, version: standing.version }] })
        return authorization.admit(vendor.value)
      })
      await ledger.commit(collection.commit())
      return { vendorId, ...result }
    },

    async list({ after, limit = 100 } = {}) {
      const vendors = await listVendors(ledger, { limit, ...(after === undefined ? {} : { after }) })
      return Promise.all(
        vendors.map(async (vendor) => rowOf(vendor, await standingOf(vendor.value.vendorId))),
      )
    },

    async show(vendorId) {
      const { vendor, standing } = await load(vendorId)
      return rowOf(vendor, standing)
    },

    suspend: (vendorId) =>
      change(vendorId, ({ standing }) => {
        if (standing.value.state === 'suspended') return undefined
        return combine(suspendVendor(standing), told('vendor-suspended', vendorId))
      }),

    reinstate: (vendorId) =>
      change(vendorId, ({ vendor, standing }) => {
        if (standing.value.state !== 'suspended') return undefined
        return combine(reinstateVendor(vendor, standing), told('vendor-reinstated', vendorId))
      }),
  }

  /** Decides on what is there, and again on what is there then if something else was faster. */
  async function change(
    vendorId: string,
    decide: (loaded: Loaded) => CommitParts | undefined,
  ): Promise<VendorRow> {
    for (let attempt = 1; ; attempt++) {
      const loaded = await load(vendorId)
      const parts = decide(loaded)
      if (parts === undefined) return rowOf(loaded.vendor, loaded.standing)
      try {
        await ledger.commit(parts)
      } catch (error) {
        if (!(error instanceof CommitRefused) || attempt === 5) throw error
      }
    }
  }

  async function load(
    vendorId: string,
  ): Promise<{ vendor: Stored<Vendor>; standing: Stored<VendorStanding> }> {
    const vendor = await readVendor(ledger, vendorId)
    if (vendor === undefined) throw new DomainError('not-found', 'There is no such business.')
    return { vendor, standing: await standingOf(vendorId) }
  }

  async function standingOf(vendorId: string): Promise<Stored<VendorStanding>> {
    const standing = await readVendorStanding(ledger, vendorId)
    if (standing === undefined) throw new Error('a business without a standing')
    return standing
  }
}

/** The operator passes on what a business calls itself, and customers decide by it. */
function checkWords({ name, contact, website, privacyPolicy }: VendorAdmission): void {
  const violations: Violation[] = []
  for (const [pointer, text] of Object.entries({ '/name': name, '/contact': contact })) {
    const fault = text === undefined ? undefined : plainTextFault(text, { addresses: 'allowed' })
    if (fault !== undefined) violations.push({ pointer, detail: fault })
  }
  for (const [pointer, url] of Object.entries({ '/website': website, '/privacyPolicy': privacyPolicy })) {
    if (url !== undefined && /^[^/]*\/\/[^/?#]*@/.test(url))
      violations.push({ pointer, detail: 'holds a name or password before its host' })
  }
  if (violations.length > 0)
    throw new DomainError('invalid-input', 'The business cannot be shown like this.', { violations })
}

interface Loaded {
  readonly vendor: Stored<Vendor>
  readonly standing: Stored<VendorStanding>
}

function told(
  type: 'vendor-admitted' | 'vendor-suspended' | 'vendor-reinstated',
  vendor: string,
): CommitParts {
  return { entries: [vendorEntry({ type, vendor })] }
}

function rowOf(vendor: Stored<Vendor>, standing: Stored<VendorStanding>): VendorRow {
  return { ...vendor.value, state: standing.value.state }
}
