import { isDeepStrictEqual } from 'node:util'
import { DomainError } from '#core/domain/errors.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { departure } from '#core/records/departures.ts'
import { vendorEntry } from '#core/records/entries.ts'
import { newId } from '#core/records/ids.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import {
  admitVendor,
  dropClientRows,
  listVendors,
  readVendor,
  readVendorStanding,
  reinstateVendor,
  replaceAdmission,
  replaceLogo,
  revokeVendorKeys,
  suspendVendor,
} from '#core/records/vendors.ts'
import type { Vendor, VendorAdmission, VendorChange, VendorStanding } from '#schemas/types.gen.ts'
import { collect } from '../oauth/collected.ts'
import type { Admission, AuthorizationServer } from '../oauth/provider.ts'
import { codeHash } from '../oauth/registration.ts'
import { correctVendor, proveDomain } from './domain-checks.ts'
import { checkIdentity } from './identity.ts'

/** A business as the operator sees it: what was admitted, and how it stands. */
export type VendorRow = Omit<Vendor, 'registrationKey' | 'admission'> & {
  readonly state: VendorStanding['state']
}

/** What the operator does about businesses. All of it ends up in the log. */
export interface VendorOperator {
  /** Lets a business in. It registers itself with what is handed out. Refuses words that could mislead a customer. */
  add(business: VendorAdmission): Promise<{ readonly vendorId: string } & Admission>
  /** A new code for a business that has not registered; the one before is worth nothing from now on. */
  readmit(vendorId: string): Promise<{ readonly vendorId: string } & Admission>
  /** In the order of their ids, at most `limit`, beginning behind `after`. */
  list(options?: { after?: string; limit?: number }): Promise<readonly VendorRow[]>
  show(vendorId: string): Promise<VendorRow>
  /** Corrects what customers are told of it. With another website the proof of its domain is lost. */
  change(vendorId: string, corrected: VendorChange): Promise<VendorRow>
  /** From this commit on nothing leaves to the business. Suspending what is suspended changes nothing. */
  suspend(vendorId: string): Promise<VendorRow>
  reinstate(vendorId: string): Promise<VendorRow>
  /**
   * For a business that lost its keys, or lost them to somebody: its keys, its access tokens and the token for its registration
   * are worth nothing from this commit on. Its grants stay; with the code handed out it registers new keys for its client.
   */
  rotateKeys(vendorId: string): Promise<{ readonly vendorId: string } & Admission>
  /** Looks whether the website's host serves the proof; `domain`, if given, must be that host. Refuses when it does not. */
  prove(vendorId: string, domain?: string): Promise<VendorRow>
  /** For good: nothing leaves from this commit on, and every grant of the business ends, one by one. */
  remove(vendorId: string): Promise<VendorRow>
}

/** `now` in Unix ms. Unknown businesses are `not-found`; what does not fit their state is `conflict`. */
export function vendorOperator({
  ledger,
  authorization,
  now,
  outboundAllow = [],
}: {
  ledger: Ledger
  authorization: Pick<AuthorizationServer, 'admit'>
  now: () => number
  /** Origins that may prove a domain although private. */
  outboundAllow?: readonly string[]
}): VendorOperator {
  return {
    async add(business) {
      const { facts, logo } = checkIdentity(business)
      const vendor: Vendor = { v: 1, vendorId: newId(), ...facts, admittedAt: now() }
      const { vendorId } = vendor
      return admitted(vendor, (admission) => {
        const row = admitVendor({ ...vendor, admission }, logo)
        return combine(row, told('vendor-admitted', vendorId))
      })
    },

    async readmit(vendorId) {
      const { vendor, standing } = await load(vendorId)
      if (standing.value.state !== 'admitted')
        throw new DomainError('conflict', 'The business has registered already, is suspended or has left.')
      return admitted(vendor.value, (admission) =>
        combine({ checks: [unchanged(standing)] }, replaceAdmission(vendor, admission)),
      )
    },

    async rotateKeys(vendorId) {
      const { vendor, standing } = await load(vendorId)
      if (vendor.value.clientId === undefined)
        throw new DomainError('conflict', 'The business has no keys: it has not registered, or has left.')
      return admitted(vendor.value, (admission) =>
        combine(revokeVendorKeys(vendor, standing, admission), told('vendor-keys-revoked', vendorId)),
      )
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

    async change(vendorId, corrected) {
      const { facts, logo } = checkIdentity(corrected)
      return change(vendorId, ({ vendor, standing }) => {
        refuseRemoved(standing)
        const next = { ...vendor.value, ...facts }
        if (isDeepStrictEqual(next, vendor.value)) return undefined
        return combine(
          correctVendor(vendor, next),
          logo === undefined ? {} : replaceLogo(vendorId, logo),
          told('vendor-changed', vendorId),
        )
      })
    },

    suspend: (vendorId) =>
      change(vendorId, ({ standing }) => {
        refuseRemoved(standing)
        if (standing.value.state === 'suspended') return undefined
        return combine(suspendVendor(standing), told('vendor-suspended', vendorId))
      }),

    reinstate: (vendorId) =>
      change(vendorId, ({ vendor, standing }) => {
        refuseRemoved(standing)
        if (standing.value.state !== 'suspended') return undefined
        return combine(reinstateVendor(vendor, standing), told('vendor-reinstated', vendorId))
      }),

    async prove(vendorId, domain) {
      await proveDomain({ ledger, outboundAllow, now }, vendorId, domain)
      const { vendor, standing } = await load(vendorId)
      return rowOf(vendor, standing)
    },

    remove: (vendorId) =>
      change(vendorId, async ({ standing }) => {
        if (standing.value.state === 'removed') return undefined
        const { parts, vendor } = await departure(ledger, vendorId, now())
        return combine(parts, dropClientRows(vendor))
      }),
  }

  /** Hands out a code; what the library saves of it and the parts that rely on it are one commit. */
  async function admitted(
    vendor: Pick<Vendor, 'vendorId' | 'name'>,
    parts: (admission: string) => CommitParts,
  ): Promise<{ readonly vendorId: string } & Admission> {
    const { result, collection } = await collect(async (scope) => {
      const admission = await authorization.admit(vendor)
      scope.add(parts(codeHash(admission.admissionCode)))
      return admission
    })
    try {
      await ledger.commit(collection.commit())
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error
      throw new DomainError('conflict', 'The business changed at the same moment: look again.', {
        cause: error,
      })
    }
    return { vendorId: vendor.vendorId, ...result }
  }

  /** Decides on what is there, and again on what is there then if something else was faster. */
  async function change(
    vendorId: string,
    decide: (loaded: Loaded) => CommitParts | undefined | Promise<CommitParts | undefined>,
  ): Promise<VendorRow> {
    for (let attempt = 1; ; attempt++) {
      const loaded = await load(vendorId)
      const parts = await decide(loaded)
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

interface Loaded {
  readonly vendor: Stored<Vendor>
  readonly standing: Stored<VendorStanding>
}

function told(
  type:
    | 'vendor-admitted'
    | 'vendor-changed'
    | 'vendor-suspended'
    | 'vendor-reinstated'
    | 'vendor-keys-revoked',
  vendor: string,
): CommitParts {
  return { entries: [vendorEntry({ type, vendor })] }
}

function refuseRemoved({ value }: Stored<VendorStanding>): void {
  if (value.state === 'removed') throw new DomainError('conflict', 'This business has left for good.')
}

/** Without what only we need to know of it. */
function rowOf({ value }: Stored<Vendor>, standing: Stored<VendorStanding>): VendorRow {
  const { registrationKey: _registration, admission: _hash, ...vendor } = value
  return { ...vendor, state: standing.value.state }
}
